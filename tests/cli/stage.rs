//! `mlpipe stage add` and `mlpipe stage list`.

use crate::support::Project;

const COMMENTED: &str = "\
# how the model is made
stages:
  prep:   # first
    cmd: cp in.txt mid.txt
    deps: [ in.txt ]
    outs:
      - \"mid.txt\"

plots: []   # none yet
";

#[test]
fn a_first_stage_makes_the_file_and_runs() {
    let project = Project::new();
    project.run(&["init"]).data();
    project.write("in.txt", "x\n");
    project.write("params.yaml", "lr: 1\ntrain: {epochs: 2}\n");
    let text = project
        .run(&[
            "stage",
            "add",
            "-n",
            "train",
            "-d",
            "in.txt",
            "-o",
            "model",
            "-O",
            "log.txt",
            "-m",
            "m.json",
            "-M",
            "n.json",
            "-p",
            "lr,train.epochs",
            "--plots",
            "a.csv",
            "--plots-no-cache",
            "b.csv",
            "--outs-persist",
            "state",
            "--outs-persist-no-cache",
            "notes",
            "--desc",
            "makes it all",
            "--run",
            "touch model log.txt n.json a.csv b.csv state notes && echo {} | tee m.json > n.json",
        ])
        .success();
    assert!(text.starts_with("added train to pipeline.yaml\n"), "{text}");
    assert_eq!(
        project.read("pipeline.yaml"),
        "\
stages:
  train:
    desc: makes it all
    cmd: touch model log.txt n.json a.csv b.csv state notes && echo {} | tee m.json > n.json
    deps:
    - in.txt
    params:
    - lr
    - train.epochs
    outs:
    - model
    - log.txt:
        cache: false
    - state:
        persist: true
    - notes:
        cache: false
        persist: true
    metrics:
    - m.json
    - n.json:
        cache: false
    plots:
    - a.csv
    - b.csv:
        cache: false
"
    );
    assert_eq!(
        project.run(&["status"]).data(),
        "everything is up to date\n"
    );
}

#[test]
fn all_that_was_written_by_hand_stays() {
    let project = Project::with(COMMENTED);
    let args = [
        "stage",
        "add",
        "-n",
        "two",
        "-w",
        "sub",
        "--always-changed",
        "echo",
        "it's",
        "a  b",
    ];
    let text = project.run(&args).success();
    assert!(text.contains("next: `mlpipe repro two` runs it"), "{text}");
    let (head, tail) = COMMENTED.split_at(COMMENTED.find("\n\nplots").expect("there"));
    let added =
        "\n  two:\n    cmd: echo 'it'\"'\"'s' 'a  b'\n    wdir: sub\n    always_changed: true";
    assert_eq!(
        project.read("pipeline.yaml"),
        format!("{head}{added}{tail}")
    );
}

#[test]
fn what_would_not_load_is_not_written() {
    let project = Project::with(COMMENTED);
    let add = |args: &[&str], code| {
        let text = project
            .run(&[&["stage", "add"], args].concat())
            .failure(code);
        assert_eq!(project.read("pipeline.yaml"), COMMENTED);
        text
    };
    let text = add(&["-n", "a", "-d", "b", "-o", "mid.txt", "x"], 1);
    assert!(
        text.contains("`mid.txt` is an out of stage `prep` too"),
        "{text}"
    );
    let text = add(&["-n", "a", "-d", "mid.txt", "-o", "in.txt", "x"], 1);
    assert!(
        text.contains("the stages need each other in a cycle"),
        "{text}"
    );
    let text = add(&["-n", "a", "-o", "../out", "x"], 1);
    assert!(text.contains("`../out` lies outside the project"), "{text}");
    let text = add(&["-n", "a.b", "x"], 1);
    assert!(
        text.contains("`a.b` cannot be the name of a stage"),
        "{text}"
    );
    let text = add(&["-n", "prep", "x"], 1);
    assert!(
        text.contains("there is a stage `prep` in `pipeline.yaml` already"),
        "{text}"
    );
    assert!(text.contains("`--force` replaces it"), "{text}");
    let text = add(&["-n", "a"], 2);
    assert!(text.contains("<COMMAND>"), "{text}");
    project
        .run(&["stage", "add", "-f", "-n", "prep", "true"])
        .success();
    let wanted = "# how the model is made\nstages:\n  prep:   # first\n    cmd: 'true'\n\nplots: []   # none yet\n";
    assert_eq!(project.read("pipeline.yaml"), wanted);
}

#[test]
fn a_folder_has_a_file_of_its_own() {
    let project = Project::with(COMMENTED);
    project.write("old/dvc.yaml", "stages: {a: {cmd: x}}\n");
    let text = project
        .run(&["--cd", "old", "stage", "add", "-n", "b", "x"])
        .success();
    assert!(
        text.starts_with("added old/dvc.yaml:b to old/dvc.yaml\n"),
        "{text}"
    );
    assert_eq!(
        project.read("old/dvc.yaml"),
        "stages: {a: {cmd: x}, b: {cmd: x}}\n"
    );
    std::fs::create_dir(project.path("new")).expect("makes");
    project
        .run(&["--cd", "new", "stage", "add", "-n", "b", "x"])
        .success();
    assert_eq!(
        project.read("new/pipeline.yaml"),
        "stages:\n  b:\n    cmd: x\n"
    );
    std::fs::create_dir(project.path(".hidden")).expect("makes");
    let text = project
        .run(&["--cd", ".hidden", "stage", "add", "-n", "b", "x"])
        .failure(1);
    assert!(text.contains("would not be found"), "{text}");
    assert!(!project.exists(".hidden/pipeline.yaml"));
}

#[test]
fn a_list_says_what_stages_are_for() {
    let project = Project::with(
        "stages:\n  prep: {cmd: x, deps: [a, 'b/*.csv', {cmd: v}], outs: [c], metrics: [m.json]}\n  \
         g: {foreach: [1, 2], do: {cmd: x, desc: 'number ${item}', frozen: true}}\n  bare: {cmd: x}\n",
    );
    assert_eq!(
        project.run(&["stage", "list"]).data(),
        "\
stage   about
prep    Outputs c; Reports m.json; Depends on a, b/*.csv, `v`
g@1     (frozen) number 1
g@2     (frozen) number 2
bare    No outs or deps
"
    );
    let names = project
        .run(&["stage", "list", "--name-only", "g", "c"])
        .data();
    assert_eq!(names, "prep\ng@1\ng@2\n");
    let json = project.run(&["stage", "list", "--json", "prep"]).data();
    let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(json[0]["name"], "prep");
    assert_eq!(json[0]["deps"][2]["cmd"], "v");
    assert_eq!(json[0]["outs"][1]["kind"], "metric");
    let text = project.run(&["stage", "list", "pre"]).failure(1);
    assert!(text.contains("did you mean `prep`?"), "{text}");
}

#[test]
fn names_of_any_kind_break_no_line() {
    let long = "n".repeat(300);
    let project = Project::with(&format!(
        "stages:\n  {long}: {{cmd: echo long}}\n  '目標': {{cmd: echo wide}}\n  \"a\\e[31m\\nb\": {{cmd: echo odd}}\n"
    ));
    let text = project.run(&["repro", "-j1"]).success();
    assert!(!text.contains('\u{1b}'), "{text}");
    assert!(text.lines().all(|line| line.len() < 400), "{text}");
    let start = |word: &str| {
        let line = text.lines().find(|line| line.ends_with(word));
        let line = line.unwrap_or_else(|| panic!("{word}: {text}"));
        line.find('│').expect("a rule")
    };
    // Two wide characters take four columns and six bytes.
    assert_eq!(start("│ wide"), start("│ odd") + 2);
    for arguments in [
        &["status"] as &[&str],
        &["dag"],
        &["stage", "list", "--name-only"],
    ] {
        let text = project.run(arguments).data();
        assert!(text.contains("a\\u{1b}[31m\\nb"), "{arguments:?}: {text}");
        assert!(!text.contains('\u{1b}'), "{text}");
    }
    let json = project.run(&["stage", "list", "--json"]).data();
    assert!(json.contains("a\\u001b[31m\\nb"), "{json}");
}

#[test]
fn a_variable_that_is_empty_adds_nothing() {
    let project = Project::with("stages: {}\n");
    for (arguments, message) in [
        (&["-n", "s", ""][..], "the command is empty"),
        (&["-n", "s", "  "], "the command is empty"),
        (&["-n", "s", "-p", "", "true"], "`--params` names nothing"),
        (&["-n", "s", "-p", " ,", "true"], "`--params` names nothing"),
    ] {
        let all = [&["stage", "add"], arguments].concat();
        let text = project.run(&all).failure(2);
        assert!(text.contains(message), "{arguments:?}: {text}");
        assert_eq!(project.read("pipeline.yaml"), "stages: {}\n");
    }
}
