//! The confusion matrices of a report: counted from the plots' files, whatever their form.

use serde_json::{Value, json};

use crate::support::Project;

/// The report's JSON of a project with these plots.
fn report(plots: &str, files: &[(&str, &str)]) -> Value {
    let project = Project::with(&format!("stages: {{}}\nplots:\n{plots}"));
    for (name, text) in files {
        project.write(name, text);
    }
    json_of(&project)
}

fn json_of(project: &Project) -> Value {
    project.commit();
    let text = project.run(&["report", "--json"]).data();
    serde_json::from_str(&text).expect("JSON")
}

/// The counts of the first matrix, a row for each actual class.
fn counts(report: &Value) -> Vec<Value> {
    let rows = report["confusions"][0]["rows"].as_array();
    let rows = rows.unwrap_or_else(|| panic!("{report:#}"));
    rows.iter().map(|row| row["counts"].clone()).collect()
}

#[test]
fn every_form_of_a_plot_has_the_same_matrix() {
    let wanted = [json!([1, 2]), json!([0, 1])];
    let csv = "actual,predicted\ncat,cat\ncat,dog\ncat,dog\ndog,dog\n";
    let other = csv.replace("actual,predicted", "truth,pred");
    let bare = csv.replace("actual,predicted\n", "");
    let lines = "{\"actual\": \"cat\", \"predicted\": \"cat\"}\n\
                 {\"actual\": \"cat\", \"predicted\": \"dog\", \"count\": 2}\n\
                 {\"actual\": \"dog\", \"predicted\": \"dog\", \"count\": 1}\n";
    let weighted = lines.replacen('}', ", \"count\": 1}", 1);
    // As pandas writes a column that has had gaps.
    let floats = weighted.replace("\"count\": 2", "\"count\": 2.0");
    let (left, right) = (
        "label\ncat\ncat\ncat\ndog\n",
        "answer\ncat\ndog\ndog\ndog\n",
    );
    for (name, form, text) in [
        ("c.csv", "x: actual, y: predicted", csv),
        ("c.csv", "x: predicted, y: actual", csv),
        ("c.csv", "y: actual", csv),
        ("c.csv", "title: Classes", csv),
        ("c.csv", "x: pred, y: truth", &other),
        ("c.csv", "x: truth, y: pred", &other),
        ("c.csv", "x: '0', y: '1', header: false", &bare),
        ("c.jsonl", "x: actual, y: predicted", &weighted),
        ("c.jsonl", "x: actual, y: predicted", &floats),
        ("right.csv", "x: {left.csv: label}, y: answer", right),
        ("left.csv", "x: {right.csv: answer}, y: label", left),
    ] {
        let plot = format!("  - {name}: {{template: confusion, {form}}}\n");
        let files = [("left.csv", left), ("right.csv", right), (name, text)];
        assert_eq!(counts(&report(&plot, &files)), wanted, "{name} {form}");
    }
}

#[test]
fn two_plots_of_the_same_columns_are_one_table() {
    let plots = "  - c.csv: {template: confusion, x: actual, y: predicted, title: Classes}\n  \
                   - shares: {y: {c.csv: actual}, x: predicted, template: confusion_normalized}\n  \
                   - other: {y: {c.csv: second}, x: actual, template: confusion}\n";
    let csv = "actual,predicted,second\ncat,cat,dog\ndog,cat,dog\n";
    let report = report(plots, &[("c.csv", csv)]);
    let tables = report["confusions"].as_array().expect("tables");
    let titles: Vec<_> = tables.iter().map(|table| &table["title"]).collect();
    assert_eq!(titles, ["Classes", "c.csv"], "{report:#}");
}

#[test]
fn what_cannot_be_counted_is_noted_and_hides_nothing() {
    let plots = [
        "folder",
        "latin.csv",
        "many.csv",
        "part.csv",
        "gap.csv",
        "none.csv",
        "fine.csv",
    ];
    let plot = |name| format!("  - {name}: {{template: confusion}}\n");
    let plots: String = plots.map(plot).concat();
    let project = Project::with(&format!("stages: {{}}\nplots:\n{plots}"));
    let header = "actual,predicted,count\n";
    project.write("folder/a.csv", header);
    std::fs::write(project.path("latin.csv"), b"actual,predicted\n\xe9,a\n").expect("writes");
    project.write("many.csv", &format!("{header}a,a,{}\na,b,2\n", u64::MAX));
    project.write("gap.csv", &format!("{header}a,a,1\na,b,\n"));
    project.write("part.csv", &format!("{header}a,a,1.5\n"));
    project.write("none.csv", "truth,predicted\na,a\n");
    project.write("fine.csv", &format!("{header}a,b,3\n"));
    let report = json_of(&project);
    assert_eq!(counts(&report), [json!([0, 3]), json!([0, 0])]);
    let notes = report["notes"].to_string();
    for note in [
        "no confusion of `folder`: ",
        "no confusion of `latin.csv`: the file is not UTF-8",
        "no confusion of `many.csv`: its counts add up to more than can be counted",
        "no confusion of `part.csv`: `count` is no whole number: `1.5`",
        "no confusion of `gap.csv`: `count` in row 2 is missing",
        "no confusion of `none.csv`: there is no column `actual`",
    ] {
        assert!(notes.contains(note), "{note}: {notes}");
    }
}
