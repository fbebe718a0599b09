//! `mlpipe data status`: where data stands between git, data.lock, the workspace and the cache.

use serde_json::{Value, json};

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
  (`mlpipe commit` stores what is in place, `mlpipe repro` makes outs again)
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
