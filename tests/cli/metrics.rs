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
            "m.json": {"tiny": 1e-8, "deep.n": 3, "ok": true, "name": "x", "nan": "NaN"},
        })
    );
    let table = project.run(&["metrics", "show"]).data();
    assert!(table.contains("m.json       tiny      1e-8\n"), "{table}");
    assert!(table.contains("nan        NaN\n"), "{table}");
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

#[test]
fn what_is_no_number_is_said_and_never_called_equal() {
    let project = Project::with("stages: {}\nmetrics: [m.json]\n");
    project.write(
        "m.json",
        r#"{"a": 0.5, "both": NaN, "inf": 1.5, "text": 1, "map": 2}"#,
    );
    project.commit();
    project.write(
        "m.json",
        r#"{"a": NaN, "both": NaN, "inf": Infinity, "text": "one", "map": {"x": 1, "y": [1]}}"#,
    );
    assert_eq!(
        project.run(&["metrics", "diff"]).data(),
        "key     HEAD   workspace   change\n\
         a        0.5         NaN   not a number\n\
         inf      1.5         inf   ▲ infinite\n\
         text       1         one   was a number, is text\n\
         map.x      –           1   `map` was a number\n\
         map        2           –   was a number, is a map\n\
         1 unchanged (--all shows them)\n"
    );
    let all = project.run(&["metrics", "diff", "--all"]).data();
    assert!(
        all.contains("both     NaN         NaN   not a number\n"),
        "{all}"
    );
    let json = project.run(&["metrics", "diff", "--json"]).data();
    let value: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(
        value["m.json"]["a"],
        serde_json::json!({"old": 0.5, "new": "NaN"})
    );
}

#[test]
fn the_pipeline_says_which_way_is_better() {
    let project = Project::with(
        "stages: {}\nmetrics: [m.json]\nbetter: {'cost.*': lower, cost.saved: higher, accuracy: lower}\n",
    );
    project.write("m.json", r#"{"cost": {"a": 2, "saved": 2}, "accuracy": 2}"#);
    project.commit();
    project.write("m.json", r#"{"cost": {"a": 1, "saved": 1}, "accuracy": 1}"#);
    let text = project.run(&["metrics", "diff"]).data();
    assert!(
        text.contains("cost.a          2           1   ▼ −1  better"),
        "{text}"
    );
    assert!(
        text.contains("cost.saved      2           1   ▼ −1  worse"),
        "{text}"
    );
    assert!(
        text.contains("accuracy        2           1   ▼ −1  better"),
        "{text}"
    );
}

#[test]
fn whole_floats_are_whole_numbers() {
    let project = Project::with("stages: {}\nmetrics: [m.json]\n");
    project.write("m.json", r#"{"a": 1}"#);
    project.commit();
    project.write("m.json", r#"{"a": 1.0}"#);
    let text = project.run(&["metrics", "diff"]).data();
    assert_eq!(text, "no change between HEAD and workspace\n");
}

#[test]
fn whole_numbers_are_compared_to_the_last_digit() {
    let project = Project::with("stages: {}\nmetrics: [m.json]\n");
    project.write(
        "m.json",
        r#"{"tokens": 9007199254740992, "same": 9007199254740993}"#,
    );
    project.commit();
    project.write(
        "m.json",
        r#"{"tokens": 9007199254740993, "same": 9007199254740993}"#,
    );
    let text = project.run(&["metrics", "diff"]).data();
    let row = "tokens   9007199254740992   9007199254740993   ▲ +1\n";
    assert!(text.contains(row), "{text}");
    assert!(text.contains("1 unchanged"), "{text}");
    let json = project.run(&["metrics", "diff", "--json"]).data();
    let value: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(value["m.json"]["tokens"]["diff"], 1);
}

#[test]
fn broken_json_is_told_in_the_words_of_json() {
    let project = Project::with("stages: {}\nmetrics: [m.json]\n");
    for (text, said, place) in [
        (
            "{\"a\": 0.9,\n}\n",
            "not JSON: trailing comma",
            "m.json:2:1",
        ),
        (
            "{\"a\": 0.9,\n \"b\": [1,",
            "not JSON: it ends where a value has to follow",
            "m.json:2:9",
        ),
        ("{'a': 0.9}", "not JSON: key must be a string", "m.json:1:2"),
        ("a: 0.9\n", "not JSON: expected value", "m.json:1:1"),
    ] {
        project.write("m.json", text);
        let told = project.run(&["metrics", "show"]).failure(1);
        assert!(told.contains(said) && told.contains(place), "{told}");
    }
}

#[test]
fn what_is_no_file_of_metrics_is_told_and_the_others_are_shown() {
    let project = Project::with("stages: {}\nmetrics: [pipe.json, d, twice.json, one.json]\n");
    let made = std::process::Command::new("mkfifo")
        .arg(project.path("pipe.json"))
        .status();
    assert!(made.is_ok_and(|status| status.success()));
    project.write("d/m.json", "{}");
    project.write("twice.json", r#"{"a": {"b": 1}, "a.b": 2}"#);
    project.write("one.json", "0.95");
    let output = project.run(&["metrics", "show"]);
    assert_eq!(output.stdout, "metric     value\none.json    0.95\n");
    let told = output.failure(1);
    for said in [
        "cannot read `pipe.json` of workspace\n  because it is a pipe, a socket or a device\n",
        "cannot read `d` of workspace\n  because it is a folder\n  hint: name the files in it\n",
        "`a.b` is two metrics: a key with dots, and keys within each other\n  in twice.json\n",
    ] {
        assert!(told.contains(said), "{told}");
    }
    project.remove("pipe.json");
    project.commit();
    project.write("one.json", "0.96");
    let text = project
        .run(&["metrics", "diff", "--targets", "one.json"])
        .data();
    assert!(text.contains("one.json   0.9500      0.9600"), "{text}");
}

#[test]
fn branches_tags_and_commits_have_a_block_each() {
    let project = branched();
    project.git(&["tag", "v1", "main"]);
    project.commit();
    let text = project.run(&["metrics", "show", "-a", "-T"]).data();
    assert_eq!(
        text,
        "workspace\nmetric     value\naccuracy    0.95\nloss         0.5\n\n\
         better\nmetric     value\naccuracy    0.95\nloss         0.5\n\n\
         main, v1\nmetric     value\naccuracy     0.9\nloss         0.5\n"
    );
    let json = project.run(&["metrics", "show", "-A", "--json"]).data();
    let value: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    let blocks = value.as_object().expect("blocks");
    assert_eq!(blocks.len(), 3);
    let tip = project.git(&["rev-parse", "--short=7", "main"]);
    assert_eq!(blocks[tip.trim()]["metrics.json"]["accuracy"], 0.9);
    let text = project.run(&["params", "show", "-a", "--md"]).data();
    assert!(
        text.contains("**main**\n\n| param | value |\n| --- | ---: |\n| lr | 0.1 |"),
        "{text}"
    );
}

#[test]
fn a_revision_that_cannot_be_read_does_not_hide_the_others() {
    let project = branched();
    project.write("pipeline.yaml", "stages: {x\n");
    project.commit();
    project.git(&["tag", "broken"]);
    project.git(&["checkout", "-q", "main"]);
    let output = project.run(&["metrics", "show", "-a"]);
    assert!(
        output
            .stdout
            .contains("main\nmetric     value\naccuracy     0.9\n"),
        "{}",
        output.stdout
    );
    let text = output.failure(1);
    assert!(
        text.contains("better, broken:pipeline.yaml") || text.contains("better:pipeline.yaml"),
        "{text}"
    );
}

#[test]
fn files_are_chosen_listed_or_not() {
    let project = Project::with("stages: {}\nmetrics: [m.json, sub/n.toml]\n");
    project.write("m.json", r#"{"a": 1}"#);
    project.write("sub/n.toml", "b = 2\n");
    project.write("other.yaml", "c: 3\n");
    project.commit();
    let show = |targets: &[&str]| {
        project
            .run(&[&["metrics", "show"], targets].concat())
            .data()
    };
    assert_eq!(show(&["sub"]), "metric   value\nb            2\n");
    assert_eq!(show(&["other.yaml"]), "metric   value\nc            3\n");
    project.write("m.json", r#"{"a": 9}"#);
    project.write("other.yaml", "c: 4\n");
    let text = project
        .run(&["metrics", "diff", "--targets", "other.yaml"])
        .data();
    assert!(
        text.contains("c        3           4   ▲ +1\n") && !text.contains('9'),
        "{text}"
    );
    let text = project
        .run(&["metrics", "diff", "--targets", "no.json"])
        .failure(2);
    assert!(
        text.contains("`no.json` is neither in HEAD nor in workspace"),
        "{text}"
    );
    let text = project.run(&["metrics", "show", "no.json"]).failure(1);
    assert!(
        text.contains("the metrics file `no.json` is not there"),
        "{text}"
    );
}

#[test]
fn params_are_shown_and_narrowed_to_what_stages_read() {
    let project = branched();
    assert_eq!(
        project.run(&["params", "show"]).data(),
        "param   value\nlr        0.1\nscore    0.95\nother       1\n"
    );
    project.edit("params.yaml", "other: 1", "other: 2");
    let text = project.run(&["params", "diff", "main"]).data();
    assert!(text.contains("other"), "{text}");
    let text = project.run(&["params", "diff", "main", "--deps"]).data();
    assert!(text.contains("score") && !text.contains("other"), "{text}");
}

#[test]
fn a_metric_that_the_cache_has_lost_changes_the_exit_code() {
    let project = Project::chain();
    project.edit(
        "pipeline.yaml",
        "[{metrics.json: {cache: false}}]",
        "[metrics.json]",
    );
    project.run(&["repro"]).success();
    project.commit();
    project.edit("params.yaml", "score: 0.9", "score: 0.8");
    project.run(&["repro"]).success();
    project.remove(".mlpipe/cache");
    let output = project.run(&["metrics", "diff", "main"]);
    assert!(output.stdout.contains("accuracy"), "{}", output.stdout);
    let text = output.failure(1);
    assert!(
        text.contains("the metrics file `metrics.json` of main is neither in git nor in the cache"),
        "{text}"
    );
}

#[test]
fn a_file_that_is_gone_changes_the_exit_code_of_a_diff() {
    let project = branched();
    project.write("pipeline.yaml", "stages: {}\nmetrics: [metrics.json]\n");
    project.remove("metrics.json");
    project.remove("data.lock");
    let output = project.run(&["metrics", "diff", "main"]);
    assert!(
        output.stdout.contains("accuracy    0.9           –"),
        "{}",
        output.stdout
    );
    let text = output.failure(1);
    assert!(
        text.contains("the metrics file `metrics.json` is not there"),
        "{text}"
    );
}

#[test]
fn a_file_without_metrics_is_told() {
    let project = Project::with("stages: {}\nmetrics: [a.json, b.json, c.json]\n");
    project.write("a.json", "{\"accuracy\": 0.9}");
    project.write("b.json", "{}");
    project.write("c.json", "{\"history\": [1, 2], \"best\": null}");
    let text = project.run(&["metrics", "show"]).success();
    for file in ["b.json", "c.json"] {
        let note = format!("note: the metrics file `{file}` has no metrics in it\n");
        assert!(text.contains(&note), "{text}");
    }
    assert!(!text.contains("a.json"), "{text}");
    let output = project.run(&["metrics", "show", "b.json"]);
    assert_eq!(output.data(), "no metrics\n");
    project.write("b.json", "");
    let text = project.run(&["metrics", "show", "b.json"]).success();
    assert!(text.contains("has no metrics in it"), "{text}");
}

#[test]
fn a_base_of_dvcs_is_read_as_dvc_has_it() {
    let project = Project::new();
    let cached = "{\"loss\": 0.5}\n";
    let md5 = "87a32a16c2a6db430dcbe56f0b0d75da";
    project.write(
        "dvc.yaml",
        "stages:\n  train:\n    cmd: 'true'\n    metrics: [{m.json: {cache: false}}, cached.json, gone.json]\n",
    );
    let out = |path: &str, md5: &str| {
        format!("    - {{path: {path}, hash: md5, md5: {md5}, size: 14}}\n")
    };
    project.write(
        "dvc.lock",
        &format!(
            "schema: '2.0'\nstages:\n  train:\n    cmd: 'true'\n    outs:\n{}{}",
            out("cached.json", md5),
            out("gone.json", &md5.replace('1', "2"))
        ),
    );
    let object = format!(".dvc/cache/files/md5/{}/{}", &md5[..2], &md5[2..]);
    project.write(&object, cached);
    project.write(".dvc/.gitignore", "/cache\n");
    project.write(".dvc/config", "[core]\n");
    project.write("m.json", "{\"accuracy\": 0.8}\n");
    project.commit();
    project.git(&["checkout", "-q", "-b", "here"]);
    project.git(&["mv", "dvc.yaml", "pipeline.yaml"]);
    project.git(&["rm", "-q", "dvc.lock"]);
    project.write("m.json", "{\"accuracy\": 0.9}\n");
    project.write("cached.json", "{\"loss\": 0.4}\n");
    project.write("gone.json", "{\"f1\": 0.4}\n");
    let output = project.run(&["metrics", "diff", "main"]);
    let (text, told) = (output.stdout.clone(), output.failure(1));
    assert!(
        text.contains("m.json        accuracy   0.8000      0.9000   ▲ +0.1000  better"),
        "{text}"
    );
    assert!(
        text.contains("cached.json   loss       0.5000      0.4000   ▼ −0.1000  better"),
        "{text}"
    );
    let note =
        "note: main has no data.lock: its metrics are read as its dvc.yaml and dvc.lock say\n";
    assert!(told.contains(note), "{told}");
    assert!(
        told.contains("`gone.json` of main is neither in git nor in the cache"),
        "{told}"
    );
}

#[test]
fn a_file_in_place_of_a_revision_is_told() {
    let project = Project::chain();
    project.run(&["repro"]).success();
    project.commit();
    let text = project.run(&["metrics", "diff", "metrics.json"]).failure(2);
    assert!(
        text.contains("there is no revision `metrics.json`"),
        "{text}"
    );
    assert!(
        text.contains("`--targets metrics.json` compares what it has"),
        "{text}"
    );
}
