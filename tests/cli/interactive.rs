//! `repro --interactive` and `--verbose`: what a person is asked and told before a command runs.

use std::io::Write;
use std::process::Stdio;

use crate::support::{Output, Project};

/// Runs mlpipe on a terminal of its own, where `answers` are typed.
pub(crate) fn on_terminal(project: &Project, line: &str, answers: &str) -> Option<Output> {
    let mut command = project.isolated("script");
    command.args(["-qec", line, "/dev/null"]);
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let Ok(mut child) = command.spawn() else {
        let note = "SKIPPED: there is no `script` to make a terminal with";
        writeln!(std::io::stderr(), "{note}").expect("says so");
        return None;
    };
    let mut input = child.stdin.take().expect("piped");
    input.write_all(answers.as_bytes()).expect("types");
    let output = child.wait_with_output().expect("ends");
    drop(input);
    Some(Output {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).expect("UTF-8"),
        stderr: String::from_utf8(output.stderr).expect("UTF-8"),
    })
}

#[test]
fn without_a_terminal_nobody_can_be_asked() {
    let project = Project::chain();
    let error = project.run(&["repro", "-i"]).failure(2);
    assert!(
        error.contains("`--interactive` needs a terminal to ask on"),
        "{error}"
    );
    assert!(!project.exists("mid.txt"));
}

#[test]
fn a_stage_that_is_refused_is_skipped_with_what_needs_it() {
    let project = Project::chain();
    let Some(output) = on_terminal(&project, "mlpipe repro -i", "y\nn\n") else {
        return;
    };
    let text = output.data();
    assert!(text.contains("run prep? first run [y/N/a/q]"), "{text}");
    assert!(text.contains("run train? first run [y/N/a/q]"), "{text}");
    assert!(text.contains("train  skipped, as you said"), "{text}");
    assert!(project.exists("mid.txt") && !project.exists("model"));

    project.write("in.txt", "other\n");
    let text = on_terminal(&project, "mlpipe repro -i", "\n")
        .expect("as before")
        .data();
    assert!(text.contains("train  skipped: it needs prep"), "{text}");
    assert_eq!(project.read("mid.txt"), "HELLO\n");
}

#[test]
fn all_and_quit_end_the_questions() {
    let project = Project::chain();
    let Some(output) = on_terminal(&project, "mlpipe repro -i -j4", "what\nq\n") else {
        return;
    };
    let text = output.data();
    assert!(text.contains("y: yes, n: no"), "{text}");
    assert!(text.contains("1 skipped, 1 stopped"), "{text}");
    let text = on_terminal(&project, "mlpipe repro -i", "a\n")
        .expect("as before")
        .data();
    assert_eq!(text.matches("[y/N/a/q]").count(), 1, "{text}");
    assert!(text.contains("2 ran"), "{text}");
    let text = on_terminal(&project, "mlpipe repro -i", "")
        .expect("as before")
        .data();
    assert!(!text.contains("[y/N/a/q]"), "nothing would run: {text}");
}

#[test]
fn a_commit_asks_before_it_records_other_inputs() {
    let project = Project::chain();
    project.run(&["repro"]).success();
    project.edit("params.yaml", "lr: 0.1", "lr: 0.2");
    let Some(output) = on_terminal(&project, "mlpipe commit", "y\n") else {
        return;
    };
    let text = output.data();
    assert!(
        text.contains("record train? param lr 0.1 → 0.2 [y/N/a/q]"),
        "{text}"
    );
    project.run(&["status", "--exit-code"]).success();
}

#[test]
fn a_verbose_run_says_what_was_and_is() {
    let project = Project::chain();
    project.edit("pipeline.yaml", "deps: [in.txt]", "deps: [in.txt, data]");
    project.write("data/a", "1\n");
    project.run(&["repro"]).success();
    project.write("data/a", "2\n");
    project.write("data/b", "3\n");
    project.edit("params.yaml", "lr: 0.1", "lr: 0.2");
    let explained = project.run(&["status", "--explain"]).data();
    let text = project.run(&["repro", "--verbose"]).success();
    assert!(text.contains("prep runs:\n  dep data  "), "{text}");
    assert!(
        text.contains("(2 files changed)\n      a  modified\n      b  added\n"),
        "{text}"
    );
    assert!(
        text.contains("train runs:\n  param lr  0.1 → 0.2\n"),
        "{text}"
    );
    let block = explained.split_once('\n').map(|(_, rest)| rest);
    let block = block
        .and_then(|rest| rest.split_once("train"))
        .expect("two blocks")
        .0;
    assert!(text.contains(block), "the same words as in status: {block}");
    project.edit("params.yaml", "lr: 0.2", "lr: 0.3");
    let plan = project.run(&["repro", "--dry", "-v"]).data();
    assert!(plan.contains("  param lr  0.2 → 0.3\n"), "{plan}");
}
