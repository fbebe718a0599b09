//! `mlpipe badge`.

use serde_json::{Value, json};

use crate::support::{Output, Project};

/// A project with metrics of two stages.
fn project() -> Project {
    let project = Project::with(
        "stages:\n  \
         eval:\n    cmd: cp in.json m.json\n    deps: [in.json]\n    metrics: [m.json]\n  \
         other:\n    cmd: cp m.json n.json\n    deps: [m.json]\n    metrics: [n.json]\n\
         gates:\n  \"m.json:accuracy\": {min: 0.95}\n  \"m.json:loss\": {max: 0.01, level: warn}\n",
    );
    project.write(
        "in.json",
        "{\"accuracy\": 0.98461, \"loss\": 0.05, \"size\": 8898, \"name\": \"x\"}\n",
    );
    project.run(&["repro"]).success();
    project.commit();
    project
}

fn badge(project: &Project, arguments: &[&str]) -> Value {
    let arguments = [&["badge"], arguments].concat();
    serde_json::from_str(&project.run(&arguments).data()).expect("JSON")
}

#[test]
fn the_colour_is_what_the_gates_say() {
    let project = project();
    let accuracy = badge(&project, &["m.json:accuracy"]);
    let wanted = json!({"schemaVersion": 1, "label": "accuracy", "message": "98.5%", "color": "brightgreen"});
    assert_eq!(accuracy, wanted);
    assert_eq!(badge(&project, &["m.json:loss"])["color"], "yellow");
    assert_eq!(badge(&project, &["n.json:loss"])["color"], "blue");
    project.edit("in.json", "0.98461", "0.5");
    project.run(&["repro"]).success();
    assert_eq!(badge(&project, &["m.json:accuracy"])["color"], "red");
}

#[test]
fn label_format_and_kind_are_the_users() {
    let project = project();
    let named = badge(
        &project,
        &["m.json:size", "--label", "params", "--format", ",d"],
    );
    assert_eq!(
        (&named["label"], &named["message"]),
        (&json!("params"), &json!("8,898"))
    );
    let text = project.run(&["badge", "m.json:accuracy", "--text", "--format", ".4f"]);
    assert_eq!(text.data(), "0.9846\n");
    let svg = project
        .run(&["badge", "m.json:accuracy", "--svg", "--label", "<b>&"])
        .data();
    assert!(
        svg.starts_with("<svg ") && svg.contains("&lt;b&gt;&amp;: 98.5%"),
        "{svg}"
    );
    project
        .run(&["badge", "m.json:accuracy", "--output", "a.svg"])
        .data();
    assert!(project.read("a.svg").starts_with("<svg "));
    project
        .run(&["badge", "m.json:accuracy", "--output", "a.json"])
        .data();
    assert!(project.read("a.json").starts_with('{'));
    let wrong = project
        .run(&["badge", "m.json:accuracy", "--format", "x"])
        .failure(2);
    assert!(wrong.contains("`x` is no format"), "{wrong}");
}

#[test]
fn a_metric_must_be_one_number() {
    let project = project();
    let several = project.run(&["badge", "accuracy"]).failure(2);
    assert!(
        several.contains("several files have the metric `accuracy`"),
        "{several}"
    );
    assert!(
        several.contains("`m.json:accuracy` or `n.json:accuracy`"),
        "{several}"
    );
    let unknown = project.run(&["badge", "acuracy"]).failure(1);
    assert!(unknown.contains("did you mean `accuracy`?"), "{unknown}");
    let word = project.run(&["badge", "m.json:name"]).failure(1);
    assert!(word.contains("is no number"), "{word}");
    let none = Project::new();
    none.write("pipeline.yaml", "metrics: [m.json]\n");
    let missing = none.run(&["badge", "accuracy"]).failure(1);
    assert!(missing.contains("`m.json` is not there"), "{missing}");
}

/// Publishes without sending anything.
fn publish(project: &Project, variables: &[(&str, &str)]) -> Output {
    let arguments = ["badge", "m.json:accuracy", "--publish", "--dry-run"];
    Output::of(project.command(&arguments).envs(variables.iter().copied()))
}

const MAIN: [(&str, &str); 5] = [
    ("GITHUB_SHA", "0123456789012345678901234567890123456789"),
    ("GITHUB_ACTIONS", "true"),
    ("GITHUB_REPOSITORY", "me/mine"),
    ("GITHUB_REF", "refs/heads/main"),
    ("GITHUB_TOKEN", "s3cr3t"),
];

#[test]
fn badges_are_not_published_from_pull_requests_or_of_old_results() {
    let project = project();
    let merge = [
        &MAIN[1..3],
        &[
            ("GITHUB_REF", "refs/pull/7/merge"),
            ("GITHUB_EVENT_NAME", "pull_request"),
        ],
    ]
    .concat();
    project.write(
        ".git/event.json",
        "{\"pull_request\": {\"number\": 7, \"head\": {\"sha\": \"aaaaaaaaaa\"}}}",
    );
    let event = project.path(".git/event.json").display().to_string();
    let merge = [&merge[..], &[("GITHUB_EVENT_PATH", event.as_str())]].concat();
    let refused = publish(&project, &merge).failure(1);
    assert!(
        refused.contains("not published from a pull request"),
        "{refused}"
    );
    project.edit("in.json", "0.05", "0.06");
    let stale = publish(&project, &MAIN).failure(1);
    assert!(stale.contains("not of what is in the workspace"), "{stale}");
}

#[test]
fn a_report_draws_what_was_published() {
    let project = project();
    let line = |commit: &str, value: f64| {
        format!(
            "{{\"schema\":1,\"path\":\"m.json\",\"key\":\"accuracy\",\"commit\":\"{commit}\",\"value\":{value}}}\n"
        )
    };
    project.write(
        ".git/history.jsonl",
        &(line("aaaaaaaaaa", 0.0) + &line("bbbbbbbbbb", 4.0) + &line("cccccccccc", 1.0)),
    );
    let report = |history: &str| {
        let arguments = ["report", "--json", "--history", history];
        project.run(&arguments)
    };
    let json: Value = serde_json::from_str(&report(".git/history.jsonl").data()).expect("JSON");
    let trend = &json["trends"][0];
    assert_eq!(trend["sparkline"], "▁█▃", "{json}");
    assert_eq!(trend["commits"], json!(["aaaaaaa", "bbbbbbb", "ccccccc"]));
    // A branch that has none yet.
    project.write(".git/history.jsonl", "");
    report(".git/history.jsonl").data();
    project.write(".git/history.jsonl", "{\"schema\":2}\n");
    let newer = report(".git/history.jsonl").failure(1);
    assert!(newer.contains("newer format"), "{newer}");
    assert!(report("nowhere").failure(2).contains("does not exist"));
}
