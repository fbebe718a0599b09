//! `mlpipe artifacts`: names, versions and stages.

use std::path::Path;

use crate::support::{Output, Project};

const PIPELINE: &str = "\
vars: [{dir: models}]
artifacts:
  model:
    path: ${dir}/m.bin
    type: model
    desc: what it is
    labels: [small, v1]
    meta: {framework: candle, classes: 10}
  scaler:
    path: s.json
";

fn project() -> Project {
    let project = Project::with(PIPELINE);
    project.write("models/m.bin", "weights");
    project.write(
        "sub/pipeline.yaml",
        "artifacts: {text: {path: t.bin, type: model}}\n",
    );
    project.commit();
    project
}

#[test]
fn versions_and_stages_are_git_tags() {
    let project = project();
    let told = project.run(&["artifacts", "register", "model", "--version", "v1.2.0"]);
    assert_eq!(told.data(), "model@v1.2.0\n");
    let told = project
        .run(&["artifacts", "assign", "model", "--stage", "prod"])
        .data();
    assert_eq!(told, "model#prod#1\n");
    project.write("models/m.bin", "better weights");
    project.commit();
    let told = project.run(&["artifacts", "register", "model"]).data();
    assert_eq!(told, "model@v1.3.0\n");
    let told = project.run(&[
        "artifacts",
        "register",
        "sub:text",
        "--bump-patch",
        "-m",
        "the first",
    ]);
    assert_eq!(told.data(), "sub=text@v0.0.1\n");
    let told = project.run(&[
        "artifacts",
        "assign",
        "model",
        "--version",
        "1.3.0",
        "--stage",
        "dev",
    ]);
    assert_eq!(told.data(), "model#dev#1\n");
    assert_eq!(project.git(&["cat-file", "-t", "sub=text@v0.0.1"]), "tag\n");

    insta::assert_snapshot!(project.run(&["artifacts"]).data(), @r"
    artifact   path           type    latest   stages
    model      models/m.bin   model   v1.3.0   dev v1.3.0, prod v1.2.0
    scaler     s.json         -       -        -
    sub:text   sub/t.bin      model   v0.0.1   -
    ");
    let told = project.run(&["artifacts", "--json"]).data();
    let told: serde_json::Value = serde_json::from_str(&told).expect("JSON");
    assert_eq!(told[0]["stages"]["prod"]["version"], "v1.2.0");
    assert_eq!(told[0]["meta"]["classes"], 10);
    let told = project.run(&["artifacts", "show", "model"]).data();
    assert!(told.contains("  labels    small, v1\n"), "{told}");
    assert!(
        told.contains("model#prod#1  Put version v1.2.0 of model into prod"),
        "{told}"
    );

    // A later word on a stage counts.
    let told = project
        .run(&["artifacts", "assign", "model", "--stage", "prod"])
        .data();
    assert_eq!(told, "model#prod#2\n");
    project.git(&["tag", "-a", "-m", "no", "model#dev!#2"]);
    let told = project.run(&["artifacts", "list", "--md"]).data();
    assert!(told.contains("| prod v1.3.0 "), "{told}");
}

#[test]
fn tags_are_those_that_gto_reads() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let gto = root.join("target/dvc-venv/bin/gto");
    if !gto.exists() {
        assert!(
            std::env::var_os("CI").is_none(),
            "tests/oracles/dvc.sh has not been run"
        );
        eprintln!("SKIPPED: gto; `tests/oracles/dvc.sh` installs it");
        return;
    }
    let project = project();
    for arguments in [
        &["register", "model", "--version", "v1.2.0"][..],
        &["assign", "model", "--stage", "prod"],
        &["register", "sub:text"],
    ] {
        project.run(&[&["artifacts"], arguments].concat()).data();
    }
    let mut command = project.isolated(gto.to_str().expect("UTF-8"));
    let shown = Output::of(command.args(["show", "--json"])).data();
    let shown: serde_json::Value = serde_json::from_str(&shown).expect("JSON");
    assert_eq!(shown["model"]["version"], "v1.2.0");
    assert_eq!(shown["model"]["stage"]["prod"], "v1.2.0");
    assert_eq!(shown["sub:text"]["version"], "v0.1.0");
}

#[test]
fn mistakes_are_told() {
    let project = project();
    for (arguments, code, wanted) in [
        (&["register", "modell"][..], 1, "did you mean `model`?"),
        (
            &["register", "model", "--version", "one"],
            2,
            "`one` is no version",
        ),
        (
            &["register", "model", "nowhere"],
            1,
            "there is no revision `nowhere`",
        ),
        (
            &["assign", "model", "--stage", "prod"],
            1,
            "is no version of artifact `model`",
        ),
        (
            &["assign", "model", "--version", "v9.0.0", "--stage", "x"],
            1,
            "has no version",
        ),
        (&["show", "nothing"], 1, "there is no artifact `nothing`"),
    ] {
        let told = project
            .run(&[&["artifacts"], arguments].concat())
            .failure(code);
        assert!(told.contains(wanted), "{arguments:?}: {told}");
    }
    project.run(&["artifacts", "register", "model"]).data();
    let told = project.run(&["artifacts", "register", "model"]).failure(1);
    assert!(
        told.contains("is version `v0.1.0` of artifact `model` already"),
        "{told}"
    );
    project
        .run(&["artifacts", "assign", "model", "--stage", "prod"])
        .data();
    let told = project
        .run(&["artifacts", "assign", "model", "--stage", "prod"])
        .failure(1);
    assert!(told.contains("is in stage `prod` already"), "{told}");
    let told = project
        .run(&["artifacts", "assign", "model", "--stage", "a b"])
        .failure(2);
    assert!(
        told.contains("`a b` cannot be the name of a stage"),
        "{told}"
    );

    project.write("pipeline.yaml", &format!("{PIPELINE}  new: {{path: n}}\n"));
    let told = project.run(&["artifacts", "register", "new"]).failure(1);
    assert!(told.contains("commit pipeline.yaml first"), "{told}");
}

#[test]
fn a_model_card_says_what_is_recorded() {
    let project = Project::with(
        "stages:\n  train:\n    cmd: cat data > model && echo '{\"acc\":0.5}' > m.json\n    deps: [data]\n    params: [lr, net]\n    \
         outs: [model]\n    metrics: [{m.json: {cache: false}}]\n\
         artifacts:\n  best: {path: model, type: model, desc: tells digits, labels: [mnist], meta: {license: MIT}}\n",
    );
    project.write("params.yaml", "lr: 0.1\nnet: {width: 8}\n");
    project.write("data", "a|b");
    project.run(&["init"]).success();
    project.run(&["add", "data"]).success();
    project.run(&["repro"]).success();
    project.commit();
    project
        .run(&["artifacts", "register", "best", "--version", "v1.0.0"])
        .data();
    let told = project.run(&["artifacts", "card", "best"]).success();
    assert_eq!(told, "wrote reports/model-card.md\n");
    let commit = project.git(&["rev-parse", "HEAD"]);
    let card = project.read("reports/model-card.md");
    for wanted in [
        "# best v1.0.0\n\ntells digits\n",
        "| file | `model` (3 B) |",
        "| labels | mnist |",
        "| license | MIT |",
        "| made by | stage `train` |",
        "## Metrics\n\n| metric | value |\n|---|---:|\n| acc | 0.5 |\n",
        "| lr | 0.1 |\n| net.width | 8 |\n",
        "## Data\n\n| data | SHA-256 | size |\n|---|---|---:|\n| `data` | `",
        "$ mlpipe artifacts get REPOSITORY best --version v1.0.0\n",
        &format!("| commit | `{}` |", commit.trim()),
    ] {
        assert!(card.contains(wanted), "no {wanted:?} in\n{card}");
    }
    project.write(
        "reports/templates/card.md",
        "{{ name }} {% for row in metrics %}{{ row.key }} {{ row.value }}{% endfor %}\n",
    );
    let told = project
        .run(&["artifacts", "card", "best", "-o", "-"])
        .data();
    assert_eq!(told, "best acc 0.5\n");
    project.write("reports/templates/card.md", "{{ name ");
    let told = project.run(&["artifacts", "card", "best"]).failure(1);
    assert!(told.contains("reports/templates/card.md"), "{told}");
}
