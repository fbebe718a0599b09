//! Deps and outs that lie outside of the project.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::faults::wait_for_line;
use crate::support::{Output, Project};

/// A repository with a project in `one`, beside which other folders lie.
fn beside(pipeline: &str) -> Project {
    let project = Project::new();
    project.write("one/pipeline.yaml", pipeline);
    project
}

fn mlpipe(project: &Project, arguments: &[&str]) -> Output {
    project.run(&[&["--cd", "one"], arguments].concat())
}

/// Fills in where the temporary folder is.
fn with_root(project: &Project, text: &str) {
    let root = project
        .root()
        .canonicalize()
        .expect("the folder is there")
        .display()
        .to_string();
    project.write("one/pipeline.yaml", &text.replace("ROOT", &root));
}

#[test]
fn deps_of_all_spellings_are_measured_recorded_and_explained() {
    let project = beside("");
    with_root(
        &project,
        "stages:\n  use:\n    cmd: cat ../shared/x.csv ../shared/many/* ROOT/far.txt > out\n    \
         deps: [../shared/x.csv, ../shared/many, ROOT/far.txt, file://ROOT/near.txt]\n    outs: [out]\n",
    );
    for (path, text) in [("shared/x.csv", "1\n"), ("shared/many/a", "2\n")] {
        project.write(path, text);
    }
    project.write("far.txt", "3\n");
    let text = mlpipe(&project, &["repro"]).failure(3);
    assert!(text.contains("near.txt` does not exist"), "{text}");
    assert!(text.contains("pipeline.yaml:4:"), "{text}");
    project.write("near.txt", "4\n");
    mlpipe(&project, &["repro"]).success();
    assert_eq!(project.read("one/out"), "1\n2\n3\n");
    let lock = project.read("one/data.lock");
    let root = project.root().canonicalize().expect("is there");
    for path in ["../shared/x.csv", "../shared/many"] {
        assert!(lock.contains(&format!("\n      {path}:\n")), "{lock}");
    }
    for name in ["far.txt", "near.txt"] {
        let path = root.join(name);
        assert!(
            lock.contains(&format!("\n      {}:\n", path.display())),
            "{lock}"
        );
    }
    let text = mlpipe(&project, &["repro"]).success();
    assert!(text.contains("1 unchanged"), "{text}");
    project.write("shared/many/b", "5\n");
    let text = mlpipe(&project, &["status", "--explain"]).data();
    assert!(text.contains("../shared/many"), "{text}");
    let is_named = |line: &str| line.contains("added") && line.trim_start().starts_with('b');
    assert!(text.lines().any(is_named), "{text}");
    let text = mlpipe(&project, &["repro"]).success();
    assert!(text.contains("dep ../shared/many changed"), "{text}");
}

#[test]
fn the_same_layout_gives_the_same_lock_everywhere() {
    let locks = [(), ()].map(|()| {
        let project = beside(
            "stages: {a: {wdir: sub, cmd: cat ../../shared/x > o, deps: [../../shared/./x], outs: [o]}}\n",
        );
        project.write("shared/x", "same\n");
        mlpipe(&project, &["repro"]).success();
        project.read("one/data.lock")
    });
    assert_eq!(locks[0], locks[1]);
    assert!(locks[0].contains("\n      ../shared/x:\n"), "{}", locks[0]);
}

#[test]
fn what_is_made_outside_is_read_under_any_spelling() {
    let project = beside("");
    with_root(
        &project,
        "stages:\n  use: {cmd: cat ../shared/made/x > out, deps: [ROOT/shared/made/x], outs: [out]}\n  \
         make: {cmd: mkdir -p ../shared/made && cat in > ../shared/made/x, deps: [in], outs: [{../shared/made: {cache: false}}]}\n",
    );
    project.write("one/in", "1\n");
    mlpipe(&project, &["repro"]).success();
    assert_eq!(project.read("one/out"), "1\n");
    project.write("one/in", "2\n");
    // A path that a stage makes is a target, wherever it is.
    let made = project
        .root()
        .canonicalize()
        .expect("is there")
        .join("shared/made/x");
    mlpipe(&project, &["repro", &made.display().to_string()]).success();
    assert_eq!(project.read("shared/made/x"), "2\n");
    assert_eq!(project.read("one/out"), "1\n");
    let text = mlpipe(&project, &["status"]).data();
    assert!(text.contains("use") && text.contains("changed"), "{text}");
    mlpipe(&project, &["repro"]).success();
    assert_eq!(project.read("one/out"), "2\n");
    assert!(!project.exists("shared/.gitignore"));
    project.remove("shared");
    mlpipe(&project, &["repro"]).success();
    assert_eq!(project.read("shared/made/x"), "2\n");
}

#[test]
fn two_makers_of_one_place_are_refused_and_so_is_reading_what_one_makes() {
    let project = beside("");
    with_root(
        &project,
        "stages:\n  a: {cmd: x, outs: [{../o: {cache: false}}]}\n  b: {cmd: x, outs: [{ROOT/o/p: {cache: false}}]}\n",
    );
    let text = mlpipe(&project, &["status"]).failure(1);
    assert!(text.contains("is an out of stage `a` too"), "{text}");
    with_root(
        &project,
        "stages:\n  a: {cmd: x, deps: [ROOT/o], outs: [{../o: {cache: false}}]}\n",
    );
    let text = mlpipe(&project, &["status"]).failure(1);
    assert!(text.contains("as a dep and as an out"), "{text}");
}

#[test]
fn mistakes_have_places_and_say_what_to_do() {
    for (stage, message, help) in [
        (
            "outs: [../o]",
            "the out `../o` lies outside the project and cannot be cached",
            "add `cache: false`, as in `- ../o: {cache: false}`",
        ),
        (
            "metrics: [/far/o]",
            "the out `/far/o` lies outside",
            "`- /far/o: {cache: false}`",
        ),
        (
            "deps: [../x/*.csv]",
            "the pattern `../x/*.csv` leads out of the project",
            "name the folder instead",
        ),
        (
            "deps: [/x/?.csv]",
            "the pattern `/x/?.csv` leads out of the project",
            "name the folder instead",
        ),
        (
            "outs: [{s3://bucket/x: {cache: false}}]",
            "outs on URLs are not supported",
            "write a file here as the out",
        ),
        (
            "deps: [file://host/x]",
            "names no path of this machine",
            "file:///data/x.csv",
        ),
        (
            "deps: [..]",
            "the project itself lies in `..`",
            "a file or a folder",
        ),
        (
            "deps: [/]",
            "the project itself lies in `/`",
            "a file or a folder",
        ),
    ] {
        let project = beside(&format!("stages:\n  a:\n    cmd: x\n    {stage}\n"));
        let text = mlpipe(&project, &["status"]).failure(1);
        let text = text.replace("\n        ", " ");
        assert!(
            text.contains(message) && text.contains(help),
            "{stage}: {text}"
        );
        assert!(text.contains("pipeline.yaml:4:"), "{text}");
    }
}

/// The stage of [`fails_and_succeeds`]: it replaces `out` by what `in` says.
fn writer(out: &str) -> String {
    format!(
        "stages:\n  a:\n    cmd: echo half > {out}; cat in >> {out} && test $(cat in) != bad\n    deps: [in]\n    \
         outs: [{{{out}: {{cache: false}}}}]\n"
    )
}

/// What only the user has is kept, what a failed command has replaced comes back.
fn fails_and_succeeds(project: &Project, out: &Path, kept: &Path) {
    fs::write(out, "mine\n").expect("writes");
    project.write("one/in", "bad\n");
    let text = mlpipe(project, &["repro"]).failure(3);
    assert!(text.contains("its outs are as before"), "{text}");
    let read = |path: &Path| fs::read_to_string(path).expect("is there");
    assert_eq!(read(out), "mine\n");
    project.write("one/in", "1\n");
    let text = mlpipe(project, &["repro"]).success();
    assert!(text.contains("was in no cache; it is kept as"), "{text}");
    assert_eq!(read(out), "half\n1\n");
    assert_eq!(read(kept), "mine\n");
    project.write("one/in", "2\n");
    mlpipe(project, &["repro"]).success();
    assert_eq!(read(out), "half\n2\n");
    let folder = out.parent().expect("has a folder");
    let litter = fs::read_dir(folder).expect("lists").flatten();
    let litter = litter.filter(|entry| entry.file_name().to_string_lossy().starts_with(".mlpipe"));
    assert_eq!(litter.count(), 0);
}

#[test]
fn nothing_is_destroyed_beside_the_project() {
    let project = beside(&writer("../shared/o"));
    project.write("shared/x", "");
    let kept = project.path("one/.mlpipe/kept/..__shared__o");
    fails_and_succeeds(&project, &project.path("shared/o"), &kept);
    assert_eq!(
        project.read("one/.mlpipe/partial/..__shared__o"),
        "half\nbad\n"
    );
}

#[test]
fn nothing_is_destroyed_on_another_file_system() {
    let project = Project::new();
    let device = |path: &Path| fs::metadata(path).map(|found| found.dev()).ok();
    let memory = Path::new("/dev/shm");
    if device(memory).is_none_or(|other| Some(other) == device(project.root())) {
        eprintln!("SKIPPED: /dev/shm is no file system of its own");
        return;
    }
    let far = tempfile::tempdir_in(memory).expect("a temporary folder");
    let out = far.path().join("o");
    project.write("one/pipeline.yaml", &writer(&out.display().to_string()));
    fails_and_succeeds(&project, &out, &far.path().join("o.kept"));
}

#[test]
fn a_killed_run_is_undone_outside_as_well() {
    let project = beside(
        "stages:\n  a:\n    cmd: echo half > ../o; echo ready; sleep 60\n    outs: [{../o: {cache: false}}]\n",
    );
    project.write("o", "mine\n");
    let mut run = project.spawn(&["--cd", "one", "repro"]);
    let _reader = wait_for_line(&mut run, "ready");
    run.kill().expect("kills");
    run.wait().expect("ends");
    project.edit("one/pipeline.yaml", "sleep 60", "exit 1");
    let text = mlpipe(&project, &["repro"]).failure(3);
    assert!(
        text.contains("../o was in no cache; it is kept as"),
        "{text}"
    );
    assert_eq!(project.read("o"), "mine\n");
    let kept = project.read("one/.mlpipe/kept/..__o");
    assert_eq!(kept, "half\n", "nobody knows whose it was");
}

#[test]
fn what_lies_outside_is_not_moved() {
    let project = beside("stages: {a: {cmd: 'echo 1 > ../o', outs: [{../o: {cache: false}}]}}\n");
    mlpipe(&project, &["repro"]).success();
    let text = mlpipe(&project, &["move", "../o", "p"]).failure(2);
    assert!(text.contains("`../o` lies outside the project"), "{text}");
    let text = mlpipe(&project, &["remove", "a", "--outs"]).success();
    // Nobody makes it again once its stage is gone.
    assert!(text.contains("../o is in no cache; it is now"), "{text}");
    assert!(!project.exists("o"));
}

#[test]
fn a_project_that_was_moved_reads_what_its_paths_mean_there() {
    let project = beside("");
    with_root(
        &project,
        "stages: {a: {cmd: cat ROOT/one/in > out, deps: [ROOT/one/in], outs: [out]}}\n",
    );
    project.write("one/in", "1\n");
    mlpipe(&project, &["repro"]).success();
    let lock = project.read("one/data.lock");
    assert!(lock.contains("\n      in:\n"), "{lock}");
    fs::rename(project.path("one"), project.path("two")).expect("renames");
    let text = project.run(&["--cd", "two", "repro"]).failure(3);
    assert!(text.contains("one/in` does not exist"), "{text}");
}
