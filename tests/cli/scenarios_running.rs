//! The rows "Running and skipping" of the scenarios that no other test holds.

use crate::support::Project;

const STEPS: &str = "\
stages:
  s1: {cmd: 'echo s1 >> runs.log; cp in a', deps: [in], outs: [a]}
  s2: {cmd: 'echo s2 >> runs.log; cp a b', deps: [a], outs: [b]}
  s3: {cmd: 'echo s3 >> runs.log; cp b c', deps: [b], outs: [c]}
";

fn steps() -> Project {
    let project = Project::with(STEPS);
    project.write("in", "1\n");
    project
}

/// Row 8: the edit is discarded, but not silently, and kept.
#[test]
fn an_edited_intermediate_out_comes_back_and_later_stages_are_skipped() {
    let project = steps();
    project.run(&["repro"]).success();
    project.write("a", "my edit\n");
    let text = project.run(&["repro"]).success();
    assert!(
        text.contains("s1  restored from the cache (out a changed)"),
        "{text}"
    );
    assert!(text.contains("kept as .mlpipe/kept/a"), "{text}");
    assert!(text.contains("1 restored, 2 unchanged"), "{text}");
    assert_eq!(project.read(".mlpipe/kept/a"), "my edit\n");
}

/// Row 13: what the commands before the failing one have made does not stay in the place of outs.
#[test]
fn a_list_that_fails_half_way_leaves_record_and_outs_as_they_were() {
    let project = Project::with("stages:\n  a: {cmd: echo old > o, deps: [in], outs: [o]}\n");
    project.write("in", "1\n");
    project.run(&["repro"]).success();
    let lock = project.read("data.lock");
    project.edit(
        "pipeline.yaml",
        "echo old > o",
        "[echo new > o, exit 5, echo never >> runs.log]",
    );
    let text = project.run(&["repro"]).failure(3);
    assert!(text.contains("the command was  exit 5"), "{text}");
    assert!(project.runs().is_empty());
    assert_eq!(project.read("data.lock"), lock);
    assert_eq!(project.read("o"), "old\n");
}

/// Row 18: what needs a failed stage never runs on half of an out; there is no way to ask for that.
#[test]
fn dependants_of_a_failed_stage_cannot_be_made_to_run() {
    let project = steps();
    project.edit("pipeline.yaml", "cp in a", "echo half > a; exit 1");
    let text = project.run(&["repro", "--ignore-errors"]).failure(2);
    assert!(text.contains("--ignore-errors"), "{text}");
    let _text = project.run(&["repro", "--keep-going"]).failure(3);
    assert_eq!(project.runs(), ["s1"]);
    assert!(!project.exists("b"));
}

/// Row 21.
#[test]
fn a_target_runs_with_all_before_it_and_nothing_after_it() {
    let project = steps();
    project.run(&["repro", "s2"]).success();
    assert_eq!(project.runs(), ["s1", "s2"]);
}

/// Row 23.
#[test]
fn a_forced_stage_executes_although_an_earlier_run_had_the_same_inputs() {
    let project = steps();
    project.run(&["repro", "s1"]).success();
    let text = project.run(&["repro", "-f", "s1"]).success();
    assert!(text.contains("s1  runs: forced"), "{text}");
    assert_eq!(project.runs(), ["s1", "s1"]);
    project.write("in", "2\n");
    project.run(&["repro", "s1"]).success();
    project.write("in", "1\n");
    project.run(&["repro", "-f", "s1"]).success();
    assert_eq!(project.runs().len(), 4);
}

/// Row 26.
#[test]
fn a_dry_run_says_once_that_a_stage_would_be_restored() {
    let project = steps();
    for input in ["1\n", "2\n"] {
        project.write("in", input);
        project.run(&["repro"]).success();
    }
    project.write("in", "1\n");
    let text = project.run(&["repro", "--dry", "s1"]).data();
    assert_eq!(
        text,
        "s1 would be restored, without running\n  dep in changed\n"
    );
    assert_eq!(project.read("a"), "2\n");
}

/// Row 38.
#[test]
fn a_dep_or_param_that_is_no_longer_listed_shows_in_the_status() {
    let project = Project::chain();
    project.run(&["repro"]).success();
    project.edit(
        "pipeline.yaml",
        "    deps: [mid.txt]\n    params: [lr, score]",
        "    deps: [in.txt]\n    params: [score]",
    );
    let text = project.run(&["status", "train"]).data();
    for reason in [
        "dep mid.txt removed",
        "dep in.txt added",
        "param lr removed",
    ] {
        assert!(text.contains(reason), "{text}");
    }
}

/// Row 59: a lock that is lost costs no run, since earlier runs are known by their inputs.
#[test]
fn a_lock_that_was_deleted_is_made_again_without_running() {
    let project = steps();
    project.run(&["repro"]).success();
    let lock = project.read("data.lock");
    project.remove("data.lock");
    let text = project.run(&["repro"]).success();
    assert!(text.contains("3 restored"), "{text}");
    assert_eq!(project.runs().len(), 3);
    assert_eq!(project.read("data.lock"), lock);
}
