//! `mlpipe install`: what it puts into git's files, and that nothing of the user's is lost.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::support::{Output, Project};

const HOOK: &str = ".git/hooks/pre-commit";

fn write_hook(project: &Project, text: &str, mode: u32) {
    project.write(HOOK, text);
    let permissions = fs::Permissions::from_mode(mode);
    fs::set_permissions(project.path(HOOK), permissions).expect("sets");
}

fn mode(project: &Project, path: &str) -> u32 {
    let metadata = fs::metadata(project.path(path)).expect("is there");
    metadata.permissions().mode() & 0o777
}

#[test]
fn a_commit_shows_what_is_out_of_date_and_goes_on() {
    let project = Project::chain();
    let text = project.run(&["install"]).data();
    assert_eq!(
        text,
        "git merges data.lock stage by stage (.gitattributes, local settings)\n\
         pre-commit runs `mlpipe status` (.git/hooks/pre-commit)\n\
         pre-push runs `mlpipe push` (.git/hooks/pre-push)\n\
         post-checkout runs `mlpipe checkout` (.git/hooks/post-checkout)\n\
         post-merge runs `mlpipe checkout --quiet` (.git/hooks/post-merge)\n\
         post-rewrite runs `mlpipe checkout --quiet` (.git/hooks/post-rewrite)\n\
         next: commit .gitattributes; each clone needs `mlpipe install` once\n"
    );
    assert_eq!(project.read(".gitattributes"), "data.lock merge=mlpipe\n");
    project.git(&["add", "-A"]);
    let commit = ["commit", "-qm", "one"];
    let silent = project.try_git(&commit).success();
    assert_eq!(silent, "", "nothing has ever run here");

    project.run(&["repro"]).success();
    project.write("in.txt", "other\n");
    project.git(&["add", "-A"]);
    let text = project.try_git(&commit).success();
    assert!(text.contains("prep") && text.contains("in.txt"), "{text}");

    project.write("pipeline.yaml", "stages: 7\n");
    let text = project.try_git(&["commit", "-qam", "two"]).success();
    assert!(text.contains("pipeline.yaml:1"), "{text}");
    assert_eq!(project.git(&["log", "--oneline"]).lines().count(), 3);
}

#[test]
fn without_mlpipe_on_the_path_git_goes_on() {
    let project = Project::chain();
    project.run(&["repro"]).success();
    project.run(&["install"]).data();
    project.git(&["add", "-A"]);
    let mut commit = project.isolated("git");
    commit
        .args(["commit", "-qm", "one"])
        .env("PATH", "/usr/bin:/bin");
    let text = Output::of(&mut commit).success();
    assert_eq!(
        text,
        "mlpipe is not on the PATH: pre-commit goes on without it\n"
    );
}

#[test]
fn twice_is_once_and_uninstalling_leaves_no_trace() {
    let project = Project::chain();
    project.write(".gitattributes", "*.png binary");
    write_hook(
        &project,
        "#!/usr/bin/env bash\necho mine >&2\nexit 0\n",
        0o744,
    );
    let settings = project.git(&["config", "--list"]);

    project.run(&["install"]).data();
    let files = [".gitattributes", ".git/config", HOOK];
    let once = files.map(|file| project.read(file));
    assert_eq!(once[0], "*.png binary\ndata.lock merge=mlpipe");
    assert_eq!(mode(&project, HOOK), 0o744);
    project.run(&["install"]).data();
    assert_eq!(files.map(|file| project.read(file)), once);

    project.run(&["repro"]).success();
    project.remove("mid.txt");
    project.git(&["add", "-A"]);
    let text = project.try_git(&["commit", "-qm", "one"]).success();
    assert!(text.contains("mid.txt") && text.contains("mine"), "{text}");

    project.run(&["install", "--uninstall"]).data();
    assert_eq!(project.read(".gitattributes"), "*.png binary");
    assert_eq!(
        project.read(HOOK),
        "#!/usr/bin/env bash\necho mine >&2\nexit 0\n"
    );
    assert_eq!(mode(&project, HOOK), 0o744);
    assert_eq!(project.git(&["config", "--list"]), settings);
    project.run(&["install", "--uninstall"]).data();
}

#[test]
fn files_that_it_made_go_with_it() {
    let project = Project::chain();
    project.run(&["install"]).data();
    assert_eq!(mode(&project, HOOK) & 0o111, 0o111);
    project.run(&["install", "--uninstall"]).data();
    assert!(!project.exists(HOOK) && !project.exists(".gitattributes"));
}

#[test]
fn a_hook_that_is_no_shell_script_is_left_alone() {
    let project = Project::chain();
    for (text, mode, reason) in [
        (
            "#!/usr/bin/env python3\n",
            0o755,
            "it is not a shell script",
        ),
        (
            "#!/bin/sh\n",
            0o644,
            "it is not executable, so git passes over it",
        ),
    ] {
        write_hook(&project, text, mode);
        let message = project.run(&["install"]).failure(1);
        assert!(message.contains(reason), "{message}");
        assert!(message.contains("`mlpipe status`"), "{message}");
        assert_eq!(project.read(HOOK), text);
    }
    project.remove(HOOK);
    project.write("scripts/check", "#!/bin/sh\n");
    std::os::unix::fs::symlink("../../scripts/check", project.path(HOOK)).expect("links");
    let message = project.run(&["install"]).failure(1);
    assert!(
        message.contains("it is a link to a file elsewhere"),
        "{message}"
    );
    let driver = project.git(&["config", "merge.mlpipe.driver"]);
    assert_eq!(driver, "mlpipe git merge-lock %O %A %B %P\n");
}

#[test]
fn hooks_go_where_git_looks_for_them() {
    let project = Project::chain();
    project.git(&["config", "core.hooksPath", ".githooks"]);
    let text = project.run(&["install"]).data();
    assert!(text.contains("(.githooks/pre-commit)"), "{text}");
    assert!(project.exists(".githooks/pre-commit") && !project.exists(HOOK));
    project.run(&["install", "--uninstall"]).data();
    assert!(!project.exists(".githooks/pre-commit"));

    project.git(&["config", "--unset", "core.hooksPath"]);
    let shared = project.path(".git/all");
    let shared = shared.to_str().expect("UTF-8");
    project.git(&["config", "--global", "core.hooksPath", shared]);
    let text = project.run(&["install"]).failure(1);
    assert!(
        text.contains("git looks there in all your repositories"),
        "{text}"
    );
    assert!(!project.exists(".git/all"));
}

#[test]
fn a_linked_worktree_has_the_hooks_of_its_repository() {
    let project = Project::chain();
    project.run(&["repro"]).success();
    project.commit();
    let place = tempfile::tempdir().expect("a temporary folder");
    let tree = place.path().join("linked");
    let tree = tree.to_str().expect("UTF-8");
    project.git(&["worktree", "add", "-q", tree]);
    project.run(&["--cd", tree, "install"]).data();
    assert!(project.exists(HOOK));
    assert!(place.path().join("linked/.gitattributes").exists());
    let text = project.try_git(&["-C", tree, "commit", "-qm", "x", "--allow-empty"]);
    let text = text.success();
    assert!(text.contains("prep") && text.contains("mid.txt"), "{text}");
}

#[test]
fn two_projects_of_one_repository_have_a_block_each_whatever_their_names() {
    let project = Project::new();
    project.git(&["init", "-q", "-b", "main", "my repo"]);
    for inner in ["it's one", "two"] {
        let folder = format!("my repo/{inner}");
        project.write(
            &format!("{folder}/pipeline.yaml"),
            "stages:\n  a: {cmd: cat in > out, deps: [in], outs: [out]}\n",
        );
        project.write(&format!("{folder}/in"), "1");
        project.run(&["--cd", &folder, "init"]).data();
        project.run(&["--cd", &folder, "install"]).data();
        project.run(&["--cd", &folder, "repro"]).success();
        project.write(&format!("{folder}/in"), inner);
    }
    let hook = project.read("my repo/.git/hooks/pre-commit");
    assert_eq!(hook.matches("# >>> mlpipe in ").count(), 2, "{hook}");
    project.git(&["-C", "my repo", "add", "-A"]);
    let commit = project.try_git(&["-C", "my repo", "commit", "-qm", "x"]);
    let text = commit.success();
    assert_eq!(text.matches("in changed").count(), 2, "{text}");
    project
        .run(&["--cd", "my repo/two", "install", "--uninstall"])
        .data();
    let hook = project.read("my repo/.git/hooks/pre-commit");
    assert!(hook.contains("it's one") && !hook.contains("two"), "{hook}");
}

#[test]
fn outside_of_git_there_is_nothing_to_install_into() {
    let project = Project::with("stages: {}\n");
    project.run(&["init"]).data();
    fs::remove_dir_all(project.path(".git")).expect("removes");
    let text = project.run(&["install"]).failure(1);
    assert!(text.contains("is not in a git repository"), "{text}");
}

#[test]
fn the_end_of_a_rebase_brings_the_data_that_goes_with_it() {
    let project = crate::add::project();
    project.run(&["install"]).data();
    project.run(&["add", "data/raw", "x.csv"]).success();
    project.commit();
    project.git(&["switch", "-q", "-c", "work"]);
    project.write("note", "mine\n");
    project.commit();
    project.git(&["switch", "-q", "main"]);
    project.write("x.csv", "5,6\n");
    project.run(&["add", "x.csv"]).success();
    project.commit();
    project.git(&["switch", "-q", "work"]);
    assert_eq!(project.read("x.csv"), "1,2\n");
    project.git(&["rebase", "-q", "main"]);
    assert_eq!(project.read("x.csv"), "5,6\n");
    // An amended commit moves nothing.
    project.write("x.csv", "1,2\n");
    project.git(&["commit", "-q", "-n", "--amend", "-m", "reworded"]);
    assert_eq!(project.read("x.csv"), "1,2\n");
}

#[test]
fn a_linked_worktree_is_told_of_the_cache_of_the_main_one() {
    let project = crate::add::project();
    project.run(&["add", "data/raw", "x.csv"]).success();
    project.commit();
    let place = tempfile::tempdir().expect("a temporary folder");
    let tree = place.path().join("linked");
    let tree = tree.to_str().expect("UTF-8");
    project.git(&["worktree", "add", "-q", tree]);
    let text = project.run(&["--cd", tree, "checkout"]).failure(1);
    let cache = project
        .path(".mlpipe/cache")
        .canonicalize()
        .expect("is there");
    let cache = cache.to_str().expect("UTF-8");
    assert!(
        text.contains(&format!("`mlpipe cache dir --local {cache}`")),
        "{text}"
    );
    project
        .run(&["--cd", tree, "cache", "dir", "--local", cache])
        .success();
    project.run(&["--cd", tree, "checkout"]).success();
    let read = |name: &str| fs::read_to_string(place.path().join("linked").join(name));
    assert_eq!(read("x.csv").expect("is there"), "1,2\n");
    assert_eq!(project.git(&["-C", tree, "status", "--porcelain"]), "");
    // What only the other worktree needs is kept.
    fs::write(place.path().join("linked/x.csv"), "7,8\n").expect("writes");
    project.run(&["--cd", tree, "add", "x.csv"]).success();
    project.run(&["gc", "-wf"]).success();
    fs::remove_file(place.path().join("linked/x.csv")).expect("removes");
    project.run(&["--cd", tree, "checkout"]).success();
    assert_eq!(read("x.csv").expect("is there"), "7,8\n");
}
