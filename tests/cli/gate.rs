//! `mlpipe gate`: limits on metrics, against a base or without one.

use serde_json::Value;

use crate::support::{Output, Project};

/// A project with these gates, whose main has one set of metrics and whose branch has another.
fn gated(gates: &str, main: &str, branch: &str) -> Project {
    let project = Project::with(&format!("stages: {{}}\nmetrics: [m.json]\ngates:\n{gates}"));
    project.write("m.json", main);
    project.commit();
    project.git(&["checkout", "-q", "-b", "branch"]);
    project.write("m.json", branch);
    project
}

/// What the only gate said, and the exit code.
fn verdict(output: &Output) -> (String, String, Option<i32>) {
    let value: Value = serde_json::from_str(&output.stdout).expect("JSON");
    let gate = &value["gates"][0];
    let text = |key: &str| gate[key].as_str().unwrap_or_default().to_owned();
    (text("verdict"), text("reason"), output.code)
}

fn only(gate: &str, main: &str, branch: &str) -> (String, String, Option<i32>) {
    let project = gated(&format!("  {gate}\n"), main, branch);
    verdict(&project.run(&["gate", "--json"]))
}

#[test]
fn each_limit_has_a_row_with_its_reason() {
    let project = gated(
        "  accuracy: {min: 0.95, max_drop: 0.002}\n  loss: {max: 0.2, level: warn}\n  'recall.*': {min: 0.9}\n  latency_ms: {max_drop: 10%}\n",
        r#"{"accuracy": 0.98, "loss": 0.1, "latency_ms": 20, "recall": {"cat": 0.95, "dog": 0.96}}"#,
        r#"{"accuracy": 0.976, "loss": 0.3, "latency_ms": 21, "recall": {"cat": 0.97, "dog": 0.91}}"#,
    );
    let output = project.run(&["gate"]);
    let commit = project.git(&["rev-parse", "--short=7", "main"]);
    assert_eq!(
        output.stdout,
        format!(
            "gate                    limit            main     here    change   verdict\n\
             accuracy                ≥ 0.95         0.9800   0.9760   −0.0040   pass   not below it\n\
             accuracy                drop ≤ 0.002   0.9800   0.9760   −0.0040   fail   worse by 0.004, 0.002 allowed\n\
             loss                    ≤ 0.2          0.1000   0.3000   +0.2000   warn   above it by 0.1\n\
             recall.* (recall.dog)   ≥ 0.9          0.9600   0.9100   −0.0500   pass   not below it; the worst of 2\n\
             latency_ms              drop ≤ 10 %        20       21        +1   pass   worse by 1, 2 allowed\n\
             5 gates: 1 failed, 1 to look at, 3 passed · against main @ {commit}"
        )
    );
    assert_eq!(output.failure(4), "");
}

#[test]
fn warnings_and_what_is_only_told_do_not_fail() {
    let told = |level: &str| {
        only(
            &format!("a: {{min: 2, level: {level}}}"),
            "{}",
            r#"{"a": 1}"#,
        )
    };
    assert_eq!(told("warn").0, "warn");
    assert_eq!(told("warn").2, Some(0));
    assert_eq!((told("info").0.as_str(), told("info").2), ("info", Some(0)));
    assert_eq!((told("fail").0.as_str(), told("fail").2), ("fail", Some(4)));
}

#[test]
fn what_is_no_number_fails() {
    let gate = "a: {min: 0.5, max_drop: 0.1}";
    for (metrics, reason) in [
        (r#"{"b": 1}"#, "there is no such metric; did you mean `b`?"),
        (r#"{"a": NaN}"#, "it is not a number: NaN"),
        (r#"{"a": Infinity}"#, "it is infinite"),
        (r#"{"a": "high"}"#, "it is text, not a number"),
        (r#"{"a": true}"#, "it is a boolean, not a number"),
        ("[1,", "there is no such metric; `m.json` cannot be read"),
    ] {
        let (verdict, said, code) = only(gate, r#"{"a": 1}"#, metrics);
        assert_eq!(
            (verdict.as_str(), said.as_str(), code),
            ("fail", reason, Some(4))
        );
    }
    let (_, said, code) = only("'r.*': {min: 1}", "{}", r#"{"a": 1}"#);
    assert_eq!((said.as_str(), code), ("no metric matches", Some(4)));
}

#[test]
fn without_anything_to_compare_with_people_are_warned_unless_configured() {
    let gate = |policy: &str| format!("accuracy: {{max_drop: 0.1{policy}}}");
    let here = r#"{"accuracy": 0.9}"#;
    for (policy, code) in [
        ("", 0),
        (", missing_base: fail", 4),
        (", missing_base: pass", 0),
    ] {
        let (verdict, said, exit) = only(&gate(policy), "{}", here);
        assert_eq!(verdict, "incomparable");
        assert_eq!(said, "the base has no such metric");
        assert_eq!(exit, Some(code), "{policy}");
    }
    let (_, said, code) = only(&gate(""), r#"{"accuracy": NaN}"#, here);
    assert_eq!(said, "in the base it is not a number: NaN");
    assert_eq!(code, Some(0));
    let one = r#"{"accuracy": 0.9, "test_set": "aa"}"#;
    let (_, said, _) = only(&gate(""), one, r#"{"accuracy": 0.2, "test_set": "bb"}"#);
    assert_eq!(said, "the base was measured on another test set");
}

#[test]
fn without_git_there_is_nothing_to_compare_with() {
    let project = gated("  a: {max_drop: 0.1}\n", "{}", r#"{"a": 1}"#);
    project.remove(".git");
    let output = project.run(&["gate"]);
    assert!(
        output
            .stdout
            .contains("the project is in no git repository"),
        "{}",
        output.stdout
    );
}

#[test]
fn a_base_that_is_absent_or_broken_does_not_stop_the_rest() {
    let gates = "  accuracy: {min: 0.5, max_drop: 0.1}\n";
    let here = r#"{"accuracy": 0.9}"#;
    let project = gated(gates, here, here);
    project.git(&["branch", "-q", "-D", "main"]);
    let text = project.run(&["gate"]).data();
    assert!(text.contains("there is no base to compare with"), "{text}");
    assert!(
        text.contains("note: there is no revision main to compare with"),
        "{text}"
    );
    let text = project.run(&["gate", "--base", "main"]).failure(1);
    assert!(text.contains("there is no revision `main`"), "{text}");

    let project = gated(gates, "[1,", here);
    let text = project.run(&["gate"]).data();
    assert!(
        text.contains("the base's `m.json` cannot be read"),
        "{text}"
    );
    assert!(text.contains("(main:m.json:"), "{text}");

    let project = Project::with("stages: {x\n");
    project.commit();
    project.git(&["checkout", "-q", "-b", "branch"]);
    project.write(
        "pipeline.yaml",
        &format!("stages: {{}}\nmetrics: [m.json]\ngates:\n{gates}"),
    );
    project.write("m.json", here);
    let text = project.run(&["gate"]).data();
    assert!(text.contains("note: the base cannot be read"), "{text}");
    assert!(
        text.contains("1 to look at, 1 passed · without a base"),
        "{text}"
    );
}

#[test]
fn a_proof_without_examples_is_a_warning_with_its_reason() {
    let (verdict, said, code) = only(
        "accuracy: {max_drop: 0, confidence: 0.95}",
        r#"{"accuracy": 0.9}"#,
        r#"{"accuracy": 0.8}"#,
    );
    assert_eq!((verdict.as_str(), code), ("incomparable", Some(0)));
    assert!(
        said.starts_with("worse by 0.1, 0 allowed; untested: "),
        "{said}"
    );
}

#[test]
fn a_branch_is_judged_from_where_it_left_main() {
    let here = r#"{"accuracy": 0.9}"#;
    let project = gated("  accuracy: {max_drop: 0.01}\n", here, here);
    project.commit();
    project.git(&["checkout", "-q", "main"]);
    project.write("m.json", r#"{"accuracy": 0.99}"#);
    project.commit();
    project.git(&["checkout", "-q", "branch"]);
    project.run(&["gate"]).success();
    project.run(&["gate", "--base", "main"]).success();
    project.run(&["gate", "--no-merge-base"]).failure(4);
    // A commit is taken to the letter.
    let tip = project.git(&["rev-parse", "main"]);
    project.run(&["gate", "--base", tip.trim()]).failure(4);
    let text = project
        .run(&["metrics", "diff", "--merge-base", "main"])
        .data();
    assert_eq!(text, "no change between main and workspace\n");
    let text = project.run(&["metrics", "diff", "main"]).data();
    assert!(text.contains("0.9900"), "{text}");
    let text = project.run(&["report", "--out", "-"]).data();
    assert!(text.contains("No metric differs from main."), "{text}");

    // As a forge checks a pull request out: the merge of both, detached, without a branch here.
    project
        .try_git(&["merge", "-q", "-s", "ours", "-m", "merge", "main"])
        .success();
    let merge = project.git(&["rev-parse", "HEAD"]);
    project.git(&["update-ref", "refs/remotes/origin/main", "main"]);
    project.git(&["checkout", "-q", "--detach", merge.trim()]);
    project.git(&["branch", "-q", "-D", "main", "branch"]);
    let text = project.run(&["gate"]).failure(4);
    assert_eq!(text, "");
}

#[test]
fn histories_without_a_common_commit_are_compared_all_the_same() {
    let here = r#"{"accuracy": 0.9}"#;
    let project = gated("  accuracy: {max_drop: 0.01}\n", here, here);
    project.git(&["checkout", "-q", "--orphan", "alone"]);
    project.write("other", "root");
    project.commit();
    let text = project.run(&["gate"]).data();
    assert!(text.contains("compared with the tip of main"), "{text}");
    let text = project
        .run(&["metrics", "diff", "--merge-base", "main"])
        .failure(1);
    assert!(
        text.contains("main and HEAD have no commit in common here"),
        "{text}"
    );
}

#[test]
fn gates_are_chosen_by_name_and_must_exist() {
    let project = gated(
        "  a: {min: 2}\n  b: {min: 0}\n",
        "{}",
        r#"{"a": 1, "b": 1}"#,
    );
    project.run(&["gate", "b"]).success();
    project.run(&["gate", "a", "b"]).failure(4);
    let text = project.run(&["gate", "c"]).failure(2);
    assert!(text.contains("there is no gate `c`"), "{text}");
    project.write("pipeline.yaml", "stages: {}\n");
    let text = project.run(&["gate"]).failure(1);
    assert!(text.contains("the pipeline has no gates"), "{text}");
}

#[test]
fn a_metric_of_several_files_is_named_with_its_file() {
    let project = gated("  a: {min: 2}\n", "{}", r#"{"a": 1}"#);
    project.edit("pipeline.yaml", "[m.json]", "[m.json, n.yaml]");
    project.write("n.yaml", "a: 3\n");
    let (_, said, code) = verdict(&project.run(&["gate", "--json"]));
    assert_eq!(
        said,
        "`m.json` and `n.yaml` both have it: name one, as in `m.json:a`"
    );
    assert_eq!(code, Some(4));
    project.edit("pipeline.yaml", "  a: {min: 2}", "  n.yaml:a: {min: 2}");
    project.run(&["gate"]).success();
}

#[test]
fn a_file_below_the_root_gates_what_lies_beside_it() {
    let project = Project::with("stages: {}\nmetrics: [m.json]\n");
    project.write("m.json", r#"{"score": 1}"#);
    project.write("sub/m.toml", "score = 3\n");
    project.write(
        "sub/pipeline.yaml",
        "stages: {}\nmetrics: [m.toml]\nbetter: {score: lower}\ngates: {score: {max: 3, max_drop: 0}}\n",
    );
    project.commit();
    project.run(&["gate"]).success();
    project.write("sub/m.toml", "score = 2\n");
    project.write("m.json", r#"{"score": 9}"#);
    project.run(&["gate"]).success();
    let text = project.run(&["metrics", "diff"]).data();
    assert!(
        text.contains("m.json       score      1           9   ▲ +8\n")
            || text.contains("▲ +8  better"),
        "{text}"
    );
    assert!(text.contains("▼ −1  better"), "{text}");
}

#[test]
fn mistakes_in_the_section_are_shown_where_they_are() {
    let project = gated("  a: {min: 1, levle: warn}\n", "{}", "{}");
    let text = project.run(&["gate"]).failure(1);
    assert!(text.contains("unknown key `levle` in gate `a`"), "{text}");
    assert!(text.contains("[pipeline.yaml:4:15]"), "{text}");
    assert!(text.contains("did you mean `level`?"), "{text}");
}

#[test]
fn a_run_is_not_judged() {
    let project = Project::chain();
    let pipeline = project.read("pipeline.yaml") + "gates: {accuracy: {min: 2}}\n";
    project.write("pipeline.yaml", &pipeline);
    project.run(&["repro"]).success();
    project.run(&["gate"]).failure(4);
    let text = project.run(&["--quiet", "gate"]);
    assert!(text.stdout.contains("1 failed"), "{}", text.stdout);
}

#[test]
fn the_table_comes_as_markdown_and_hostile_names_stay_text() {
    let project = gated("  \"a|<b>\\e[31m\": {min: 2}\n", "{}", "{}");
    let text = project.run(&["gate", "--md"]).stdout;
    assert!(
        text.contains("| a\\|&lt;b&gt;\\\\u\\{1b\\}\\[31m | ≥ 2 | – | – |"),
        "{text}"
    );
    assert!(!text.contains('\u{1b}'), "{text}");
}

#[test]
fn results_of_other_inputs_are_told() {
    let project = Project::chain();
    let pipeline = project.read("pipeline.yaml") + "gates:\n  accuracy: {min: 0.5}\n";
    project.write("pipeline.yaml", &pipeline);
    project.run(&["repro"]).success();
    let text = project.run(&["gate"]).data();
    assert!(!text.contains("would run"), "{text}");
    project.edit("params.yaml", "score: 0.9", "score: 0.95");
    let text = project.run(&["gate"]).data();
    assert!(
        text.contains("the results are not of what is in the workspace: `train` would run"),
        "{text}"
    );
}

#[test]
fn what_is_gone_does_not_pass_a_pattern() {
    let project = Project::with(
        "stages: {}\nmetrics: [a.json, b.json]\n\
         gates:\n  'recall.*': [{min: 0.9}, {max_drop: 0.01}]\n",
    );
    project.write("a.json", r#"{"recall": {"cat": 0.95, "eel": 0.5}}"#);
    project.write("b.json", r#"{"recall": {"dog": 0.5}}"#);
    project.commit();
    project.git(&["checkout", "-q", "-b", "branch"]);
    project.write("a.json", r#"{"recall": {"cat": 0.95}}"#);
    let rows = |output: &Output| {
        let value: Value = serde_json::from_str(&output.stdout).expect("JSON");
        let gates = value["gates"].as_array().expect("gates").clone();
        let row = |gate: Value| format!("{} {}", gate["verdict"], gate["reason"]).replace('"', "");
        (gates.into_iter().map(row).collect::<Vec<_>>(), output.code)
    };
    let gone = "fail there is no value; the worst of 3".to_owned();
    let (said, code) = rows(&project.run(&["gate", "--json"]));
    assert_eq!(said, [gone.clone(), gone.clone()]);
    assert_eq!(code, Some(4));
    project.remove("b.json");
    let output = project.run(&["gate", "--json"]);
    assert_eq!(rows(&output), (vec![gone.clone(), gone], Some(4)));
    assert!(
        output
            .stderr
            .contains("the metrics file `b.json` is not there")
    );
    // What moved to another file is still there.
    project.write(
        "a.json",
        r#"{"recall": {"cat": 0.95, "eel": 0.95, "dog": 0.95}}"#,
    );
    project.edit("pipeline.yaml", "[a.json, b.json]", "[a.json]");
    let (said, code) = rows(&project.run(&["gate", "--json"]));
    assert_eq!(said[0], "pass not below it; the worst of 3");
    assert_eq!(code, Some(0));
}

#[test]
fn a_missing_file_of_metrics_is_told_though_all_gates_are_kept() {
    let project = gated("  a: {min: 1}\n", r#"{"a": 1}"#, r#"{"a": 1}"#);
    project.edit("pipeline.yaml", "[m.json]", "[m.json, gone.json]");
    let text = project.run(&["gate"]).failure(1);
    assert!(text.contains("`gone.json` is not there"), "{text}");
}

#[test]
fn the_name_of_the_base_stays_text_in_markdown() {
    let project = gated("  a: {min: 1}\n", r#"{"a": 1}"#, r#"{"a": 1}"#);
    project.git(&["branch", "-q", "x|<b>", "main"]);
    let text = project.run(&["gate", "--base", "x|<b>", "--md"]).data();
    assert!(
        text.starts_with("| gate | limit | x\\|&lt;b&gt; |"),
        "{text}"
    );
    assert!(text.contains(" against x\\|&lt;b&gt; @ "), "{text}");
}

#[test]
fn gates_of_several_pipelines_are_told_apart() {
    let project = gated("  accuracy: {min: 0.5}\n", "{}", r#"{"accuracy": 0.9}"#);
    project.edit("pipeline.yaml", "metrics: [m.json]", "metrics: [m.json]");
    project.write(
        "sub/pipeline.yaml",
        "stages: {}\nmetrics: [n.json]\ngates:\n  accuracy: {min: 0.8}\n  n.json:accuracy: {max: 1}\n",
    );
    project.write("sub/n.json", r#"{"accuracy": 0.7}"#);
    project.edit("pipeline.yaml", "  accuracy:", "  m.json:accuracy:");
    let text = project.run(&["gate", "--no-merge-base"]).stdout;
    for name in [
        "m.json:accuracy   ",
        "sub:accuracy   ",
        "sub/n.json:accuracy   ",
    ] {
        assert!(text.contains(&format!("\n{name}")), "{name}: {text}");
    }
    let text = project.run(&["gate", "sub:accuracy"]);
    assert!(text.stdout.contains("1 gate: 1 failed"), "{}", text.stdout);
    let text = project.run(&["gate", "sub:acuracy"]).failure(2);
    assert!(text.contains("did you mean `sub:accuracy`?"), "{text}");
}

#[test]
fn what_a_gate_names_that_is_no_metric_is_said() {
    let metrics = r#"{"accuracy": 0.9, "list": [1], "no": null}"#;
    for (gate, reason) in [
        ("list: {min: 1}", "it is a list, not a number"),
        ("no: {min: 1}", "it is null, not a number"),
        (
            "m.json: {min: 1}",
            "`m.json` is a file: name a metric in it, as in `m.json:accuracy`",
        ),
        (
            "n.json:accuracy: {min: 1}",
            "no stage and no `metrics` lists `n.json`; did you mean `m.json`?",
        ),
    ] {
        let (verdict, why, code) = only(gate, metrics, metrics);
        assert_eq!(
            (verdict.as_str(), why.as_str(), code),
            ("fail", reason, Some(4))
        );
    }
    for (least, help) in [
        ("'0.95'", "take the quotes away"),
        ("95%", "a share is a number, as in `0.95`"),
    ] {
        let project = gated(&format!("  accuracy: {{min: {least}}}\n"), "{}", "{}");
        let text = project.run(&["gate"]).failure(1);
        assert!(text.contains(help), "{text}");
    }
}

#[test]
fn a_file_that_cannot_be_read_is_called_so() {
    let project = gated(
        "  m.json:accuracy: {min: 0.5, max_drop: 0.1}\n",
        "{\"accuracy\": ",
        r#"{"accuracy": 0.9}"#,
    );
    let output = project.run(&["gate", "--json"]);
    let text = output.data();
    assert!(
        text.contains("the base's `m.json` cannot be read"),
        "{text}"
    );
    assert!(
        text.contains("(main:m.json:"),
        "the note has its place: {text}"
    );
    project.write("m.json", "{");
    let text = project.run(&["gate"]).stdout;
    assert!(text.contains("fail   `m.json` cannot be read\n"), "{text}");
    project.remove("m.json");
    let text = project.run(&["gate"]).stdout;
    assert!(text.contains("fail   `m.json` is not there\n"), "{text}");
}
