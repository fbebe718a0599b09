//! The rows "Params, metrics, diff" of the scenarios that no other test holds.

use crate::support::Project;

fn project() -> Project {
    let project = Project::with("stages: {}\nmetrics: [m.json, n.json]\n");
    project.write("m.json", "{\"x\": 0.5, \"old\": 1, \"s\": \"a\"}\n");
    project.write("n.json", "{\"y\": 1e-8}\n");
    project
}

/// Row 70.
#[test]
fn a_corrupt_metric_file_is_named_and_the_others_are_shown() {
    let project = project();
    project.write("n.json", "{\"y\": [1,\n");
    let output = project.run(&["metrics", "show"]);
    assert!(
        output.stdout.contains("x          0.5"),
        "{}",
        output.stdout
    );
    let text = output.failure(1);
    assert!(text.contains("[n.json:1:9]"), "{text}");
}

/// Row 70.
#[test]
fn a_listed_metric_file_that_is_missing_is_named_and_the_others_are_shown() {
    let project = project();
    project.remove("n.json");
    let output = project.run(&["metrics", "show"]);
    assert!(
        output.stdout.contains("x          0.5"),
        "{}",
        output.stdout
    );
    let text = output.failure(1);
    assert!(
        text.contains("the metrics file `n.json` is not there"),
        "{text}"
    );
}

/// Row 71.
#[test]
fn digits_can_be_chosen() {
    let project = project();
    project.commit();
    project.write("m.json", "{\"x\": 0.75, \"old\": 1, \"s\": \"a\"}\n");
    let text = project.run(&["metrics", "diff", "--precision", "2"]).data();
    assert!(
        text.contains("x     0.50        0.75   ▲ +0.25\n"),
        "{text}"
    );
}

/// Row 71.
#[test]
fn changed_new_and_removed_metrics_have_their_lines() {
    let project = project();
    project.commit();
    project.write("m.json", "{\"x\": 0.75, \"new\": 2, \"s\": \"b\"}\n");
    assert_eq!(
        project.run(&["metrics", "diff"]).data(),
        "key     HEAD   workspace   change\n\
         x     0.5000      0.7500   ▲ +0.2500\n\
         new        –           2\n\
         s          a           b\n\
         old        1           –\n\
         1 unchanged (--all shows them)\n"
    );
    let table = project
        .run(&["metrics", "diff", "--md", "--all", "--no-path"])
        .data();
    assert!(table.contains("| old | 1 | – |  |\n"), "{table}");
    assert!(table.contains("| y | "), "{table}");
    let text = project.run(&["metrics", "diff", "--json"]).data();
    let value: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(
        value,
        serde_json::json!({"m.json": {
            "x": {"old": 0.5, "new": 0.75, "diff": 0.25},
            "new": {"old": null, "new": 2},
            "s": {"old": "a", "new": "b"},
            "old": {"old": 1, "new": null},
        }})
    );
}

/// Row 68.
#[test]
fn a_param_that_is_missing_is_named_with_its_file() {
    let project = Project::with("stages: {a: {cmd: 'true', params: [lr, {p.json: [x]}]}}\n");
    project.write("params.yaml", "lrr: 1\n");
    let text = project.run(&["repro"]).failure(3);
    assert!(
        text.contains("there is no param `lr` in `params.yaml`"),
        "{text}"
    );
    project.write("params.yaml", "lr: 1\n");
    let text = project.run(&["repro"]).failure(3);
    assert!(
        text.contains("the params file `p.json` does not exist"),
        "{text}"
    );
}

/// Rows 69 and 72.
#[test]
fn metrics_are_shown_with_the_digits_that_matter() {
    let project = project();
    project.write(
        "m.json",
        "{\"f\": 0.30000000000000004, \"n\": {\"cnt\": 3}, \"s\": \"a\", \"l\": [1], \"nan\": NaN, \"b\": true, \"no\": null}\n",
    );
    assert_eq!(
        project.run(&["metrics", "show"]).data(),
        "path     metric   value\n\
         m.json   f          0.3\n\
         m.json   n.cnt        3\n\
         m.json   s            a\n\
         m.json   nan        NaN\n\
         m.json   b         true\n\
         n.json   y         1e-8\n"
    );
    let text = project
        .run(&["metrics", "show", "--no-path", "--precision", "1", "m.json"])
        .data();
    assert!(
        text.starts_with("metric   value\nf          0.3\n"),
        "{text}"
    );
}
