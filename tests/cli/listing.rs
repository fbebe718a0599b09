//! `mlpipe ls` and `mlpipe du`: what the project has, be it checked out or not.

use serde_json::{Value, json};

use crate::support::Project;

fn tracked() -> Project {
    let project = Project::new();
    project.run(&["init"]).data();
    for (name, text) in [("a.txt", "a\n"), ("b.txt", "a\n"), ("sub/c.txt", "ccc\n")] {
        project.write(&format!("data/raw/{name}"), text);
    }
    project.write("data/labels.csv", "1\n");
    project.write("src/train.py", "pass\n");
    project
        .run(&["add", "data/raw", "data/labels.csv"])
        .success();
    project.commit();
    project
}

#[test]
fn files_of_git_and_data_are_listed_together() {
    let project = tracked();
    project.remove("data");
    project.write("untracked", "u\n");
    let list = |arguments: &[&str]| project.run(&[&["ls"], arguments].concat()).data();
    assert_eq!(list(&[]), ".mlpipe/\ndata.lock\ndata/\nsrc/\n");
    assert_eq!(list(&["data"]), ".gitignore\nlabels.csv\nraw/\n");
    assert_eq!(list(&["data/raw"]), "a.txt\nb.txt\nsub/\n");
    assert_eq!(list(&["data/raw/sub/c.txt"]), "c.txt\n");
    assert_eq!(list(&["src/train.py"]), "train.py\n");
    assert_eq!(
        list(&["-R", "--data-only", "--size"]),
        "2 B  data/labels.csv\n2 B  data/raw/a.txt\n2 B  data/raw/b.txt\n4 B  data/raw/sub/c.txt\n"
    );
    assert_eq!(list(&["--size", "src", "-R"]), "5 B  train.py\n");
    let text = list(&["--hash", "data/raw"]);
    assert!(text.starts_with("87428fc522803d31"), "{text}");
    let error = project.run(&["ls", "untracked"]).failure(1);
    assert!(error.contains("no file at `untracked`"), "{error}");
}

#[test]
fn a_revision_is_listed_without_a_checkout() {
    let project = tracked();
    project.run(&["remove", "--outs", "data/raw"]).success();
    project.git(&["rm", "-q", "src/train.py"]);
    project.commit();
    assert_eq!(
        project.run(&["ls", "data"]).data(),
        ".gitignore\nlabels.csv\n"
    );
    let text = project.run(&["ls", "--rev", "HEAD~1", "-R", "data"]).data();
    assert_eq!(
        text,
        ".gitignore\nlabels.csv\nraw/a.txt\nraw/b.txt\nraw/sub/c.txt\n"
    );
    let text = project
        .run(&["ls", "--rev", "HEAD~1", "--size", "src"])
        .data();
    assert_eq!(text, "5 B  train.py\n");
    let text = project.run(&["ls", "--rev", "HEAD~1"]).data();
    assert_eq!(text, ".mlpipe/\ndata.lock\ndata/\nsrc/\n");
    let error = project.run(&["ls", "--rev", "HEAD", "src"]).failure(1);
    assert!(error.contains("no file at `src` in HEAD"), "{error}");
}

#[test]
fn json_has_the_keys_that_dvc_users_know() {
    let project = tracked();
    let text = project.run(&["ls", "data", "--json"]).data();
    let mut value: Value = serde_json::from_str(&text).expect("JSON");
    for entry in value.as_array_mut().expect("a list") {
        let has_hash = entry["hash"].take().is_string();
        entry["hash"] = has_hash.into();
    }
    let entry = |path, isout, isdir, size: u64| json!({"path": path, "isout": isout, "isdir": isdir, "isexec": false, "size": size, "hash": isout});
    let gitignore = u64::try_from(project.read("data/.gitignore").len()).expect("short");
    assert_eq!(
        value,
        json!([
            entry(".gitignore", false, false, gitignore),
            entry("labels.csv", true, false, 2),
            entry("raw", true, true, 8),
        ])
    );
}

#[test]
fn a_list_of_files_that_no_cache_has_comes_from_the_folder_itself() {
    let project = tracked();
    project.remove(".mlpipe/cache");
    assert_eq!(
        project.run(&["ls", "data/raw"]).data(),
        "a.txt\nb.txt\nsub/\n"
    );
    let output = project.run(&["ls", "--rev", "HEAD", "-R", "--data-only"]);
    assert_eq!(output.stdout, "data/labels.csv\ndata/raw/\n");
    let note = "the files of data/raw are unknown: the cache does not have their list\n";
    assert_eq!(output.success(), note);
}

#[test]
fn without_git_the_files_on_disk_are_listed() {
    let project = tracked();
    project.remove(".git");
    project.write(".mlpipeignore", "*.tmp\n");
    project.write("x.tmp", "x\n");
    assert_eq!(
        project.run(&["ls"]).data(),
        ".mlpipeignore\ndata.lock\ndata/\nsrc/\n"
    );
}

#[test]
fn sizes_are_told_with_and_without_duplicates() {
    let project = tracked();
    assert_eq!(
        project.run(&["du"]).data(),
        "\
size   files   cached   path
 2 B       1      all   data/labels.csv
 8 B       3      all   data/raw
4 files, 10 B; without duplicates 8 B, of which the cache holds 8 B
"
    );
    let text = project.run(&["du", "-s", "data/raw/sub"]).data();
    assert!(
        text.contains("\n 4 B       1      all   data/raw/sub\n1 file, 4 B;"),
        "{text}"
    );
    let error = project.run(&["du", "src"]).failure(1);
    assert!(error.contains("no data is tracked at `src`"), "{error}");
    project.remove(".mlpipe/cache");
    let text = project
        .run(&["du", "--json", "data/raw", "--rev", "HEAD"])
        .data();
    let value: Value = serde_json::from_str(&text).expect("JSON");
    let raw = json!({"files": 3, "size": 8, "distinct": 8, "cached": 0, "unknown": ["data/raw"]});
    assert_eq!(value["total"], raw);
    assert_eq!(value["data"][0]["path"], "data/raw");
}

#[test]
fn outs_of_stages_are_data_too() {
    let project = Project::chain();
    project.run(&["repro"]).success();
    project.remove("model");
    let text = project.run(&["ls", "-R", "--data-only"]).data();
    assert_eq!(text, "mid.txt\nmodel/weights\n");
    let text = project.run(&["du"]).data();
    assert!(text.contains("2 files, 40 B"), "{text}");
}
