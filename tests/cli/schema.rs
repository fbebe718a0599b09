//! What a pipeline file may say: the rows "Graph and validation" and "Params" of the scenarios, and
//! what real files of DVC's users hold.

use crate::support::Project;

#[track_caller]
fn refuse(pipeline: &str) -> String {
    let project = Project::with(pipeline);
    let text = project.run(&["repro"]).failure(1);
    assert!(!project.exists("data.lock"));
    text
}

/// Row 58.
#[test]
fn mistakes_of_shape_have_a_line_a_column_and_an_excerpt() {
    for (pipeline, message, place) in [
        (
            "stages:\n  a: {cmd: x, outz: [o]}\n",
            "unknown key `outz` in stage `a`",
            "2:15",
        ),
        (
            "stages:\n  a:\n    outs: [o]\n",
            "stage `a` has no `cmd`",
            "2:3",
        ),
        (
            "stages:\n  a: {cmd: x, cmd: y}\n",
            "stages.a: duplicate key `cmd`",
            "2:15",
        ),
        ("stage: {}\n", "unknown key `stage` in the pipeline", "1:1"),
    ] {
        let text = refuse(pipeline);
        assert!(text.starts_with(&format!("error: {message}\n")), "{text}");
        assert!(text.contains(&format!("[pipeline.yaml:{place}]")), "{text}");
    }
}

#[test]
fn what_dvc_rejects_is_rejected() {
    for pipeline in [
        "live: {}\n",
        "x-own: 1\n",
        "version: 2\n",
        "stages:\n",
        "stages:\n  a:\n",
        "stages:\n  a: {cmd: x, deps: }\n",
        "stages:\n  a: {cmd: x, outs: }\n",
        "stages:\n  a: {cmd: x, desc: }\n",
        "stages:\n  a: {cmd: x, outs: [{o: {cache: }}]}\n",
        "stages:\n  a: {cmd: x, params: {lr: 1}}\n",
        "stages:\n  a: {cmd: x, frozen: yes}\n",
        "stages:\n  a: {cmd: x}\n---\nstages: {}\n",
        "stages:\n  a: {cmd: x, outs: [o], metrics: [o]}\n",
        "stages:\n  a: {cmd: x, deps: [o], outs: [o]}\n",
        "vars: [params.yaml]\n",
        "stages:\n  a:\n    foreach: [[x], [y]]\n    do: {cmd: 'echo ${item}'}\n",
    ] {
        let text = refuse(pipeline);
        assert!(
            text.starts_with("error: ") && text.contains("pipeline.yaml:"),
            "{pipeline}\n{text}"
        );
    }
}

#[test]
fn what_dvc_tolerates_is_tolerated() {
    for pipeline in [
        "# only a comment\n",
        "stages: {}\n",
        "\u{feff}stages:\n  a: {cmd: 'true'}\n",
        "stages:\r\n  a:\r\n    cmd: 'true'\r\n",
        "stages:\n  b: &b {cmd: 'true'}\n  c: {<<: *b, desc: merged}\n",
        "stages:\n  'a b/c.d:': {cmd: 'true'}\n",
        "stages:\n  a: {cmd: [true, 'true'], outs: []}\n",
        "vars: [{x: 'true'}]\nstages:\n  a: {cmd: '${x}'}\n",
        "stages:\n  a: {cmd: \"echo '${x' > o\", outs: [{o: {checkpoint: true}}]}\n",
        "stages:\n  a: {cmd: 'true', wdir: not/there}\n",
        "stages:\n  a:\n    foreach: []\n    do: {cmd: x}\n",
        "artifacts: {'an odd name!': {path: m.pkl, type: model}}\n",
        "datasets: [{name: d, type: url, url: 's3://b'}]\nplots: [{'x y': {x: a, y: {f.csv: [b, c]}}}]\nmetrics: [m.json]\nparams: [p.yaml]\n",
        "stages:\n  a: {cmd: '', outs: []}\n",
    ] {
        let project = Project::with(pipeline);
        project.run(&["repro"]).success();
    }
}

/// Row 63.
#[test]
fn many_files_are_one_graph() {
    let project = Project::new();
    project.run(&["init"]).success();
    project.write(
        "p1/dvc.yaml",
        "stages:\n  one: {cmd: 'echo 1 > o', outs: [o]}\n",
    );
    project.write(
        "p2/dvc.yaml",
        "stages:\n  two: {cmd: 'cat ../p1/o > o2', deps: [../p1/o], outs: [o2], params: [k]}\n",
    );
    project.write("p2/params.yaml", "k: 1\n");
    project.run(&["repro", "p2/dvc.yaml:two"]).success();
    assert_eq!(project.read("p2/o2"), "1\n");
    let lock = project.read("data.lock");
    assert!(
        lock.contains("  p1/dvc.yaml:one:\n") && lock.contains("  p2/dvc.yaml:two:\n"),
        "{lock}"
    );
    assert!(lock.contains("p2/params.yaml:\n"), "{lock}");
    assert!(!project.exists("p1/data.lock"));
    let text = project.run(&["--cd", "p2", "status"]).data();
    assert_eq!(text, "everything is up to date\n");
    let text = project.run(&["dag"]).data();
    assert_eq!(text, "p1/dvc.yaml:one\n└─ p2/dvc.yaml:two\n");
    let text = project.run(&["repro", "p2/dvc.yaml:tow"]).failure(1);
    assert!(text.contains("did you mean `p2/dvc.yaml:two`?"), "{text}");
}

#[test]
fn a_clone_of_many_files_has_its_root_at_the_outermost_pipeline() {
    let project = Project::with("stages:\n  a: {cmd: 'echo 1 > a', outs: [a]}\n");
    project.write(
        "sub/pipeline.yaml",
        "stages:\n  b: {cmd: 'cat ../a > b', deps: [../a], outs: [b]}\n",
    );
    project.run(&["--cd", "sub", "repro"]).success();
    assert!(project.exists("data.lock") && !project.exists("sub/data.lock"));
}

/// Row 28, and the other ways to name stages.
#[test]
fn targets_are_files_groups_and_outs() {
    let pipeline = "stages:\n  g:\n    foreach: [x, y]\n    do: {cmd: 'echo ${item} | tee ${item} >> runs.log', outs: ['${item}']}\n  \
                    z: {cmd: 'echo z | tee z >> runs.log', outs: [z]}\n";
    for (target, ran) in [
        ("g", &["x", "y"][..]),
        ("g@y", &["y"]),
        ("z", &["z"]),
        ("y", &["y"]),
        ("pipeline.yaml", &["x", "y", "z"]),
        ("pipeline.yaml:z", &["z"]),
    ] {
        let project = Project::with(pipeline);
        project.run(&["repro", "--jobs", "1", target]).success();
        assert_eq!(project.runs(), ran, "{target}");
    }
}

#[test]
fn a_dvc_yaml_is_read_as_it_is_and_ours_comes_first() {
    let project = Project::new();
    project.write(
        "dvc.yaml",
        "stages:\n  a: {cmd: 'echo dvc > o', outs: [o]}\n",
    );
    project.run(&["repro"]).success();
    assert_eq!(project.read("o"), "dvc\n");
    assert!(project.exists("data.lock") && !project.exists("dvc.lock"));
    project.write("dvc.yaml", "stages:\n  a: {cmd: x, outz: [o]}\n");
    let text = project.run(&["repro"]).failure(1);
    assert!(text.contains("[dvc.yaml:2:15]"), "{text}");
    project.write(
        "pipeline.yaml",
        "stages:\n  a: {cmd: 'echo ours > o', outs: [o]}\n",
    );
    project.run(&["repro"]).success();
    assert_eq!(project.read("o"), "ours\n");
}

#[test]
fn wildcard_deps_record_what_matched() {
    let project = Project::with(
        "stages:\n  sum: {cmd: 'cat data/*.csv > sum', deps: ['data/*.csv'], outs: [sum]}\n  \
         make: {cmd: 'echo 3 > data/c.csv', outs: [data/c.csv]}\n",
    );
    project.write("data/a.csv", "1\n");
    project.write("data/b.csv", "2\n");
    project.write("data/n.txt", "no\n");
    project.run(&["repro"]).success();
    assert_eq!(project.read("sum"), "1\n2\n3\n");
    let lock = project.read("data.lock");
    assert!(
        lock.contains("data/a.csv:") && lock.contains("data/c.csv:"),
        "{lock}"
    );
    assert!(!lock.contains("n.txt"), "{lock}");
    assert_eq!(
        project.run(&["status"]).data(),
        "everything is up to date\n"
    );
    project.write("data/d.csv", "4\n");
    project.remove("data/a.csv");
    let text = project.run(&["status"]).data();
    assert!(
        text.contains("dep data/a.csv removed") && text.contains("dep data/d.csv added"),
        "{text}"
    );
    project.run(&["repro"]).success();
    assert_eq!(project.read("sum"), "2\n3\n4\n");
}

#[test]
fn a_wildcard_that_matches_nothing_is_a_missing_dep() {
    let project = Project::with("stages:\n  a: {cmd: 'true', deps: ['data/*.csv'], outs: [o]}\n");
    let text = project.run(&["repro"]).failure(3);
    assert!(
        text.contains("its dep `data/*.csv` does not exist"),
        "{text}"
    );
    assert!(text.contains("pipeline.yaml:2:"), "{text}");
}

#[test]
fn resources_and_attempts_are_checked() {
    let project = Project::with(
        "pools: {gpu: 1}\nstages:\n  a: {cmd: 'true', resources: {cpus: 1, memory: 4KiB, gpus: 0}, pools: {gpu: 1}, timeout: 1h30m, retry: 2}\n",
    );
    project.run(&["repro"]).success();
    for (field, wanted, column) in [
        (
            "timeout: soon",
            "`stages.a.timeout` must be a duration, as in `2h` or `90s`, not `soon`",
            24,
        ),
        (
            "timeout: 0",
            "must be a duration, as in `2h` or `90s`, not `0`",
            24,
        ),
        ("retry: -1", "must be a whole number, not `-1`", 22),
        (
            "retry: {times: 1, delay: 1 week}",
            "`stages.a.retry.delay` must be a duration",
            40,
        ),
        ("retry: {delay: 1s}", "`retry` has no `times`", 15),
        (
            "resources: {memory: much}",
            "must be a size, as in `4GiB`, not `much`",
            35,
        ),
        (
            "resources: {cpus: 0}",
            "must be a whole number from 1, not `0`",
            33,
        ),
        (
            "resources: {gpus: 0.5}",
            "must be a whole number, not `0.5`",
            33,
        ),
        (
            "resources: {cpu: 1}",
            "unknown key `cpu` in `resources`",
            27,
        ),
        (
            "pools: {gpu: '${n}'}",
            "`stages.a.pools.gpu`: there is no `n` to interpolate",
            28,
        ),
    ] {
        let text = refuse(&format!("stages:\n  a: {{cmd: x, {field}}}\n"));
        assert!(text.contains(wanted), "{text}");
        let place = format!("[pipeline.yaml:2:{column}]");
        assert!(text.contains(&place), "{place} in\n{text}");
    }
}

/// Row 65.
#[test]
fn a_param_of_another_type_is_a_change() {
    let project = Project::with("stages:\n  a: {cmd: 'echo 1 > o', outs: [o], params: [p]}\n");
    project.write("params.yaml", "p: 1\n");
    project.run(&["repro"]).success();
    project.write("params.yaml", "p: true\n");
    let text = project.run(&["status"]).data();
    assert!(text.contains("param p 1 → true"), "{text}");
}

/// Row 68, in a format of its own.
#[test]
fn a_missing_key_of_a_toml_file_is_named() {
    let project =
        Project::with("stages:\n  a: {cmd: x, outs: [o], params: [{p.toml: [train.lrr]}]}\n");
    let text = project.run(&["repro"]).failure(3);
    assert!(
        text.contains("the params file `p.toml` does not exist"),
        "{text}"
    );
    project.write("p.toml", "[train]\nlr = 1\n");
    let text = project.run(&["repro"]).failure(3);
    assert!(
        text.contains("there is no param `train.lrr` in `p.toml`"),
        "{text}"
    );
    assert!(text.contains("did you mean `train.lr`?"), "{text}");
    project.write("p.toml", "[train]\nlr = = 1\n");
    let text = project.run(&["repro"]).failure(3);
    assert!(text.contains("[p.toml:2:"), "{text}");
}

#[test]
fn params_and_metrics_beside_the_stages_are_compared() {
    let project = Project::with("params: [extra.toml]\nmetrics: [m.toml]\nstages: {}\n");
    project.write("extra.toml", "k = 1\n");
    project.write("m.toml", "acc = 0.5\n");
    project.commit();
    project.write("extra.toml", "k = 2\n");
    project.write("m.toml", "acc = 0.75\n");
    let text = project.run(&["params", "diff", "--json"]).data();
    assert!(
        text.contains("extra.toml") && text.contains("\"k\""),
        "{text}"
    );
    let text = project.run(&["metrics", "diff", "--json"]).data();
    assert!(text.contains("0.75"), "{text}");
}

#[test]
fn the_pipeline_files_of_a_revision_are_found_as_well() {
    let project = Project::with("stages: {}\n");
    project.write("sub/dvc.yaml", "metrics: [m.json]\n");
    project.write("sub/.gitignore", "/scratch\n");
    project.write("sub/m.json", "{\"acc\": 0.5}");
    project.commit();
    project.write("sub/m.json", "{\"acc\": 0.75}");
    let text = project.run(&["metrics", "diff", "--json"]).data();
    assert!(
        text.contains("sub/m.json") && text.contains("0.5"),
        "{text}"
    );
}
