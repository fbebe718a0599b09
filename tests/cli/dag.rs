//! `mlpipe dag`.

use crate::support::Project;

const DIAMOND: &str = "\
stages:
  last: {cmd: x, deps: [b, c], outs: [d]}
  one: {cmd: x, deps: [a], outs: [b]}
  two: {cmd: x, deps: [a], outs: [c]}
  first: {cmd: x, outs: [a]}
";

#[test]
fn the_tree_names_every_stage_once() {
    let project = Project::with(DIAMOND);
    assert_eq!(
        project.run(&["dag"]).data(),
        "first\n├─ one\n└─ two\n   └─ last  (and one)\n"
    );
    assert_eq!(project.run(&["dag", "one"]).data(), "first\n└─ one\n");
}

#[test]
fn dot_and_mermaid_have_all_edges() {
    let project = Project::with(DIAMOND);
    let dot = project.run(&["dag", "--dot"]).data();
    assert!(dot.starts_with("strict digraph {\n  \"first\";\n"), "{dot}");
    assert!(dot.contains("  \"one\" -> \"last\";\n"), "{dot}");
    let mermaid = project.run(&["dag", "--mermaid", "--md"]).data();
    assert!(
        mermaid.starts_with("```mermaid\nflowchart TD\n  s3[\"first\"]\n"),
        "{mermaid}"
    );
    assert!(mermaid.ends_with("  s2 --> s0\n```\n"), "{mermaid}");
}
