//! Which stages `repro` is about: by folder, by pattern, by what hangs together.

use crate::support::Project;

/// Writes a chain of two stages into a folder's pipeline file: `b` needs `a`.
fn chain(head: &str, tail: &str) -> String {
    format!(
        "stages:\n  {head}:\n    cmd: echo {head} >> $MLPIPE_ROOT/runs.log; echo 1 > {head}.txt\n    \
         outs: [{head}.txt]\n  {tail}:\n    cmd: echo {tail} >> $MLPIPE_ROOT/runs.log; cat {head}.txt > {tail}.txt\n    \
         deps: [{head}.txt]\n    outs: [{tail}.txt]\n"
    )
}

/// A chain at the root, one in `sub` with the same names but for the last, which the root's needs.
fn folders() -> Project {
    let project = Project::with(&chain("prep", "train"));
    project.write("sub/pipeline.yaml", &chain("prep", "extra"));
    project.write("sub/deep/pipeline.yaml", &chain("x", "y"));
    project
}

/// Says what would run, as seen from `folder`.
fn plan(project: &Project, folder: &str, arguments: &[&str]) -> Vec<String> {
    let arguments = [&["--cd", folder, "repro", "--dry", "--json"], arguments].concat();
    // A single stage may lack its deps, which ends with 1 and is of no interest here.
    let output = project.run(&arguments);
    let stages: serde_json::Value = serde_json::from_str(&output.stdout).expect("JSON");
    let names = stages.as_array().expect("a list").iter();
    let name = |stage: &serde_json::Value| stage["stage"].as_str().expect("a name").to_owned();
    names.map(name).collect()
}

#[test]
fn targets_are_looked_for_from_the_current_folder_first() {
    let project = folders();
    let own = ["sub/pipeline.yaml:prep"];
    for target in [
        "prep",
        "pipeline.yaml:prep",
        "prep.txt",
        "sub/pipeline.yaml:prep",
    ] {
        assert_eq!(plan(&project, "sub", &[target]), own, "{target}");
    }
    assert_eq!(plan(&project, "sub", &["train"]), ["prep", "train"]);
    assert_eq!(plan(&project, "sub", &["../pipeline.yaml:prep"]), ["prep"]);
    assert_eq!(plan(&project, "sub", &["../train.txt", "-s"]), ["train"]);
    assert_eq!(plan(&project, ".", &["prep"]), ["prep"]);
    let status = ["--cd", "sub", "status", "extra"];
    assert!(
        project
            .run(&status)
            .data()
            .contains("sub/pipeline.yaml:extra may run")
    );
    let error = project.run(&["--cd", "sub", "repro", "nothing"]).failure(1);
    assert!(error.contains("there is no stage `nothing`"), "{error}");
}

#[test]
fn without_targets_a_folder_with_stages_means_those_and_what_they_need() {
    let project = folders();
    project.edit(
        "sub/deep/pipeline.yaml",
        "deps: [x.txt]",
        "deps: [x.txt, ../../prep.txt]",
    );
    project.write("other/note", "no pipeline here\n");
    assert_eq!(
        plan(&project, "sub/deep", &[]),
        [
            "prep",
            "sub/deep/pipeline.yaml:x",
            "sub/deep/pipeline.yaml:y"
        ]
    );
    assert_eq!(plan(&project, "sub/deep", &["-P"]).len(), 6);
    assert_eq!(plan(&project, "other", &[]).len(), 6);
    assert_eq!(plan(&project, ".", &[]).len(), 6);
    let status = project.run(&["--cd", "sub", "status"]).data();
    assert!(status.contains("train"), "status is about all: {status}");
    let error = project.run(&["repro", "-P", "prep"]).failure(2);
    assert!(error.contains("cannot be used with"), "{error}");
}

#[test]
fn folders_are_targets_with_all_below_them() {
    let project = folders();
    assert_eq!(plan(&project, ".", &["-R", "sub"]).len(), 4);
    assert_eq!(plan(&project, "sub", &["-R", "deep"]).len(), 2);
    assert_eq!(plan(&project, "sub", &["-R"]).len(), 4);
    let error = project.run(&["repro", "-R", "nowhere"]).failure(1);
    assert!(
        error.contains("there is no pipeline file in `nowhere` or below it"),
        "{error}"
    );
}

#[test]
fn patterns_are_targets() {
    let project = folders();
    assert_eq!(plan(&project, ".", &["--glob", "t*"]), ["prep", "train"]);
    assert_eq!(
        plan(&project, ".", &["--glob", "*:p*"]),
        ["sub/pipeline.yaml:prep"]
    );
    assert_eq!(
        plan(&project, "sub", &["--glob", "p*"]),
        ["sub/pipeline.yaml:prep"]
    );
    let error = project.run(&["repro", "--glob", "z*"]).failure(1);
    assert!(error.contains("there is no stage `z*`"), "{error}");
}

#[test]
fn what_hangs_together_runs_together() {
    let project = folders();
    let both = ["prep", "train"];
    assert_eq!(plan(&project, ".", &["-p", "prep"]), both);
    assert_eq!(plan(&project, ".", &["--pipeline", "train"]), both);
    assert_eq!(plan(&project, "sub", &["-p"]).len(), 2);
    assert_eq!(plan(&project, ".", &["-p"]).len(), 6);
}

#[test]
fn what_follows_a_run_can_be_made_to_run() {
    let project = folders();
    project.run(&["repro"]).success();
    project.remove("runs.log");
    project.edit("pipeline.yaml", "echo 1 > prep.txt", "echo 1 >prep.txt");
    let plan = project
        .run(&["repro", "--dry", "--force-downstream"])
        .data();
    assert!(
        plan.contains("train would run\n  forced\n4 unchanged"),
        "{plan}"
    );
    project.run(&["repro", "--force-downstream"]).success();
    assert_eq!(project.runs(), ["prep", "train"]);
    project.edit("pipeline.yaml", "echo 1 >prep.txt", "echo 1  >prep.txt");
    project.run(&["repro"]).success();
    assert_eq!(
        project.runs(),
        ["prep", "train", "prep"],
        "the same was made"
    );
}
