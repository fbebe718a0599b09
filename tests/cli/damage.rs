//! Files of mlpipe's own that are damaged, replaced, in the future or not to be written: it goes
//! on, or says what is wrong, and never believes them.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::faults::wait_for_line;
use crate::support::{Output, Project, files};

const STAGES: &str = "\
stages:
  one: {cmd: 'echo one >> runs.log; cat in in > a', deps: [in], outs: [a]}
  two: {cmd: 'echo two >> runs.log; mkdir -p d; cp a d/x', deps: [a], outs: [d]}
";

fn project() -> Project {
    let project = Project::with(STAGES);
    project.write("in", "1\n");
    project.run(&["repro"]).success();
    project
}

/// The index, the parsed pipeline, earlier runs, logs, locks: each may be damaged at any time.
#[test]
fn no_state_file_is_believed_when_it_is_damaged() {
    let project = project();
    // Once more, when all is old enough to be remembered.
    std::thread::sleep(std::time::Duration::from_millis(150));
    project.run(&["repro"]).success();
    let state = project.path(".mlpipe");
    let is_object = |path: &PathBuf| path.starts_with(state.join("cache/sha256"));
    let files: Vec<PathBuf> = files(&state)
        .into_iter()
        .filter(|path| !is_object(path))
        .collect();
    for wanted in ["index", "parsed", "lock"] {
        assert!(files.contains(&state.join(wanted)), "{wanted} in {files:?}");
    }
    for path in files {
        let whole = fs::read(&path).expect("reads");
        let mut flipped = whole.clone();
        if let Some(byte) = flipped.get_mut(whole.len() / 2) {
            *byte ^= 0x20;
        }
        let future = [b"mlpipe 99 ".as_slice(), &whole].concat();
        for damaged in [
            &whole[..whole.len() / 2],
            &flipped,
            &future,
            b"",
            &[0xff; 5000],
        ] {
            fs::write(&path, damaged).expect("writes");
            let text = project.run(&["repro"]).success();
            assert!(text.contains("2 unchanged"), "{}: {text}", path.display());
        }
    }
    assert_eq!(project.runs(), ["one", "two"]);
}

#[test]
fn what_only_saves_time_does_not_fail_a_run_that_cannot_write_it() {
    let project = project();
    for name in ["index", "last-run"] {
        let path = project.path(".mlpipe").join(name);
        if path.exists() {
            fs::remove_file(&path).expect("removes");
        }
        project.write(&format!(".mlpipe/{name}/in-the-way"), "");
    }
    project.write("in", "2\n");
    let text = project.run(&["repro"]).success();
    assert!(text.contains("warning: cannot write `"), "{text}");
    assert!(text.contains(".mlpipe/last-run`: "), "{text}");
    assert!(
        text.contains("; reports do not tell of this run\n"),
        "{text}"
    );
    project.run(&["status", "--exit-code"]).success();
    project.run(&["remove", "two"]).success();
}

#[test]
fn a_journal_with_a_torn_tail_or_of_another_version_costs_at_most_a_run() {
    for tail in ["", "torn", "\u{0}\u{0}\u{0}\n", "0123 45\nstage: x\n"] {
        let project = project();
        project.write(".mlpipe/journal", tail);
        let text = project.run(&["repro"]).success();
        assert!(text.contains("2 unchanged"), "{text}");
        project.write("in", "2\n");
        project.write(".mlpipe/journal", tail);
        project.run(&["repro"]).success();
        assert_eq!(project.read("d/x"), "2\n2\n");
        assert!(!project.exists(".mlpipe/journal"));
        let text = project.run(&["status"]).data();
        assert_eq!(text, "everything is up to date\n");
    }
}

#[test]
fn a_corrupt_object_of_a_folder_is_never_checked_out() {
    let project = project();
    for path in files(&project.path(".mlpipe/cache/sha256")) {
        if fs::read(&path).expect("reads") == b"1\n1\n" {
            fs::remove_file(&path).expect("removes");
            fs::write(&path, "1\n2\n").expect("writes");
        }
    }
    project.remove("d");
    let text = project.run(&["repro"]).success();
    assert!(text.contains("is corrupt and was set aside"), "{text}");
    assert_eq!(project.read("d/x"), "1\n1\n");
    project.remove("d");
    let text = project.run(&["repro"]).success();
    assert!(text.contains("two  restored from the cache"), "{text}");
}

/// A stage that runs until the file `go` appears, as `two` of three.
fn waiting() -> Project {
    let project = Project::with(
        "stages:\n  one: {cmd: 'cp in a', deps: [in], outs: [a]}\n  \
         two: {cmd: 'echo ready; until [ -e go ]; do sleep 0.01; done; cp a b', deps: [a], outs: [b]}\n  \
         three: {cmd: 'cp b c', deps: [b], outs: [c]}\n  \
         far: {cmd: 'echo far >> runs.log; echo f > f', deps: [far.txt], outs: [f]}\n",
    );
    project.write("in", "1\n");
    project.write("far.txt", "1\n");
    project.run(&["repro", "one", "far"]).success();
    project
}

#[test]
fn a_lock_that_is_pulled_while_a_run_goes_on_keeps_both_sides() {
    let project = waiting();
    let far = project.read("data.lock");
    project.write("in", "2\n");
    let mut child = project.spawn(&["repro", "three"]);
    let _reader = wait_for_line(&mut child, "ready");
    // Another's run of `far` comes with a pull: another command, recorded by them.
    let pulled = far.replace("echo f > f", "printf 'f\\n' > f");
    assert_ne!(pulled, far);
    project.write("data.lock", &pulled);
    project.write("go", "");
    let output = child.wait_with_output().expect("ends");
    assert!(output.status.success());
    let lock = project.read("data.lock");
    assert!(lock.contains("printf 'f\\n' > f"), "{lock}");
    project.edit("pipeline.yaml", "echo f > f", "printf \"f\\n\" > f");
    for stage in ["  one:", "  two:", "  three:"] {
        assert!(lock.contains(stage), "{lock}");
    }
    let text = project.run(&["repro", "three"]).success();
    assert!(text.contains("3 unchanged"), "{text}");
}

#[test]
fn what_a_killed_run_left_is_not_laid_over_the_lock_of_another_branch() {
    let project = waiting();
    project.write("go", "");
    project.run(&["repro"]).success();
    let ignored = project.read(".gitignore") + "/go\n/runs.log\n";
    project.write(".gitignore", &ignored);
    project.commit();
    project.git(&["checkout", "-q", "-b", "other"]);
    project.write("in", "2\n");
    project.run(&["repro"]).success();
    project.commit();
    project.git(&["checkout", "-q", "main"]);
    project.write("in", "3\n");
    project.remove("go");
    let mut child = project.spawn(&["repro", "three"]);
    let _reader = wait_for_line(&mut child, "ready");
    // As a kill would leave it.
    let journal = project.read(".mlpipe/journal");
    project.write("go", "");
    assert!(child.wait().expect("ends").success());
    project.git(&["checkout", "-q", "-f", "main"]);
    project.git(&["checkout", "-q", "other"]);
    project.write(".mlpipe/journal", &journal);
    project.run(&["repro", "far"]).success();
    assert_eq!(project.git(&["status", "--short"]), "");
    project.run(&["repro"]).success();
    assert_eq!(project.git(&["status", "--short"]), "");
    assert_eq!(project.read("c"), "2\n");
    project.git(&["checkout", "-q", "main"]);
    project.write("in", "3\n");
    project.write(".mlpipe/journal", &journal);
    let text = project.run(&["repro", "one"]).success();
    assert!(text.contains("one  restored from the cache"), "{text}");
}

#[test]
fn a_lock_that_is_deleted_while_a_run_goes_on_has_what_the_run_made() {
    let project = waiting();
    project.write("in", "2\n");
    let mut child = project.spawn(&["repro", "three"]);
    let _reader = wait_for_line(&mut child, "ready");
    project.remove("data.lock");
    project.write("go", "");
    assert!(child.wait_with_output().expect("ends").status.success());
    let text = project.run(&["repro", "three"]).success();
    assert!(
        text.contains("unchanged") && !text.contains("ran in"),
        "{text}"
    );
    assert_eq!(project.read("c"), "2\n");
}

#[test]
fn a_lock_that_gets_conflict_markers_while_a_run_goes_on_is_not_written_over() {
    let project = waiting();
    let lock = project.read("data.lock");
    project.write("b", "precious\n");
    let mut child = project.spawn(&["repro", "three"]);
    let mut reader = wait_for_line(&mut child, "ready");
    let conflict = lock.replacen(
        "  far:",
        "<<<<<<< HEAD\n  far:\n=======\n  far:\n>>>>>>> x",
        1,
    );
    project.write("data.lock", &conflict);
    project.write("go", "");
    let mut text = String::new();
    reader.read_to_string(&mut text).expect("reads");
    let status = child.wait().expect("ends");
    assert_eq!(status.code(), Some(1), "{text}");
    assert!(
        text.contains("the lock has merge-conflict markers"),
        "{text}"
    );
    assert_eq!(project.read("data.lock"), conflict);
    project.write("data.lock", &lock);
    project.run(&["repro"]).success();
    assert_eq!(project.read("c"), "1\n");
    let kept = files(&project.path(".mlpipe/kept"));
    assert!(
        kept.iter()
            .any(|path| fs::read(path).expect("reads") == b"precious\n"),
        "{kept:?}"
    );
}

#[test]
fn files_from_the_future_are_looked_at_each_time() {
    let project = project();
    let touch = || {
        let touched = Command::new("touch")
            .args(["-d", "2099-01-01 00:00:00"])
            .args(
                ["in", "a", "d/x", "d", "pipeline.yaml", "data.lock"]
                    .map(|name| project.path(name)),
            )
            .status();
        assert!(touched.expect("touch runs").success());
    };
    touch();
    assert!(project.run(&["repro"]).success().contains("2 unchanged"));
    project.write("in", "2\n");
    touch();
    let text = project.run(&["repro"]).success();
    assert!(text.contains("one  runs: dep in changed"), "{text}");
    touch();
    project.edit("pipeline.yaml", "cp a d/x", "cp a d/y");
    touch();
    let text = project.run(&["repro"]).success();
    assert!(text.contains("two  runs: command changed"), "{text}");
}

/// A call of mlpipe by somebody to whom modes apply.
pub(crate) fn as_nobody(project: &Project, program: &Path, arguments: &[&str]) -> Command {
    let command = project.command(arguments);
    let mut nobody = Command::new("setpriv");
    nobody
        .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
        .arg(program)
        .args(arguments)
        .current_dir(project.root())
        .env_clear()
        .envs(
            command
                .get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        );
    nobody
}

fn run_as_nobody(project: &Project, program: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let output = Output::of(&mut as_nobody(project, program, arguments));
    (output.code, output.stderr)
}

pub(crate) fn shell(project: &Project, script: &str) {
    let status = Command::new("sh")
        .args(["-ec", script])
        .current_dir(project.root())
        .status();
    assert!(status.expect("sh runs").success(), "{script}");
}

#[test]
fn a_cache_that_cannot_be_written_loses_nothing() {
    if !crate::faults::is_root() {
        eprintln!("SKIPPED: to be somebody else needs root");
        return;
    }
    let project = project();
    // Where the build is may be out of nobody's reach.
    let program = project.path(".git/mlpipe");
    fs::copy(env!("CARGO_BIN_EXE_mlpipe"), &program).expect("copies");
    shell(
        &project,
        "chown -R 65534:65534 . && find .mlpipe/cache -type d -exec chmod a-w {} +",
    );
    let lock = project.read("data.lock");
    let (code, text) = run_as_nobody(&project, &program, &["repro"]);
    assert_eq!(code, Some(0), "{text}");
    project.write("a", "precious\n");
    shell(&project, "echo 2 > in && chown 65534 in a");
    let (code, text) = run_as_nobody(&project, &program, &["repro"]);
    assert_eq!(code, Some(3), "{text}");
    assert!(
        text.contains("Permission denied") && text.contains(".mlpipe/cache"),
        "{text}"
    );
    assert_eq!(project.read("a"), "precious\n");
    assert_eq!(project.read("data.lock"), lock);
    shell(&project, "find .mlpipe/cache -type d -exec chmod u+w {} +");
    let (code, text) = run_as_nobody(&project, &program, &["repro"]);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("kept as .mlpipe/kept/a"), "{text}");
    assert_eq!(project.read("d/x"), "2\n2\n");
}

#[test]
fn an_edit_of_several_files_that_fails_changes_none() {
    if !crate::faults::is_root() {
        eprintln!("SKIPPED: to be somebody else needs root");
        return;
    }
    let project = Project::with(
        "stages:\n  make: {cmd: 'mkdir raw; echo x > raw/x', params: [n], outs: [raw]}\n",
    );
    project.write("params.yaml", "n: 1\n");
    project.write("sub/p.yaml", "n: 1\n");
    let far = "stages:\n  far: {cmd: \"true\", deps: [../raw/x]}\n";
    project.write("sub/pipeline.yaml", far);
    project.run(&["repro"]).success();
    let program = project.path(".git/mlpipe");
    fs::copy(env!("CARGO_BIN_EXE_mlpipe"), &program).expect("copies");
    shell(&project, "chown -R 65534:65534 . && chmod a-w sub");
    let names = [
        "pipeline.yaml",
        "sub/pipeline.yaml",
        "params.yaml",
        "sub/p.yaml",
        "raw/x",
    ];
    let before = names.map(|name| project.read(name));
    let wishes: [&[&str]; 2] = [
        &["move", "raw", "in"],
        &["repro", "-S", "n=2", "-S", "sub/p.yaml:n=2"],
    ];
    for wish in wishes {
        let (code, text) = run_as_nobody(&project, &program, wish);
        assert_eq!(code, Some(1), "{text}");
        assert!(text.contains("Permission denied"), "{text}");
        assert_eq!(names.map(|name| project.read(name)), before);
    }
    assert!(!project.exists("in"));
    let (code, text) = run_as_nobody(&project, &program, &["status", "--exit-code"]);
    assert_eq!(code, Some(0), "{text}");
}

/// A small disk that is gone when the test ends.
pub(crate) struct Disk(PathBuf);

impl Disk {
    pub(crate) fn mount(path: PathBuf, options: &str) -> Option<Self> {
        let mut mount = Command::new("mount");
        let mount = mount
            .args(["-t", "tmpfs", "-o", options, "tmpfs"])
            .arg(&path);
        let is_mounted = mount.status().is_ok_and(|status| status.success());
        is_mounted.then(|| Self(path))
    }

    fn resize(&self, options: &str) {
        let options = format!("remount,{options}");
        let status = Command::new("mount")
            .args(["-o", &options])
            .arg(&self.0)
            .status();
        assert!(status.expect("mount runs").success());
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _status = Command::new("umount").args(["-l"]).arg(&self.0).status();
    }
}

/// Runs in too little room until there is enough; all that time the user's file is whole.
fn grow(project: &Project, disk: &Disk, sizes: impl Iterator<Item = usize>) {
    let precious = "p".repeat(3000);
    // In its place, kept, or aside until the next run.
    let is_whole = || {
        let mut paths = files(project.root()).into_iter();
        paths.any(|path| fs::read(path).expect("reads") == precious.as_bytes())
    };
    for (failures, size) in sizes.enumerate() {
        disk.resize(&format!("size={size}k"));
        let output = project.run(&["repro"]);
        assert!(is_whole(), "{size}: {}", output.stderr);
        if output.code == Some(0) {
            assert!(failures > 3, "there was enough room from the start");
            assert_eq!(project.read("d/x").len(), 80_000);
            assert_eq!(project.run(&["status", "--exit-code"]).code, Some(0));
            return;
        }
        let said = output.stderr;
        assert!(
            said.contains("No space left on device") && !said.contains("panicked"),
            "{said}"
        );
    }
    panic!("never enough");
}

#[test]
fn a_state_folder_on_a_disk_that_fills_up() {
    let project = Project::with(STAGES);
    project.write("in", &"x".repeat(40_000));
    project.write("a", &"p".repeat(3000));
    fs::create_dir(project.path(".mlpipe")).expect("makes");
    let Some(disk) = Disk::mount(project.path(".mlpipe"), "size=4k") else {
        eprintln!("SKIPPED: cannot mount a tmpfs");
        return;
    };
    let sizes = (4..64).step_by(4).chain((64..512).step_by(24));
    grow(&project, &disk, sizes);
}

#[test]
fn a_project_on_a_disk_that_fills_up() {
    let project = Project::new();
    let Some(disk) = Disk::mount(project.root().to_owned(), "size=2m") else {
        eprintln!("SKIPPED: cannot mount a tmpfs");
        return;
    };
    project.git(&["init", "-q", "-b", "main"]);
    project.write("pipeline.yaml", STAGES);
    project.write("in", &"x".repeat(40_000));
    project.write("a", &"p".repeat(3000));
    let used = Command::new("du")
        .args(["-sk"])
        .arg(project.root())
        .output()
        .expect("du runs");
    let used = String::from_utf8(used.stdout).expect("UTF-8");
    let used: usize = used
        .split_whitespace()
        .next()
        .expect("a number")
        .parse()
        .expect("a number");
    let sizes = (4..100).step_by(12).chain((100..1000).step_by(20));
    grow(&project, &disk, sizes.map(|more| used + more));
}
