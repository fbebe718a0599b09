//! `mlpipe status`: what would run and why, without touching anything.

use crate::support::Project;

#[test]
fn says_why_and_what_follows() {
    let project = Project::chain();
    assert_eq!(
        project.run(&["status"]).data(),
        "prep would run\n  first run\ntrain may run, since prep would\n  first run\n"
    );
    project.run(&["repro"]).success();
    assert_eq!(
        project.run(&["status"]).data(),
        "everything is up to date\n"
    );
    project.write("in.txt", "bye\n");
    project.edit("params.yaml", "lr: 0.1", "lr: 0.3");
    assert_eq!(
        project.run(&["status"]).data(),
        "prep would run\n  dep in.txt changed\ntrain may run, since prep would\n  param lr 0.1 → 0.3\n"
    );
    assert_eq!(
        project.run(&["status", "prep"]).data(),
        "prep would run\n  dep in.txt changed\n"
    );
}

#[test]
fn foresees_what_a_restored_stage_leaves_behind() {
    let project = Project::chain();
    project.run(&["repro"]).success();
    project.remove("mid.txt");
    assert_eq!(
        project.run(&["status"]).data(),
        "prep would be restored, without running\n  out mid.txt missing\n1 unchanged\n"
    );
    assert!(!project.exists("mid.txt"));
}

#[test]
fn the_exit_code_tells_when_asked() {
    let project = Project::chain();
    assert_eq!(project.run(&["status"]).code, Some(0));
    assert_eq!(project.run(&["status", "--exit-code"]).code, Some(1));
    project.run(&["repro"]).success();
    assert_eq!(project.run(&["status", "--exit-code"]).code, Some(0));
}

#[test]
fn json_has_a_forecast_for_each_stage() {
    let project = Project::chain();
    project.run(&["repro"]).success();
    project.edit("params.yaml", "lr: 0.1", "lr: 0.3");
    let text = project.run(&["status", "--json"]).data();
    let value: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(
        value,
        serde_json::json!([
            {"stage": "prep", "forecast": "unchanged"},
            {"stage": "train", "forecast": "run", "reasons": ["param lr 0.1 → 0.3"]},
        ])
    );
}

#[test]
fn describing_a_stage_anew_is_no_change() {
    let project = Project::chain();
    project.run(&["repro"]).success();
    project.edit(
        "pipeline.yaml",
        "  prep:\n",
        "  prep:\n    desc: makes it loud\n    meta: {owner: me}\n",
    );
    assert_eq!(
        project.run(&["status"]).data(),
        "everything is up to date\n"
    );
}

#[test]
fn explains_field_by_field_and_file_by_file() {
    let project = Project::with(
        "stages:\n  count: {cmd: 'ls data > n', deps: [data], params: [lr], outs: [n]}\n",
    );
    for (name, text) in [("data/a", "1"), ("data/b", "2"), ("data/sub/c", "3")] {
        project.write(name, text);
    }
    project.write("params.yaml", "lr: 0.1\n");
    project.run(&["repro"]).success();
    project.write("data/a", "changed");
    project.write("data/new", "4");
    project.remove("data/sub/c");
    project.write("params.yaml", "lr: 0.2\n");
    project.edit("pipeline.yaml", "ls data > n", "ls -1 data > n");
    let text = project.run(&["status", "--explain", "count"]).data();
    let (head, files) = text
        .split_once("  (4 files changed)\n")
        .unwrap_or_else(|| panic!("{text}"));
    assert!(
        head.starts_with(
            "count would run\n  command  `ls data > n` → `ls -1 data > n`\n  dep data  "
        ),
        "{text}"
    );
    assert_eq!(
        files,
        "      a      modified\n      new    added\n      sub    added\n      sub/c  deleted\n  param lr  0.1 → 0.2\n"
    );
}
