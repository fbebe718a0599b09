//! What is restored without running, and what of the user's is never destroyed.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::support::Project;

const COUNTED: &str = "\
stages:
  make:
    cmd: echo make >> runs.log && cat in > out
    deps: [in]
    outs: [out]
";

fn counted() -> Project {
    let project = Project::with(COUNTED);
    project.write("in", "one\n");
    project.run(&["repro"]).success();
    project
}

#[test]
fn a_missing_out_comes_back_from_the_cache() {
    let project = Project::chain();
    project.run(&["repro"]).success();
    let weights = project.read("model/weights");
    project.remove("model");
    let text = project.run(&["repro"]).success();
    assert!(
        text.contains("train  restored from the cache (out model missing)"),
        "{text}"
    );
    assert_eq!(project.read("model/weights"), weights);
}

#[test]
fn an_out_of_a_stage_without_deps_comes_back_too() {
    let project =
        Project::with("stages:\n  a: {cmd: echo a >> runs.log && echo x > o, outs: [o]}\n");
    project.run(&["repro"]).success();
    project.remove("o");
    project.run(&["repro"]).success();
    assert_eq!(project.runs(), ["a"]);
    assert_eq!(project.read("o"), "x\n");
}

#[test]
fn inputs_of_an_earlier_run_bring_its_outs_back() {
    let project = counted();
    project.write("in", "two\n");
    project.run(&["repro"]).success();
    project.write("in", "one\n");
    let text = project.run(&["repro"]).success();
    assert!(
        text.contains("make  restored from an earlier run"),
        "{text}"
    );
    assert_eq!(project.read("out"), "one\n");
    assert_eq!(project.runs(), ["make", "make"]);
}

#[test]
fn metrics_that_git_tracks_are_restored_with_the_rest() {
    let project = Project::chain();
    project.run(&["repro"]).success();
    let metrics = project.read("metrics.json");
    project.edit("params.yaml", "score: 0.9", "score: 0.8");
    project.run(&["repro"]).success();
    assert_ne!(project.read("metrics.json"), metrics);
    project.edit("params.yaml", "score: 0.8", "score: 0.9");
    let text = project.run(&["repro"]).success();
    assert!(text.contains("1 restored, 1 unchanged"), "{text}");
    assert_eq!(project.read("metrics.json"), metrics);
}

#[test]
fn an_edited_out_is_restored_and_the_edit_is_kept() {
    let project = counted();
    project.write("out", "my edit\n");
    let text = project.run(&["repro"]).success();
    assert!(
        text.contains("your out was in no cache; it is kept as .mlpipe/kept/out"),
        "{text}"
    );
    assert_eq!(project.read("out"), "one\n");
    assert_eq!(project.read(".mlpipe/kept/out"), "my edit\n");
    project.write("out", "another edit\n");
    project.run(&["repro"]).success();
    assert_eq!(project.read(".mlpipe/kept/out"), "my edit\n");
    assert_eq!(project.read(".mlpipe/kept/out.1"), "another edit\n");
}

#[test]
fn a_file_of_the_users_in_the_place_of_an_out_is_kept() {
    let project = Project::with(COUNTED);
    project.write("in", "one\n");
    project.write("out", "precious\n");
    let text = project.run(&["repro"]).success();
    assert!(
        text.contains("your out was in no cache; it is kept as .mlpipe/kept/out"),
        "{text}"
    );
    assert_eq!(project.read("out"), "one\n");
    assert_eq!(project.read(".mlpipe/kept/out"), "precious\n");
}

#[test]
fn a_failing_stage_leaves_the_users_file_where_it_was() {
    let project = Project::with(&COUNTED.replace("cat in > out", "echo half > out; exit 1"));
    project.write("in", "one\n");
    project.write("out", "precious\n");
    let text = project.run(&["repro"]).failure(3);
    assert!(text.contains("its outs are as before"), "{text}");
    assert_eq!(project.read("out"), "precious\n");
    assert_eq!(project.read(".mlpipe/partial/out"), "half\n");
    assert!(!project.exists("data.lock"));
}

#[test]
fn an_out_that_is_added_to_a_stage_does_not_cost_the_file_that_stands_there() {
    let project = counted();
    project.write("extra", "precious\n");
    project.edit("pipeline.yaml", "outs: [out]", "outs: [out, extra]");
    let text = project.run(&["repro"]).failure(3);
    assert!(
        text.contains("its command did not make the out `extra`"),
        "{text}"
    );
    assert!(text.contains("pipeline.yaml:5:17"), "{text}");
    assert_eq!(project.read("extra"), "precious\n");
    assert_eq!(project.read("out"), "one\n");
}

#[test]
fn persistent_outs_stay_while_the_stage_runs() {
    let project = Project::with(
        "stages:\n  grow: {cmd: cat in >> log, deps: [in], outs: [{log: {persist: true}}]}\n",
    );
    project.write("in", "one\n");
    project.run(&["repro"]).success();
    project.write("in", "two\n");
    project.run(&["repro"]).success();
    assert_eq!(project.read("log"), "one\ntwo\n");
}

#[test]
fn an_uncached_out_is_neither_hidden_nor_restored() {
    let project = Project::with(&COUNTED.replace("[out]", "[{out: {cache: false}}]"));
    project.write("in", "one\n");
    project.run(&["repro"]).success();
    assert!(!project.exists(".gitignore"));
    project.remove("out");
    project.run(&["repro"]).success();
    assert_eq!(project.runs(), ["make", "make"]);
}

#[test]
fn a_lost_cache_is_filled_again_from_the_workspace() {
    let project = counted();
    project.remove(".mlpipe/cache");
    let text = project.run(&["status"]).data();
    assert_eq!(text, "make is unchanged, but not in the cache: out\n");
    let text = project.run(&["repro"]).success();
    assert!(text.contains("make  unchanged"), "{text}");
    project.remove("out");
    project.run(&["repro"]).success();
    assert_eq!(project.runs(), ["make"]);
}

#[test]
fn a_corrupt_object_is_set_aside_and_the_stage_runs_again() {
    let project = counted();
    let folder = fs::read_dir(project.path(".mlpipe/cache/sha256")).expect("is there");
    for entry in
        folder.flat_map(|entry| fs::read_dir(entry.expect("an entry").path()).expect("reads"))
    {
        let path = entry.expect("an entry").path();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).expect("sets");
        fs::write(&path, "ONE\n").expect("writes");
    }
    project.remove("out");
    let text = project.run(&["repro"]).success();
    assert!(text.contains("is corrupt and was set aside"), "{text}");
    assert_eq!(project.read("out"), "one\n");
    assert_eq!(project.runs(), ["make", "make"]);
    assert!(project.exists(".mlpipe/cache/quarantine"));
}

#[test]
fn executable_files_and_empty_folders_come_back_as_they_were() {
    let project = Project::with(
        "stages:\n  a:\n    cmd: mkdir -p d/void && echo 'exit 0' > d/tool && chmod +x d/tool && echo x > run.sh && chmod +x run.sh\n    \
         outs: [d, run.sh]\n",
    );
    project.run(&["repro"]).success();
    project.remove("d");
    project.remove("run.sh");
    let text = project.run(&["repro"]).success();
    assert!(text.contains("restored"), "{text}");
    let mode = |inner: &str| {
        project
            .path(inner)
            .metadata()
            .expect("is there")
            .permissions()
            .mode()
    };
    assert_eq!(mode("d/tool") & 0o111, 0o111);
    assert_eq!(mode("run.sh") & 0o111, 0o111);
    assert!(project.path("d/void").is_dir());
}

#[test]
fn a_second_clone_restores_from_a_copied_cache() {
    let project = counted();
    project.commit();
    let clone = tempfile::tempdir().expect("a temporary folder");
    let target = clone.path().join("clone");
    project.git(&["clone", "-q", ".", target.to_str().expect("UTF-8")]);
    fs::create_dir_all(target.join(".mlpipe")).expect("makes the folder");
    let copy = std::process::Command::new("cp")
        .args(["-r", project.path(".mlpipe/cache").to_str().expect("UTF-8")])
        .arg(target.join(".mlpipe"))
        .status();
    assert!(copy.expect("cp runs").success());
    let output = project
        .command(&["--cd", target.to_str().expect("UTF-8"), "repro"])
        .output();
    let text = String::from_utf8(output.expect("mlpipe runs").stderr).expect("UTF-8");
    assert!(
        text.contains("make  restored from the cache (out out missing)"),
        "{text}"
    );
}

#[test]
fn what_a_failed_run_left_never_stands_in_the_way() {
    let project = Project::with("stages:\n  a: {cmd: echo half > o; exit 1, outs: [o]}\n");
    let _text = project.run(&["repro"]).failure(3);
    project.write("o/x", "precious\n");
    project.write(
        "pipeline.yaml",
        "stages:\n  a: {cmd: echo half > o/x; exit 1, outs: [o/x]}\n",
    );
    for _ in 0..2 {
        let text = project.run(&["repro"]).failure(3);
        assert!(text.contains("exit status 1"), "{text}");
        assert_eq!(project.read("o/x"), "precious\n");
    }
}

#[test]
fn a_repository_inside_an_out_is_kept() {
    let project =
        Project::with("stages:\n  a: {cmd: mkdir -p d && cp in d/f, deps: [in], outs: [d]}\n");
    project.write("in", "1");
    project.run(&["repro"]).success();
    project.write("d/.git/mywork", "mine");
    project.write("in", "2");
    let text = project.run(&["repro"]).success();
    assert!(
        text.contains("your d was in no cache; it is kept as .mlpipe/kept/d"),
        "{text}"
    );
    assert_eq!(project.read(".mlpipe/kept/d/.git/mywork"), "mine");
}

#[test]
fn a_corrupt_object_is_no_reason_to_delete_the_only_copy() {
    let project = counted();
    project.write("in", "two\n");
    project.run(&["repro"]).success();
    for entry in walk(&project.path(".mlpipe/cache/sha256")) {
        if fs::read_to_string(&entry).expect("reads") == "one\n" {
            fs::set_permissions(&entry, fs::Permissions::from_mode(0o644)).expect("sets");
            fs::write(&entry, "ONE\n").expect("writes");
        }
    }
    project.write("out", "one\n");
    project.write("in", "three\n");
    project.run(&["repro"]).success();
    assert_eq!(project.read(".mlpipe/kept/out"), "one\n");
}

fn walk(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let entries = fs::read_dir(folder)
        .expect("lists")
        .map(|entry| entry.expect("an entry").path());
    entries
        .flat_map(|path| {
            if path.is_dir() {
                walk(&path)
            } else {
                vec![path]
            }
        })
        .collect()
}

#[test]
fn a_dangling_link_in_the_place_of_an_out_is_kept() {
    let project = counted();
    project.remove("out");
    std::os::unix::fs::symlink("/nowhere/big", project.path("out")).expect("links");
    let text = project.run(&["repro"]).success();
    assert!(text.contains("kept as .mlpipe/kept/out"), "{text}");
    assert_eq!(project.read("out"), "one\n");
    let link = fs::read_link(project.path(".mlpipe/kept/out")).expect("a link");
    assert_eq!(link.to_str(), Some("/nowhere/big"));
}

#[test]
fn what_a_command_adds_to_a_linked_persistent_out_does_not_reach_the_cache() {
    let project = Project::with(
        "stages:\n  grow: {cmd: cat in >> log, deps: [in], outs: [{log: {persist: true}}]}\n",
    );
    project.run(&["config", "cache.type", "hardlink"]).success();
    project.write("in", "one\n");
    project.run(&["repro"]).success();
    project.write("in", "two\n");
    project.run(&["repro"]).success();
    assert_eq!(project.read("log"), "one\ntwo\n");
    project.run(&["fsck"]).success();
}

#[test]
fn persistent_outs_never_come_from_the_run_cache() {
    let project = Project::with(
        "stages:\n  grow: {cmd: cat in >> log, deps: [in], outs: [{log: {persist: true}}]}\n",
    );
    for text in ["one\n", "two\n", "one\n"] {
        project.write("in", text);
        project.run(&["repro"]).success();
    }
    assert_eq!(project.read("log"), "one\ntwo\none\n");
}

#[test]
fn a_wrong_entry_in_the_run_cache_is_not_believed() {
    let project = counted();
    project.write("in", "two\n");
    project.run(&["repro"]).success();
    project.edit(".mlpipe/cache/run-log", "size: 4", "size: 5");
    project.write("in", "one\n");
    project.run(&["repro"]).success();
    assert!(project.run(&["repro"]).success().contains("1 unchanged"));
    assert_eq!(project.read("out"), "one\n");
}
