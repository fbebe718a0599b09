//! `mlpipe init`.

use std::fs;
use std::process::Command;

use crate::support::Project;

#[test]
fn makes_a_state_folder_that_git_does_not_see() {
    let project = Project::new();
    let text = project.run(&["init"]).data();
    assert!(text.contains("write a pipeline.yaml"), "{text}");
    project.write(".mlpipe/cache/x", "x");
    assert_eq!(
        project.git(&["status", "--porcelain", "-uall"]),
        "?? .mlpipe/.gitignore\n"
    );
    project.run(&["init"]).data();
}

#[test]
fn outside_of_git_it_says_what_to_do() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mlpipe = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mlpipe"));
        command
            .args(arguments)
            .current_dir(folder.path())
            .env("GIT_CEILING_DIRECTORIES", "/");
        command.output().expect("mlpipe runs")
    };
    let refused = mlpipe(&["init"]);
    let text = String::from_utf8(refused.stderr).expect("UTF-8");
    assert_eq!(refused.status.code(), Some(1));
    assert!(text.contains("is not in a git repository"), "{text}");
    assert!(
        text.contains("`mlpipe init --no-scm` does without"),
        "{text}"
    );
    assert!(!folder.path().join(".mlpipe").exists());
    assert!(mlpipe(&["init", "--no-scm"]).status.success());

    fs::write(
        folder.path().join("pipeline.yaml"),
        "stages:\n  a: {cmd: echo x > o, outs: [o]}\n",
    )
    .expect("writes");
    assert!(mlpipe(&["repro"]).status.success());
    assert!(folder.path().join("o").exists());
}

#[test]
fn a_clone_with_a_pipeline_needs_no_init() {
    let project = Project::chain();
    project.run(&["repro"]).success();
    assert!(project.exists(".mlpipe/.gitignore"));
    let inner = project.path("deep/er");
    fs::create_dir_all(&inner).expect("makes");
    let text = project.run(&["--cd", "deep/er", "status"]).data();
    assert_eq!(text, "everything is up to date\n");
}

#[test]
fn an_exclude_file_that_is_a_link_stays_one() {
    let project = Project::new();
    project.write("rules", "*.log\n");
    let exclude = project.path(".git/info/exclude");
    let _none = fs::remove_file(&exclude);
    fs::create_dir_all(project.path(".git/info")).expect("makes");
    std::os::unix::fs::symlink("../../rules", &exclude).expect("links");
    project.run(&["init"]).success();
    project.write("x.csv", "1\n");
    project.run(&["add", "x.csv"]).success();
    assert!(exclude.is_symlink());
    let rules = project.read("rules");
    assert!(
        rules.starts_with("*.log\n") && rules.contains(".mlpipe-new-"),
        "{rules}"
    );
}
