//! `mlpipe move`.

use crate::support::Project;

/// Commands that write to where they are told, so that a move needs no rerun.
const PIPELINE: &str = "\
stages:
  # makes it
  make:
    cmd: echo run >> runs.log; sh make.sh
    outs: [ 'data/raw' ]   # raw
  read:
    cmd: echo run >> runs.log; touch o
    deps:
      - data/raw
      - data/raw/x
    outs: [o]
";

fn project() -> Project {
    let project = Project::with(PIPELINE);
    project.write("make.sh", "d=$(cat where); mkdir -p $d; echo x > $d/x\n");
    project.write("where", "data/raw");
    project.write(
        "sub/pipeline.yaml",
        "stages:\n  far: {cmd: \"true\", deps: [../data/raw/x]}\n",
    );
    project.run(&["repro"]).success();
    project
}

#[test]
fn an_out_moves_with_all_that_names_it_and_nothing_reruns() {
    let project = project();
    let text = project.run(&["move", "data/raw", "in"]).success();
    assert_eq!(
        text,
        "moved data/raw to in, in pipeline.yaml, sub/pipeline.yaml as well\n"
    );
    let wanted = PIPELINE
        .replace("'data/raw'", "in")
        .replace("data/raw", "in");
    assert_eq!(project.read("pipeline.yaml"), wanted);
    assert!(project.read("sub/pipeline.yaml").contains("[../in/x]"));
    assert_eq!(project.read("in/x"), "x\n");
    assert!(!project.exists("data/raw") && !project.exists("data/.gitignore"));
    assert_eq!(
        project.read(".gitignore").lines().collect::<Vec<_>>(),
        ["/o", "/in"]
    );
    assert_eq!(
        project.run(&["status"]).data(),
        "everything is up to date\n"
    );
}

#[test]
fn a_folder_takes_the_out_in_and_flags_stay() {
    let project = Project::with(
        "stages:\n  a: {cmd: echo x > m.json, metrics: [m.json: {cache: false}]}\nmetrics: [m.json]\n",
    );
    project.run(&["repro"]).success();
    std::fs::create_dir(project.path("out")).expect("makes");
    let text = project.run(&["mv", "m.json", "out"]).success();
    assert!(
        text.contains("warning: the command of `a` still names `m.json` (pipeline.yaml:2:7)\n"),
        "{text}"
    );
    assert!(text.contains("still name `m.json`"), "{text}");
    assert!(
        project
            .read("pipeline.yaml")
            .contains("[out/m.json: {cache: false}]")
    );
    assert!(project.exists("out/m.json"));
}

#[test]
fn what_is_yet_to_be_made_moves_on_paper() {
    let project = Project::with("stages:\n  a: {cmd: sh make.sh, outs: [o]}\n");
    project.run(&["move", "o", "deep/er/"]).success();
    assert!(project.read("pipeline.yaml").contains("outs: [deep/er/o]"));
    assert!(!project.exists("deep"));
}

#[test]
fn what_cannot_move_stays_where_it_is() {
    let project = project();
    let mut text = project.run(&["move", "data/rwa", "in"]).failure(1);
    assert!(text.contains("did you mean `data/raw`?"), "{text}");
    text = project.run(&["move", "data/raw", "make.sh"]).failure(1);
    assert!(text.contains("`make.sh` exists already"), "{text}");
    text = project
        .run(&["move", "data/raw", "data/raw/deep"])
        .failure(1);
    assert!(text.contains("cannot be moved into itself"), "{text}");
    text = project.run(&["move", "data/raw", "o/deep"]).failure(1);
    assert!(text.contains("as a dep and as an out"), "{text}");
    text = project.run(&["move", "data/raw", "../in"]).failure(2);
    assert!(text.contains("outside the project"), "{text}");
    assert_eq!(project.read("pipeline.yaml"), PIPELINE);
    assert!(project.exists("data/raw/x"));

    let project = Project::with("stages: {g: {foreach: [a], do: {cmd: x, outs: ['m/${item}']}}}\n");
    text = project.run(&["move", "m/a", "n"]).failure(1);
    assert!(text.contains("this path comes from a template"), "{text}");
}

#[test]
fn what_git_tracks_is_no_place_to_move_to_even_if_it_is_deleted() {
    let project = Project::new();
    project.run(&["init"]).success();
    project.write("a.csv", "1\n");
    project.write("code", "2\n");
    project.run(&["add", "a.csv"]).success();
    project.commit();
    project.remove("code");
    let text = project.run(&["move", "a.csv", "code"]).failure(1);
    assert!(text.contains("git tracks `code`"), "{text}");
    assert!(text.contains("`git rm -r --cached code`"), "{text}");
    assert_eq!(project.read("a.csv"), "1\n");
}
