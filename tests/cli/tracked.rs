//! Tracked data beside stages, and the commands that change what is tracked.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use crate::add;
use crate::support::{Project, files};

/// The chain with its input tracked.
fn chain() -> Project {
    let project = Project::chain();
    project.run(&["add", "in.txt"]).success();
    project.run(&["repro"]).success();
    project
}

#[test]
fn status_names_what_is_not_as_recorded() {
    let project = add::project();
    project.run(&["add", "data/raw", "x.csv"]).success();
    project.write("data/raw/a", "mine\n");
    project.remove("x.csv");
    assert_eq!(
        project.run(&["status"]).data(),
        "data/raw is modified\n  `mlpipe add data/raw` records it, `mlpipe checkout data/raw` takes it back\n\
         x.csv is deleted\n  `mlpipe checkout x.csv` brings it back, `mlpipe remove x.csv` forgets it\n"
    );
    assert_eq!(project.run(&["status", "--exit-code"]).code, Some(1));
    assert_eq!(project.run(&["status"]).code, Some(0));
    let text = project.run(&["status", "--json"]).data();
    let value: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(
        value,
        serde_json::json!([
            {"data": "data/raw", "state": "modified"},
            {"data": "x.csv", "state": "deleted"},
        ])
    );
    let text = project.run(&["status", "x.csv"]).data();
    assert!(
        text.starts_with("x.csv is deleted") && !text.contains("raw"),
        "{text}"
    );
}

#[test]
fn a_stage_gets_tracked_data_that_is_missing() {
    let project = chain();
    project.remove("in.txt");
    let text = project.run(&["status"]).data();
    assert!(text.starts_with("in.txt is deleted\n"), "{text}");
    project.edit("params.yaml", "lr: 0.1", "lr: 0.2");
    project.remove("mid.txt");
    let text = project.run(&["repro"]).success();
    assert!(text.contains("in.txt  restored from the cache\n"), "{text}");
    assert_eq!(project.read("in.txt"), "hello\n");
    project.remove("in.txt");
    project.remove(".mlpipe/cache");
    let text = project.run(&["repro"]).failure(3);
    assert!(
        text.contains("its dep `in.txt` is tracked data that is neither here nor in the cache"),
        "{text}"
    );
    assert!(text.contains("`mlpipe pull in.txt`"), "{text}");
}

#[test]
fn a_stage_that_reads_a_part_of_tracked_data_gets_it_too() {
    let project = add::project();
    project.write(
        "pipeline.yaml",
        "stages:\n  one: {cmd: cat data/raw/sub/b > o, deps: [data/raw/sub/b], outs: [o]}\n  \
         two: {cmd: cat data/raw/sub/* > p, deps: ['data/raw/sub/*'], outs: [p]}\n",
    );
    project.run(&["add", "data/raw"]).success();
    project.run(&["repro"]).success();
    project.remove("data/raw");
    let text = project.run(&["repro", "--dry"]).data();
    assert_eq!(text, "everything is up to date\n");
    assert!(!project.exists("data/raw"));
    let text = project.run(&["repro"]).success();
    assert!(text.contains("data/raw  restored from the cache"), "{text}");
    assert!(text.contains("2 unchanged"), "{text}");
}

#[test]
fn without_data_the_lock_says_what_would_run() {
    let project = chain();
    project.remove("in.txt");
    let text = project.run(&["status", "--allow-missing"]).data();
    assert_eq!(text, "everything is up to date\n");
    // Another version was pulled, but not its data.
    project.write("in.txt", "other\n");
    project.run(&["add", "in.txt"]).success();
    project.remove("in.txt");
    let text = project.run(&["status", "--allow-missing"]).data();
    assert!(
        text.starts_with("prep would run\n  dep in.txt changed\n"),
        "{text}"
    );
}

#[test]
fn a_run_on_modified_data_says_so() {
    let project = chain();
    project.write("in.txt", "changed\n");
    let text = project.run(&["repro"]).success();
    assert!(
        text.contains("in.txt differs from data.lock: `mlpipe add in.txt` records it"),
        "{text}"
    );
    project.run(&["add", "in.txt"]).success();
    let text = project.run(&["repro"]).success();
    assert!(!text.contains("differs from"), "{text}");
}

#[test]
fn commit_records_tracked_data_without_a_question() {
    let project = chain();
    project.write("in.txt", "changed\n");
    let text = project.run(&["commit", "in.txt"]).success();
    assert_eq!(text, "in.txt  updated    8 B\n");
    project.remove("in.txt");
    let text = project.run(&["commit", "in.txt"]).failure(1);
    assert!(
        text.contains("in.txt  not recorded: it is not there"),
        "{text}"
    );
    project.run(&["checkout", "in.txt"]).success();
    assert_eq!(project.read("in.txt"), "changed\n");
}

#[test]
fn remove_stops_tracking_and_leaves_the_files() {
    let project = add::project();
    project.run(&["add", "data/raw", "x.csv"]).success();
    let text = project.run(&["remove", "data"]).failure(1);
    assert!(text.contains("`data` is not tracked data"), "{text}");
    assert!(text.contains("`mlpipe remove data/raw`"), "{text}");
    let text = project.run(&["remove", "data/raw"]).success();
    assert_eq!(text, "no longer tracked: data/raw\n");
    assert!(!project.exists("data/.gitignore") && project.exists("data/raw/a"));
    assert!(!project.read("data.lock").contains("raw"));
    project.write("x.csv", "mine\n");
    let text = project.run(&["remove", "--outs", "x.csv"]).success();
    assert!(
        text.contains("x.csv is in no cache; it is now .mlpipe/kept/x.csv"),
        "{text}"
    );
    assert!(!project.exists("x.csv"));
    assert_eq!(project.read(".mlpipe/kept/x.csv"), "mine\n");
}

#[test]
fn the_last_copy_is_kept_when_data_goes() {
    let project = add::project();
    project.run(&["add", "--no-commit", "x.csv"]).success();
    project.run(&["add", "data/raw"]).success();
    let text = project
        .run(&["remove", "--outs", "x.csv", "data/raw"])
        .success();
    assert!(text.contains("deleted data/raw\n"), "{text}");
    assert!(!project.exists("data/raw"));
    assert_eq!(project.read(".mlpipe/kept/x.csv"), "1,2\n");
}

#[test]
fn stages_and_data_are_removed_together() {
    let project = chain();
    let text = project.run(&["remove", "train", "in.txt"]).success();
    assert_eq!(text, "no longer tracked: in.txt\nremoved train\n");
}

#[test]
fn tracked_data_moves_with_the_stages_that_read_it() {
    let project = chain();
    let text = project.run(&["move", "in.txt", "data/input.txt"]).success();
    assert!(
        text.starts_with("moved in.txt to data/input.txt, in pipeline.yaml as well\n"),
        "{text}"
    );
    assert!(
        project
            .read("pipeline.yaml")
            .contains("deps: [data/input.txt]")
    );
    assert!(
        project
            .read("data.lock")
            .contains("data:\n  data/input.txt:\n")
    );
    assert_eq!(project.read("data/.gitignore"), "/input.txt\n");
    assert!(!project.read(".gitignore").contains("in.txt"));
    assert!(project.exists("data/input.txt") && !project.exists("in.txt"));
}

#[test]
fn data_does_not_move_into_what_a_stage_makes() {
    let project = add::project();
    project.write("pipeline.yaml", "stages:\n  make: {cmd: x, outs: [out]}\n");
    project.run(&["add", "x.csv"]).success();
    let text = project.run(&["move", "x.csv", "out/x.csv"]).failure(1);
    assert!(text.contains("`out/x.csv` is tracked data"), "{text}");
    assert!(project.exists("x.csv"));
}

#[test]
fn data_moves_without_a_pipeline_and_not_into_other_data() {
    let project = add::project();
    project.run(&["add", "data/raw", "x.csv"]).success();
    let text = project.run(&["move", "x.csv", "data/raw/x.csv"]).failure(1);
    assert!(text.contains("`data/raw`, which is tracked data"), "{text}");
    project.run(&["move", "data/raw", "pictures"]).success();
    project.run(&["status", "--exit-code"]).success();
    project.remove("pictures");
    project.run(&["checkout"]).success();
    assert_eq!(project.read("pictures/sub/b"), "beta\n");
    // A move that was cut short after the files had moved.
    fs::rename(project.path("pictures"), project.path("photos")).expect("moves");
    project.run(&["move", "pictures", "photos"]).success();
    project.run(&["status", "--exit-code"]).success();
    assert!(project.exists("photos/a"));
}

#[test]
fn unprotect_makes_files_of_links() {
    for kind in ["symlink", "hardlink"] {
        let project = add::project();
        project.run(&["config", "cache.type", kind]).success();
        project.run(&["add", "data/raw"]).success();
        let file = project.path("data/raw/a");
        let mode = || file.metadata().expect("there").permissions().mode();
        assert_eq!(mode() & 0o222, 0, "{kind}");
        let text = project.run(&["unprotect", "data/raw"]).success();
        assert_eq!(text, "data/raw  3 files can be written now\n");
        assert!(!file.is_symlink());
        assert_eq!(mode() & 0o200, 0o200);
        project.write("data/raw/a", "edited\n");
        let text = project.run(&["checkout"]).failure(1);
        assert!(text.contains("data/raw/a"), "{text}");
        project.run(&["checkout", "--force"]).success();
        assert_eq!(project.read("data/raw/a"), "alpha\n", "{kind}");
        assert_eq!(mode() & 0o222, 0, "{kind}");
        project.run(&["status", "--exit-code"]).success();
    }
    add::project().run(&["unprotect", "nothing"]).failure(1);
}

#[test]
fn a_clone_with_nothing_but_a_lock_is_a_project() {
    let project = add::project();
    project.run(&["add", "x.csv"]).success();
    project.remove(".mlpipe");
    project.remove("x.csv");
    let text = project.run(&["checkout"]).failure(1);
    assert!(text.contains("`x.csv` is not in the cache"), "{text}");
}

#[test]
fn no_stage_runs_on_a_folder_that_was_not_put_in_place_whole() {
    for dep in ["data", "data/sub", "data/**/*.txt"] {
        let project = Project::new();
        project.run(&["init"]).success();
        for name in ["a.txt", "sub/b.txt", "sub/c.txt"] {
            project.write(&format!("data/{name}"), &format!("{name}\n"));
        }
        project.run(&["add", "data"]).success();
        project.write(
            "pipeline.yaml",
            &format!(
                "stages:\n  s: {{cmd: find data -type f > out, deps: ['{dep}'], outs: [out]}}\n"
            ),
        );
        // What the user deletes and the cache has is as it is meant to be.
        project.remove("data/sub/c.txt");
        project.run(&["repro"]).success();
        project.remove("data");
        let objects = files(&project.path(".mlpipe/cache/sha256"));
        let is_b = |path: &&PathBuf| fs::read(path).expect("reads") == b"sub/b.txt\n";
        let object = objects.iter().find(is_b).expect("the cache has it");
        fs::remove_file(object).expect("removes");
        let text = project.run(&["checkout", "data"]).failure(1);
        assert!(text.contains("1 file missing: data/sub/b.txt"), "{text}");
        assert!(project.exists("data/sub/c.txt"));
        for arguments in [&["repro"][..], &["repro", "--force"]] {
            let text = project.run(arguments).failure(3);
            assert!(
                text.contains("its dep `data` is not whole: 1 file neither here nor in the cache: data/sub/b.txt"),
                "{dep}: {text}"
            );
            assert!(text.contains("`mlpipe add --force data` says"), "{text}");
        }
        let output = project.run(&["status"]);
        assert_eq!(output.code, Some(1));
        assert!(output.stdout.contains("is not whole"), "{dep}");
        project.run(&["add", "data"]).failure(1);
        project.run(&["add", "--force", "data"]).success();
        project.run(&["repro"]).success();
    }
}
