//! `mlpipe config`, `mlpipe cache dir`, and what the layers of settings come to.

use std::fs;

use crate::support::{Output, Project};

/// A pipeline of one stage.
const ONE: &str = "stages:\n  a: {cmd: echo 1 > out, outs: [out]}\n";

fn with_env(project: &Project, variable: &str, value: &str, arguments: &[&str]) -> Output {
    Output::of(project.command(arguments).env(variable, value))
}

#[test]
fn later_layers_win_key_by_key() {
    let project = Project::with(ONE);
    let get = |key: &str| project.run(&["config", key, "--show-origin"]).data();
    for (flag, types) in [
        ("--system", "copy"),
        ("--global", "symlink"),
        ("--project", "hardlink"),
        ("--local", "hardlink,copy"),
    ] {
        project
            .run(&["config", flag, "cache.type", types])
            .success();
        assert!(
            get("cache.type").ends_with(&format!("\t{types}\n")),
            "{flag}"
        );
    }
    project
        .run(&["config", "--global", "cache.shared", "group"])
        .success();
    assert_eq!(
        get("cache.type"),
        ".mlpipe/config.local.yaml\thardlink,copy\n"
    );
    let text = project.read(".mlpipe/config.yaml");
    assert_eq!(text, "cache:\n  type: hardlink\n");
    let command = ["config", "-l", "--show-origin"];
    let text = with_env(&project, "MLPIPE_CACHE_TYPE", "reflink", &command).data();
    assert_eq!(text.lines().count(), 2, "{text}");
    assert!(
        text.contains("MLPIPE_CACHE_TYPE\tcache.type=reflink\n"),
        "{text}"
    );
    assert!(
        text.contains("mlpipe/config.yaml\tcache.shared=group\n"),
        "{text}"
    );
    let text = project.run(&["config", "--system", "--list"]).data();
    assert_eq!(text, "cache.type=copy\n");
}

#[test]
fn without_settings_the_defaults_hold() {
    let project = Project::with(ONE);
    assert_eq!(project.run(&["config", "--list"]).data(), "");
    let text = project.run(&["config", "cache.type"]).failure(1);
    assert!(text.contains("`cache.type` is not set"), "{text}");
    assert!(text.contains("`reflink,copy` holds"), "{text}");
    let text = project.run(&["config", "--local", "cache.dir"]).failure(1);
    assert!(
        text.contains("not set in `.mlpipe/config.local.yaml`"),
        "{text}"
    );
    let root = project.root().canonicalize().expect("is there");
    let text = project.run(&["cache", "dir"]).data();
    assert_eq!(text, format!("{}/.mlpipe/cache\n", root.display()));
    assert!(!project.exists(".mlpipe"));
}

#[test]
fn json_says_where_a_value_comes_from() {
    let project = Project::with(ONE);
    project.write(".mlpipe/config.yaml", "cache:\n  type: [hardlink, copy]\n");
    let text = project.run(&["config", "--list", "--json"]).data();
    let json: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let entry = serde_json::json!({
        "key": "cache.type",
        "value": ["hardlink", "copy"],
        "level": "project",
        "origin": ".mlpipe/config.yaml",
    });
    assert_eq!(json, serde_json::json!([entry]));
    let text = project.run(&["config", "cache.type", "--json"]).data();
    let json: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(json, entry);
}

#[test]
fn edits_keep_comments_and_what_is_empty_goes() {
    let project = Project::with(ONE);
    let text = "# ours\ncache:\n  # why\n  type: copy  # always\n\n  shared: group\n";
    project.write(".mlpipe/config.yaml", text);
    project.run(&["config", "cache.type", "hardlink"]).success();
    let edited = text.replace("type: copy", "type: hardlink");
    assert_eq!(project.read(".mlpipe/config.yaml"), edited);
    project.run(&["config", "-u", "cache.shared"]).success();
    project.run(&["config", "-u", "cache.type"]).success();
    let left = project.read(".mlpipe/config.yaml");
    assert!(!left.contains("cache"), "{left}");
    let text = project.run(&["config", "-u", "cache.type"]).failure(1);
    assert!(
        text.contains("`cache.type` is not set in `.mlpipe/config.yaml`"),
        "{text}"
    );
}

#[test]
fn what_is_wrong_on_the_command_line_is_not_written() {
    let project = Project::with(ONE);
    for (arguments, message, hint) in [
        (
            ["cahce.dir", "x"],
            "there is no setting `cahce.dir`",
            "did you mean `cache.dir`?",
        ),
        (
            ["cache.type", "hardlnk"],
            "no link type `hardlnk`",
            "did you mean `hardlink`?",
        ),
        (
            ["cache.type", "copy,"],
            "no link type ``",
            "link types: reflink",
        ),
        (
            ["cache.shared", "all"],
            "`cache.shared` cannot be `all`",
            "write `group`",
        ),
        (["cache.dir", ""], "must not be empty", "name a folder"),
        (
            ["cache.dir", "."],
            "holds the project itself",
            "a folder of its own",
        ),
        (
            ["cache.dir", ".."],
            "holds the project itself",
            "a folder of its own",
        ),
    ] {
        let text = project
            .run(&["config", arguments[0], arguments[1]])
            .failure(2);
        assert!(text.contains(message) && text.contains(hint), "{text}");
    }
    let text = project
        .run(&["config", "--global", "cache.dir", "x"])
        .failure(2);
    assert!(text.contains("must be an absolute path here"), "{text}");
    let text = project.run(&["config", "-u", "cache"]).failure(2);
    assert!(text.contains("there is no setting `cache`"), "{text}");
    assert!(!project.exists(".mlpipe/config.yaml"));
}

#[test]
fn mistakes_in_files_have_their_place() {
    let project = Project::with(ONE);
    for (text, message, place, hint) in [
        (
            "cache:\n  dri: x\n",
            "unknown key `dri` in `cache`",
            "2:3",
            "did you mean `dir`?",
        ),
        (
            "cahce: {}\n",
            "unknown key `cahce` in the file",
            "1:1",
            "did you mean `cache`?",
        ),
        (
            "cache.dir: x\n",
            "unknown key `cache.dir`",
            "1:1",
            "write `cache:` and `dir:`",
        ),
        (
            "cache: 1\n",
            "`cache` must be a map, not a number",
            "1:8",
            "",
        ),
        (
            "cache:\n  dir: 1\n",
            "`cache.dir` must be text, not a number",
            "2:8",
            "quotes",
        ),
        (
            "cache:\n  dir: ~\n",
            "`cache.dir` must be text, not nothing",
            "2:8",
            "quotes",
        ),
        (
            "cache:\n  type: [copy, lnk]\n",
            "no link type `lnk`",
            "2:16",
            "link types:",
        ),
        (
            "cache:\n  type: []\n",
            "`cache.type` must name a link type",
            "2:9",
            "hardlink",
        ),
        ("- a\n", "the file must be a map, not a list", "1:1", ""),
        ("a: [\n", "", "", ""),
    ] {
        project.write(".mlpipe/config.yaml", text);
        for command in [&["status"][..], &["config", "-l"], &["init"]] {
            let shown = project.run(command).failure(1);
            let place = format!(".mlpipe/config.yaml:{place}");
            assert!(shown.contains(message), "{text}{shown}");
            assert!(
                shown.contains(&place) && shown.contains(hint),
                "{text}{shown}"
            );
        }
    }
}

#[test]
fn a_broken_file_is_mended_with_config() {
    let project = Project::with(ONE);
    project.write(
        ".mlpipe/config.yaml",
        "cahce: {dir: x}\ncache:\n  type: lnk\n",
    );
    project.write(".mlpipe/config.local.yaml", "cache:\n  shared: group\n");
    let output = project.run(&["config", "--list"]);
    assert_eq!(output.stdout, "cache.shared=group\n");
    assert!(output.failure(1).contains("unknown key `cahce`"));
    let text = project.run(&["config", "cache.type", "copy"]).success();
    assert!(text.contains("still wrong: unknown key `cahce`"), "{text}");
    project.run(&["config", "-u", "cahce.dir"]).success();
    assert_eq!(
        project.read(".mlpipe/config.yaml"),
        "cache:\n  type: copy\n"
    );
    project.run(&["repro"]).success();
}

#[test]
fn a_variable_that_is_wrong_is_named() {
    let project = Project::with(ONE);
    let text = with_env(&project, "MLPIPE_CACHE_TYPE", "x", &["status"]).failure(1);
    assert!(
        text.contains("the environment variable MLPIPE_CACHE_TYPE"),
        "{text}"
    );
    with_env(&project, "MLPIPE_CACHE_TYPE", "", &["status"]).success();
}

#[test]
fn outs_go_to_the_cache_that_is_set() {
    let project = Project::with(ONE);
    project
        .run(&["config", "cache.dir", ".mlpipe/../store/objects"])
        .success();
    project.run(&["repro"]).success();
    assert!(project.exists("store/objects/run-log"));
    assert!(!project.exists(".mlpipe/cache"));
    project.remove("out");
    project.run(&["checkout"]).success();
    assert_eq!(project.read("out"), "1\n");
    project.remove("out");
    let other = project.path(".git/other");
    let other = other.to_str().expect("UTF-8");
    with_env(&project, "MLPIPE_CACHE_DIR", other, &["checkout"]).failure(1);
    with_env(&project, "MLPIPE_CACHE_DIR", "~/other", &["repro"]).success();
    assert!(project.exists(".git/other/run-log"));
}

#[test]
fn the_folder_is_given_as_seen_from_here() {
    let project = Project::with(ONE);
    project.write("sub/x", "");
    project
        .run(&["--cd", "sub", "cache", "dir", "../../shared"])
        .success();
    assert_eq!(
        project.read(".mlpipe/config.yaml"),
        "cache:\n  dir: ../shared\n"
    );
    let text = project
        .run(&["--cd", "sub", "cache", "dir", "--global", "x"])
        .success();
    assert!(
        text.contains("it does not count here: `.mlpipe/config.yaml` sets it"),
        "{text}"
    );
    let root = project.root().canonicalize().expect("is there");
    let global = project.read(".git/.config/mlpipe/config.yaml");
    assert_eq!(global, format!("cache:\n  dir: {}/sub/x\n", root.display()));
    let text = project.run(&["cache", "dir", "-u"]).success();
    assert!(text.contains("sub/x` now"), "{text}");
    assert!(
        text.contains("git would see it: add a line `/sub/x`"),
        "{text}"
    );
    let text = project.run(&["cache", "dir", "--global"]).data();
    assert_eq!(text, format!("{}/sub/x\n", root.display()));
}

#[test]
fn the_old_cache_stays_and_can_be_moved() {
    let project = Project::with(ONE);
    project.run(&["repro"]).success();
    let text = project
        .run(&["cache", "dir", "--local", ".git/a b/new"])
        .success();
    assert!(text.contains("/.mlpipe/cache` holds stays there"), "{text}");
    let command = text.lines().last().expect("a command").trim();
    let mut shell = project.isolated("sh");
    Output::of(shell.args(["-c", command])).success();
    assert!(!project.exists(".mlpipe/cache"));
    project.remove("out");
    project.run(&["checkout"]).success();
    // The way back leads into a folder that has something in it.
    project.write(".mlpipe/cache/x", "");
    let text = project.run(&["cache", "dir", "--local", "-u"]).success();
    let command = text.lines().last().expect("a command").trim();
    assert!(command.starts_with("cp -an "), "{text}");
    Output::of(project.isolated("sh").args(["-c", command])).success();
    project.remove("out");
    project.run(&["checkout"]).success();
    let hidden = project.git(&["status", "--porcelain", "-uall"]);
    assert!(!hidden.contains("config.local"), "{hidden}");
}

#[test]
fn settings_of_the_user_need_no_project() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let project = Project::new();
    let run = |arguments: &[&str]| {
        let mut command = project.command(arguments);
        Output::of(command.current_dir(folder.path()))
    };
    run(&["config", "--global", "cache.dir", "~/c"]).success();
    assert_eq!(run(&["config", "cache.dir"]).data(), "~/c\n");
    let text = run(&["config", "cache.dir", "x"]).failure(1);
    assert!(text.contains("there is no mlpipe project"), "{text}");
    assert_eq!(fs::read_dir(folder.path()).expect("reads").count(), 0);
}
