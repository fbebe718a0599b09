//! `mlpipe diff`: data of two sides, file by file, without a checkout.

use serde_json::{Value, json};

use crate::support::Project;

/// A project with a tracked folder and a tracked file in its first commit.
fn tracked() -> Project {
    let project = Project::new();
    project.run(&["init"]).data();
    for (name, text) in [("a.txt", "a\n"), ("b.txt", "bb\n"), ("sub/c.txt", "ccc\n")] {
        project.write(&format!("data/{name}"), text);
    }
    project.write("labels.csv", "1\n");
    project.run(&["add", "data", "labels.csv"]).success();
    project.commit();
    project
}

fn json_of(project: &Project, arguments: &[&str]) -> Value {
    let text = project.run(arguments).data();
    serde_json::from_str(&text).expect("JSON")
}

#[test]
fn files_inside_of_folders_are_told_apart() {
    let project = tracked();
    assert_eq!(
        project.run(&["diff"]).data(),
        "no data differs between HEAD and the workspace\n"
    );
    project.remove("data/a.txt");
    project.write("data/moved/b.txt", "bb\n");
    project.remove("data/b.txt");
    project.remove("data/sub/c.txt");
    project.write("data/sub/c.txt", "other\n");
    project.write("data/new", "n\n");
    let text = project.run(&["diff"]).data();
    assert_eq!(
        text,
        "\
added
  data/new                       2 B
modified
  data/sub/c.txt                 4 B → 6 B
renamed
  data/b.txt → data/moved/b.txt  3 B
deleted
  data/a.txt                     2 B
1 file added (2 B), 1 modified (6 B), 1 renamed (3 B), 1 deleted (2 B)
"
    );
    let text = project.run(&["diff", "--show-hash", "--md"]).data();
    assert_eq!(
        text,
        "\
| status | hash | path | size |
| --- | --- | --- | ---: |
| added | a4fb6214 | data/new | 2 B |
| modified | 5695d82a..7e4fa2eb | data/sub/c.txt | 4 B → 6 B |
| renamed | a81c31ac | data/b.txt → data/moved/b.txt | 3 B |
| deleted | 87428fc5 | data/a.txt | 2 B |

1 file added (2 B), 1 modified (6 B), 1 renamed (3 B), 1 deleted (2 B)
"
    );
    let targets = ["diff", "--targets", "data/sub", "data/new"];
    let text = project.run(&targets).data();
    assert!(
        text.ends_with("1 file added (2 B), 1 modified (6 B)\n"),
        "{text}"
    );
    let error = project.run(&["diff", "--targets", "absent"]).failure(2);
    assert!(error.contains("neither tracked data nor an out"), "{error}");
}

#[test]
fn json_has_the_shape_that_dvc_users_know() {
    let project = tracked();
    project.remove("labels.csv");
    project.write("labels.csv", "1\n2\n");
    let mut value = json_of(&project, &["diff", "--json"]);
    let hash = value["modified"][0]["hash"].take();
    assert_eq!(hash["old"].as_str().map(str::len), Some(64));
    assert_ne!(hash["old"], hash["new"]);
    assert_eq!(
        value,
        json!({
            "added": [],
            "deleted": [],
            "modified": [{"path": "labels.csv", "hash": null, "size": {"old": 2, "new": 4}}],
            "renamed": [],
            "not in cache": [],
            "unknown": [],
        })
    );
}

#[test]
fn two_revisions_are_compared_without_a_checkout() {
    let project = tracked();
    project.remove("data/a.txt");
    project.run(&["add", "data"]).success();
    project.commit();
    project.remove("data");
    let text = project.run(&["diff", "HEAD~1", "HEAD"]).data();
    assert_eq!(text, "deleted\n  data/a.txt  2 B\n1 file deleted (2 B)\n");
    let text = project.run(&["diff", "HEAD", "HEAD~1"]).data();
    assert_eq!(text, "added\n  data/a.txt  2 B\n1 file added (2 B)\n");
    assert!(!project.exists("data"));
}

#[test]
fn a_folder_that_comes_goes_or_moves_as_a_whole_is_one_line() {
    let project = tracked();
    project.run(&["move", "data", "raw"]).success();
    project.write("fresh/x", "x\n");
    project.write("fresh/y", "y\n");
    project.run(&["add", "fresh"]).success();
    let text = project.run(&["diff"]).data();
    assert_eq!(
        text,
        "\
added
  fresh/        2 files, 4 B
renamed
  data/ → raw/  3 files, 9 B
2 files added (4 B), 3 renamed (9 B)
"
    );
    let value = json_of(&project, &["diff", "--json"]);
    let paths = |kind: &str| {
        let items = value[kind].as_array().expect("a list");
        items
            .iter()
            .map(|item| item["path"].clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(paths("added"), ["fresh/", "fresh/x", "fresh/y"]);
    assert_eq!(paths("renamed").len(), 4);
    assert_eq!(
        paths("renamed")[1],
        json!({"old": "data/a.txt", "new": "raw/a.txt"})
    );
}

#[test]
fn a_list_of_files_that_no_cache_has_hides_nothing_else() {
    let project = tracked();
    project.write("data/new", "n\n");
    project.remove("labels.csv");
    project.remove(".mlpipe/cache");
    let text = project.run(&["diff"]).data();
    assert_eq!(
        text,
        "\
modified
  data/       3 → 4 files, 9 B → 11 B, files unknown
deleted
  labels.csv  2 B
not in the cache
  data/       3 files, 9 B
  labels.csv  2 B
1 file deleted (2 B), 1 folder modified in files that are unknown
"
    );
    let text = project.run(&["diff", "--hide-missing"]).data();
    assert!(!text.contains("not in the cache"), "{text}");
    project.remove("data");
    let text = project.run(&["diff", "--hide-missing"]).data();
    assert_eq!(
        text,
        "\
deleted
  data/       3 files, 9 B, files unknown
  labels.csv  2 B
4 files deleted (11 B)
"
    );
}

#[test]
fn a_mode_is_a_change_too() {
    let project = tracked();
    project.remove("data/a.txt");
    project.write("data/a.txt", "a\n");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(project.path("data/a.txt"), mode).expect("sets");
    let text = project.run(&["diff"]).data();
    assert!(text.contains("  data/a.txt  now executable\n"), "{text}");
}

#[test]
fn outs_of_stages_are_data_unless_git_keeps_them() {
    let project = Project::chain();
    project.run(&["repro"]).success();
    project.commit();
    project.write("in.txt", "bye bye\n");
    project.edit("params.yaml", "score: 0.9", "score: 0.8");
    project.run(&["repro"]).success();
    let text = project.run(&["diff", "HEAD"]).data();
    assert_eq!(
        text,
        "modified\n  mid.txt        6 B → 8 B\n  model/weights  34 B → 36 B\n2 files modified (44 B)\n"
    );
}

#[test]
fn many_files_are_counted_and_not_listed() {
    let project = tracked();
    for number in 0..60 {
        project.write(&format!("data/more/{number:02}"), &format!("{number}\n"));
    }
    let text = project.run(&["diff"]).data();
    assert_eq!(text.lines().count(), 1 + 50 + 1 + 1, "{text}");
    assert!(
        text.contains("\n  and 10 more (--json lists all)\n60 files added"),
        "{text}"
    );
    let value = json_of(&project, &["diff", "--json"]);
    assert_eq!(value["added"].as_array().map(Vec::len), Some(60));
}

#[test]
fn without_a_commit_or_git_it_says_what_to_do() {
    let project = Project::new();
    project.run(&["init"]).data();
    let error = project.run(&["diff"]).failure(1);
    assert!(error.contains("`git commit` makes the first"), "{error}");
}
