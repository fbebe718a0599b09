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
    let commit = project.git(&["rev-parse", "--short=7", "main"]);
    let report = project.read("reports/report.md");
    let time = report
        .split("| param score 0.9 → 0.95 | ")
        .nth(1)
        .expect("has the reason");
    let time = time.split(" |").next().expect("has a time");
    assert_eq!(
        report.replace(time, "[time]"),
        format!(
            "### accuracy 0.9000 → 0.9500 (+5.00 pp)\n\
             \n\
             | metric | main | here | change |\n\
             |---|---:|---:|---|\n\
             | accuracy | 0.9000 | 0.9500 | ▲ +0.0500 better |\n\
             \n\
             1 unchanged.\n\
             \n\
             **Params changed**\n\
             \n\
             | param | main | here |\n\
             |---|---|---|\n\
             | score | 0.9 | 0.95 |\n\
             \n\
             **Stages**\n\
             \n\
             | stage | outcome | why | time |\n\
             |---|---|---|---:|\n\
             | prep | unchanged |  |  |\n\
             | train | ran | param score 0.9 → 0.95 | [time] |\n\
             \n\
             mlpipe · base main @ {commit}"
        )
    );
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
    let table = "**Test set** (rows: actual, columns: predicted)\n\n| | cat | dog |\n|---|---:|---:|\n\
                 | **cat** | **5** | 2 |\n| **dog** | · | **7** |\n";
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
    let text = project
        .run(&["report", "--template", "own.md", "--out", "-"])
        .failure(1);
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
        text.contains("Note: there is no revision main to compare with"),
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
    let text = project.run(&["repro"]).failure(2);
    assert!(
        text.contains("1 ran, 1 unchanged in [time] · data.lock updated"),
        "{text}"
    );
    assert!(
        text.contains("the template `gone.md` does not exist"),
        "{text}"
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
