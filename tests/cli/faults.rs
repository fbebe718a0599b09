//! Kills, second processes, interrupts, full disks: the user's data stays whole and the lock true.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use crate::support::{Project, sha256};

/// Three stages of which each writes in two steps, so that a kill finds them half done.
const SLOW: &str = "\
stages:
  one:
    cmd: echo one >> runs.log; printf half > a; sleep 0.05; cat in in > a
    deps: [in]
    outs: [a]
  two:
    cmd: echo two >> runs.log; mkdir -p d; printf half > d/x; sleep 0.05; cp a d/x; cp a d/y
    deps: [a]
    outs: [d]
  three:
    cmd: echo three >> runs.log; printf half > c; sleep 0.05; cat d/x d/y > c
    deps: [d]
    outs: [c]
";

fn slow() -> Project {
    let project = Project::with(SLOW);
    project.write("in", "input\n");
    project
}

pub(crate) fn signal(child: &Child, name: &str) {
    let pid = child.id().to_string();
    assert!(
        Command::new("kill")
            .args([name, &pid])
            .status()
            .expect("kill runs")
            .success()
    );
}

/// Waits until the child has printed a line with this text.
pub(crate) fn wait_for_line(child: &mut Child, text: &str) -> BufReader<std::process::ChildStderr> {
    let mut reader = BufReader::new(child.stderr.take().expect("is piped"));
    let mut line = String::new();
    while !line.contains(text) {
        line.clear();
        assert_ne!(
            reader.read_line(&mut line).expect("reads"),
            0,
            "ended before `{text}`"
        );
    }
    reader
}

/// Starts mlpipe and kills it, but not its command, once that has said "ready".
fn kill_when_ready(project: &Project, arguments: &[&str]) {
    let mut child = project.spawn(arguments);
    let _reader = wait_for_line(&mut child, "ready");
    child.kill().expect("kills");
    child.wait().expect("ends");
}

fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !is_so() {
        assert!(Instant::now() < deadline, "timed out: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn killed_at_any_moment_the_next_run_completes_and_the_lock_is_true() {
    for delay in (0..260).step_by(20) {
        let project = slow();
        let mut child = project.spawn(&["repro"]);
        std::thread::sleep(Duration::from_millis(delay));
        child.kill().expect("kills");
        child.wait().expect("ends");
        assert_lock_is_true(&project);
        project.run(&["repro"]).success();
        assert_lock_is_true(&project);
        assert_eq!(
            project.read("c"),
            "input\n".repeat(4),
            "killed after {delay} ms"
        );
        assert_eq!(project.run(&["status", "--exit-code"]).code, Some(0));
        let names = fs::read_dir(project.root()).expect("lists");
        let names = names.map(|entry| {
            entry
                .expect("an entry")
                .file_name()
                .into_string()
                .expect("UTF-8")
        });
        let litter: Vec<String> = names.filter(|name| name.starts_with(".mlpipe-")).collect();
        assert!(litter.is_empty(), "killed after {delay} ms: {litter:?}");
    }
}

/// Each record of the lock must be of a run with whole outs, wherever the kill came.
fn assert_lock_is_true(project: &Project) {
    let Ok(text) = fs::read_to_string(project.path("data.lock")) else {
        return;
    };
    assert!(
        text.ends_with('\n') && text.starts_with("schema: 1\n"),
        "{text}"
    );
    // The outs that a whole run makes, and nothing else, may be recorded.
    let (a, c) = ("input\n".repeat(2), "input\n".repeat(4));
    let (a, c) = (sha256(&a), sha256(&c));
    let tree = format!("mlpipe-tree 1\nf {a} 12 x\nf {a} 12 y\n");
    let known = [a, c, sha256(&tree), sha256("input\n")];
    let recorded = text
        .lines()
        .filter_map(|line| line.trim().strip_prefix("sha256: "));
    for digest in recorded {
        assert!(
            known.iter().any(|known| known == digest),
            "{digest} in\n{text}"
        );
    }
}

#[test]
fn a_killed_run_gives_back_what_it_had_set_aside() {
    let project = Project::with(
        "stages:\n  a: {cmd: 'printf half > o; echo ready; sleep 60', deps: [in], outs: [o]}\n",
    );
    project.write("in", "1");
    project.write("o", "precious");
    kill_when_ready(&project, &["repro"]);
    project.edit(
        "pipeline.yaml",
        "printf half > o; echo ready; sleep 60",
        "exit 1",
    );
    let text = project.run(&["repro"]).failure(3);
    assert!(
        text.contains("an earlier run was killed; its outs are as before that run"),
        "{text}"
    );
    assert!(
        text.contains("the command of a killed run was still at work; ending it"),
        "{text}"
    );
    assert_eq!(project.read("o"), "precious");
    assert_eq!(
        project.read(".mlpipe/kept/o"),
        "half",
        "nobody knows who wrote it"
    );
}

#[test]
fn a_killed_runs_command_is_ended_before_anything_comes_back() {
    let project = Project::with(
        "stages:\n  a: {cmd: 'echo ready; sleep 0.6; echo late > o', outs: [o]}\n  b: {cmd: echo b > b, outs: [b]}\n",
    );
    project.write("o", "precious");
    kill_when_ready(&project, &["repro", "a"]);
    let text = project.run(&["repro", "b"]).success();
    assert!(
        text.contains("a  the command of a killed run was still at work; ending it"),
        "{text}"
    );
    std::thread::sleep(Duration::from_millis(800));
    assert_eq!(project.read("o"), "precious");
}

#[test]
fn what_a_failed_command_left_at_work_cannot_spoil_what_came_back() {
    let project = Project::with(
        "stages:\n  a: {cmd: '(sleep 0.4; echo late > o) >/dev/null 2>&1 & exit 1', outs: [o]}\n",
    );
    project.write("o", "precious");
    let _text = project.run(&["repro"]).failure(3);
    std::thread::sleep(Duration::from_millis(600));
    assert_eq!(project.read("o"), "precious");
}

#[test]
fn a_journal_that_cannot_be_read_stops_everything_and_loses_nothing() {
    let project = Project::with("stages:\n  a: {cmd: 'echo ready; sleep 60', outs: [o]}\n");
    project.write("o", "precious");
    kill_when_ready(&project, &["repro"]);
    let only = |folder: &str, kind: Option<&str>| {
        let folder = fs::read_dir(project.path(folder)).expect("lists");
        let mut paths = folder.map(|entry| entry.expect("an entry").path());
        let is_kind = |path: &PathBuf| path.extension().and_then(|kind| kind.to_str()) == kind;
        paths.find(is_kind).expect("is there")
    };
    fs::write(only(".mlpipe/running", Some("note")), "{\"version\": 2}\n").expect("writes");
    for _ in 0..2 {
        let text = project.run(&["repro"]).failure(1);
        assert!(
            text.contains("it says where outs of a killed run were set aside"),
            "{text}"
        );
        assert!(
            text.contains("hint: it may come from a newer mlpipe"),
            "{text}"
        );
    }
    let place = only(".mlpipe/aside", None);
    assert_eq!(fs::read_to_string(place).expect("reads"), "precious");
}

#[test]
fn a_command_dependency_can_be_stopped() {
    let project =
        Project::with("stages:\n  a: {cmd: echo x > o, deps: [{cmd: sleep 87655}], outs: [o]}\n");
    let mut child = project.spawn(&["repro"]);
    std::thread::sleep(Duration::from_millis(300));
    signal(&child, "-TERM");
    let begin = Instant::now();
    child.wait().expect("ends");
    assert!(begin.elapsed() < Duration::from_secs(10));
    assert!(!project.exists("o"));
}

#[test]
fn the_command_of_a_killed_run_cannot_spoil_the_next_one() {
    let project = Project::with(
        "stages:\n  a: {cmd: 'echo ready; sleep 0.5; echo late > o; echo x >> late', deps: [in], outs: [o]}\n",
    );
    project.write("in", "1");
    kill_when_ready(&project, &["repro"]);
    project.edit(
        "pipeline.yaml",
        "echo ready; sleep 0.5; echo late > o; echo x >> late",
        "echo right > o",
    );
    project.run(&["repro"]).success();
    std::thread::sleep(Duration::from_millis(700));
    assert_eq!(project.read("o"), "right\n");
    assert!(!project.exists("late"));
}

#[test]
fn a_second_process_waits_and_says_for_whom() {
    let project = Project::with(
        "stages:\n  a: {cmd: 'echo ready; until [ -e go ]; do sleep 0.02; done; echo x > o', outs: [o]}\n",
    );
    let mut first = project.spawn(&["repro"]);
    let _first_reader = wait_for_line(&mut first, "ready");
    let mut second = project.spawn(&["repro"]);
    let wanted = format!("waits for another mlpipe (pid {}, stage a)", first.id());
    let second_reader = wait_for_line(&mut second, &wanted);
    project.write("go", "");
    assert!(first.wait().expect("ends").success());
    let lines: Vec<String> = second_reader
        .lines()
        .map(|line| line.expect("reads"))
        .collect();
    assert!(second.wait().expect("ends").success());
    assert!(
        lines.iter().any(|line| line.contains("unchanged")),
        "{lines:?}"
    );
}

#[test]
fn unrelated_stages_of_two_processes_run_at_the_same_time() {
    // Each waits for the other's sign of life: one after the other they would never end.
    let meet = |own: &str, other: &str| {
        format!(
            "{{cmd: 'touch {own}; until [ -e {other} ]; do sleep 0.02; done; echo x > o{own}', outs: [o{own}]}}"
        )
    };
    let project = Project::with(&format!(
        "stages:\n  a: {}\n  b: {}\n  c: {{cmd: cat oa ob > oc, deps: [oa, ob], outs: [oc]}}\n",
        meet("a", "b"),
        meet("b", "a")
    ));
    let first = project.spawn(&["repro", "a"]);
    let second = project.spawn(&["repro", "b"]);
    for child in [first, second] {
        let output = child.wait_with_output().expect("ends");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
    }
    let lock = project.read("data.lock");
    assert!(lock.contains("  a:\n") && lock.contains("  b:\n"), "{lock}");
    let third = project.run(&["repro"]);
    assert_eq!(third.code, Some(0));
    assert!(
        third.stderr.contains("1 ran, 2 unchanged"),
        "{}",
        third.stderr
    );
    assert!(!project.exists(".mlpipe/journal"));
}

#[test]
fn litter_of_a_killed_process_goes_although_others_came_before_anybody_cleaned_up() {
    let project = Project::with("stages:\n  a: {cmd: echo x > o, outs: [o]}\n");
    project.run(&["repro"]).success();
    project.write(".mlpipe/lock", "pid 99999\n");
    project.write(".mlpipe-new-x", "half");
    project.run(&["freeze", "a"]).success();
    project.run(&["unfreeze", "a"]).success();
    project.run(&["repro"]).success();
    assert!(!project.exists(".mlpipe-new-x"));
}

#[test]
fn interrupts_stop_then_terminate() {
    let project = Project::with(
        "stages:\n  a: {cmd: 'echo ready; until [ -e go ]; do sleep 0.02; done; echo x > o', outs: [o]}\n  \
         b: {cmd: 'echo y > p', deps: [o], outs: [p]}\n",
    );
    let mut child = project.spawn(&["repro"]);
    let mut reader = wait_for_line(&mut child, "ready");
    signal(&child, "-INT");
    let mut line = String::new();
    while !line.contains("stopping: nothing new starts") {
        line.clear();
        assert_ne!(reader.read_line(&mut line).expect("reads"), 0);
    }
    project.write("go", "");
    assert_eq!(child.wait().expect("ends").code(), Some(130));
    assert!(project.exists("o") && !project.exists("p"));
    assert!(project.read("data.lock").contains("  a:"));

    project.remove("go");
    project.edit("pipeline.yaml", "echo x > o", "echo z > o");
    let mut child = project.spawn(&["repro"]);
    let _reader = wait_for_line(&mut child, "ready");
    signal(&child, "-TERM");
    assert_eq!(child.wait().expect("ends").code(), Some(130));
    assert_eq!(project.read("o"), "x\n", "the out of before is back");
}

#[test]
fn an_out_on_a_mount_of_its_own_is_set_aside_beside_itself() {
    if !is_root() {
        eprintln!("SKIPPED: mounting needs root");
        return;
    }
    let project = Project::with("stages:\n  a: {cmd: cp in data/o, deps: [in], outs: [data/o]}\n");
    project.write("disk/keep", "");
    project.write("data/keep", "");
    // The same disk, as where a container is given two of its folders.
    let (disk, data) = (project.path("disk"), project.path("data"));
    let mounted = Command::new("mount")
        .arg("--bind")
        .args([&disk, &data])
        .status();
    if !mounted.is_ok_and(|status| status.success()) {
        eprintln!("SKIPPED: cannot mount here");
        return;
    }
    let runs = ["1", "2", "3"].map(|text| {
        project.write("in", text);
        (project.run(&["repro"]), project.read("data/o"))
    });
    let unmounted = Command::new("umount").arg(&data).status();
    assert!(unmounted.expect("umount runs").success());
    for (index, (output, made)) in runs.into_iter().enumerate() {
        assert_eq!(output.code, Some(0), "{}", output.stderr);
        assert_eq!(made, (index + 1).to_string());
    }
}

#[test]
fn a_full_disk_loses_nothing() {
    if !Path::new("/dev/shm").is_dir() || !is_root() {
        eprintln!("SKIPPED: a small tmpfs needs root");
        return;
    }
    let project = Project::with("stages:\n  a: {cmd: cat in in in > o, deps: [in], outs: [o]}\n");
    project.write("in", &"x".repeat(100_000));
    project.run(&["repro"]).success();
    let lock = project.read("data.lock");
    // The cache lives on a file system that the next object does not fit on.
    let cache = project.path(".mlpipe/cache");
    let mounted = Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=64k", "tmpfs"])
        .arg(&cache)
        .status();
    if !mounted.is_ok_and(|status| status.success()) {
        eprintln!("SKIPPED: cannot mount a tmpfs");
        return;
    }
    project.write("in", &"y".repeat(100_000));
    let output = project.run(&["repro"]);
    let unmounted = Command::new("umount").arg(&cache).status();
    assert!(unmounted.expect("umount runs").success());
    let text = output.failure(3);
    assert!(text.contains("No space left on device"), "{text}");
    assert!(
        text.contains("hint: free some space and run it again"),
        "{text}"
    );
    assert_eq!(project.read("data.lock"), lock);
    assert_eq!(
        project.read("o"),
        "x".repeat(300_000),
        "the out of before is back"
    );
    project.run(&["repro"]).success();
    assert_eq!(project.read("o"), "y".repeat(300_000));
}

pub(crate) fn is_root() -> bool {
    Command::new("id")
        .arg("-u")
        .output()
        .is_ok_and(|output| output.stdout == b"0\n")
}

#[test]
fn nothing_is_left_running_after_a_termination() {
    let project = Project::with(
        "stages:\n  a: {cmd: '(sleep 87654 & echo $! > child; wait) & echo ready; wait', outs: [o]}\n",
    );
    let mut child = project.spawn(&["repro"]);
    let _reader = wait_for_line(&mut child, "ready");
    wait_until("the grandchild's id", || {
        project.exists("child") && !project.read("child").is_empty()
    });
    let grandchild = project.read("child");
    signal(&child, "-TERM");
    child.wait().expect("ends");
    let is_gone = || {
        let stat =
            fs::read_to_string(format!("/proc/{}/stat", grandchild.trim())).unwrap_or_default();
        stat.is_empty() || stat.contains(") Z ")
    };
    wait_until("the grandchild's end", is_gone);
}

#[test]
fn a_failed_stage_leaves_no_litter_and_takes_none_of_its_neighbours() {
    let project = Project::with(
        "stages:\n  bad: {cmd: 'until [ -e d/.mlpipe-new-b ]; do sleep 0.02; done; touch d/.mlpipe-new-a; exit 1', outs: [d/a]}\n  \
         good: {cmd: 'echo x > d/.mlpipe-new-b; sleep 0.5; mv d/.mlpipe-new-b d/b', outs: [d/b]}\n",
    );
    let text = project.run(&["repro", "-j2"]).failure(3);
    assert!(text.contains("good  ran in"), "{text}");
    assert_eq!(project.read("d/b"), "x\n");
    assert!(!project.exists("d/.mlpipe-new-a"));
}
