//! `mlpipe report`, and the report that `repro` ends with.

use crate::support::Project;

/// The chain with a report, committed on main, and a branch with other parameters.
fn reported() -> Project {
    let project = Project::chain();
    let pipeline = project.read("pipeline.yaml") + "report:\n  base: main\n";
    project.write("pipeline.yaml", &pipeline);
    project.write(".gitignore", "/reports/report.md\n");
    project.run(&["repro"]).success();
    project.commit();
    project.git(&["checkout", "-q", "-b", "branch"]);
    project.edit("params.yaml", "score: 0.9", "score: 0.95");
    project
}

#[test]
fn repro_ends_with_the_report_that_the_pipeline_asks_for() {
    let project = reported();
    let text = project.run(&["repro", "-j1"]).success();
    let wanted = "  accuracy 0.9000 → 0.9500 (+5.00 pp) against main · reports/report.md\n";
    assert!(text.ends_with(wanted), "{text}");
    assert_eq!(
        project.read("reports/report.md"),
        project.run(&["report", "--out", "-"]).data()
    );
}

/// Takes away what keeps text from being markdown.
fn unescaped(text: &str) -> String {
    text.replace(['\u{200b}', '\\'], "")
}

/// A classifier with predictions, gates, data and code; on a branch it is another model.
fn reviewed() -> Project {
    let project = Project::new();
    project.write(
        "pipeline.yaml",
        "stages:
  train:
    cmd: sh train.sh
    deps: [train.sh, models, data.csv]
    params: [model]
    outs: [predictions.csv, net.safetensors]
    metrics: [{metrics.json: {cache: false}}]
    plots: [{pairs.csv: {cache: false, template: confusion, x: actual, y: predicted, title: Test set}}]
  tell:
    cmd: wc -l < predictions.csv > lines.txt
    deps: [predictions.csv]
    outs: [lines.txt]
predictions:
  predictions.csv:
gates:
  accuracy: [{min: 0.5}, {max_drop: 0.01, confidence: 0.95}]
  size: {max: 10, level: warn}
report: {base: main}
",
    );
    project.write("params.yaml", "model: a\nseed: 1\n");
    project.write(
        "train.sh",
        "model=$(sed -n 's/model: //p' params.yaml)
cp models/$model.csv predictions.csv
cp models/$model.csv pairs.csv
cp models/$model.json metrics.json
cp models/$model.net net.safetensors
",
    );
    project.write("data.csv", "x\n1\n2\n");
    for (name, mistakes, size) in [("a", 3_u16, 8), ("b", 12, 11)] {
        project.write(&format!("models/{name}.csv"), &predictions(mistakes));
        let right = f64::from(40 - mistakes) / 40.0;
        let metrics = format!("{{\"accuracy\": {right}, \"size\": {size}, \"same\": 1}}\n");
        project.write(&format!("models/{name}.json"), &metrics);
        let header =
            format!("{{\"w\":{{\"dtype\":\"F32\",\"shape\":[{size},2],\"data_offsets\":[0,0]}}}}");
        let mut net = (header.len() as u64).to_le_bytes().to_vec();
        net.extend(header.bytes());
        std::fs::write(project.path(&format!("models/{name}.net")), net).expect("writes");
    }
    project.run(&["repro"]).success();
    project.commit();
    project.git(&["checkout", "-q", "-b", "branch"]);
    project
}

/// Forty examples, so many of which are taken for another class.
fn predictions(mistakes: u16) -> String {
    let row = |id: u16| {
        let actual = if id.is_multiple_of(2) { "cat" } else { "dog" };
        let predicted = if id < mistakes { "eel" } else { actual };
        format!("{id},{actual},{predicted}\n")
    };
    let rows: String = (0..40).map(row).collect();
    format!("id,actual,predicted\n{rows}")
}

/// Takes another model, more data and a longer script.
fn tuned(project: &Project) {
    project.edit("params.yaml", "model: a", "model: b");
    project.write("data.csv", "x\n1\n2\n3\n");
    let script = project.read("train.sh") + "true\n";
    project.write("train.sh", &script);
    project.run(&["repro", "-j1"]).success();
}

/// The report without what differs from run to run.
fn redacted(project: &Project, forge: &str) -> String {
    let text = project
        .run(&["report", "--forge", forge, "--out", "-"])
        .data();
    let commit = project.git(&["rev-parse", "--short=7", "main"]);
    let text = text.replace(commit.trim(), "[commit]");
    let without_time = |line: &str| match line.rsplit_once(" | ") {
        Some((row, time))
            if time.starts_with(|c: char| c.is_ascii_digit()) && time.ends_with("s |") =>
        {
            format!("{row} | [time] |\n")
        }
        _ => format!("{line}\n"),
    };
    text.lines().map(without_time).collect()
}

#[test]
fn each_forge_gets_what_it_shows() {
    let project = reviewed();
    tuned(&project);
    let github = redacted(&project, "github");
    insta::assert_snapshot!("report_github", github);
    assert_eq!(redacted(&project, "gitlab"), github);
    assert_eq!(redacted(&project, "gitea"), github);
    insta::assert_snapshot!("report_bitbucket", redacted(&project, "bitbucket"));
}

#[test]
fn the_page_needs_nothing_else_and_hides_nothing() {
    let project = reviewed();
    tuned(&project);
    project.run(&["report", "--out", "report.html"]).success();
    let page = project.read("report.html");
    for wanted in [
        "<header class=\"fail\">",
        "<h1>accuracy 0.9250 → 0.7000",
        "<svg class=\"graph\"",
        "<article id=\"stage-0\">",
        "data-id=\"pairs.csv\"",
        "data <code>data.csv</code>",
    ] {
        assert!(page.contains(wanted), "no {wanted} in {page}");
    }
    assert!(!page.contains("src=\"http"), "{page}");
}

#[test]
fn the_commit_is_named_only_where_it_is_what_ran() {
    let project = reviewed();
    tuned(&project);
    let head = |project: &Project| {
        let text = project.run(&["report", "--forge", "github", "--out", "-"]);
        text.data().contains("Reproduce: `git switch --detach")
    };
    assert!(!head(&project), "params are not committed");
    project.git(&["commit", "-q", "-am", "tune"]);
    assert!(head(&project));
    project.write("metrics.json", "{}");
    assert!(
        head(&project),
        "what a stage makes is not what people write"
    );
}

#[test]
fn a_long_report_loses_its_least_important_parts_and_says_so() {
    let project = reviewed();
    let keys = (0..2000).fold(String::new(), |keys, key| {
        keys + &format!("a_rather_long_name_of_a_param_{key}: 1\n")
    });
    project.write("params.yaml", &format!("model: b\nseed: 1\n{keys}"));
    project.run(&["repro"]).success();
    for (forge, most) in [("github", 60_000), ("bitbucket", 31_000)] {
        let text = project
            .run(&["report", "--forge", forge, "--out", "-"])
            .data();
        let length = text.chars().count();
        assert!(length <= most, "{forge}: {length}");
        // No more went than had to.
        assert!(length > most - 500, "{forge}: {length}");
        assert!(
            text.contains("Stages: 2 ran") || text.contains("**Stages**: "),
            "{text}"
        );
        assert!(
            text.starts_with("### ❌ accuracy 0.9250 → 0.7000"),
            "{text}"
        );
        assert!(text.contains("Left out to fit into a comment: "), "{text}");
        assert!(text.contains("most params"), "{text}");
    }
    let whole = project
        .run(&["report", "--forge", "gitlab", "--out", "-"])
        .data();
    assert!(whole.contains("param\\_1999"), "GitLab has room for all");
}

#[test]
fn one_part_of_the_report_can_be_replaced() {
    let project = reviewed();
    tuned(&project);
    project.write(
        "reports/templates/metrics.md",
        "{% for row in metrics %}{{ row.key }} is {{ row.new }}. {% endfor %}\n",
    );
    let text = project.run(&["report", "--out", "-"]).data();
    assert!(text.contains("accuracy is 0.7000. size is 11.\n"), "{text}");
    assert!(text.starts_with("### ❌ accuracy"), "{text}");
    project.write("reports/templates/metrics.md", "\n{{ rows }}\n");
    let output = project.run(&["report", "--out", "-"]);
    let (report, told) = (unescaped(&output.stdout), output.failure(1));
    assert!(told.contains("reports/templates/metrics.md:2:"), "{told}");
    // Ours stands in for it, and a note says so.
    assert!(report.starts_with("### ❌ accuracy"), "{report}");
    assert!(
        report.contains("| accuracy | 0.9250 | 0.7000 |"),
        "{report}"
    );
    let note = "> reports/templates/metrics.md:2:4: ";
    assert!(report.contains(note), "{report}");
    assert!(report.contains("our own template stands in"), "{report}");
}

#[test]
fn every_wrong_template_is_told_and_the_right_ones_are_used() {
    let project = reviewed();
    tuned(&project);
    let template = |name: &str, text: &str| {
        project.write(&format!("reports/templates/{name}"), text);
    };
    template("stages.md", "my stages\n");
    template("gates.md", "{% include \"mine.md\" %}\n");
    template(
        "mine.md",
        "{% for gate in gates %}{{ gate.nope }}{% endfor %}\n",
    );
    template("metrics.md", "one\n{{ headline | shuot }}\n");
    template("changes.md", "{% if %}\n");
    template("charts.md", "{% include \"report.md\" %}\n");
    let output = project.run(&["report", "--out", "-"]);
    let (report, told) = (unescaped(&output.stdout), output.failure(1));
    for place in [
        "mine.md:1:",
        "metrics.md:2:15",
        "changes.md:1:",
        "charts.md",
    ] {
        assert!(told.contains(place), "{place}: {told}");
        assert!(
            report.contains(&format!("> reports/templates/{place}")),
            "{place}: {report}"
        );
    }
    assert!(report.contains("\nmy stages\n"), "{report}");
    assert!(report.contains("| gate | limit |"), "{report}");
    assert!(report.contains("| metric | "), "{report}");
}

#[test]
fn a_mistake_in_a_template_is_told_before_the_run() {
    let project = reported();
    project.run(&["repro"]).success();
    project.write("reports/templates/metrics.md", "{% if %}\n");
    project.edit("params.yaml", "0.95", "0.96");
    let text = project.run(&["repro"]).failure(1);
    let told = text.find("reports/templates/metrics.md:1:").expect("told");
    assert!(told < text.find("train").expect("the run"), "{text}");
    let report = unescaped(&project.read("reports/report.md"));
    assert!(
        report.contains("> reports/templates/metrics.md:1:"),
        "{report}"
    );
    assert!(
        report.contains("| accuracy | 0.9000 | 0.9600 |"),
        "{report}"
    );
}

#[test]
fn a_base_that_is_broken_is_a_note_and_the_rest_still_comes() {
    let project = reviewed();
    project.git(&["checkout", "-q", "-b", "broken"]);
    project.write("data.lock", "schema: [\n");
    project.git(&["commit", "-q", "-am", "break the lock"]);
    let broken = project.git(&["rev-parse", "HEAD"]);
    project.git(&["checkout", "-q", "branch"]);
    tuned(&project);
    let text = project.run(&["report", "--base", broken.trim(), "--out", "-"]);
    let text = text.data();
    assert!(text.contains("the base cannot be read"), "{text}");
    assert!(text.contains("accuracy 0.7"), "{text}");
}

#[test]
fn the_last_runs_are_a_sparkline() {
    let project = reviewed();
    project.git(&["checkout", "-q", "main"]);
    for accuracy in ["0.5", "0.7", "0.9"] {
        project.write(
            "models/a.json",
            &format!("{{\"accuracy\": {accuracy}, \"size\": 8, \"same\": 1}}\n"),
        );
        project.run(&["repro"]).success();
        project.commit();
    }
    project.git(&["checkout", "-q", "-b", "next"]);
    let text = project.run(&["report", "--out", "-"]).data();
    assert!(text.contains("Last runs on main: accuracy █▁▄█"), "{text}");
    assert!(text.contains("  line [0.925, 0.5, 0.7, 0.9]\n"), "{text}");
}

#[test]
fn a_confusion_plot_becomes_a_table() {
    let project = reported();
    project.write(
        "c.csv",
        "actual,predicted,count\ncat,cat,5\ncat,dog,2\ndog,dog,7\n",
    );
    project.edit(
        "pipeline.yaml",
        "report:\n",
        "  plot:\n    cmd: cp c.csv confusion.csv\n    plots:\n      - confusion.csv: {template: confusion, x: actual, y: predicted, title: Test set}\n\
         report:\n",
    );
    project.run(&["repro"]).success();
    let report = project.read("reports/report.md");
    let table = "<details><summary>Test set: most confused cat → dog (2)</summary>\n\n\
                 Most confused: cat → dog (2)\n\nRows: actual, columns: predicted\n\n\
                 | | cat | dog |\n|---|---:|---:|\n| **cat** | **5** | 2 |\n| **dog** | · | **7** |\n\n\
                 | class | precision | recall | F1 | change | examples |\n|---|---:|---:|---:|---:|---:|\n\
                 | cat | 1.0000 | 0.7143 | 0.8333 |  | 7 |\n";
    assert!(report.contains(table), "{report}");
}

#[test]
fn the_users_template_is_used_and_its_mistakes_have_places() {
    let project = reported();
    project.run(&["repro"]).success();
    project.write(
        "own.md",
        "{% for row in metrics %}{{ row.key }}: {{ row.new }}{% endfor %}\n",
    );
    let text = project
        .run(&["report", "--template", "own.md", "--out", "-"])
        .data();
    assert_eq!(text, "accuracy: 0.9500\n");
    project.write("own.md", "fine\n{{ rows.nope }}\n");
    let output = project.run(&["report", "--template", "own.md", "--out", "-"]);
    let report = unescaped(&output.stdout);
    assert!(report.contains("> own.md:2:"), "{report}");
    let text = output.failure(1);
    assert!(text.contains("own.md:2:"), "{text}");
    let text = project.run(&["report", "--template", "gone.md"]).failure(2);
    assert!(
        text.contains("the template `gone.md` does not exist"),
        "{text}"
    );
}

#[test]
fn the_data_comes_as_json() {
    let project = reported();
    project.run(&["repro"]).success();
    let text = project.run(&["report", "--json"]).data();
    let value: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(value["headline"], "accuracy 0.9000 → 0.9500 (+5.00 pp)");
    assert_eq!(value["params"][0]["key"], "score");
}

#[test]
fn a_default_base_that_is_not_there_is_a_note_and_a_named_one_an_error() {
    let project = reported();
    project.run(&["repro"]).success();
    project.git(&["branch", "-q", "-D", "main"]);
    let text = project.run(&["report", "--out", "-"]).data();
    assert!(
        text.contains("> there is no revision main to compare with"),
        "{text}"
    );
    assert!(text.starts_with("### accuracy 0.95\n"), "{text}");
    let text = project.run(&["report", "--base", "main"]).failure(1);
    assert!(text.contains("there is no revision `main`"), "{text}");
}

#[test]
fn hostile_names_stay_text() {
    let project = reported();
    project.edit(
        "pipeline.yaml",
        "report:\n",
        "  evil:\n    cmd: 'echo \"{\\\"a|<img src=x> @everyone\\\": 1}\" > evil.json'\n    metrics: [{evil.json: {cache: false}}]\n\
         report:\n",
    );
    project.run(&["repro"]).success();
    let report = project.read("reports/report.md");
    assert!(
        report.contains("| a\\|&lt;img src=x&gt; @\u{200b}everyone | – | 1 |"),
        "{report}"
    );
}

#[test]
fn a_report_that_fails_does_not_hide_how_the_run_went() {
    let project = reported();
    project.edit("pipeline.yaml", "base: main", "template: gone.md");
    let text = project.run(&["repro"]).failure(1);
    assert!(
        text.contains("1 ran, 1 unchanged in [time] · data.lock updated"),
        "{text}"
    );
    let message = "the template `gone.md` does not exist";
    assert!(text.contains(message), "{text}");
    let report = unescaped(&project.read("reports/report.md"));
    assert!(
        report.contains(message) && report.starts_with("### accuracy"),
        "{report}"
    );
}

#[test]
fn paths_are_meant_from_where_one_stands() {
    let project = reported();
    project.run(&["repro"]).success();
    project.write("docs/x", "");
    let text = project
        .run(&["--cd", "docs", "report", "--out", "here.md"])
        .data();
    assert!(text.contains("wrote docs/here.md"), "{text}");
    assert!(project.exists("docs/here.md"));
}

#[test]
fn a_page_without_a_name_goes_beside_the_markdown() {
    let project = reviewed();
    tuned(&project);
    project.write("own.md", "own words\n");
    project.edit(
        "pipeline.yaml",
        "report: {base: main}",
        "report: {base: main, template: own.md}",
    );
    project.run(&["report", "--html"]).success();
    let page = project.read("reports/report.html");
    // A template of markdown is none of a page.
    assert!(page.contains("<h1>accuracy"), "{page}");
    project.run(&["report"]).success();
    assert_eq!(project.read("reports/report.md"), "own words\n");
}

#[test]
fn what_cannot_be_written_to_or_read_from_is_told() {
    let project = reviewed();
    tuned(&project);
    let text = project.run(&["report", "--out", "."]).failure(2);
    assert!(text.starts_with("error: `.` is a folder\n"), "{text}");
    project.write("h.jsonl", "{\"schema\": 1}\n{bad\n");
    let told = |project: &Project| project.run(&["report", "--history", "h.jsonl"]).failure(1);
    let text = told(&project);
    let said = "error: no entry of a history: missing field `path`\n";
    assert!(
        text.starts_with(said) && text.contains("[h.jsonl:1:"),
        "{text}"
    );
    project.edit("h.jsonl", "{\"schema\": 1}\n", "\n");
    let text = told(&project);
    let said = "error: no entry of a history: not JSON: key must be a string\n";
    assert!(
        text.starts_with(said) && text.contains("[h.jsonl:2:2]"),
        "{text}"
    );
    let template = project.path("own.md");
    std::fs::write(template, b"a\nb\xff").expect("writes");
    let text = project.run(&["report", "--template", "own.md"]).failure(1);
    let said = "error: the file is not UTF-8 text (line 2)\n  in own.md\n";
    assert!(text.starts_with(said), "{text}");
}

#[test]
fn a_page_is_no_markdown_of_a_forge() {
    let project = reviewed();
    tuned(&project);
    project.write("own.html", "own words\n");
    project.edit(
        "pipeline.yaml",
        "report: {base: main}",
        "report: {base: main, path: reports/report.html, template: own.html}",
    );
    for arguments in [
        &["report", "--forge", "gitlab", "--out", "r.html"][..],
        &["report", "--forge", "gitlab"],
    ] {
        let text = project.run(arguments).failure(2);
        assert!(
            text.contains("`--forge` asks for markdown, and `r"),
            "{text}"
        );
    }
    // Markdown is not written by a page's template.
    let text = project.run(&["report", "--out", "-"]).data();
    assert!(text.contains("### "), "{text}");
    assert!(!text.contains("own words"), "{text}");
    project.run(&["report"]).success();
    assert_eq!(project.read("reports/report.html"), "own words\n");
}

#[test]
fn code_beside_an_out_is_compared_without_it() {
    let project = Project::new();
    project.write(
        "pipeline.yaml",
        "stages:
  make:
    cmd: date +%N > src/made.py
    always_changed: true
    outs: [src/made.py]
  use:
    cmd: cp src/a.py out
    deps: [src]
    outs: [out]
",
    );
    project.write("src/a.py", "one\n");
    project.run(&["repro"]).success();
    project.commit();
    project.git(&["checkout", "-q", "-b", "branch"]);
    project.write("src/a.py", "one\ntwo\n");
    project.run(&["repro"]).success();
    let text = project.run(&["report", "--out", "-"]).data();
    assert!(
        text.contains("- stage use:\n    - src/a.py +1 −0\n"),
        "{text}"
    );
}

#[test]
fn a_named_base_needs_no_main() {
    let project = reviewed();
    tuned(&project);
    project.git(&["branch", "-q", "-m", "main", "trunk"]);
    let text = project.run(&["report", "--base", "trunk", "--out", "-"]);
    let text = text.data();
    assert!(!text.contains("[!WARNING]"), "{text}");
    assert!(text.contains("base trunk @"), "{text}");
}

#[test]
fn a_value_without_end_leaves_room_for_the_rest() {
    let project = reviewed();
    let long = "x".repeat(70_000);
    project.write("params.yaml", &format!("model: b\nseed: {long}\n"));
    project.run(&["repro"]).success();
    let text = project
        .run(&["report", "--forge", "github", "--out", "-"])
        .data();
    assert!(text.contains("x…"), "{text}");
    assert!(text.contains("Reproduce: "), "{text}");
}

#[test]
fn a_run_of_another_branch_is_not_told_of() {
    let project = reviewed();
    tuned(&project);
    project.commit();
    let text = project.run(&["report", "--out", "-"]).data();
    assert!(text.contains("| train | ran |"), "{text}");
    project.git(&["checkout", "-q", "main"]);
    project.run(&["checkout"]).success();
    let text = project.run(&["report", "--out", "-"]).data();
    assert!(!text.contains("| train | ran |"), "{text}");
    assert!(!text.contains("would run"), "{text}");
}
