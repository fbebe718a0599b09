//! `mlpipe commit`: what is in the workspace is recorded, and nothing runs.

use crate::data_checkout::lose;
use crate::support::Project;

#[test]
fn a_run_without_commit_is_committed_later() {
    let project = Project::chain();
    project.run(&["repro", "--no-commit"]).success();
    project.remove("mid.txt");
    let status = project.run(&["status"]).data();
    assert!(
        status.starts_with("prep would run"),
        "it was not cached: {status}"
    );
    project.run(&["repro", "--no-commit"]).success();
    let text = project.run(&["commit"]).success();
    assert!(text.contains("prep   recorded as it is\n"), "{text}");
    assert!(text.contains("2 recorded in"), "{text}");
    project.run(&["status", "--exit-code"]).success();
    let again = project.run(&["commit"]).success();
    assert!(again.contains("2 unchanged"), "{again}");
    project.remove("mid.txt");
    project.remove("model");
    let restored = project.run(&["repro"]).success();
    assert!(restored.contains("2 restored"), "{restored}");
}

#[test]
fn an_out_that_was_edited_is_recorded_without_a_question() {
    let project = Project::chain();
    project.run(&["repro"]).success();
    project.write("model/extra", "by hand\n");
    project.run(&["commit"]).success();
    project.run(&["status", "--exit-code"]).success();
    project.remove("model");
    project.run(&["repro"]).success();
    assert_eq!(project.read("model/extra"), "by hand\n");
}

#[test]
fn other_inputs_are_recorded_only_when_the_user_says_so() {
    let project = Project::chain();
    project.run(&["repro"]).success();
    let lock = project.read("data.lock");
    project.edit("params.yaml", "lr: 0.1", "lr: 0.2");
    let error = project.run(&["commit"]).failure(1);
    assert!(
        error.contains("not recorded, for what they read is not what they ran with: train"),
        "{error}"
    );
    assert_eq!(project.read("data.lock"), lock);
    project.run(&["commit", "--force", "prep"]).success();
    assert_eq!(project.read("data.lock"), lock, "only prep was meant");
    project.run(&["commit", "-f"]).success();
    project.run(&["status", "--exit-code"]).success();
    assert!(project.read("data.lock").contains("lr: 0.2"));
    // It was no run: what is recorded by hand does not stand in for one.
    project.edit("params.yaml", "lr: 0.2", "lr: 0.3");
    project.run(&["repro"]).success();
    project.edit("params.yaml", "lr: 0.3", "lr: 0.2");
    assert!(project.run(&["repro"]).success().contains("1 ran"));
}

#[test]
fn what_is_not_there_is_left_alone() {
    let project = Project::chain();
    let text = project.run(&["commit"]).success();
    assert!(
        text.contains("prep   not recorded: mid.txt is not there"),
        "{text}"
    );
    assert!(!project.exists("data.lock"));
    project.run(&["commit", "prep"]).failure(1);
    project.write("mid.txt", "by hand\n");
    project.run(&["commit", "prep"]).failure(1);
    project.run(&["commit", "prep", "--force"]).success();
    assert!(project.run(&["status"]).data().ends_with("1 unchanged\n"));
    assert_eq!(project.read(".gitignore"), "/mid.txt\n");
}

#[test]
fn an_out_that_git_tracks_is_not_put_into_the_cache() {
    let project = Project::chain();
    project.write("mid.txt", "by hand\n");
    project.git(&["add", "mid.txt"]);
    let error = project.run(&["commit", "-f", "prep"]).failure(1);
    assert!(error.contains("is tracked by git"), "{error}");
}

#[test]
fn events_of_a_commit_are_json() {
    let project = Project::chain();
    project.run(&["repro", "--no-commit"]).success();
    let text = project.run(&["commit", "--json"]).data();
    assert!(text.contains("\"outcome\":\"recorded\""), "{text}");
    assert!(text.contains("\"recorded\":2"), "{text}");
}

#[test]
fn an_out_that_is_there_only_in_part_is_not_recorded_as_if_it_were_all() {
    let project = Project::with(
        "stages:\n  make:\n    cmd: mkdir -p d && cp in.txt d/a && echo b > d/b\n    deps: [in.txt]\n    \
         outs: [d]\n",
    );
    project.write("in.txt", "a\n");
    project.run(&["repro"]).success();
    let lock = project.read("data.lock");
    // As after a pull that could not bring all of it.
    lose(&project, b"b\n");
    project.remove("d/b");
    let text = project.run(&["commit"]).failure(1);
    assert!(
        text.contains(
            "stage `make` is not recorded: of its out `d`, 1 file neither here nor in the cache: d/b"
        ),
        "{text}"
    );
    assert!(text.contains("`mlpipe commit --force make`"), "{text}");
    project.run(&["freeze", "make"]).success();
    let text = project.run(&["repro"]).failure(3);
    assert!(
        text.contains("neither here nor in the cache: d/b"),
        "{text}"
    );
    let output = project.run(&["status"]);
    assert_eq!(output.code, Some(1));
    assert!(
        output.stdout.contains("is not recorded"),
        "{}",
        output.stdout
    );
    assert_eq!(project.read("data.lock"), lock);
    project.run(&["unfreeze", "make"]).success();
    project.run(&["commit", "--force"]).success();
    assert_ne!(project.read("data.lock"), lock);
    project.run(&["status", "--exit-code"]).success();
}

#[test]
fn no_stage_runs_on_an_out_that_is_there_only_in_part() {
    let project = Project::with(
        "stages:\n  make:\n    cmd: mkdir -p d && cp in.txt d/a && echo b > d/b\n    deps: [in.txt]\n    \
         outs: [d]\n  count:\n    cmd: ls d > list\n    deps: [d]\n    outs: [list]\n",
    );
    project.write("in.txt", "a\n");
    project.run(&["repro"]).success();
    lose(&project, b"b\n");
    project.remove("d/b");
    let text = project.run(&["repro", "--single-item", "count"]).failure(3);
    assert!(
        text.contains("its dep `d` is not whole: 1 file neither here nor in the cache: d/b"),
        "{text}"
    );
    assert!(
        text.contains("`mlpipe repro make` makes them again"),
        "{text}"
    );
    project.run(&["repro"]).success();
    assert_eq!(project.read("list"), "a\nb\n");
    // What the user deletes and the cache has is as it is meant to be.
    project.remove("d/b");
    project.run(&["repro", "--single-item", "count"]).success();
    assert_eq!(project.read("list"), "a\n");
}
