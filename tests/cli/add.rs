//! `mlpipe add`: files and folders are tracked by their hashes, and nothing is done by halves.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};

use crate::data_checkout::lose;
use crate::support::{Output, Project};

/// A project with a folder of three files and a file beside it; no pipeline.
pub(crate) fn project() -> Project {
    let project = Project::new();
    project.run(&["init"]).success();
    project.write("data/raw/a", "alpha\n");
    project.write("data/raw/sub/b", "beta\n");
    project.write("data/raw/sub/c", "gamma\n");
    project.write("x.csv", "1,2\n");
    project
}

#[test]
fn files_and_folders_are_recorded_hidden_from_git_and_cached() {
    let project = project();
    let text = project.run(&["add", "data/raw", "x.csv"]).success();
    assert_eq!(
        text,
        "data/raw  added      3 files, 17 B\n\
         x.csv     added      4 B\n\
         next: git add data.lock .gitignore data/.gitignore\n"
    );
    let lock = project.read("data.lock");
    assert!(
        lock.starts_with("schema: 1\ndata:\n  data/raw:\n"),
        "{lock}"
    );
    assert!(lock.contains("    files: 3\n"), "{lock}");
    assert_eq!(project.read(".gitignore"), "/x.csv\n");
    assert_eq!(project.read("data/.gitignore"), "/raw\n");
    let seen = project.git(&["status", "--porcelain", "-uall"]);
    assert!(!seen.contains("raw/") && !seen.contains("x.csv"), "{seen}");
    assert_eq!(
        project.run(&["status", "--exit-code"]).data(),
        "everything is up to date\n"
    );
    project.remove("data/raw");
    project.run(&["checkout"]).success();
    assert_eq!(project.read("data/raw/sub/c"), "gamma\n");
}

#[test]
fn what_is_tracked_is_brought_up_to_date_and_what_is_unchanged_is_told() {
    let project = project();
    project.run(&["add", "data/raw", "x.csv"]).success();
    let before = project.read("data.lock");
    let text = project.run(&["add", "data/raw", "x.csv"]).success();
    assert_eq!(
        text,
        "data/raw  unchanged  3 files, 17 B\nx.csv     unchanged  4 B\n"
    );
    assert_eq!(project.read("data.lock"), before);
    project.write("data/raw/sub/d", "delta\n");
    let text = project.run(&["add", "data/raw", "x.csv"]).success();
    assert!(
        text.contains("data/raw  updated    4 files, 23 B\n"),
        "{text}"
    );
    assert!(text.ends_with("next: git add data.lock\n"), "{text}");
    project.remove(".mlpipe/cache");
    let text = project.run(&["add", "x.csv"]).success();
    assert_eq!(text, "x.csv  saved      4 B\n");
}

#[test]
fn json_names_hash_size_and_files() {
    let project = project();
    let text = project.run(&["add", "--json", "data/raw", "x.csv"]).data();
    let value: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(value[0]["path"], "data/raw");
    assert_eq!(value[0]["files"], 3);
    assert_eq!(value[1]["outcome"], "added");
    assert_eq!(value[1]["size"], 4);
    assert_eq!(value[1]["sha256"].as_str().map(str::len), Some(64));
}

#[test]
fn patterns_name_files_and_whole_folders() {
    let project = project();
    project.write("data/one.csv", "1\n");
    project.write("data/two.csv", "2\n");
    project.write("data/notes.txt", "n\n");
    project
        .run(&["add", "--glob", "data/*.csv", "data/r*"])
        .success();
    let ignored = project.read("data/.gitignore");
    assert_eq!(ignored, "/one.csv\n/raw\n/two.csv\n");
    let text = project.run(&["add", "--glob", "data/*.parquet"]).failure(1);
    assert!(text.contains("nothing matches `data/*.parquet`"), "{text}");
}

#[test]
fn without_commit_only_the_record_changes() {
    let project = project();
    project.run(&["add", "--no-commit", "x.csv"]).success();
    let text = project.run(&["status"]).data();
    assert!(text.starts_with("x.csv is not in the cache\n"), "{text}");
    assert!(text.contains("`mlpipe add x.csv` puts it there"), "{text}");
    project.run(&["commit", "x.csv"]).success();
    project.run(&["status", "--exit-code"]).success();
}

#[test]
fn modes_empty_folders_and_content_behind_links_come_back() {
    let project = project();
    let tool = project.path("data/raw/tool");
    project.write("data/raw/tool", "#!/bin/sh\n");
    fs::set_permissions(&tool, fs::Permissions::from_mode(0o755)).expect("sets");
    fs::create_dir(project.path("data/raw/void")).expect("makes");
    symlink("a", project.path("data/raw/link")).expect("links");
    project.run(&["add", "data/raw"]).success();
    project.remove("data/raw");
    project.run(&["checkout"]).success();
    let mode = tool.metadata().expect("there").permissions().mode();
    assert_eq!(mode & 0o111, 0o111);
    assert!(project.path("data/raw/void").is_dir());
    assert_eq!(project.read("data/raw/link"), "alpha\n");
}

/// Runs `mlpipe add`, which must refuse this and change nothing.
fn refused(project: &Project, code: i32, arguments: &[&str]) -> String {
    let lock = || fs::read(project.path("data.lock")).ok();
    let ignored = || fs::read(project.path(".gitignore")).ok();
    let before = (lock(), ignored());
    let arguments: Vec<&str> = ["add"].iter().chain(arguments).copied().collect();
    let text = project.run(&arguments).failure(code);
    assert!(
        before == (lock(), ignored()),
        "{arguments:?} changed something"
    );
    assert!(
        text.contains("hint") || text.contains("help"),
        "no hint: {text}"
    );
    text
}

#[test]
fn paths_that_cannot_be_data_are_refused_before_anything_changes() {
    let project = project();
    let cases = [
        ("absent", "`absent` does not exist"),
        (".", "the whole project cannot be tracked"),
        (".git/config", "`.git/config` is in `.git`"),
        (".mlpipe", "`.mlpipe` is in `.mlpipe`"),
        (".gitignore", "`.gitignore` is a file of git's own"),
    ];
    for (path, wanted) in cases {
        let text = refused(&project, 1, &["x.csv", path]);
        assert!(text.contains(wanted), "{path}: {text}");
    }
    let text = refused(&project, 2, &["../elsewhere"]);
    assert!(text.contains("outside the project"), "{text}");
    let text = refused(&project, 1, &["data", "data/raw"]);
    assert!(text.contains("`data/raw` is in `data`"), "{text}");
}

#[test]
fn links_to_nowhere_and_paths_behind_links_are_refused() {
    let project = project();
    symlink("nowhere", project.path("dangling")).expect("links");
    symlink("data", project.path("link")).expect("links");
    symlink("loop", project.path("loop")).expect("links");
    let text = refused(&project, 1, &["dangling"]);
    assert!(text.contains("`dangling` is a link to something"), "{text}");
    let text = refused(&project, 1, &["link/raw"]);
    assert!(text.contains("behind the link `link`"), "{text}");
    let text = project.run(&["add", "loop"]).failure(1);
    assert!(text.contains("loop"), "{text}");
    symlink("..", project.path("data/raw/up")).expect("links");
    let text = project.run(&["add", "data/raw"]).failure(1);
    assert!(text.contains("data/raw"), "{text}");
    assert!(!project.exists("data.lock"));
}

#[test]
fn what_has_no_content_and_names_that_are_no_text_are_refused() {
    let project = project();
    let socket = std::os::unix::net::UnixListener::bind(project.path("data/raw/socket"));
    let text = project.run(&["add", "data/raw"]).failure(1);
    assert!(
        text.contains("data/raw/socket") && text.contains("a socket, a pipe"),
        "{text}"
    );
    drop(socket);
    project.remove("data/raw/socket");
    let name = std::ffi::OsStr::from_bytes(b"caf\xe9");
    fs::write(project.path("data/raw").join(name), "x").expect("writes");
    let text = project.run(&["add", "data/raw"]).failure(1);
    assert!(
        text.contains("caf") && text.contains("not valid UTF-8"),
        "{text}"
    );
    let mut command = project.command(&["add"]);
    let text = Output::of(command.arg(name)).failure(1);
    assert!(
        text.contains("caf") && text.contains("not valid UTF-8"),
        "{text}"
    );
    assert!(!project.exists("data.lock"));
}

#[test]
fn a_path_in_or_around_tracked_data_is_refused() {
    let project = project();
    project.run(&["add", "data/raw"]).success();
    let text = refused(&project, 1, &["data/raw/a"]);
    assert!(
        text.contains("`data/raw/a` is in `data/raw`, which is tracked as a whole"),
        "{text}"
    );
    let text = refused(&project, 1, &["data"]);
    assert!(
        text.contains("`data/raw`, which is in `data`, is tracked by itself"),
        "{text}"
    );
    assert!(text.contains("`mlpipe remove data/raw`"), "{text}");
    project.remove("data/raw");
    let text = refused(&project, 1, &["data/raw"]);
    assert!(
        text.contains("`mlpipe checkout data/raw` brings it back"),
        "{text}"
    );
}

#[test]
fn what_git_or_a_stage_has_is_refused() {
    let project = project();
    project.git(&["add", "data/raw/a"]);
    let text = refused(&project, 1, &["data/raw"]);
    assert!(text.contains("git tracks `data/raw` already"), "{text}");
    assert!(text.contains("`git rm -r --cached data/raw`"), "{text}");
    project.git(&["rm", "-rq", "--cached", "data/raw"]);
    project.write(
        "pipeline.yaml",
        "stages:\n  make: {cmd: x, deps: [x.csv], outs: [data/raw/sub, out/o]}\n",
    );
    for path in ["data/raw", "data/raw/sub", "data/raw/sub/b"] {
        let text = refused(&project, 1, &[path]);
        assert!(text.contains("stage `make` makes `data/raw/sub`"), "{text}");
    }
    project.write("lib/pipeline.yaml", "stages:\n  far: {cmd: x}\n");
    let text = refused(&project, 1, &["lib"]);
    assert!(
        text.contains("`lib/pipeline.yaml`, which is in `lib`"),
        "{text}"
    );
    project.run(&["add", "x.csv"]).success();
}

#[test]
fn what_mlpipeignore_names_is_refused() {
    let project = project();
    project.write(".mlpipeignore", "*.csv\n/data/raw/sub\n!keep.csv\n");
    project.write("keep.csv", "k\n");
    let text = refused(&project, 1, &["x.csv"]);
    assert!(
        text.contains("`x.csv` is ignored by `.mlpipeignore`"),
        "{text}"
    );
    refused(&project, 1, &["data/raw/sub/b"]);
    project.run(&["add", "keep.csv"]).success();
}

#[test]
fn a_lock_that_git_ignores_is_refused() {
    let project = project();
    project.write(".gitignore", "*.lock\n");
    let text = refused(&project, 1, &["x.csv"]);
    assert!(text.contains("git ignores `data.lock`"), "{text}");
}

#[test]
fn a_stage_that_makes_tracked_data_is_an_error_at_its_place() {
    let project = project();
    project.run(&["add", "data/raw"]).success();
    project.write(
        "pipeline.yaml",
        "stages:\n  make:\n    cmd: x\n    outs:\n      - data/raw/o\n",
    );
    for arguments in [&["repro"][..], &["status"]] {
        let text = project.run(arguments).failure(1);
        assert!(text.contains("pipeline.yaml:5:9"), "{text}");
        assert!(text.contains("`data/raw` is tracked data"), "{text}");
        assert!(
            text.contains("`mlpipe remove data/raw` stops tracking it"),
            "{text}"
        );
    }
    project.run(&["remove", "data/raw"]).success();
    project.run(&["status"]).data();
}

#[test]
fn paths_are_those_of_the_current_folder() {
    let project = project();
    project.run(&["--cd", "data", "add", "raw"]).success();
    assert!(project.read("data.lock").contains("  data/raw:\n"));
    assert_eq!(project.read("data/.gitignore"), "/raw\n");
    project.remove("data/raw");
    project.run(&["--cd", "data", "checkout", "raw"]).success();
    assert!(project.exists("data/raw/a"));
}

#[test]
fn a_stage_that_would_make_tracked_data_is_not_added() {
    let project = project();
    project.run(&["add", "data/raw"]).success();
    let arguments = ["stage", "add", "-n", "make", "-o", "data/raw/o", "x"];
    let text = project.run(&arguments).failure(1);
    assert!(text.contains("`data/raw` is tracked data"), "{text}");
    assert!(!project.exists("pipeline.yaml"));
}

#[test]
fn two_at_once_record_both() {
    let project = project();
    let children = ["data/raw", "x.csv"].map(|path| project.spawn(&["add", path]));
    for child in children {
        let output = child.wait_with_output().expect("ends");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{said}");
    }
    let lock = project.read("data.lock");
    assert!(
        lock.contains("  data/raw:\n") && lock.contains("  x.csv:\n"),
        "{lock}"
    );
    project.run(&["status", "--exit-code"]).success();
}

#[test]
fn a_file_that_was_edited_through_its_link_is_told_with_what_is_lost() {
    for kind in ["hardlink", "symlink"] {
        let project = project();
        project.run(&["config", "cache.type", kind]).success();
        project.run(&["add", "data/raw", "x.csv"]).success();
        for (name, text) in [("data/raw/sub/b", "edited\n"), ("x.csv", "3,4\n")] {
            let path = project.path(name);
            fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).expect("sets");
            fs::write(&path, text).expect("writes");
        }
        project.write("data/raw/new", "new\n");
        let text = project.run(&["add", "data/raw", "x.csv"]).success();
        for name in ["data/raw/sub/b", "x.csv"] {
            let said = format!(
                "warning: {name} was edited through its link into the cache, which has lost the bytes"
            );
            assert!(text.contains(&said), "{kind}: {text}");
        }
        assert!(text.contains("`mlpipe unprotect data/raw`"), "{text}");
        // One's own copy can be edited.
        project.run(&["unprotect", "x.csv"]).success();
        project.write("x.csv", "5,6\n");
        let text = project.run(&["add", "data/raw", "x.csv"]).success();
        assert!(!text.contains("warning"), "{text}");
    }
}

#[test]
fn what_differs_only_in_capitals_is_refused_or_told() {
    let project = project();
    project.run(&["add", "data/raw"]).success();
    project.write("Data/RAW", "other\n");
    project.write("data/Raw/a", "other\n");
    for other in ["Data/RAW", "data/Raw", "Data"] {
        let text = project.run(&["add", other]).failure(1);
        assert!(
            text.contains(&format!(
                "`{other}` and `data/raw`, which is tracked, differ only in"
            )),
            "{text}"
        );
    }
    project.write("Twice", "1\n");
    project.write("twice", "2\n");
    let text = project.run(&["add", "Twice", "twice"]).failure(1);
    assert!(
        text.contains("`Twice`") && text.contains("`twice`"),
        "{text}"
    );
    let text = project.run(&["move", "data/raw", "TWICE/x"]).success();
    assert!(!text.contains("error"), "{text}");
    // Inside of a folder nothing is lost here, but it would be elsewhere.
    project.write("TWICE/x/Sub/B", "other\n");
    let text = project.run(&["add", "TWICE/x"]).success();
    assert!(
        text.contains(
            "warning: TWICE/x/Sub and TWICE/x/sub differ only in capitals: macOS and Windows"
        ),
        "{text}"
    );
}

#[test]
fn equal_files_and_links_to_each_other_become_links_to_one_object() {
    let project = Project::new();
    project.run(&["init"]).success();
    project.run(&["config", "cache.type", "hardlink"]).success();
    for number in 0..64 {
        project.write(&format!("data/{number}"), &format!("twin {}\n", number / 4));
    }
    symlink(project.path("data/1"), project.path("data/link")).expect("links");
    project.run(&["add", "data"]).success();
    project.run(&["status", "--exit-code"]).success();
}

#[test]
fn a_link_to_an_object_that_is_gone_is_no_reason_to_forget_its_file() {
    let project = project();
    project.run(&["config", "cache.type", "symlink"]).success();
    project.run(&["add", "data/raw", "x.csv"]).success();
    let lock = project.read("data.lock");
    for name in ["x.csv", "data/raw/sub/b"] {
        let object = project.path(name).read_link().expect("is a link");
        fs::remove_file(object).expect("removes");
        assert!(project.path(name).is_symlink());
        let tracked = name.strip_suffix("/sub/b").unwrap_or(name);
        for arguments in [
            &["add", tracked][..],
            &["add", "--no-commit", tracked],
            &["commit", "--force", tracked],
        ] {
            let text = project.run(arguments).failure(1);
            assert!(text.contains(name), "{arguments:?}: {text}");
            assert!(
                text.contains("is a link to an object that the cache has lost"),
                "{arguments:?}: {text}"
            );
            assert!(text.contains("`mlpipe fsck`"), "{text}");
            assert_eq!(project.read("data.lock"), lock, "{arguments:?}");
        }
    }
    // Nobody has the file any more: it goes only if the user says so.
    fs::remove_file(project.path("data/raw/sub/b")).expect("removes");
    let text = project.run(&["add", "data/raw"]).failure(1);
    assert!(
        text.contains("1 file neither here nor in the cache: data/raw/sub/b"),
        "{text}"
    );
    assert_eq!(project.read("data.lock"), lock);
    project.run(&["add", "--force", "data/raw"]).success();
    assert_ne!(project.read("data.lock"), lock);
}

#[test]
fn what_the_cache_has_lost_and_lies_there_under_another_name_is_not_lost() {
    let project = project();
    project.run(&["add", "data/raw"]).success();
    lose(&project, b"beta\n");
    let (old, new) = (project.path("data/raw/sub/b"), project.path("data/raw/new"));
    fs::rename(old, new).expect("renames");
    let text = project.run(&["status"]).data();
    assert!(text.starts_with("data/raw is modified"), "{text}");
    project.run(&["add", "data/raw"]).success();
    project.remove("data/raw");
    project.run(&["checkout"]).success();
    assert_eq!(project.read("data/raw/new"), "beta\n");
}

#[test]
fn names_that_would_steer_a_terminal_are_written_out_in_messages() {
    let project = project();
    project.write("data/raw/\u{1b}[31mred\n", "red\n");
    project.run(&["add", "data/raw"]).success();
    lose(&project, b"red\n");
    project.remove("data/raw");
    let shown = "data/raw/\\u{1b}[31mred\\n";
    let text = project.run(&["checkout"]).failure(1);
    assert!(
        text.contains(&format!("1 file missing: {shown}\n")),
        "{text}"
    );
    let text = project.run(&["status"]).data();
    assert!(
        text.contains(&format!("not in the cache: {shown}\n")),
        "{text}"
    );
}
