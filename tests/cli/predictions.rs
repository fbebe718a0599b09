//! `predictions`: whether a change of a metric is more than noise, by the examples behind it.

#![expect(
    clippy::single_range_in_vec_init,
    reason = "a list of ranges of wrong examples, often of one"
)]

use crate::support::Project;

const PIPELINE: &str = "\
stages:
  evaluate:
    cmd: cp made.csv preds.csv; cp made.json metrics.json
    deps: [made.csv, made.json]
    outs: [preds.csv]
    metrics: [{metrics.json: {cache: false}}]
predictions:
  preds.csv:
";

const EXAMPLES: usize = 400;

/// Two classes in turn; every row in `wrong` is taken for the other.
fn predictions(wrong: &[std::ops::Range<usize>]) -> String {
    let row = |row: usize| {
        let label = row % 2;
        let is_wrong = wrong.iter().any(|rows| rows.contains(&row));
        format!(
            "e{row},{label},{}\n",
            if is_wrong { 1 - label } else { label }
        )
    };
    format!(
        "id,label,predicted\n{}",
        (0..EXAMPLES).map(row).collect::<String>()
    )
}

/// Runs the pipeline with these rows wrong, and the accuracy that follows.
fn evaluate(project: &Project, wrong: &[std::ops::Range<usize>]) {
    let count: usize = wrong.iter().map(ExactSizeIterator::len).sum();
    let right = u32::try_from(EXAMPLES - count).expect("few");
    let accuracy = f64::from(right) / 400.0;
    project.write("made.csv", &predictions(wrong));
    project.write(
        "made.json",
        &format!("{{\"accuracy\": {accuracy}, \"count\": {right}}}\n"),
    );
    project.run(&["repro"]).success();
}

/// A project whose main gets rows 60 of 400 wrong, and the workspace these.
fn compared(wrong: &[std::ops::Range<usize>]) -> Project {
    let project = Project::with(PIPELINE);
    evaluate(&project, &[0..60]);
    project.commit();
    evaluate(&project, wrong);
    project
}

fn diff_json(project: &Project) -> serde_json::Value {
    let text = project.run(&["metrics", "diff", "main", "--json"]).data();
    serde_json::from_str(&text).expect("JSON")
}

#[test]
fn a_proven_change_is_significant() {
    let project = compared(&[0..30]);
    assert_eq!(
        project.run(&["metrics", "diff", "main"]).data(),
        "key          main   workspace   change              evidence\n\
         accuracy   0.8500      0.9250   ▲ +0.0750  better   95 % CI [+0.0497, +0.1038]  significant\n\
         count         340         370   ▲ +30\n"
    );
    let accuracy = &diff_json(&project)["metrics.json"]["accuracy"];
    assert_eq!(accuracy["test"], "McNemar mid-p");
    assert_eq!(accuracy["n"], 400);
    assert_eq!(accuracy["significant"], true);
    // Thirty examples only the workspace gets right: 2 · ½³⁰ − ½³⁰.
    let p = accuracy["p_value"].as_f64().expect("a number");
    assert!((p / (0.5_f64).powi(30) - 1.0).abs() < 1e-12, "{p}");
    let markdown = project.run(&["metrics", "diff", "main", "--md"]).data();
    assert!(
        markdown.contains("| ▲ +0.0750  better | 95 % CI \\[+0.0497, +0.1038\\]  significant |"),
        "{markdown}"
    );
}

#[test]
fn a_small_change_is_within_noise() {
    let project = compared(&[5..62]);
    let text = project.run(&["metrics", "diff", "main"]).data();
    assert!(
        text.contains("▲ +0.0075   95 % CI [−0.0075, +0.0231]  within noise\n"),
        "{text}"
    );
    assert_eq!(
        diff_json(&project)["metrics.json"]["accuracy"]["significant"],
        false
    );
}

#[test]
fn what_cannot_be_compared_says_why() {
    let project = compared(&[0..30]);
    project.edit("preds.csv", "e399,1,1", "e399,0,1");
    project.edit("preds.csv", "e398,0,0", "e398,1,0");
    let output = project.run(&["metrics", "diff", "main"]);
    assert!(
        output
            .stderr
            .contains("`preds.csv` shows no significance: other labels: of 2 of 400 examples"),
        "{}",
        output.stderr
    );
    // Their labels make the two examples wrong, which the metric does not know.
    assert!(
        output
            .data()
            .contains("the predictions of the workspace say 0.920000")
    );
    project.write("preds.csv", &predictions(&[0..30]).replace("e7,", "new,"));
    let output = project.run(&["metrics", "diff", "main"]);
    assert!(
        output
            .stderr
            .contains("other examples: 1 only in the base, 1 only here"),
        "{}",
        output.stderr
    );
    assert!(output.data().contains("not comparable"));
    let accuracy = &diff_json(&project)["metrics.json"]["accuracy"];
    assert_eq!(
        (&accuracy["comparable"], &accuracy["p_value"]),
        (&false.into(), &serde_json::Value::Null)
    );
}

#[test]
fn the_order_of_examples_means_nothing() {
    let project = compared(&[0..30]);
    let text = project.read("preds.csv");
    let (names, rows) = text.split_once('\n').expect("has names");
    let turned: Vec<&str> = rows.lines().rev().collect();
    let wanted = project.run(&["metrics", "diff", "main"]).data();
    project.write("preds.csv", &format!("{names}\n{}\n", turned.join("\n")));
    assert_eq!(project.run(&["metrics", "diff", "main"]).data(), wanted);
}

#[test]
fn a_base_without_predictions_says_how_to_get_them() {
    let project = compared(&[0..30]);
    project.remove(".mlpipe/cache");
    let output = project.run(&["metrics", "diff", "main"]);
    assert!(
        output
            .stderr
            .contains("that of main is not in the cache\n  hint: `mlpipe repro` at main"),
        "{}",
        output.stderr
    );
    assert!(output.data().contains("not comparable"));
    let project = Project::chain();
    project.run(&["repro"]).success();
    project.commit();
    project.write("pipeline.yaml", PIPELINE);
    evaluate(&project, &[0..30]);
    let output = project.run(&["metrics", "diff", "main"]);
    assert!(
        output.stderr.contains("main has no such file"),
        "{}",
        output.stderr
    );
}

#[test]
fn another_test_set_is_not_compared() {
    let project =
        Project::with(&PIPELINE.replace("  preds.csv:\n", "  preds.csv: {test_set: made.json}\n"));
    evaluate(&project, &[0..60]);
    project.commit();
    evaluate(&project, &[0..30]);
    let output = project.run(&["metrics", "diff", "main"]);
    assert!(
        output
            .stderr
            .contains("another test set: `made.json` differs"),
        "{}",
        output.stderr
    );
    project.edit("pipeline.yaml", "made.json}", "other}");
    let output = project.run(&["metrics", "diff", "main"]);
    assert!(
        output.stderr.contains("data.lock of main has no `other`"),
        "{}",
        output.stderr
    );
}

#[test]
fn a_metric_that_its_predictions_contradict_proves_nothing() {
    let project = compared(&[0..30]);
    project.edit("metrics.json", "0.925", "0.95");
    let text = project.run(&["metrics", "diff", "main"]).data();
    assert!(
        text.contains("the predictions of the workspace say 0.925000"),
        "{text}"
    );
    assert!(!text.contains("significant"), "{text}");
    let entry = &diff_json(&project)["metrics.json"]["accuracy"]["contradicted"];
    assert_eq!(
        (&entry["side"], &entry["predictions"]),
        (&"workspace".into(), &0.925.into())
    );
}

#[test]
fn a_broken_file_does_not_hide_the_metrics() {
    let project = compared(&[0..30]);
    project.edit("preds.csv", "e7,1,0", "e7,,0");
    let output = project.run(&["metrics", "diff", "main"]);
    assert!(
        output.stdout.contains("accuracy   0.8500"),
        "{}",
        output.stdout
    );
    let text = output.failure(1);
    assert!(
        text.contains("`label` is empty") && text.contains("preds.csv:9:1"),
        "{text}"
    );
}

#[test]
fn an_accuracy_has_its_interval() {
    let project = compared(&[0..30]);
    assert_eq!(
        project.run(&["metrics", "show"]).data(),
        "metric     value   95 % CI\naccuracy   0.925   [0.8950, 0.9470]\ncount        370\n"
    );
    let text = project.run(&["metrics", "show", "--json"]).data();
    let value: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(value["metrics.json"]["accuracy"], 0.925);
    let known = value["/intervals"]["metrics.json"]
        .as_object()
        .expect("a map");
    assert_eq!(known.len(), 1, "a count has no interval");
    let accuracy = &known["accuracy"];
    assert_eq!(
        (&accuracy["method"], &accuracy["n"]),
        (&"Wilson".into(), &400.into())
    );
    let low = accuracy["interval"][0].as_f64().expect("a number");
    assert!((low - 0.8950).abs() < 1e-4, "{low}");
}

#[test]
fn other_statistics_are_resampled_and_come_out_the_same() {
    let project = compared(&[0..30]);
    let add = |project: &Project, value: &str| {
        project.edit(
            "metrics.json",
            "\"count\"",
            &format!("\"macro_f1\": {value}, \"count\""),
        );
    };
    add(&project, "0.925");
    project.git(&["stash", "-q"]);
    add(&project, "0.85");
    project.git(&["commit", "-q", "-a", "-m", "f1"]);
    project.git(&["checkout", "-q", "stash@{0}", "--", "."]);
    let first = diff_json(&project);
    let f1 = &first["metrics.json"]["macro_f1"];
    assert_eq!(
        (&f1["test"], &f1["significant"]),
        (&"paired bootstrap".into(), &true.into())
    );
    // What was resampled is remembered, and may be lost.
    assert!(project.exists(".mlpipe/resampled"));
    assert_eq!(first, diff_json(&project));
    project.remove(".mlpipe/resampled");
    assert_eq!(first, diff_json(&project));
}

#[test]
fn mistakes_in_the_section_have_their_place() {
    let project = Project::with(&PIPELINE.replace("  preds.csv:\n", "  preds.csv: {labels: y}\n"));
    let text = project.run(&["status"]).failure(1);
    assert!(
        text.contains("unknown key `labels`") && text.contains("pipeline.yaml:8:15"),
        "{text}"
    );
}

/// The verdict and the reason of each gate of the workspace.
fn gates(project: &Project) -> Vec<(String, String)> {
    let output = project.run(&["gate", "--json"]);
    let value: serde_json::Value = serde_json::from_str(&output.stdout).expect("JSON");
    let gates = value["gates"].as_array().expect("gates");
    let text = |gate: &serde_json::Value, key: &str| gate[key].as_str().unwrap_or("").to_owned();
    let row = |gate| (text(gate, "verdict"), text(gate, "reason"));
    gates.iter().map(row).collect()
}

#[test]
fn a_base_that_its_predictions_contradict_takes_nothing_from_the_value_here() {
    let rules = "{min: 0.8, confidence: 0.95, prove: not_worse}, {max_drop: 0, confidence: 0.95}";
    let project = Project::with(&format!("{PIPELINE}gates:\n  accuracy: [{rules}]\n"));
    evaluate(&project, &[0..60]);
    project.edit("metrics.json", "0.85", "0.8");
    project.commit();
    evaluate(&project, &[0..30]);
    let judged = gates(&project);
    assert_eq!(judged[0].0, "pass", "{}", judged[0].1);
    assert!(
        judged[0].1.contains("; proven not worse: "),
        "{}",
        judged[0].1
    );
    assert_eq!(judged[1].0, "incomparable");
    let why = "untested: the predictions of main say 0.85";
    assert!(judged[1].1.contains(why), "{}", judged[1].1);
    let text = project.run(&["metrics", "diff", "main"]).data();
    assert!(
        text.contains("the predictions of main say 0.850000"),
        "{text}"
    );
    let entry = &diff_json(&project)["metrics.json"]["accuracy"]["contradicted"];
    assert_eq!(entry["side"], "main");
}

#[test]
fn what_is_untested_names_its_own_reason() {
    let rule = "{min: 0.1, confidence: 0.95}";
    let project = Project::with(&format!(
        "{PIPELINE}gates: {{accuracy: {rule}, count: {rule}}}\n"
    ));
    evaluate(&project, &[0..60]);
    project.commit();
    project.edit("preds.csv", "e7,1,0", "e7,,0");
    let reasons: Vec<String> = gates(&project).into_iter().map(|(_, why)| why).collect();
    assert_eq!(
        reasons,
        [
            "not below it; untested: `preds.csv`: that of the workspace cannot be read",
            "not below it; untested: no predictions are declared for it"
        ]
    );
}

/// What is said of predictions whose section has these metrics.
fn told(metrics: &str) -> String {
    let project = Project::with(&PIPELINE.replace(
        "  preds.csv:\n",
        &format!("  preds.csv:\n    metrics:\n      {metrics}\n"),
    ));
    project.write("made.csv", &predictions(&[0..40]));
    project.write("made.json", "{\"accuracy\": 0.9, \"name\": \"a\"}");
    let output = project.run(&["repro"]);
    if output.code != Some(0) {
        return output.failure(1);
    }
    let output = project.run(&["metrics", "show"]);
    assert!(output.stdout.contains("accuracy"), "{}", output.stdout);
    let exit = i32::from(!output.stderr.is_empty());
    output.failure(exit)
}

#[test]
fn what_is_declared_must_exist() {
    assert_eq!(told("accuracy: metrics.json:accuracy"), "");
    for (metrics, messages) in [
        (
            "acuracy: metrics.json:accuracy",
            [
                "unknown statistic `acuracy`",
                "did you mean `accuracy`?",
                "pipeline.yaml:10:7",
            ],
        ),
        (
            "accuracy: metrics.jsn:accuracy",
            [
                "`metrics.jsn` is no file of metrics",
                "did you mean `metrics.json`?",
                "pipeline.yaml:10:17",
            ],
        ),
        (
            "accuracy: metrics.json:acuracy",
            [
                "there is no metric `acuracy` in `metrics.json`",
                "did you mean `accuracy`?",
                "pipeline.yaml:10:17",
            ],
        ),
        (
            "accuracy: metrics.json:name",
            [
                "`name` in `metrics.json` is text, not a number",
                "name a metric that is a number",
                "pipeline.yaml:10:17",
            ],
        ),
        (
            "recall.2: metrics.json:accuracy",
            [
                "no example is of the class `2`",
                "did you mean",
                "pipeline.yaml:10:7",
            ],
        ),
        (
            "auc: metrics.json:accuracy",
            [
                "no column has the scores",
                "name it, as in `score: column`",
                "pipeline.yaml:10:7",
            ],
        ),
    ] {
        let text = told(metrics);
        for message in messages {
            assert!(
                text.contains(message),
                "{metrics}: `{message}` is not in\n{text}"
            );
        }
    }
}

#[test]
fn usual_columns_of_scores_and_losses_are_found() {
    let project = Project::with(PIPELINE);
    let rows = |scores: [&str; 4]| {
        let rows = scores.iter().zip([0, 0, 1, 1]).enumerate();
        let rows = rows.map(|(id, (score, label))| format!("e{id},{label},{label},{score},0.5\n"));
        format!(
            "id,label,predicted,score,loss\n{}",
            rows.collect::<String>()
        )
    };
    let evaluate = |scores, metrics| {
        project.write("made.csv", &rows(scores));
        project.write("made.json", metrics);
        project.run(&["repro"]).success();
    };
    evaluate(
        ["0.1", "0.8", "0.7", "0.9"],
        "{\"auc\": 0.75, \"loss\": 0.5}",
    );
    project.commit();
    evaluate(
        ["0.1", "0.2", "0.7", "0.9"],
        "{\"auc\": 1.0, \"loss\": 0.5}",
    );
    let value = diff_json(&project);
    let auc = &value["metrics.json"]["auc"];
    assert_eq!(auc["test"], "DeLong", "{value}");
    // Nobody has said that it is the score of the positive class: it contradicts nothing.
    evaluate(
        ["0.1", "0.2", "0.7", "0.9"],
        "{\"auc\": 0.9, \"loss\": 0.25}",
    );
    let text = project.run(&["metrics", "diff", "main"]).data();
    assert!(!text.contains("say"), "{text}");
    // A column of that name that holds no numbers is another.
    evaluate(["a", "b", "c", "d"], "{\"auc\": 1.0, \"loss\": 0.5}");
    project.run(&["metrics", "show"]).success();
}
