//! `mlpipe checkout` of tracked data: it comes back, and nothing that is in no cache is lost by it.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

use crate::add;
use crate::support::{Project, files};

/// A project whose data is tracked and committed.
fn project() -> Project {
    let project = add::project();
    project.run(&["add", "data/raw", "x.csv"]).success();
    project.commit();
    project
}

/// Flips a bit of the object with these bytes, wherever the cache keeps it.
fn corrupt(project: &Project, bytes: &[u8], mode: u32) {
    let mut count = 0;
    for path in files(&project.path(".mlpipe/cache")) {
        let mut content = fs::read(&path).expect("reads");
        let at = content.windows(bytes.len()).position(|part| part == bytes);
        if let Some(at) = at {
            content[at] ^= 1;
            fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).expect("sets");
            fs::write(&path, content).expect("writes");
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("sets");
            count += 1;
        }
    }
    assert!(count > 0, "the cache has it");
}

#[test]
fn missing_and_different_data_comes_back() {
    let project = project();
    project.remove("x.csv");
    project.remove("data/raw/sub/b");
    let text = project.run(&["checkout"]).success();
    assert_eq!(text, "data/raw  replaced\nx.csv     restored\n");
    assert_eq!(project.read("data/raw/sub/b"), "beta\n");
    let text = project.run(&["checkout"]).success();
    assert_eq!(text, "data/raw  unchanged\nx.csv     unchanged\n");
}

#[test]
fn targets_are_paths_and_folders_around_them() {
    let project = project();
    project.remove("x.csv");
    project.remove("data/raw");
    project.run(&["checkout", "data"]).success();
    assert!(project.exists("data/raw/a") && !project.exists("x.csv"));
    project.run(&["checkout", "x.csv"]).success();
    assert!(project.exists("x.csv"));
    let text = project.run(&["checkout", "nothing"]).failure(1);
    assert!(text.contains("`nothing` is not tracked data"), "{text}");
}

#[test]
fn content_in_no_cache_is_never_overwritten() {
    let project = project();
    project.write("data/raw/a", "mine\n");
    project.write("data/raw/new", "mine too\n");
    project.remove("data/raw/sub/b");
    project.write("x.csv", "my own\n");
    let text = project.run(&["checkout"]).failure(1);
    assert!(
        text.contains(
            "`data/raw` is as recorded but for 2 paths in no cache, left as they are: data/raw/a, data/raw/new"
        ),
        "{text}"
    );
    assert!(
        text.contains("`x.csv` is left as it is: what is there is in no cache"),
        "{text}"
    );
    assert!(
        text.contains("`mlpipe add x.csv` records what is there"),
        "{text}"
    );
    assert_eq!(project.read("data/raw/a"), "mine\n");
    assert_eq!(project.read("data/raw/sub/b"), "beta\n");
    let text = project.run(&["checkout", "--force"]).success();
    assert!(
        text.contains("what was in no cache of data/raw is kept as .mlpipe/kept/data__raw"),
        "{text}"
    );
    assert_eq!(project.read("data/raw/a"), "alpha\n");
    assert_eq!(project.read("data/raw/sub/b"), "beta\n");
    assert!(!project.exists("data/raw/new"));
    assert_eq!(project.read(".mlpipe/kept/data__raw/a"), "mine\n");
    assert_eq!(project.read(".mlpipe/kept/data__raw/new"), "mine too\n");
    assert_eq!(project.read(".mlpipe/kept/x.csv"), "my own\n");
    assert_eq!(project.read("x.csv"), "1,2\n");
}

#[test]
fn switching_branches_brings_their_data() {
    let project = project();
    project.run(&["install"]).data();
    project.git(&["switch", "-qc", "other"]);
    project.write("data/raw/a", "other\n");
    project.write("data/raw/sub/d", "delta\n");
    project.run(&["add", "data/raw"]).success();
    project.commit();
    project.git(&["switch", "-q", "main"]);
    assert_eq!(project.read("data/raw/a"), "alpha\n");
    assert!(!project.exists("data/raw/sub/d"));
    project.run(&["status", "--exit-code"]).success();
    project.git(&["switch", "-q", "other"]);
    assert_eq!(project.read("data/raw/sub/d"), "delta\n");
    project.write("data/raw/a", "precious\n");
    project.git(&["switch", "-q", "main"]);
    assert_eq!(project.read("data/raw/a"), "precious\n");
    assert!(!project.exists("data/raw/sub/d"), "all else is brought");
}

#[test]
fn an_empty_cache_is_told_and_nothing_changes() {
    let project = project();
    project.remove(".mlpipe/cache");
    project.remove("data/raw");
    project.remove("x.csv");
    let text = project.run(&["checkout"]).failure(1);
    assert!(text.contains("`data/raw` is not in the cache"), "{text}");
    assert!(text.contains("`x.csv` is not in the cache"), "{text}");
    assert!(
        text.contains("`mlpipe pull` gets it, once it is pushed from where the data was added"),
        "{text}"
    );
    assert!(!project.exists("data/raw") && !project.exists("x.csv"));
    let status = project.run(&["status"]).data();
    assert!(
        status.contains("x.csv is deleted, and not in the cache"),
        "{status}"
    );
}

#[test]
fn corrupt_objects_are_set_aside_whatever_their_mode_and_other_files_come() {
    for mode in [0o444, 0o644] {
        let project = project();
        corrupt(&project, b"beta\n", mode);
        project.remove("data/raw");
        let text = project.run(&["checkout"]).failure(1);
        assert!(text.contains("1 file missing: data/raw/sub/b"), "{text}");
        assert!(
            text.contains("all its other files were put in place"),
            "{text}"
        );
        assert_eq!(project.read("data/raw/a"), "alpha\n");
        assert_eq!(project.read("data/raw/sub/c"), "gamma\n");
        assert!(!project.exists("data/raw/sub/b"));
        let again = project.run(&["checkout"]).failure(1);
        assert!(again.contains("data/raw/sub/b"), "{again}");
        // Whoever has the file makes all well again.
        project.write("data/raw/sub/b", "beta\n");
        project.run(&["add", "data/raw"]).success();
        project.remove("data/raw");
        project.run(&["checkout"]).success();
        assert_eq!(project.read("data/raw/sub/b"), "beta\n");
    }
}

#[test]
fn json_has_an_event_a_path() {
    let project = project();
    project.remove("x.csv");
    project.write("data/raw/a", "mine\n");
    let output = project.run(&["checkout", "--json"]);
    assert_eq!(output.code, Some(1));
    let events: Vec<serde_json::Value> = output
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    assert_eq!(events[0]["outcome"], "refused");
    assert_eq!(events[0]["files"][0], "data/raw/a");
    assert_eq!(events[1]["outcome"], "restored");
}

#[test]
fn data_and_outs_are_checked_out_together() {
    let project = Project::chain();
    project.run(&["add", "in.txt"]).success();
    project.run(&["repro"]).success();
    project.remove("in.txt");
    project.remove("mid.txt");
    let text = project.run(&["checkout"]).success();
    assert!(text.contains("in.txt  restored\n"), "{text}");
    assert!(text.contains("1 restored"), "{text}");
    assert!(project.exists("in.txt") && project.exists("mid.txt"));
    project.remove("in.txt");
    project.remove("mid.txt");
    project.run(&["checkout", "prep"]).success();
    assert!(!project.exists("in.txt") && project.exists("mid.txt"));
    project.run(&["checkout", "--relink", "in.txt"]).success();
    let text = project.run(&["checkout", "--relink", "in.txt"]).success();
    assert_eq!(text, "in.txt  relinked\n");
}

#[test]
fn what_the_project_ignores_is_not_tracked_and_stays_where_it_is() {
    let project = add::project();
    project.write("data/.mlpipeignore", "*.tmp\n!keep.tmp\nscratch/\n");
    for name in ["a.tmp", "keep.tmp", "scratch/b", "deep/c.tmp", "deep/d"] {
        project.write(&format!("data/raw/{name}"), name);
    }
    project.run(&["add", "data/raw"]).success();
    let listed = project.run(&["ls", "-R", "data/raw"]).data();
    for (name, is_tracked) in [("a.tmp", false), ("keep.tmp", true), ("scratch", false)] {
        assert_eq!(listed.contains(name), is_tracked, "{name} in {listed}");
    }
    project.commit();
    fs::remove_file(project.path("data/raw/deep/d")).expect("removes");
    project.write("data/raw/a.tmp", "edited");
    project.run(&["checkout"]).success();
    assert_eq!(project.read("data/raw/deep/d"), "deep/d");
    assert_eq!(project.read("data/raw/a.tmp"), "edited");
    assert_eq!(project.read("data/raw/scratch/b"), "scratch/b");
    project.run(&["status", "--exit-code"]).success();
}

#[test]
fn parts_of_folders_come_back_alone() {
    let project = project();
    project.remove("data/raw");
    let text = project.run(&["checkout", "data/raw/sub/b"]).success();
    assert_eq!(text, "data/raw/sub/b  restored\n");
    assert!(!project.exists("data/raw/a"));
    project.write("data/raw/sub/b", "mine\n");
    project.write("data/raw/sub/new", "new\n");
    let text = project.run(&["checkout", "data/raw/sub"]).failure(1);
    assert!(
        text.contains("1 file in no cache: data/raw/sub/b"),
        "{text}"
    );
    project
        .run(&["checkout", "--force", "data/raw/sub"])
        .success();
    assert_eq!(project.read("data/raw/sub/b"), "beta\n");
    assert_eq!(project.read("data/raw/sub/c"), "gamma\n");
    assert_eq!(project.read("data/raw/sub/new"), "new\n");
    assert_eq!(project.read(".mlpipe/kept/data__raw/sub/b"), "mine\n");
    let text = project.run(&["checkout", "data/raw/none"]).failure(1);
    assert!(text.contains("there is no `data/raw/none`"), "{text}");
    let text = project.run(&["remove", "data/raw/sub"]).failure(1);
    assert!(
        text.contains("`data/raw`, which is tracked as a whole"),
        "{text}"
    );
}

#[test]
fn nothing_is_written_behind_a_link_that_took_the_place_of_a_folder() {
    let project = project();
    project.write("elsewhere/b", "precious\n");
    project.remove("data/raw/sub");
    std::os::unix::fs::symlink(project.path("elsewhere"), project.path("data/raw/sub"))
        .expect("links");
    for arguments in [
        &["checkout"][..],
        &["checkout", "data/raw/sub/b"],
        &["checkout", "--force", "data/raw/sub/b"],
        &["checkout", "--force"],
    ] {
        let _any = project.run(arguments);
        assert_eq!(project.read("elsewhere/b"), "precious\n", "{arguments:?}");
    }
    assert_eq!(project.read("data/raw/sub/b"), "beta\n");
    project.run(&["status", "--exit-code"]).success();
}

#[test]
fn relinking_follows_the_settings() {
    let project = project();
    let file = project.path("data/raw/a");
    let links = || file.metadata().expect("there").nlink();
    assert_eq!(links(), 1);
    project.run(&["config", "cache.type", "hardlink"]).success();
    let text = project.run(&["checkout", "--relink"]).success();
    assert_eq!(text, "data/raw  relinked\nx.csv     relinked\n");
    assert_eq!(links(), 2);
    project.run(&["config", "cache.type", "copy"]).success();
    project.run(&["checkout", "--relink"]).success();
    assert_eq!(links(), 1);
    project.run(&["status", "--exit-code"]).success();
}

#[test]
fn what_is_no_data_stays_in_folders_that_go_and_is_never_overwritten_unasked() {
    let project = project();
    project.write(".mlpipeignore", "*.tmp\n");
    project.write("data/raw/scratch/x.tmp", "precious");
    project.write("data/raw/inner/.git/config", "precious");
    project.run(&["checkout"]).success();
    assert_eq!(project.read("data/raw/scratch/x.tmp"), "precious");
    assert_eq!(project.read("data/raw/inner/.git/config"), "precious");
    // What was recorded once and is ignored now is not measured, but it is there.
    project.write(".mlpipeignore", "*.tmp\na\n");
    project.write("data/raw/a", "edited");
    let text = project.run(&["checkout"]).failure(1);
    assert!(text.contains("data/raw/a"), "{text}");
    assert_eq!(project.read("data/raw/a"), "edited");
    project.run(&["remove", "--outs", "data/raw"]).success();
    let kept = files(&project.path(".mlpipe/kept"));
    let bytes = kept.iter().map(fs::read_to_string);
    let bytes: Vec<String> = bytes.map(|text| text.expect("reads")).collect();
    assert_eq!(bytes.iter().filter(|text| *text == "precious").count(), 2);
    assert!(bytes.iter().any(|text| text == "edited"));
}

#[test]
fn what_a_link_leads_to_elsewhere_is_left_alone() {
    let outside = tempfile::tempdir().expect("a temporary folder");
    for name in ["far", "more"] {
        fs::write(outside.path().join(name), name).expect("writes");
    }
    let project = project();
    project.run(&["config", "cache.type", "hardlink"]).success();
    let link = project.path("data/raw/elsewhere");
    std::os::unix::fs::symlink(outside.path(), &link).expect("links");
    project.run(&["add", "data/raw"]).success();
    project.run(&["checkout", "--relink"]).success();
    let far = outside.path().join("far").metadata().expect("is there");
    assert_ne!(far.permissions().mode() & 0o200, 0, "it can be written");
    project.git(&["checkout", "-q", "data.lock"]);
    let text = project.run(&["checkout"]).failure(1);
    assert!(text.contains("data/raw/elsewhere"), "{text}");
    assert!(link.is_symlink());
    project.run(&["checkout", "--force"]).success();
    assert!(!link.is_symlink());
    let kept = project.path(".mlpipe/kept/data__raw/elsewhere");
    assert_eq!(kept.read_link().expect("is a link"), outside.path());
    for name in ["far", "more"] {
        let text = fs::read_to_string(outside.path().join(name)).expect("reads");
        assert_eq!(text, name);
    }
    project.run(&["status", "--exit-code"]).success();
}

#[test]
fn data_behind_a_link_or_in_the_folders_of_git_is_refused() {
    let outside = tempfile::tempdir().expect("a temporary folder");
    let project = project();
    fs::rename(project.path("data"), project.path("moved")).expect("moves");
    std::os::unix::fs::symlink(outside.path(), project.path("data")).expect("links");
    let text = project.run(&["checkout"]).failure(1);
    assert!(text.contains("behind the link"), "{text}");
    assert_eq!(files(outside.path()).len(), 0);
    project.edit("data.lock", "  x.csv:", "  .git/hooks/post-commit:");
    let text = project.run(&["checkout", "--force"]).failure(1);
    assert!(text.contains("cannot be tracked data"), "{text}");
    assert!(!project.exists(".git/hooks/post-commit"));
}

#[test]
fn links_whose_objects_are_gone_from_where_they_were_are_mended() {
    let project = project();
    project.run(&["config", "cache.type", "symlink"]).success();
    project.run(&["checkout", "--relink"]).success();
    assert!(project.path("x.csv").is_symlink());
    let cache = project.path(".mlpipe/cache");
    fs::rename(&cache, project.path("elsewhere")).expect("moves");
    project.run(&["config", "cache.dir", "elsewhere"]).success();
    project.run(&["config", "cache.type", "copy"]).success();
    let text = project.run(&["status"]).data();
    assert!(text.contains("x.csv"), "{text}");
    project.run(&["checkout"]).success();
    assert!(!project.path("x.csv").is_symlink());
    project.run(&["status", "--exit-code"]).success();
}

/// A project with the hooks, whose branch `bare` tracks no data and `main` does.
fn branches() -> Project {
    let project = add::project();
    project.run(&["install"]).data();
    project.git(&["add", ".mlpipe", ".gitattributes"]);
    project.git(&["commit", "-q", "-m", "nothing yet"]);
    project.git(&["branch", "bare"]);
    project.run(&["add", "data/raw", "x.csv"]).success();
    project.commit();
    project
}

#[test]
fn what_another_branch_does_not_track_goes_with_the_branch() {
    let project = branches();
    let text = project.try_git(&["switch", "-q", "bare"]).success();
    assert!(
        text.contains("data/raw  removed (not tracked here; the cache has it)"),
        "{text}"
    );
    assert!(!project.exists("data") && !project.exists("x.csv"));
    assert_eq!(project.git(&["status", "--porcelain"]), "");
    project.git(&["switch", "-q", "main"]);
    assert_eq!(project.read("data/raw/sub/b"), "beta\n");
    assert_eq!(project.read("x.csv"), "1,2\n");
}

#[test]
fn without_hooks_the_next_checkout_takes_away_what_was_left() {
    let project = branches();
    project.run(&["install", "--uninstall"]).data();
    project.git(&["checkout", "-q", ".gitattributes"]);
    project.git(&["switch", "-q", "bare"]);
    project.git(&["switch", "-q", "-c", "more"]);
    assert!(project.exists("data/raw/a"));
    project.run(&["checkout"]).success();
    assert!(!project.exists("data") && !project.exists("x.csv"));
}

#[test]
fn what_was_left_and_is_in_no_cache_stays() {
    let project = branches();
    project.write("data/raw/new", "precious\n");
    corrupt(&project, b"1,2\n", 0o444);
    let text = project.try_git(&["switch", "-q", "bare"]).success();
    assert!(text.contains("data/raw  stays"), "{text}");
    assert!(text.contains("x.csv     stays"), "{text}");
    assert_eq!(project.read("data/raw/new"), "precious\n");
    assert_eq!(project.read("data/raw/a"), "alpha\n");
    assert_eq!(project.read("x.csv"), "1,2\n");
}

#[test]
fn what_the_user_keeps_or_git_or_a_stage_names_stays() {
    let project = branches();
    // Removed by the user, who has the files.
    project.run(&["remove", "x.csv"]).success();
    project.git(&["commit", "-q", "-a", "-m", "no x"]);
    project.run(&["checkout"]).success();
    assert_eq!(project.read("x.csv"), "1,2\n");
    // A stage of the other branch reads it, which nobody tracks there.
    project.git(&["stash", "-q", "-u"]);
    project.git(&["switch", "-q", "bare"]);
    project.write(
        "pipeline.yaml",
        "stages:\n  a: {cmd: cat data/raw/a > out, deps: [data/raw/a], outs: [out]}\n",
    );
    project.commit();
    project.git(&["switch", "-q", "main"]);
    project.git(&["switch", "-q", "bare"]);
    assert_eq!(project.read("data/raw/a"), "alpha\n");
}

#[test]
fn outs_go_with_the_branch_that_has_their_stage() {
    let project = Project::new();
    project.run(&["init"]).success();
    project.write("in.txt", "in");
    project.run(&["install"]).data();
    project.commit();
    project.git(&["branch", "bare"]);
    project.write(
        "pipeline.yaml",
        "stages:\n  a:\n    cmd: mkdir -p out; cp in.txt out/o; echo '{}' > m.json\n    deps: [in.txt]\n    \
         outs: [out/o]\n    metrics: [{m.json: {cache: false}}]\n",
    );
    project.run(&["repro"]).success();
    project.commit();
    project.git(&["switch", "-q", "bare"]);
    assert!(!project.exists("out"));
    assert_eq!(project.git(&["status", "--porcelain"]), "");
    project.git(&["switch", "-q", "main"]);
    assert_eq!(project.read("out/o"), "in");
}

#[test]
fn a_merge_takes_away_what_the_other_side_has_removed() {
    let project = branches();
    project.git(&["switch", "-q", "-c", "side"]);
    project.run(&["remove", "--outs", "data/raw"]).success();
    project.commit();
    project.git(&["switch", "-q", "main"]);
    assert!(project.exists("data/raw/a"));
    project.git(&["merge", "-q", "side"]);
    assert!(!project.exists("data/raw"));
    assert!(project.exists("x.csv"));
}

#[test]
fn that_other_files_were_put_in_place_is_said_only_where_some_were() {
    let project = project();
    corrupt(&project, b"beta\n", 0o444);
    project.remove("data/raw/sub");
    project.write("data/raw/sub/c", "gamma\n");
    let text = project.run(&["checkout", "data/raw"]).failure(1);
    assert!(text.contains("data/raw/sub/b"), "{text}");
    assert!(!text.contains("were put in place"), "{text}");
}

#[test]
fn a_branch_that_is_older_than_the_project_can_be_left_again() {
    let project = Project::new();
    project.write("README", "r\n");
    project.commit();
    project.git(&["branch", "old"]);
    project.run(&["init"]).success();
    project.run(&["install"]).data();
    project.write("data/raw/a", "alpha\n");
    project.run(&["add", "data/raw"]).success();
    project.commit();
    project.git(&["switch", "-q", "old"]);
    assert!(!project.exists("data"));
    assert_eq!(project.git(&["status", "--porcelain"]), "");
    project.git(&["switch", "-q", "main"]);
    assert_eq!(project.read("data/raw/a"), "alpha\n");
    assert_eq!(project.git(&["status", "--porcelain"]), "");
}

#[test]
fn an_edit_through_a_link_that_hides_its_traces_is_found() {
    let project = Project::new();
    project.run(&["init"]).success();
    project.run(&["config", "cache.type", "hardlink"]).success();
    project.write("one", "orig1");
    project.run(&["add", "one"]).success();
    for _ in 0..2 {
        fs::remove_file(project.path("one")).expect("removes");
        project.run(&["checkout"]).success();
        std::thread::sleep(std::time::Duration::from_millis(150));
        project.run(&["status"]).success();
    }
    let path = project.path("one");
    let written = path
        .metadata()
        .expect("is there")
        .modified()
        .expect("a time");
    let mode = |mode| {
        fs::set_permissions(&path, PermissionsExt::from_mode(mode)).expect("sets the mode");
    };
    mode(0o644);
    fs::write(&path, "EDIT1").expect("writes");
    let file = fs::File::options().write(true).open(&path).expect("opens");
    file.set_modified(written).expect("sets the time");
    drop(file);
    mode(0o444);
    fs::remove_file(&path).expect("removes");
    let text = project.run(&["checkout"]).failure(1);
    assert!(
        text.contains("is not in the cache") || text.contains("corrupt"),
        "{text}"
    );
    assert!(!path.exists(), "a wrong byte was believed");
}

/// Deletes the object with these bytes.
pub(crate) fn lose(project: &Project, bytes: &[u8]) {
    let objects = files(&project.path(".mlpipe/cache/sha256"));
    let object = objects
        .iter()
        .find(|path| fs::read(path).expect("reads") == bytes);
    fs::remove_file(object.expect("the cache has it")).expect("removes");
}

#[test]
fn ignored_files_survive_when_the_cache_has_lost_a_file_of_their_folder() {
    let project = Project::new();
    project.run(&["init"]).success();
    for name in ["a.tmp", "b", "c", "notes"] {
        project.write(&format!("data/{name}"), name);
    }
    project.run(&["add", "data"]).success();
    project.write(".mlpipeignore", "*.tmp\n");
    project.write("data/a.tmp", "mine");
    project.remove("data/b");
    project.remove("data/c");
    project.remove("data/notes");
    project.write("data/notes/x.tmp", "mine too");
    lose(&project, b"b");
    for arguments in [
        &["checkout"][..],
        &["checkout", "--force"],
        &["checkout", "data/notes"],
    ] {
        let text = project.run(arguments).failure(1);
        assert!(text.contains("data"), "{text}");
        assert_eq!(project.read("data/a.tmp"), "mine", "{arguments:?}");
        assert_eq!(
            project.read("data/notes/x.tmp"),
            "mine too",
            "{arguments:?}"
        );
    }
    assert_eq!(project.read("data/c"), "c");
}

#[test]
fn nothing_is_written_behind_an_ignored_link() {
    let outside = tempfile::tempdir().expect("a temporary folder");
    let project = Project::new();
    project.run(&["init"]).success();
    for name in ["a", "sub/x", "sub/deep/y"] {
        project.write(&format!("data/{name}"), name);
    }
    project.run(&["add", "data"]).success();
    project.write(".mlpipeignore", "/data/sub\n");
    project.remove("data/sub");
    std::os::unix::fs::symlink(outside.path(), project.path("data/sub")).expect("links");
    let text = project.run(&["checkout"]).failure(1);
    assert!(
        text.contains("1 path in no cache, left as they are: data/sub"),
        "{text}"
    );
    assert_eq!(files(outside.path()).len(), 0);
    // A file is as much in the way, and is found before anything changes.
    fs::remove_file(project.path("data/sub")).expect("removes");
    project.write("data/sub", "mine");
    project.write("data/more", "a");
    project.run(&["checkout"]).failure(1);
    assert_eq!(project.read("data/sub"), "mine");
    assert!(!project.exists("data/more"), "the cache has it");
    project.run(&["checkout", "--force"]).success();
    assert_eq!(project.read("data/sub/deep/y"), "sub/deep/y");
    assert_eq!(project.read(".mlpipe/kept/data/sub"), "mine");
}

#[test]
fn a_file_becomes_an_empty_folder() {
    let project = add::project();
    fs::create_dir(project.path("data/raw/e")).expect("makes");
    project.run(&["add", "data/raw"]).success();
    project.commit();
    fs::remove_dir(project.path("data/raw/e")).expect("removes");
    project.write("data/raw/e", "file");
    project.run(&["add", "data/raw"]).success();
    project.git(&["checkout", "-q", "data.lock"]);
    project.run(&["checkout"]).success();
    assert!(project.path("data/raw/e").is_dir());
    project.run(&["status", "--exit-code"]).success();
}

#[test]
fn what_was_untracked_and_kept_is_not_what_a_rebase_left() {
    let project = branches();
    let up = project.git(&["commit-tree", "main^{tree}", "-p", "main", "-m", "up"]);
    project.git(&["branch", "up", up.trim()]);
    project.run(&["remove", "x.csv"]).success();
    project.git(&["commit", "-q", "-a", "-m", "no x"]);
    project.git(&["rebase", "-q", "up"]);
    project.run(&["checkout"]).success();
    assert_eq!(project.read("x.csv"), "1,2\n");
    project.git(&["switch", "-q", "bare"]);
    assert!(!project.exists("data"));
}

/// The same, on branch `bare`, come from `main` just now, and with some data of its own.
fn on_the_other_branch() -> Project {
    let project = branches();
    project.git(&["switch", "-q", "bare"]);
    project.write("y.csv", "3,4\n");
    project.run(&["add", "y.csv"]).success();
    project.commit();
    project.git(&["switch", "-q", "main"]);
    project.git(&["switch", "-q", "bare"]);
    assert!(project.exists("y.csv") && !project.exists("x.csv"));
    project
}

#[test]
fn what_was_tracked_only_for_a_moment_stays_with_the_user() {
    let project = on_the_other_branch();
    project.write("x.csv", "1,2\n");
    project.run(&["add", "x.csv"]).success();
    project.run(&["remove", "x.csv"]).success();
    project.run(&["checkout"]).success();
    assert_eq!(project.read("x.csv"), "1,2\n");
    // Where it is tracked again, it goes with its branch.
    project.git(&["switch", "-q", "main"]);
    assert!(project.exists("x.csv"));
    project.git(&["switch", "-q", "bare"]);
    assert!(!project.exists("x.csv"));
}

#[test]
fn a_folder_with_a_link_in_it_goes_with_its_branch() {
    let project = branches();
    std::os::unix::fs::symlink("a", project.path("data/raw/link")).expect("links");
    project.run(&["add", "data/raw"]).success();
    project.commit();
    project.git(&["switch", "-q", "-c", "without"]);
    fs::remove_file(project.path("data/raw/link")).expect("removes");
    project.run(&["add", "data/raw"]).success();
    project.commit();
    project.git(&["switch", "-q", "main"]);
    assert!(project.path("data/raw/link").is_symlink());
    project.git(&["switch", "-q", "without"]);
    assert!(!project.exists("data/raw/link"));
    project.git(&["switch", "-q", "main"]);
    project.git(&["switch", "-q", "bare"]);
    assert!(!project.exists("data"));
    project.git(&["switch", "-q", "main"]);
    assert!(project.path("data/raw/link").is_symlink());
}

#[test]
fn nothing_is_taken_away_while_the_last_commit_cannot_be_read() {
    let project = on_the_other_branch();
    let lock = project.read("data.lock");
    project.write("data.lock", "nonsense\n");
    project.git(&["commit", "-q", "-n", "-a", "-m", "broken"]);
    project.git(&["switch", "-q", "main"]);
    project.git(&["switch", "-q", "bare"]);
    project.write("data.lock", &lock);
    project.run(&["checkout"]).success();
    assert_eq!(project.read("x.csv"), "1,2\n");
    assert_eq!(project.read("y.csv"), "3,4\n");
}

#[test]
fn what_a_wildcard_at_the_root_names_stays() {
    let project = branches();
    project.git(&["switch", "-q", "bare"]);
    project.write(
        "pipeline.yaml",
        "stages:\n  a: {cmd: cat *.csv > out, deps: ['*.csv'], outs: [out]}\n",
    );
    project.commit();
    project.git(&["switch", "-q", "main"]);
    project.git(&["switch", "-q", "bare"]);
    assert_eq!(project.read("x.csv"), "1,2\n");
    assert!(!project.exists("data"), "it names nothing in there");
}

#[test]
fn what_is_made_anew_where_a_branch_had_data_stays() {
    let project = on_the_other_branch();
    project.write("x.csv", "1,2\n");
    project.run(&["checkout"]).success();
    assert_eq!(project.read("x.csv"), "1,2\n");
    // Git's hook follows another move, which left nothing of it.
    project.git(&["switch", "-q", "-c", "more"]);
    assert_eq!(project.read("x.csv"), "1,2\n");
    // Where the log of HEAD's moves was cut, nobody can tell what is new.
    project.git(&["reflog", "expire", "--expire=now", "--all"]);
    project.run(&["checkout"]).success();
    assert_eq!(project.read("x.csv"), "1,2\n");
    project.remove("x.csv");
    project.git(&["switch", "-q", "main"]);
    assert_eq!(project.read("x.csv"), "1,2\n");
    project.git(&["switch", "-q", "bare"]);
    assert!(!project.exists("x.csv"));
}

#[test]
fn a_link_that_the_user_put_in_place_of_data_stays() {
    let outside = tempfile::tempdir().expect("a temporary folder");
    let far = |name: &str| outside.path().join(name);
    fs::write(far("x"), "1,2\n").expect("writes");
    fs::create_dir(far("sub")).expect("makes");
    fs::write(far("sub/b"), "beta\n").expect("writes");
    fs::write(far("sub/c"), "gamma\n").expect("writes");
    let link = |project: &Project, name: &str, to: &str| {
        project.remove(name);
        std::os::unix::fs::symlink(far(to), project.path(name)).expect("links");
    };
    let project = branches();
    project.git(&["branch", "side"]);
    link(&project, "x.csv", "x");
    link(&project, "data/raw/sub", "sub");
    // They are as recorded.
    project.run(&["status", "--exit-code"]).success();
    let text = project.try_git(&["switch", "-q", "bare"]).success();
    assert!(text.contains("x.csv is a link of yours"), "{text}");
    assert!(text.contains("data/raw/sub is a link of yours"), "{text}");
    assert!(project.path("x.csv").is_symlink() && project.path("data/raw/sub").is_symlink());
    // Nor does it give way to other content unasked, as a whole or in part.
    project.git(&["switch", "-q", "side"]);
    project.run(&["unprotect", "data/raw/a"]).data();
    project.write("data/raw/a", "changed\n");
    project.run(&["add", "data/raw"]).success();
    project.remove("x.csv");
    project.write("x.csv", "5,6\n");
    project.run(&["add", "x.csv"]).success();
    project.commit();
    link(&project, "x.csv", "x");
    let text = project.run(&["checkout"]).failure(1);
    assert!(text.contains("`x.csv` is left as it is"), "{text}");
    assert!(project.path("x.csv").is_symlink());
    link(&project, "data/raw/a", "x");
    let text = project.run(&["checkout", "data/raw/a"]).failure(1);
    assert!(text.contains("data/raw/a"), "{text}");
    assert!(project.path("data/raw/a").is_symlink());
    project.run(&["checkout", "--force"]).success();
    assert_eq!(project.read("x.csv"), "5,6\n");
    assert!(project.path(".mlpipe/kept/x.csv").is_symlink());
    // A link to just what is wanted stays where it is.
    assert!(project.path("data/raw/sub").is_symlink());
    project.git(&["switch", "-q", "main"]);
    assert!(project.path("data/raw/sub").is_symlink());
    assert_eq!(project.read("data/raw/a"), "alpha\n");
}

#[test]
fn why_something_stays_is_said() {
    let project = branches();
    project.write(".mlpipeignore", "*.tmp\n");
    project.write("data/raw/note.tmp", "mine\n");
    corrupt(&project, b"1,2\n", 0o444);
    let text = project.try_git(&["switch", "-q", "bare"]).success();
    assert!(
        text.contains(
            "data/raw  stays (not tracked here, but there are files in it that are no data"
        ),
        "{text}"
    );
    assert!(
        text.contains("x.csv     stays (not tracked here, but the cache lacks some of it"),
        "{text}"
    );
    let project = branches();
    project.write("x.csv", "mine\n");
    project.git(&["switch", "-q", "main"]);
    fs::remove_file(project.path(".git/hooks/post-checkout")).expect("removes");
    project.git(&["switch", "-q", "bare"]);
    let text = project.run(&["checkout", "--json"]).data();
    assert!(
        text.contains(r#"{"event":"data","outcome":"stays","path":"x.csv","reason":"changed"}"#),
        "{text}"
    );
}

#[test]
fn one_unsaved_file_holds_back_itself_and_a_merge_survives_the_advice() {
    let project = project();
    project.run(&["install"]).data();
    project.commit();
    project.git(&["switch", "-q", "-c", "side"]);
    project.write("data/raw/sub/b", "side\n");
    project.write("data/raw/news", "news\n");
    project.run(&["add", "data/raw"]).success();
    project.commit();
    project.git(&["switch", "-q", "main"]);
    project.write("data/raw/a", "unsaved\n");
    fs::create_dir(project.path("data/raw/news")).expect("makes");
    project.write("data/raw/news/mine", "mine\n");
    let text = project.try_git(&["merge", "-q", "side"]).success();
    assert!(
        text.contains("2 paths in no cache, left as they are: data/raw/a, data/raw/news/mine"),
        "{text}"
    );
    assert_eq!(project.read("data/raw/a"), "unsaved\n");
    assert_eq!(project.read("data/raw/news/mine"), "mine\n");
    assert_eq!(project.read("data/raw/sub/b"), "side\n");
    project.run(&["add", "data/raw"]).success();
    let listed = project.run(&["diff"]).data();
    assert!(listed.contains("data/raw/a"), "{listed}");
    assert!(!listed.contains("data/raw/sub/b"), "{listed}");
}

#[test]
fn nothing_is_moved_away_before_its_replacement_is_sound() {
    for target in ["x.csv", "data/raw", "data/raw/a"] {
        let project = project();
        corrupt(&project, b"1,2\n", 0o444);
        corrupt(&project, b"alpha\n", 0o444);
        let file = if target == "x.csv" {
            target
        } else {
            "data/raw/a"
        };
        project.write(file, "mine\n");
        let text = project.run(&["checkout", "--force", target]).failure(1);
        assert!(text.contains("not in the cache"), "{text}");
        assert_eq!(project.read(file), "mine\n", "{target}");
        assert!(!project.exists(".mlpipe/kept"), "{target}");
    }
}

#[test]
fn of_two_records_of_one_place_the_inner_one_is_refused() {
    let project = project();
    // As when one branch tracked a folder, and another one a part of it.
    project.write("other", "text\n");
    project.run(&["add", "other"]).success();
    project.edit("data.lock", "  other:", "  data/raw/sub:");
    for _ in 0..2 {
        let text = project.run(&["checkout"]).failure(1);
        assert!(
            text.contains("`data/raw/sub` is in `data/raw`, which is tracked as a whole"),
            "{text}"
        );
        assert!(
            text.contains("`mlpipe remove data/raw/sub` leaves it"),
            "{text}"
        );
        assert_eq!(project.read("data/raw/sub/b"), "beta\n");
        assert!(!project.exists("data/raw/.gitignore"));
    }
    project.run(&["remove", "data/raw/sub"]).success();
    project.run(&["checkout"]).success();
    project.run(&["status", "--exit-code"]).data();
    assert_eq!(project.read("data/raw/sub/b"), "beta\n");
}
