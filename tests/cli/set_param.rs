//! `mlpipe repro --set-param`.

use crate::support::Project;

#[test]
fn params_are_set_before_the_run_and_comments_stay() {
    let project = Project::chain();
    project.write(
        "params.yaml",
        "# rates\nlr: 0.1   # slow\n\nscore: 0.9\nlayers: [{n: 1}]\n",
    );
    project.write("conf.json", "{\n    \"z\": 1,\n    \"a\": {\"b\": 2}\n}\n");
    project.run(&["repro"]).success();
    let text = project
        .run(&[
            "repro",
            "-S",
            "lr=0.2",
            "--set-param",
            "+model.kind=big one",
            "-S",
            "layers.0.n=2",
            "-S",
            "conf.json:a.b=[3]",
            "train",
        ])
        .success();
    assert!(text.contains("lr 0.1 → 0.2"), "{text}");
    assert_eq!(
        project.read("params.yaml"),
        "# rates\nlr: 0.2   # slow\n\nscore: 0.9\nlayers: [{n: 2}]\nmodel:\n  kind: big one\n"
    );
    let json =
        "{\n    \"z\": 1,\n    \"a\": {\n        \"b\": [\n            3\n        ]\n    }\n}\n";
    assert_eq!(project.read("conf.json"), json);
}

#[test]
fn all_settings_or_none() {
    let project = Project::chain();
    project.write("p.toml", "lr = 1\n");
    let before = project.read("params.yaml");
    let refuse = |args: &[&str], code: i32| {
        let text = project
            .run(&[&["repro", "-S", "lr=9"], args].concat())
            .failure(code);
        assert_eq!(project.read("params.yaml"), before);
        text
    };
    let text = refuse(&["-S", "scores=1"], 1);
    assert!(
        text.contains("there is no param `scores` in `params.yaml`"),
        "{text}"
    );
    assert!(text.contains("did you mean `score`?"), "{text}");
    let text = refuse(&["-S", "nothing.like.it=1"], 1);
    assert!(text.contains("`-S +nothing.like.it=…` adds it"), "{text}");
    let text = refuse(&["-S", "+lr.deep=1"], 1);
    assert!(text.contains("there is no `deep` in a number"), "{text}");
    let text = refuse(&["-S", "p.toml:lr=2"], 1);
    assert!(
        text.contains("params in `p.toml` cannot be set from here"),
        "{text}"
    );
    let text = refuse(&["trian"], 1);
    assert!(text.contains("did you mean `train`?"), "{text}");
    let text = refuse(&["--dry"], 2);
    assert!(text.contains("cannot be used with"), "{text}");
    let text = refuse(&["-S", "lr"], 2);
    assert!(text.contains("write KEY=VALUE"), "{text}");
}

#[test]
fn a_file_whose_other_numbers_would_change_is_left_alone() {
    let project = Project::with("stages: {a: {cmd: 'true', params: [{c.json: [a]}]}}\n");
    let text = "{\"a\": 1, \"big\": 123456789012345678901234567890, \"g\": 1.10}\n";
    project.write("c.json", text);
    let said = project.run(&["repro", "-S", "c.json:a=2"]).failure(1);
    assert!(said.contains("would be written in another way"), "{said}");
    assert_eq!(project.read("c.json"), text);
    let said = project.run(&["repro", "-S", "c.json:zzz=2"]).failure(1);
    assert!(said.contains("`-S c.json:+zzz=…` adds it"), "{said}");
}

#[test]
fn keys_that_would_become_something_else_are_refused() {
    let project = Project::chain();
    for (setting, message) in [
        (
            "+list[0]=1",
            "an item of a list is written with a dot: `list.0`",
        ),
        ("+p.json:k=1", "the `+` stands before the key: `p.json:+k`"),
    ] {
        let text = project.run(&["repro", "-S", setting]).failure(2);
        assert!(text.contains(message), "{setting}: {text}");
    }
    assert!(!project.exists("data.lock"));
    project.run(&["repro", "-S", "p.json:+a.b=1"]).success();
    assert_eq!(
        project.read("p.json"),
        "{\n  \"a\": {\n    \"b\": 1\n  }\n}\n"
    );
}
