//! `timeout` and `retry`: how long and how often a stage's command may try.

use std::time::{Duration, Instant};

use crate::faults::{signal, wait_for_line};
use crate::support::Project;

fn is_gone(process: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", process.trim()));
    let stat = stat.unwrap_or_default();
    stat.is_empty() || stat.contains(") Z ")
}

#[test]
fn a_timeout_ends_the_whole_process_group() {
    let project = Project::with(
        "stages:\n  a: {cmd: 'sleep 87653 & echo $! > child; echo half > o; wait', outs: [o], timeout: 2s}\n",
    );
    project.write("o", "precious");
    let text = project.run(&["repro"]).failure(3);
    assert!(
        text.contains("error: stage `a` ran longer than its timeout of 2s\n"),
        "{text}"
    );
    assert!(text.contains("the command was  sleep 87653 &"), "{text}");
    assert!(text.contains("give it a longer `timeout`"), "{text}");
    assert!(is_gone(&project.read("child")));
    assert_eq!(project.read("o"), "precious");
    let text = project.run(&["repro", "--json"]);
    let events = text.stdout.lines().map(str::to_owned);
    let finished: Vec<String> = events
        .filter(|event| event.contains("\"finished\""))
        .collect();
    assert_eq!(finished.len(), 1);
    assert!(
        finished[0].contains("\"error\":\"ran longer than its timeout of 2s\""),
        "{finished:?}"
    );
    assert!(finished[0].contains("\"timed_out\":true"), "{finished:?}");
}

#[test]
fn all_scripts_of_a_stage_share_its_time() {
    let project = Project::with(
        "stages:\n  a: {cmd: ['sleep 0.3', 'sleep 0.3', 'sleep 87652'], outs: [o], timeout: 0.5s}\n",
    );
    let begin = Instant::now();
    let text = project.run(&["repro"]).failure(3);
    assert!(
        text.contains("ran longer than its timeout of 500ms"),
        "{text}"
    );
    assert!(text.contains("the command was  sleep 0.3"), "{text}");
    assert!(begin.elapsed() < Duration::from_secs(30));
}

#[test]
fn a_command_that_ends_in_time_may_leave_a_server_behind() {
    let project = Project::with(
        "stages:\n  a: {cmd: 'sleep 5 >/dev/null 2>&1 & echo $! > o', outs: [o], timeout: 3s}\n",
    );
    project.run(&["repro"]).success();
    assert!(!is_gone(&project.read("o")));
}

#[test]
fn a_second_attempt_begins_as_the_first_did() {
    let project = Project::with(
        "stages:\n  a:\n    cmd: |\n      echo run >> runs.log\n      [ ! -e d/o ]\n      echo half > d/o\n      \
         echo attempt says $(wc -l < runs.log)\n      [ $(wc -l < runs.log) -ge 2 ] || rm -r d && mkdir -p d\n      \
         [ $(wc -l < runs.log) -ge 2 ]\n      echo whole > d/o\n    outs: [d/o]\n    retry: 2\n",
    );
    project.write("d/o", "precious");
    let text = project.run(&["repro"]).success();
    assert!(
        text.contains("a  failed: exit status 1; attempt 2 of 3\n"),
        "{text}"
    );
    assert_eq!(project.runs().len(), 2);
    assert_eq!(project.read("d/o"), "whole\n");
    assert_eq!(project.read(".mlpipe/kept/d__o"), "precious");
    let log = project.read(".mlpipe/logs/a.log");
    assert_eq!(
        log,
        "attempt says 1\n--- attempt 2 of 3 ---\nattempt says 2\n"
    );
}

#[test]
fn after_the_last_attempt_the_outs_of_before_come_back() {
    let project = Project::with(
        "stages:\n  a: {cmd: 'echo run >> runs.log; echo half > o; exit 7', outs: [o], retry: {times: 2, delay: 10ms}}\n",
    );
    project.write("o", "precious");
    let output = project.run(&["repro", "--json"]);
    assert_eq!(output.code, Some(3));
    let retries: Vec<&str> = output
        .stdout
        .lines()
        .filter(|event| event.contains("\"retrying\""))
        .collect();
    assert_eq!(
        retries,
        [
            r#"{"attempt":2,"delay_milliseconds":10,"error":"exit status 7","event":"retrying","of":3,"stage":"a"}"#,
            r#"{"attempt":3,"delay_milliseconds":20,"error":"exit status 7","event":"retrying","of":3,"stage":"a"}"#,
        ]
    );
    assert_eq!(project.runs().len(), 3);
    assert_eq!(project.read("o"), "precious");
    assert_eq!(project.read(".mlpipe/partial/o"), "half\n");
}

#[test]
fn an_attempt_that_takes_too_long_is_one_that_failed() {
    let project = Project::with(
        "stages:\n  a: {cmd: 'echo run >> runs.log; [ -e second ] || { touch second; sleep 87651; }; echo x > o', \
         outs: [o], timeout: 2s, retry: 1}\n",
    );
    let text = project.run(&["repro"]).success();
    assert!(
        text.contains("a  failed: ran longer than its timeout of 2s; attempt 2 of 2\n"),
        "{text}"
    );
    assert_eq!(project.runs().len(), 2);
}

#[test]
fn only_failures_of_the_command_itself_are_tried_again() {
    for (rest, message) in [
        ("deps: [nowhere]", "its dep `nowhere` does not exist"),
        ("outs: [o]", "did not make the out `o`"),
    ] {
        let project = Project::with(&format!(
            "stages:\n  a: {{cmd: echo run >> runs.log, retry: 3, {rest}}}\n"
        ));
        let text = project.run(&["repro"]).failure(3);
        assert!(text.contains(message), "{text}");
        assert!(!text.contains("attempt"), "{text}");
        assert!(project.runs().len() <= 1);
    }
}

#[test]
fn an_interrupt_ends_the_wait_for_the_next_attempt() {
    let project = Project::with(
        "stages:\n  a: {cmd: 'echo run >> runs.log; exit 1', outs: [o], retry: {times: 5, delay: 2h}}\n",
    );
    let mut child = project.spawn(&["repro"]);
    let _reader = wait_for_line(&mut child, "a  failed: exit status 1; attempt 2 of 6 in 2h");
    signal(&child, "-INT");
    let begin = Instant::now();
    assert_eq!(child.wait().expect("ends").code(), Some(130));
    assert!(begin.elapsed() < Duration::from_secs(10));
    assert_eq!(project.runs().len(), 1);
}
