//! `mlpipe freeze` and `mlpipe unfreeze`.

use crate::support::Project;

const TEXT: &str = "\
stages:
  a: # one
    cmd: x

  b: {cmd: y}
  each:
    foreach: [1, 2]
    do:
      cmd: z ${item}
  every:
    matrix: {n: [1]}
    cmd: z ${item.n}
";

#[test]
fn stages_and_groups_are_frozen_and_let_go_again() {
    let project = Project::with(TEXT);
    let text = project
        .run(&["freeze", "a", "b", "each", "every"])
        .success();
    assert_eq!(text, "froze a\nfroze b\nfroze each\nfroze every\n");
    let frozen = TEXT
        .replace("    cmd: x\n", "    cmd: x\n    frozen: true\n")
        .replace("{cmd: y}", "{cmd: y, frozen: true}")
        .replace("cmd: z ${item}\n", "cmd: z ${item}\n      frozen: true\n")
        .replace("${item.n}\n", "${item.n}\n    frozen: true\n");
    assert_eq!(project.read("pipeline.yaml"), frozen);
    let text = project.run(&["freeze", "a"]).success();
    assert_eq!(text, "frozen already: a\n");
    project.run(&["unfreeze", "pipeline.yaml"]).success();
    assert_eq!(project.read("pipeline.yaml"), TEXT);
}

#[test]
fn stages_of_the_folder_that_one_is_in_come_first() {
    let project = Project::with(TEXT);
    project.write("sub/pipeline.yaml", TEXT);
    let text = project.run(&["--cd", "sub", "freeze", "a"]).success();
    assert_eq!(text, "froze sub/pipeline.yaml:a\n");
    assert_eq!(project.read("pipeline.yaml"), TEXT);
    let text = project.run(&["--cd", "sub", "unfreeze", "a"]).success();
    assert_eq!(text, "unfroze sub/pipeline.yaml:a\n");
    assert_eq!(project.read("sub/pipeline.yaml"), TEXT);
    let text = project.run(&["--cd", "sub", "freeze", "each@1"]).failure(1);
    assert!(text.contains("`sub/pipeline.yaml:each`"), "{text}");
    let text = project.run(&["--cd", "sub", "remove", "b"]).success();
    assert_eq!(text, "removed sub/pipeline.yaml:b\n");
    project.write("sub/pipeline.yaml", "stages: {c: {cmd: x}}\n");
    let text = project.run(&["--cd", "sub", "remove", "b"]).success();
    assert_eq!(
        text, "removed b\n",
        "as seen from the root where the folder has none"
    );
}

#[test]
fn a_stage_of_a_group_is_not_frozen_alone() {
    let project = Project::with(TEXT);
    for (item, group) in [("each@1", "each"), ("every@1", "every")] {
        let text = project.run(&["freeze", "a", item]).failure(1);
        let message = format!("`{item}` is one of the stages of `{group}`");
        assert!(text.contains(&message), "{text}");
        assert!(
            text.contains(&format!("name the whole group, `{group}`")),
            "{text}"
        );
    }
    let text = project.run(&["freeze", "eahc"]).failure(1);
    assert!(text.contains("did you mean `each`?"), "{text}");
    assert_eq!(project.read("pipeline.yaml"), TEXT);
}

#[test]
fn what_an_anchor_brings_is_refused_with_its_place() {
    let text = "stages:\n  a: &a {cmd: x}\n  b: *a\n  c: {<<: *a, frozen: true}\n";
    let project = Project::with(text);
    for stage in ["a", "b"] {
        let message = project.run(&["freeze", stage]).failure(1);
        assert!(
            message.contains(&format!("cannot edit `stages.{stage}.frozen` here")),
            "{message}"
        );
        assert!(message.contains("pipeline.yaml:"), "{message}");
    }
    project.run(&["unfreeze", "c"]).success();
    assert_eq!(
        project.read("pipeline.yaml"),
        text.replace(", frozen: true", "")
    );
}

#[test]
fn edits_at_the_same_time_all_arrive() {
    let names = ["a", "b", "c", "d", "e", "f"];
    let stages = names.map(|name| format!("  {name}: {{cmd: 'true', deps: [in]}}\n"));
    let project = Project::with(&format!("stages:\n{}", stages.concat()));
    project.write("in", "1");
    project.run(&["repro"]).success();
    let editors = names.map(|name| project.spawn(&["freeze", name]));
    for mut editor in editors {
        assert!(editor.wait().expect("ends").success());
    }
    assert_eq!(
        project
            .read("pipeline.yaml")
            .matches("frozen: true")
            .count(),
        6
    );
}
