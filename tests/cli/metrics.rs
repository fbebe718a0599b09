//! `mlpipe metrics` and `mlpipe params`: two sides compared without a checkout.

use crate::support::Project;

/// A project whose main has accuracy 0.9, on a branch where it is 0.95.
fn branched() -> Project {
    let project = Project::chain();
    project.run(&["repro"]).success();
    project.commit();
    project.git(&["checkout", "-q", "-b", "better"]);
    project.edit("params.yaml", "score: 0.9", "score: 0.95");
    project.run(&["repro"]).success();
    project
}

#[test]
fn a_branch_is_compared_with_main() {
    let project = branched();
    assert_eq!(
        project.run(&["metrics", "diff", "main"]).data(),
        "key          main   workspace   change\n\
         accuracy   0.9000      0.9500   ▲ +0.0500  better\n\
         1 unchanged (--all shows them)\n"
    );
    let all = project
        .run(&["metrics", "diff", "main", "--all", "--md"])
        .data();
    assert!(
        all.contains("| loss | 0.5000 | 0.5000 | = +0.0000 |"),
        "{all}"
    );
    assert_eq!(
        project.run(&["params", "diff", "main"]).data(),
        "key     main   workspace\nscore    0.9        0.95\n2 unchanged (--all shows them)\n"
    );
    assert_eq!(
        project.git(&["status", "--porcelain"]),
        " M data.lock\n M metrics.json\n M params.yaml\n"
    );
}

#[test]
fn two_revisions_are_compared_and_head_is_the_default() {
    let project = branched();
    project.commit();
    let between = project
        .run(&["metrics", "diff", "main", "better", "--json"])
        .data();
    let value: serde_json::Value = serde_json::from_str(&between).expect("JSON");
    let accuracy = &value["metrics.json"]["accuracy"];
    assert_eq!(
        (&accuracy["old"], &accuracy["new"]),
        (&0.9.into(), &0.95.into())
    );
    assert!((accuracy["diff"].as_f64().expect("a number") - 0.05).abs() < 1e-12);
    let text = project.run(&["metrics", "diff"]).data();
    assert_eq!(text, "no change between HEAD and workspace\n");
}

#[test]
fn a_base_from_before_the_pipeline_has_nothing() {
    let project = Project::new();
    project.write("README", "soon");
    project.commit();
    project.write("pipeline.yaml", crate::support::CHAIN);
    project.write("params.yaml", "lr: 0.1\nscore: 0.9\n");
    project.write("in.txt", "x");
    project.run(&["repro"]).success();
    let text = project.run(&["metrics", "diff", "main"]).data();
    assert!(text.contains("accuracy      –         0.9"), "{text}");
}

#[test]
fn cached_metrics_of_a_revision_come_from_the_cache() {
    let project = Project::chain();
    project.edit(
        "pipeline.yaml",
        "[{metrics.json: {cache: false}}]",
        "[metrics.json]",
    );
    project.run(&["repro"]).success();
    project.commit();
    assert!(!project.git(&["ls-files"]).contains("metrics.json"));
    project.edit("params.yaml", "score: 0.9", "score: 0.8");
    project.run(&["repro"]).success();
    let text = project.run(&["metrics", "diff", "main"]).data();
    assert!(
        text.contains("accuracy   0.9000      0.8000   ▼ −0.1000  worse"),
        "{text}"
    );
}

#[test]
fn values_are_shown_as_they_are() {
    let project = Project::with(
        "stages:\n  a:\n    cmd: 'true'\n    metrics: [{m.json: {cache: false, persist: true}}]\nmetrics: [extra.yaml]\n",
    );
    project.write("m.json", r#"{"tiny": 1e-8, "deep": {"n": 3}, "ok": true, "name": "x", "list": [1], "nan": NaN, "no": null}"#);
    project.write("extra.yaml", "f1: 0.5\n");
    let text = project.run(&["metrics", "show", "--json"]).data();
    let value: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(
        value,
        serde_json::json!({
            "extra.yaml": {"f1": 0.5},
            "m.json": {"tiny": 1e-8, "deep.n": 3, "ok": true, "name": "x", "nan": null},
        })
    );
    let table = project.run(&["metrics", "show"]).data();
    assert!(table.contains("m.json       tiny      1e-8\n"), "{table}");
    assert!(table.contains("nan        nan\n"), "{table}");
}

#[test]
fn a_broken_file_does_not_hide_the_others_but_changes_the_exit_code() {
    let project = branched();
    project.edit(
        "pipeline.yaml",
        "stages:\n",
        "metrics: [broken.json]\nstages:\n",
    );
    project.write("broken.json", "{\"a\": [1,\n");
    let output = project.run(&["metrics", "diff", "main"]);
    assert!(output.stdout.contains("accuracy"), "{}", output.stdout);
    let text = output.failure(1);
    assert!(text.contains("broken.json:"), "{text}");
}

#[test]
fn a_revision_that_does_not_exist_is_named() {
    let project = branched();
    let text = project.run(&["metrics", "diff", "mian"]).failure(1);
    assert_eq!(
        text,
        "error: there is no revision `mian`\n  hint: did you mean `main`?\n"
    );
    let text = project.run(&["metrics", "diff", "v9.9.9"]).failure(1);
    assert!(
        text.contains("hint: `git fetch` gets what only the remote has"),
        "{text}"
    );
}

#[test]
fn in_ci_the_remotes_branch_stands_in_for_the_local_one() {
    let project = branched();
    project.commit();
    project.git(&["update-ref", "refs/remotes/origin/main", "main"]);
    project.git(&["branch", "-q", "-D", "main"]);
    let text = project.run(&["metrics", "diff", "main"]).data();
    assert!(text.contains("▲ +0.0500"), "{text}");
}

#[test]
fn a_project_in_a_subfolder_finds_its_files_in_the_revision() {
    let project = Project::new();
    project.write("sub/pipeline.yaml", crate::support::CHAIN);
    project.write("sub/params.yaml", "lr: 0.1\nscore: 0.9\n");
    project.write("sub/in.txt", "x");
    project.run(&["--cd", "sub", "repro"]).success();
    project.commit();
    project.edit("sub/params.yaml", "score: 0.9", "score: 0.7");
    project.run(&["--cd", "sub", "repro"]).success();
    let text = project
        .run(&["--cd", "sub", "metrics", "diff", "main"])
        .data();
    assert!(text.contains("0.9000      0.7000"), "{text}");
}
