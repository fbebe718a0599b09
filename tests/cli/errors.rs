//! Bad input: one clear message each, with its place and what to do; nothing is touched.

use crate::support::Project;

/// Runs `repro` on a broken pipeline and returns the message.
fn refuse(pipeline: &str) -> String {
    let project = Project::with(pipeline);
    let text = project.run(&["repro"]).failure(1);
    assert!(!project.exists("data.lock"));
    text
}

#[test]
fn no_project_and_no_pipeline() {
    let project = Project::new();
    let text = project.run(&["repro"]).failure(1);
    assert!(
        text.starts_with("error: there is no mlpipe project in `"),
        "{text}"
    );
    assert!(
        text.contains("hint: `mlpipe init` makes the current folder one"),
        "{text}"
    );
    project.run(&["init"]).data();
    let text = project.run(&["repro"]).failure(1);
    assert!(
        text.starts_with("error: there is no `pipeline.yaml` in workspace\n"),
        "{text}"
    );
    assert!(text.contains("stages:\n"), "{text}");
}

#[test]
fn an_unknown_key_with_its_place_and_a_suggestion() {
    assert_eq!(
        refuse("stages:\n  train:\n    cmd: x\n    dep: [data]\n"),
        "error: unknown key `dep` in stage `train`\n   \
         ╭─[pipeline.yaml:4:5]\n \
         3 │     cmd: x\n \
         4 │     dep: [data]\n   \
         ·     ─┬─\n   \
         ·      ╰── did you mean `deps`?\n   \
         ╰────\n"
    );
}

#[test]
fn malformed_yaml_and_duplicate_keys() {
    let text = refuse("stages:\n  a:\n    cmd: 'x\n");
    assert!(text.contains("[pipeline.yaml:"), "{text}");
    let text = refuse("stages:\n  a: {cmd: x}\n  a: {cmd: y}\n");
    assert!(
        text.contains("duplicate key `a`") && text.contains("pipeline.yaml:3:3"),
        "{text}"
    );
    let text = refuse("stages:\n\ta: {cmd: x}\n");
    assert!(text.contains("[pipeline.yaml:2:"), "{text}");
}

#[test]
fn a_cycle_names_its_stages() {
    let text = refuse(
        "stages:\n  a: {cmd: x, deps: [p], outs: [q]}\n  b: {cmd: x, deps: [q], outs: [p]}\n",
    );
    assert!(
        text.contains("the stages need each other in a cycle: a ← b ← a"),
        "{text}"
    );
}

#[test]
fn two_stages_that_write_the_same_out() {
    let text = refuse("stages:\n  a: {cmd: x, outs: [d/o]}\n  b: {cmd: x, outs: [d]}\n");
    assert!(text.contains("`d` is an out of stage `a` too"), "{text}");
    assert!(text.contains("pipeline.yaml:3:"), "{text}");
}

#[test]
fn paths_that_leave_the_project() {
    for path in ["../up", "/etc/passwd"] {
        let text = refuse(&format!("stages:\n  a: {{cmd: x, outs: [{path}]}}\n"));
        assert!(
            text.contains(&format!("`{path}` lies outside the project")),
            "{text}"
        );
    }
}

#[test]
fn a_missing_dep() {
    let project = Project::with("stages:\n  a: {cmd: x, deps: [gone], outs: [o]}\n");
    let text = project.run(&["repro"]).failure(3);
    assert!(
        text.starts_with("error: stage `a` cannot run: its dep `gone` does not exist\n"),
        "{text}"
    );
    assert!(text.contains("pipeline.yaml:2:22"), "{text}");
    assert!(
        text.contains("hint: make `gone`, or add the stage that makes it"),
        "{text}"
    );
}

#[test]
fn a_param_or_params_file_that_does_not_exist() {
    let project = Project::with("stages:\n  a: {cmd: x, params: [train.lrr], outs: [o]}\n");
    let text = project.run(&["repro"]).failure(3);
    assert!(
        text.contains("the params file `params.yaml` does not exist"),
        "{text}"
    );
    project.write("params.yaml", "train: {lr: 1}\n");
    let text = project.run(&["repro"]).failure(3);
    assert!(
        text.contains("there is no param `train.lrr` in `params.yaml`"),
        "{text}"
    );
    assert!(text.contains("did you mean `train.lr`?"), "{text}");
    project.write("params.yaml", "train: {lr: 1\n");
    let text = project.run(&["repro"]).failure(3);
    assert!(text.contains("[params.yaml:"), "{text}");
    assert!(!project.exists("o"));
}

#[test]
fn an_out_that_the_command_did_not_make() {
    let project = Project::with("stages:\n  a: {cmd: 'true', outs: [o]}\n");
    let text = project.run(&["repro"]).failure(3);
    assert!(
        text.contains("stage `a` failed: its command did not make the out `o`"),
        "{text}"
    );
    assert!(
        text.contains("hint: let the command write `o`, or remove the out"),
        "{text}"
    );
}

#[test]
fn a_command_that_does_not_exist() {
    let project = Project::with("stages:\n  a: {cmd: no-such-tool --x, outs: [o]}\n");
    let text = project.run(&["repro"]).failure(3);
    assert!(
        text.contains("exit status 127 (command not found)"),
        "{text}"
    );
    assert!(text.contains("the command was  no-such-tool --x"), "{text}");
}

#[test]
fn a_lock_with_merge_conflict_markers() {
    let project = Project::chain();
    project.run(&["repro"]).success();
    let lock = project.read("data.lock");
    let conflict = lock.replacen(
        "  prep:",
        "<<<<<<< HEAD\n  prep:\n=======\n  prep:\n>>>>>>> other",
        1,
    );
    project.write("data.lock", &conflict);
    let text = project.run(&["repro"]).failure(1);
    assert!(
        text.starts_with("error: the lock has merge-conflict markers\n"),
        "{text}"
    );
    assert!(
        text.contains("[data.lock:3:1]") && text.contains("git checkout --ours"),
        "{text}"
    );
    assert_eq!(project.read("data.lock"), conflict);
}

#[test]
fn a_lock_that_is_no_lock() {
    let project = Project::chain();
    project.write(
        "data.lock",
        "schema: 1\nstages:\n  prep:\n    cmd: x\n    outz: {}\n",
    );
    let text = project.run(&["repro"]).failure(1);
    assert!(
        text.contains("unknown key `outz`") && text.contains("[data.lock:5:"),
        "{text}"
    );
    for (text, message) in [
        (
            "stages: []\nschema: 1\n",
            "`stages` must be a map, not a list",
        ),
        (
            "schema: '1'\n",
            "`schema` must be a whole number from 0 on, not the text `1`",
        ),
        ("stages: {}\n", "it has no `schema`"),
    ] {
        project.write("data.lock", text);
        let text = project.run(&["repro"]).failure(1);
        assert!(text.starts_with(&format!("error: {message}\n")), "{text}");
        assert!(text.contains("[data.lock:1:"), "{text}");
    }
    project.write("data.lock", "schema: 7\n");
    let text = project.run(&["repro"]).failure(1);
    assert!(
        text.contains("its schema is 7; this mlpipe knows schema 1"),
        "{text}"
    );
}

#[test]
fn a_lock_that_git_ignores() {
    let project = Project::chain();
    project.write(".gitignore", "*.lock\n");
    let text = project.run(&["repro"]).failure(1);
    assert!(
        text.starts_with("error: git ignores `data.lock`\n"),
        "{text}"
    );
}

#[test]
fn an_out_that_git_tracks() {
    let project = Project::chain();
    project.write("mid.txt", "by hand\n");
    project.commit();
    for foresight in [&["status"] as &[&str], &["repro", "--dry"]] {
        let output = project.run(foresight);
        let text = &output.stdout;
        assert!(
            text.contains("its out `mid.txt` is tracked by git"),
            "{text}"
        );
        assert_eq!(output.code, Some(1));
    }
    let text = project.run(&["repro"]).failure(3);
    assert!(
        text.contains("its out `mid.txt` is tracked by git"),
        "{text}"
    );
    assert!(text.contains("`git rm --cached mid.txt`"), "{text}");
    assert_eq!(project.read("mid.txt"), "by hand\n");
}

#[test]
fn a_wrong_command_line() {
    let project = Project::chain();
    let text = project.run(&["repor"]).failure(2);
    assert!(text.contains("repro"), "{text}");
    let text = project.run(&["repro", "--jobs", "0"]).failure(2);
    assert!(text.contains("--jobs"), "{text}");
    assert_eq!(
        project.run(&["--version"]).data(),
        concat!("mlpipe ", env!("CARGO_PKG_VERSION"), "\n")
    );
}

#[test]
fn a_file_that_is_no_text() {
    let project = Project::new();
    std::fs::write(project.path("pipeline.yaml"), [0xff, 0xfe, 0x00]).expect("writes");
    let text = project.run(&["repro"]).failure(1);
    assert!(text.contains("the file is not UTF-8 text"), "{text}");
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let project = Project::chain();
    let mut child = project.spawn(&["dag", "--dot"]);
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("ends");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn outs_and_reports_in_the_place_of_what_everything_rests_on() {
    for path in [
        ".git",
        ".git/config",
        ".mlpipe/cache",
        "data.lock",
        "pipeline.yaml",
        "d/.gitignore",
    ] {
        let text = refuse(&format!("stages:\n  a: {{cmd: x, outs: [{path}]}}\n"));
        assert!(text.contains("error: a stage cannot make `"), "{text}");
        assert!(text.contains("[pipeline.yaml:2:"), "{text}");
    }
    let text =
        refuse("stages:\n  a: {cmd: x, deps: [train.py], outs: [o]}\nreport: {path: train.py}\n");
    assert!(
        text.contains("the report cannot be written to `train.py`"),
        "{text}"
    );
    let text = refuse("stages:\n  a: {cmd: []}\n");
    assert!(text.contains("`cmd` has no command"), "{text}");
}

#[test]
fn the_head_of_a_repository_without_commits() {
    let project = Project::chain();
    project.run(&["repro"]).success();
    let text = project.run(&["metrics", "diff"]).failure(1);
    assert!(text.contains("hint: there is no commit yet"), "{text}");
}

#[test]
fn a_long_line_is_not_quoted() {
    let project = Project::chain();
    project.run(&["repro"]).success();
    project.commit();
    project.write("metrics.json", &format!("{{\"a\": [{}", "1, ".repeat(2000)));
    let text = project.run(&["metrics", "diff"]).failure(1);
    assert!(
        text.len() < 1000 && text.contains("metrics.json:"),
        "{}",
        text.len()
    );
}

/// What is neither a file nor a folder keeps nobody for ever.
#[test]
fn a_pipe_in_the_place_of_a_file() {
    for file in ["pipeline.yaml", "params.yaml", "data.lock"] {
        let project = Project::chain();
        project.run(&["init"]).success();
        if project.exists(file) {
            project.remove(file);
        }
        let status = project.isolated("mkfifo").arg(file).status();
        assert!(status.expect("runs").success());
        let output = project.run(&["repro"]);
        let text = output.stderr;
        assert_ne!(output.code, Some(0), "{file}: {text}");
        let wanted = format!("cannot read `{file}`");
        assert!(text.contains(&wanted), "{file}: {text}");
        assert!(
            text.contains("it is a pipe, a socket or a device"),
            "{text}"
        );
    }
}

#[test]
fn names_and_values_that_are_empty() {
    let text = refuse("stages:\n  '': {cmd: x}\n");
    assert!(text.starts_with("error: a stage has no name\n"), "{text}");
    assert!(text.contains("pipeline.yaml:2:"), "{text}");
    let text = refuse("stages:\n  a: {matrix: {}, cmd: x}\n");
    assert!(
        text.starts_with("error: `stages.a.matrix` has no values\n"),
        "{text}"
    );
    let text = refuse("stages:\n  a: {cmd: \"printf '\\0'\"}\n");
    assert!(
        text.starts_with("error: `cmd` has a NUL character, which no shell can be given\n"),
        "{text}"
    );
    let project = Project::chain();
    project.write("data.lock", "\n");
    let text = project.run(&["repro"]).failure(1);
    assert!(text.starts_with("error: the lock is empty\n"), "{text}");
    assert!(text.contains("`git checkout data.lock`"), "{text}");
}

#[test]
fn a_params_file_without_names() {
    let project = Project::with("stages:\n  a: {cmd: x, params: [k]}\n");
    project.write("params.yaml", "k\n");
    let text = project.run(&["repro"]).failure(3);
    assert!(
        text.contains("there is no param `k` in `params.yaml`, which is text and has no names"),
        "{text}"
    );
    assert!(!text.contains("``"), "{text}");
}

#[test]
fn a_pattern_where_an_out_belongs() {
    let project = Project::with("stages:\n  a: {cmd: touch o.csv, outs: ['*.csv']}\n");
    let text = project.run(&["repro"]).failure(3);
    assert!(
        text.contains("an out is one path, no pattern: name the folder"),
        "{text}"
    );
}

#[test]
fn commands_of_dvc_that_are_not_here_say_what_is() {
    let project = Project::new();
    for (name, instead) in [
        ("exp", "mlpipe repro --set-param"),
        ("run", "mlpipe stage add"),
        ("version", "mlpipe --version"),
        ("send-comment", "mlpipe comment"),
    ] {
        let text = project.run(&[name, "show"]).failure(2);
        assert!(
            text.starts_with(&format!("error: there is no command `{name}`\n  hint: ")),
            "{text}"
        );
        assert!(text.contains(instead), "{text}");
    }
    let text = project.run(&["reprp"]).failure(2);
    assert!(text.contains("similar subcommands exist"), "{text}");
}

#[test]
fn the_root_is_shown_from_where_one_is() {
    let project = Project::with("stages: {}\n");
    project.run(&["init"]).success();
    assert_eq!(project.run(&["root"]).data(), ".\n");
    project.write("a/b/x", "");
    assert_eq!(project.run(&["--cd", "a/b", "root"]).data(), "../..\n");
}

#[test]
fn a_list_where_names_belong_and_a_text_where_a_list_belongs() {
    for (section, noun) in [("gates", "gate"), ("stages", "stage"), ("pools", "pool")] {
        let text = refuse(&format!("{section}:\n- path: x\n"));
        let what = format!("`{section}` must be a map, not a list");
        let help = format!("put each {noun} below a name of its own, as in `NAME: …`");
        assert!(text.contains(&what) && text.contains(&help), "{text}");
    }
    let text = refuse("stages:\n  a:\n    cmd: x\n    deps: data.csv\n");
    assert!(text.contains("`deps` must be a list, not text"), "{text}");
    assert!(
        text.contains("one alone is a list of one: `[data.csv]`"),
        "{text}"
    );
}
