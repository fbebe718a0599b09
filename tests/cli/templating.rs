//! Templates as a user meets them: the rows "Templating" of the scenarios, run through the binary.

use crate::support::Project;

const PARAMS: &str = "s: text\nn: 3\nsmall: 1e-5\nver: 1.10\non: true\nnone: null\nlst: [x, y]\n\
                      a: {b: {c: deep}}\nd: {foo: foo, bar: 1, bool: true, off: false, nested: {baz: b z}, list: [2, 3, q x], e: [], none: null}\n";

fn project(pipeline: &str) -> Project {
    let project = Project::with(pipeline);
    project.write("params.yaml", PARAMS);
    project
}

/// Runs `repro` on a broken pipeline and returns the message.
#[track_caller]
fn refuse(pipeline: &str) -> String {
    project(pipeline).run(&["repro"]).failure(1)
}

/// Runs the only stage's command, which writes to `o`, and returns what it wrote.
#[track_caller]
fn written(cmd: &str) -> String {
    let project = project(&format!("stages:\n  a:\n    cmd: {cmd}\n    outs: [o]\n"));
    project.run(&["repro"]).success();
    project.read("o")
}

/// Row 44; a null is an error here.
#[test]
fn keys_of_every_form_and_their_text() {
    let text =
        written("echo '${s} ${lst[1]} ${lst.0} ${ s } ${a[b][c]} ${on} ${small} ${ver}' > o");
    assert_eq!(text, "text y x text deep true 1e-05 1.1\n");
    let text = refuse("stages:\n  a: {cmd: 'echo ${none}'}\n");
    assert!(
        text.starts_with("error: `stages.a.cmd`: cannot interpolate `none`: it is null\n"),
        "{text}"
    );
    assert!(text.contains("pipeline.yaml:2:12"), "{text}");
}

#[test]
fn an_escaped_template_is_the_shells() {
    assert_eq!(written("v=1; echo \\${v} ${n} > o"), "1 3\n");
}

/// Row 46.
#[test]
fn a_map_in_a_command_becomes_flags() {
    assert_eq!(
        written("printf '%s\\n' ${d} | tr '\\n' , > o").trim_end(),
        "--foo,foo,--bar,1,--bool,--nested.baz,b z,--list,2,3,q x,--none,None,"
    );
}

/// Row 48.
#[test]
fn maps_and_lists_are_no_text_elsewhere() {
    for (rest, field) in [
        ("cmd: x, deps: ['${d}']", "deps"),
        ("cmd: 'x ${lst}'", "cmd"),
        ("cmd: x, outs: ['o/${lst}']", "outs"),
    ] {
        let text = refuse(&format!("stages:\n  a: {{{rest}}}\n"));
        assert!(
            text.contains(&format!("`stages.a.{field}`: cannot interpolate")),
            "{text}"
        );
    }
}

/// Row 49.
#[test]
fn unknown_keys_and_bad_syntax_are_named() {
    let text = refuse("stages:\n  a: {cmd: 'echo ${smal}'}\n");
    assert!(
        text.starts_with("error: `stages.a.cmd`: there is no `smal` to interpolate\n"),
        "{text}"
    );
    assert!(text.contains("did you mean `small`?"), "{text}");
    let text = refuse("stages:\n  a: {cmd: 'echo ${s.x}'}\n");
    assert!(text.contains("`s` is text: it has no `x`"), "{text}");
    let text = refuse("stages:\n  a: {cmd: 'echo ${a..b}'}\n");
    assert!(text.contains("`${a..b}` is not a key"), "{text}");
    let text = refuse("stages:\n  a: {cmd: 'echo ${HOME}'}\n");
    assert!(
        text.contains("`\\${HOME}` leaves it to the shell"),
        "{text}"
    );
}

/// Row 49, the part that we do better, and defaults.
#[test]
fn templates_nest_and_have_defaults() {
    let text = written("echo ${a.${k:-b}.c} ${nope:-0.5} ${none:-7} ${n:-9} > o");
    assert_eq!(text, "deep 0.5 7 3\n");
}

/// Row 50.
#[test]
fn a_value_cannot_be_set_twice_but_maps_merge() {
    let text = refuse("vars:\n  - {n: 3}\nstages:\n  a: {cmd: x}\n");
    assert!(
        text.starts_with(
            "error: cannot redefine `n` in `vars[0]`: it is in `params.yaml` already\n"
        ),
        "{text}"
    );
    assert!(text.contains("pipeline.yaml:2:5"), "{text}");
    let project = project(
        "vars: [{a: {own: 1}}]\nstages:\n  a: {cmd: 'echo ${a.own} ${a.b.c} > o', outs: [o]}\n",
    );
    project.run(&["repro"]).success();
    assert_eq!(project.read("o"), "1 deep\n");
}

/// Row 52.
#[test]
fn templates_have_no_place_in_vars_and_flags() {
    let text = refuse("vars: [{x: '${n}'}]\nstages: {}\n");
    assert!(text.contains("cannot have `${…}` in it"), "{text}");
    let text = refuse("stages:\n  a: {cmd: x, frozen: '${on}'}\n");
    assert!(
        text.contains("`frozen` must be `true` or `false`, not text"),
        "{text}"
    );
}

/// Row 53.
#[test]
fn foreach_names_its_stages() {
    let pipeline = "stages:\n  l:\n    foreach: ['${s}', x, x]\n    do: {cmd: 'echo ${item} >> runs.log'}\n  \
                    m:\n    foreach: {k: {f: 1}}\n    do: {cmd: 'echo ${key}-${item.f} >> runs.log'}\n  \
                    c:\n    foreach: [{f: 2}]\n    do: {cmd: 'echo ${item.f} >> runs.log'}\n";
    let project = project(pipeline);
    let text = project.run(&["dag", "--dot"]).data();
    for name in ["l@text", "l@x", "m@k", "c@0"] {
        assert_eq!(text.matches(&format!("\"{name}\"")).count(), 1, "{text}");
    }
    project.run(&["repro", "m", "c@0", "--jobs", "1"]).success();
    assert_eq!(project.runs(), ["k-1", "2"]);
    let text = refuse("stages:\n  a:\n    foreach: [x]\n    do: {cmd: 'echo ${key}'}\n");
    assert!(
        text.contains("`stages.a@x.cmd`: there is no `key`"),
        "{text}"
    );
}

#[test]
fn a_matrix_makes_every_combination() {
    let pipeline = "stages:\n  t:\n    matrix: {m: [cnn, mlp], lr: '${rates}'}\n    \
                    cmd: mkdir -p o && echo ${item.m} ${item.lr} > o/${key}\n    outs: ['o/${key}']\n";
    let project = Project::with(pipeline);
    project.write("params.yaml", "rates: [0.1, 1e-5]\n");
    project.run(&["repro"]).success();
    assert_eq!(project.read("o/cnn-0.1"), "cnn 0.1\n");
    assert_eq!(project.read("o/mlp-1e-05"), "mlp 1e-05\n");
    let lock = project.read("data.lock");
    assert!(
        lock.contains("  t@cnn-0.1:\n") && lock.contains("  t@mlp-1e-05:\n"),
        "{lock}"
    );
}

/// Row 55: no letters.
#[test]
fn text_where_a_list_belongs_is_an_error() {
    let text = refuse("stages:\n  a:\n    matrix: {m: '${s}'}\n    cmd: x\n");
    assert!(
        text.starts_with("error: `stages.a.matrix` must be a list, not text\n"),
        "{text}"
    );
    let text = refuse("stages:\n  a:\n    foreach: ${s}\n    do: {cmd: x}\n");
    assert!(
        text.starts_with("error: `stages.a.foreach` must be a list, not text\n"),
        "{text}"
    );
}

/// Row 56: no crash.
#[test]
fn dates_are_text() {
    let project =
        Project::with("stages:\n  a: {cmd: 'echo ${day} > o', outs: [o], params: [day]}\n");
    project.write("params.yaml", "day: 2026-11-21\nat: 2026-11-21T05:00:00Z\n");
    project.run(&["repro"]).success();
    assert_eq!(project.read("o"), "2026-11-21\n");
}

#[test]
fn a_changed_value_runs_the_stages_that_use_it() {
    let pipeline =
        "stages:\n  a: {cmd: 'echo ${n} > a', outs: [a]}\n  b: {cmd: 'echo ${s} > b', outs: [b]}\n";
    let project = project(pipeline);
    project.run(&["repro"]).success();
    project.edit("params.yaml", "n: 3", "n: 4");
    let text = project.run(&["status"]).data();
    assert!(
        text.starts_with("a would run\n  command changed\n") && text.contains("1 unchanged"),
        "{text}"
    );
}

#[test]
fn values_come_from_files_of_every_format() {
    let pipeline = "vars: [c.toml, 'c.json:k', c.py]\nstages:\n  a:\n    vars: [{own: 5}]\n    \
                    cmd: echo ${t.x} ${k} ${Net.depth} ${own} > o\n    outs: [o]\n    params: [{c.py: [Net.depth]}, {c.toml: [t]}]\n";
    let project = Project::with(pipeline);
    project.write("c.toml", "[t]\nx = 1.5\n");
    project.write("c.json", "{\"k\": \"j\", \"other\": 1}");
    project.write("c.py", "import os\n\nclass Net:\n    depth = 3\n");
    project.run(&["repro"]).success();
    assert_eq!(project.read("o"), "1.5 j 3 5\n");
    project.edit("c.py", "depth = 3", "depth = 4");
    let text = project.run(&["status"]).data();
    assert!(text.contains("param c.py:Net.depth 3 → 4"), "{text}");
}

#[test]
fn paths_params_and_folders_are_resolved_too() {
    let pipeline = "stages:\n  a:\n    foreach: [x]\n    do:\n      wdir: ${item}\n      cmd: cat in.txt > ${item}.out\n      \
                    deps: [in.txt]\n      outs: [{'${item}.out': {cache: false}}]\n      params: [{'${item}.yaml': [k]}]\n";
    let project = Project::with(pipeline);
    project.write("x/in.txt", "hi\n");
    project.write("x/x.yaml", "k: 1\n");
    project.run(&["repro"]).success();
    assert_eq!(project.read("x/x.out"), "hi\n");
    let lock = project.read("data.lock");
    assert!(
        lock.contains("wdir: x\n") && lock.contains("x/x.yaml:\n"),
        "{lock}"
    );
}

#[test]
fn what_uses_no_values_does_not_read_them() {
    let project = Project::with("stages:\n  a: {cmd: 'echo 1 > o', outs: [o]}\n");
    project.write("params.yaml", "broken: [\n");
    project.run(&["repro"]).success();
    project.write(
        "pipeline.yaml",
        "stages:\n  a: {cmd: 'echo ${n} > o', outs: [o]}\n",
    );
    let text = project.run(&["repro"]).failure(1);
    assert!(text.contains("[params.yaml:"), "{text}");
}
