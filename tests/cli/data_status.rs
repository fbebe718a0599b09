//! `mlpipe data status`: where data stands between git, data.lock, the workspace and the cache.

use std::os::unix::net::UnixListener;

use serde_json::{Value, json};

use crate::add;
use crate::support::Project;

fn tracked() -> Project {
    let project = Project::new();
    project.run(&["init"]).data();
    project.write("data/a", "a\n");
    project.write("data/b", "b\n");
    project.write("labels.csv", "1\n");
    project.run(&["add", "data", "labels.csv"]).success();
    project
}

#[test]
fn each_step_on_the_way_into_git_is_a_section() {
    let project = tracked();
    assert_eq!(
        project.run(&["data", "status"]).data(),
        "\
changes not committed to git
  (`git add data.lock`, then `git commit` keeps them)
    added     data/       2 files, 4 B
    added     labels.csv  2 B

2 unchanged (--unchanged lists them)
"
    );
    project.commit();
    assert_eq!(
        project.run(&["data", "status"]).data(),
        "all data is committed, in place and in the cache\n"
    );
    project.write("data/c", "c\n");
    project.remove("labels.csv");
    assert_eq!(
        project.run(&["data", "status"]).data(),
        "\
changes not recorded in data.lock
  (`mlpipe commit` records them, `mlpipe checkout` takes them back)
    modified  data/       2 → 3 files, 4 B → 6 B
    deleted   labels.csv  2 B

--granular names the files in folders
"
    );
    assert_eq!(
        project.run(&["data", "status", "--granular"]).data(),
        "\
changes not recorded in data.lock
  (`mlpipe commit` records them, `mlpipe checkout` takes them back)
    added     data/c      2 B
    deleted   labels.csv  2 B
"
    );
}

#[test]
fn what_the_cache_lacks_is_named() {
    let project = tracked();
    project.commit();
    project.remove(".mlpipe/cache");
    assert_eq!(
        project.run(&["data", "status", "--unchanged"]).data(),
        "\
not in the cache
  (`mlpipe pull` brings what is at the remote, `mlpipe commit` stores what is in place, `mlpipe repro` makes outs again)
    data/       2 files, 4 B
    labels.csv  2 B

unchanged
  (in place as data.lock records it)
    data/       2 files, 4 B
    labels.csv  2 B

2 unchanged
"
    );
    project.run(&["data", "status"]).success();
    let _text = project.run(&["data", "status", "--exit-code"]).failure(1);
}

#[test]
fn untracked_files_are_listed_when_asked_for() {
    let project = tracked();
    project.commit();
    project.write("sub/new.txt", "n\n");
    project.write("cache.tmp", "t\n");
    project.write(".gitignore", "*.tmp\n/data\n/labels.csv\n");
    project.git(&["add", ".gitignore"]);
    let text = project.run(&["data", "status"]).data();
    assert!(!text.contains("new.txt"), "{text}");
    assert_eq!(
        project.run(&["data", "status", "--untracked-files"]).data(),
        "\
untracked
  (`mlpipe add` tracks data, `git add` all else)
    sub/new.txt

all data is committed, in place and in the cache
"
    );
    let below = Project::new();
    below.write("outer.txt", "o\n");
    below.write("project/inner.txt", "i\n");
    below.run(&["--cd", "project", "init"]).data();
    let arguments = [
        "--cd",
        "project",
        "data",
        "status",
        "--json",
        "--untracked-files=all",
    ];
    let value: Value = serde_json::from_str(&below.run(&arguments).data()).expect("JSON");
    let files = value["untracked"].as_array().expect("a list");
    assert!(files.contains(&json!("inner.txt")), "{value}");
    assert!(!value.to_string().contains("outer"), "{value}");
}

#[test]
fn json_has_a_list_for_each_section() {
    let project = tracked();
    project.commit();
    project.write("data/c", "c\n");
    let text = project
        .run(&["data", "status", "--granular", "--json"])
        .data();
    let value: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(
        value,
        json!({
            "committed": {"added": [], "modified": [], "renamed": [], "deleted": [], "unknown": []},
            "uncommitted": {
                "added": ["data/c"],
                "modified": ["data/"],
                "renamed": [],
                "deleted": [],
                "unknown": [],
            },
            "not_in_cache": [],
            "unchanged": ["labels.csv"],
        })
    );
}

#[test]
fn outs_of_stages_count_but_not_those_of_git() {
    let project = Project::chain();
    project.run(&["repro"]).success();
    project.commit();
    assert_eq!(
        project.run(&["data", "status"]).data(),
        "all data is committed, in place and in the cache\n"
    );
    project.write("metrics.json", "{}\n");
    project.write("model/weights", "w\n");
    let text = project.run(&["data", "status"]).data();
    assert!(text.contains("    modified  model/  1 file"), "{text}");
    assert!(!text.contains("metrics.json"), "{text}");
    assert!(
        text.contains("1 unchanged (--unchanged lists them, --granular"),
        "{text}"
    );
}

#[test]
fn without_git_or_data_it_still_answers() {
    let project = Project::new();
    project.run(&["init"]).data();
    let nothing = "no data is tracked: `mlpipe add` tracks a file or folder\n";
    assert_eq!(project.run(&["data", "status"]).data(), nothing);
    project.remove(".git");
    assert_eq!(project.run(&["data", "status"]).data(), nothing);
}

/// Two branches, `main` and `side`, that have changed the same file in a tracked folder.
fn sides(has_driver: bool) -> Project {
    let project = add::project();
    if has_driver {
        project.run(&["install"]).data();
    }
    project.run(&["add", "data/raw", "x.csv"]).success();
    project.commit();
    project.git(&["branch", "side"]);
    for (branch, text) in [("main", "ours\n"), ("side", "theirs\n")] {
        project.git(&["switch", "-q", branch]);
        project.run(&["checkout"]).success();
        project.write("data/raw/a", text);
        project.run(&["add", "data/raw"]).success();
        project.commit();
    }
    project.git(&["switch", "-q", "main"]);
    project.run(&["checkout"]).success();
    project
}

#[test]
fn a_conflict_in_the_lock_is_told_by_both_statuses() {
    for has_driver in [false, true] {
        let project = sides(has_driver);
        let merge = project.try_git(&["merge", "side", "-m", "merge"]);
        assert_eq!(merge.code, Some(1), "{}", merge.stderr);
        for command in [&["status"][..], &["data", "status"]] {
            let output = project.run(command);
            let text = output.stdout + &output.stderr;
            if has_driver {
                assert_eq!(output.code, Some(0), "{text}");
                let start = "data.lock is in conflict: the sides differ in data/raw\n";
                assert!(text.starts_with(start), "{text}");
                assert!(
                    text.contains("if all else is right as it is: `git add data.lock`"),
                    "{text}"
                );
            } else {
                assert_eq!(output.code, Some(1), "{text}");
                assert!(
                    text.contains("the lock has merge-conflict markers"),
                    "{text}"
                );
                assert!(text.contains("`mlpipe checkout` for"), "{text}");
            }
            let arguments = [command, &["--exit-code"]].concat();
            assert_eq!(project.run(&arguments).code, Some(1));
        }
        project.git(&["checkout", "-q", "--theirs", "data.lock"]);
        project.run(&["checkout"]).success();
        assert_eq!(project.read("data/raw/a"), "theirs\n");
        project.git(&["add", "data.lock"]);
        let text = project.run(&["status", "--exit-code"]).data();
        assert_eq!(text, "everything is up to date\n");
    }
}

#[test]
fn data_of_before_a_merge_is_told_as_such() {
    let project = sides(false);
    project.git(&["switch", "-q", "-c", "behind", "main~"]);
    project.run(&["checkout"]).success();
    assert_eq!(project.read("data/raw/a"), "alpha\n");
    project.git(&["merge", "-q", "side"]);
    let text = project.run(&["status"]).data();
    assert_eq!(
        text,
        "data/raw is outdated\n  it is as before git moved to another commit: `mlpipe checkout \
         data/raw` brings what data.lock records, `mlpipe add data/raw` records what is there\n"
    );
    let text = project.run(&["data", "status"]).data();
    assert!(
        text.contains(
            "data/raw is as before git moved to another commit: `mlpipe checkout data/raw`"
        ),
        "{text}"
    );
    project.write("data/raw/a", "mine\n");
    let text = project.run(&["status"]).data();
    assert!(text.starts_with("data/raw is modified\n"), "{text}");
}

#[test]
fn what_cannot_be_read_is_an_error_of_its_own_and_all_else_is_told() {
    let project = add::project();
    project.run(&["add", "data/raw", "x.csv"]).success();
    project.commit();
    let _socket = UnixListener::bind(project.path("data/raw/sub/socket")).expect("binds");
    project.write("x.csv", "3,4\n");
    for command in ["status", "data status"] {
        let arguments: Vec<&str> = command.split(' ').collect();
        let output = project.run(&arguments);
        let text = output.stdout + &output.stderr;
        assert_eq!(output.code, Some(1), "{text}");
        assert!(text.contains("x.csv"), "{text}");
        assert!(text.contains("cannot look at `data/raw`"), "{text}");
        assert!(text.contains("data/raw/sub/socket` is a socket"), "{text}");
        assert!(!text.contains("deleted"), "{text}");
        let json = project.run(&[&arguments[..], &["--json"]].concat());
        assert_eq!(json.code, Some(1));
        assert!(json.stdout.contains("is a socket"), "{}", json.stdout);
    }
}

#[test]
fn a_file_that_a_link_has_replaced_is_told_as_a_link() {
    let project = tracked();
    project.commit();
    project.remove("data/a");
    std::os::unix::fs::symlink("b", project.path("data/a")).expect("links");
    let text = project.run(&["data", "status", "--granular"]).data();
    assert!(text.contains("modified  data/a  2 B → link to b"), "{text}");
    let text = project.run(&["diff"]).data();
    assert!(text.contains("data/a  2 B → link to b"), "{text}");
}
