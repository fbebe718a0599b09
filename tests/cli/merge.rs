//! How git merges `data.lock`: by lines alone, and by the driver that `mlpipe install` sets up.

use crate::add;
use crate::support::Project;

/// Two stages that both sides know, and room at both ends for one more each.
const PIPELINE: &str = "\
stages:
  # top
  a: {cmd: echo a >> .git/runs; cat x y > a.out, deps: [x, y], outs: [a.out]}
  d: {cmd: echo d >> .git/runs; cat z > d.out, deps: [z], outs: [d.out]}
  # bottom
";

/// A repository where all has run, on branch `main`, with a branch `side` beside it.
fn repository() -> Project {
    let project = Project::with(PIPELINE);
    for name in ["x", "y", "z"] {
        project.write(name, name);
    }
    project.run(&["repro"]).success();
    project.commit();
    project.git(&["branch", "side"]);
    project
}

/// The same, where both branches have the driver.
fn repository_with_driver() -> Project {
    let project = repository();
    project.run(&["install"]).data();
    project.commit();
    project.git(&["branch", "-f", "side"]);
    project
}

/// Writes a file, runs what that changes, and commits.
fn work(project: &Project, branch: &str, path: &str, text: &str) {
    project.git(&["switch", "-q", branch]);
    project.write(path, text);
    project.run(&["repro"]).success();
    project.commit();
}

fn add_stage(project: &Project, branch: &str, name: &str, near: &str) {
    let stage = format!("  {name}: {{cmd: echo {name} > {name}/out, outs: [{name}/out]}}\n");
    let text = PIPELINE.replace(near, &format!("{near}{stage}"));
    work(project, branch, "pipeline.yaml", &text);
}

/// Both sides make a new stage, and the two records come to lie side by side.
fn add_neighbours(project: &Project) {
    add_stage(project, "main", "b", "  # top\n");
    add_stage(project, "side", "c", "  # bottom\n");
    project.git(&["switch", "-q", "main"]);
}

/// Both sides change what one stage reads, each another file.
fn change_one_stage(project: &Project) {
    work(project, "main", "x", "ours");
    work(project, "side", "y", "theirs");
    project.git(&["switch", "-q", "main"]);
}

fn runs(project: &Project) -> String {
    project.read(".git/runs").replace('\n', " ")
}

/// Asserts that all there is to do after a merge comes from the cache.
fn assert_nothing_runs(project: &Project) {
    let before = runs(project);
    project.run(&["repro"]).success();
    assert_eq!(runs(project), before);
    assert_eq!(project.git(&["status", "--porcelain"]), "");
}

#[test]
fn work_on_different_stages_merges_without_any_driver() {
    let project = repository();
    work(&project, "main", "x", "ours");
    work(&project, "side", "z", "theirs");
    project.git(&["switch", "-q", "main"]);
    project.git(&["merge", "-q", "side", "-m", "merge"]);
    assert_nothing_runs(&project);
    assert_eq!(project.read("a.out"), "oursy");
    assert_eq!(project.read("d.out"), "theirs");
}

#[test]
fn neighbours_conflict_without_the_driver_and_the_message_names_it() {
    let project = repository();
    add_neighbours(&project);
    let output = project.try_git(&["merge", "side", "-m", "merge"]);
    assert_eq!(output.code, Some(1), "{}", output.stderr);
    assert!(
        output.stdout.contains("Merge conflict in data.lock"),
        "{}",
        output.stdout
    );
    let text = project.run(&["status"]).failure(1);
    assert!(text.contains("merge-conflict markers"), "{text}");
    assert!(text.contains("`mlpipe install`"), "{text}");
}

#[test]
fn neighbours_merge_with_the_driver() {
    let project = repository_with_driver();
    add_neighbours(&project);
    let output = project.try_git(&["merge", "side", "-m", "merge"]);
    assert_eq!(output.success(), "");
    assert_nothing_runs(&project);
    for stage in ["a", "b", "c", "d"] {
        assert!(
            project
                .read("data.lock")
                .contains(&format!("\n  {stage}:\n"))
        );
    }
}

#[test]
fn a_stage_that_both_sides_ran_keeps_a_true_record_and_repro_sees_to_it() {
    let project = repository_with_driver();
    change_one_stage(&project);
    let lock = project.read("data.lock");
    let output = project.try_git(&["merge", "side", "-m", "merge"]);
    let text = output.success();
    insta::assert_snapshot!(text, @"
    data.lock: both sides had run a differently; kept the records of the current side
    run `mlpipe repro`: it restores or runs what the merged files need
    ");
    assert_eq!(project.read("data.lock"), lock);
    project.run(&["repro"]).success();
    assert_eq!(project.read("a.out"), "ourstheirs");
    assert!(runs(&project).ends_with("a a a "), "{}", runs(&project));
}

#[test]
fn what_the_other_side_ran_comes_from_the_cache_where_it_is_what_is_wanted() {
    let project = repository_with_driver();
    work(&project, "side", "x", "theirs");
    work(&project, "main", "x", "ours");
    let output = project.try_git(&["merge", "side", "-m", "merge"]);
    assert_eq!(output.code, Some(1), "x itself conflicts");
    project.git(&["checkout", "--theirs", "x"]);
    project.git(&["add", "x"]);
    let before = runs(&project);
    project.run(&["repro"]).success();
    assert_eq!(project.read("a.out"), "theirsy");
    assert_eq!(runs(&project), before);
}

#[test]
fn the_driver_works_in_a_rebase_and_a_cherry_pick() {
    for command in ["rebase", "cherry-pick"] {
        let project = repository_with_driver();
        add_neighbours(&project);
        project.git(&[command, "side"]);
        assert_nothing_runs(&project);

        let project = repository_with_driver();
        change_one_stage(&project);
        let text = project.try_git(&[command, "side"]).success();
        assert!(text.contains("both sides had run a differently"), "{text}");
        project.run(&["repro"]).success();
        assert_eq!(project.read("a.out"), "ourstheirs");
    }
}

#[test]
fn a_lock_that_cannot_be_read_is_a_conflict_and_the_current_side_stays() {
    let project = repository_with_driver();
    work(&project, "main", "x", "ours");
    let lock = project.read("data.lock");
    project.git(&["switch", "-q", "side"]);
    project.write("data.lock", "schema: 99\n");
    project.commit();
    project.git(&["switch", "-q", "main"]);
    let output = project.try_git(&["merge", "side", "-m", "merge"]);
    assert_eq!(output.code, Some(1));
    assert!(
        output.stderr.contains("data.lock (theirs)") && output.stderr.contains("schema is 99"),
        "{}",
        output.stderr
    );
    assert_eq!(project.read("data.lock"), lock);
}

#[test]
fn the_driver_of_a_project_in_a_folder_with_spaces() {
    let project = Project::new();
    let folder = "a b/it's";
    project.write(
        &format!("{folder}/pipeline.yaml"),
        "stages:\n  a: {cmd: echo a > a.out, outs: [a.out]}\n",
    );
    project.run(&["--cd", folder, "init"]).data();
    project.run(&["--cd", folder, "install"]).data();
    project.run(&["--cd", folder, "repro"]).success();
    project.commit();
    project.git(&["branch", "side"]);
    for (branch, value) in [("main", "ours"), ("side", "theirs")] {
        project.git(&["switch", "-q", branch]);
        let lock = format!("{folder}/data.lock");
        project.edit(
            &lock,
            "cmd: echo a > a.out",
            &format!("cmd: echo {value} > a.out"),
        );
        project.git(&["commit", "-qam", value]);
    }
    let text = project.try_git(&["merge", "main", "-m", "merge"]).success();
    assert!(text.contains("a b/it's/data.lock: both sides"), "{text}");
}

/// Both branches change a tracked folder: `ours` and `theirs` write a file each.
fn change_one_folder(ours: (&str, &str), theirs: (&str, &str)) -> Project {
    let project = add::project();
    project.run(&["install"]).data();
    project.write("data/raw/old", "old\n");
    project.run(&["add", "data/raw", "x.csv"]).success();
    project.commit();
    project.git(&["branch", "side"]);
    for (branch, (name, text)) in [("side", theirs), ("main", ours)] {
        project.git(&["switch", "-q", branch]);
        project.write(name, text);
        project.run(&["add", "data/raw"]).success();
        project.commit();
    }
    project
}

#[test]
fn a_folder_that_both_sides_changed_is_merged_file_by_file() {
    let project = change_one_folder(("data/raw/a", "ours\n"), ("data/raw/sub/new", "theirs\n"));
    let text = project.try_git(&["merge", "side", "-m", "merge"]).success();
    assert!(
        text.contains("data.lock: merged data/raw file by file; `mlpipe checkout` puts"),
        "{text}"
    );
    // The hook has put the files in place.
    assert_eq!(project.read("data/raw/a"), "ours\n");
    assert_eq!(project.read("data/raw/sub/new"), "theirs\n");
    assert_eq!(project.read("data/raw/sub/b"), "beta\n");
    project.run(&["status", "--exit-code"]).success();
    assert_eq!(project.git(&["status", "--porcelain"]), "");
    let lock = project.read("data.lock");
    project.run(&["add", "data/raw"]).success();
    assert_eq!(
        project.read("data.lock"),
        lock,
        "as if it had been measured"
    );
}

#[test]
fn a_file_that_both_sides_changed_is_a_conflict_and_all_other_files_are_merged() {
    let project = change_one_folder(("data/raw/a", "ours\n"), ("data/raw/a", "theirs\n"));
    project.git(&["switch", "-q", "side"]);
    project.write("data/raw/new", "theirs too\n");
    project.run(&["add", "data/raw"]).success();
    project.commit();
    project.git(&["switch", "-q", "main"]);
    let output = project.try_git(&["merge", "side", "-m", "merge"]);
    assert_eq!(output.code, Some(1), "{}", output.stderr);
    assert!(
        output
            .stderr
            .contains("both sides changed data/raw/a; kept the current side's"),
        "{}",
        output.stderr
    );
    // What is advised keeps what was merged.
    let text = project.run(&["status"]).data();
    assert!(
        text.contains("what only one side changed is merged") && !text.contains("--theirs"),
        "{text}"
    );
    assert!(
        text.contains("`mlpipe add data/raw`, and `git add data.lock`"),
        "{text}"
    );
    let theirs = project.git(&["show", ":3:data.lock"]);
    assert_eq!(theirs, project.git(&["show", "side:data.lock"]));
    project.run(&["checkout"]).success();
    assert_eq!(project.read("data/raw/a"), "ours\n");
    assert_eq!(project.read("data/raw/new"), "theirs too\n");
    project.write("data/raw/a", "both\n");
    project.run(&["add", "data/raw"]).success();
    project.commit();
    project.run(&["status", "--exit-code"]).success();
}

#[test]
fn a_folder_whose_list_of_files_is_lost_is_a_conflict_as_a_whole() {
    let project = change_one_folder(("data/raw/a", "ours\n"), ("data/raw/sub/new", "theirs\n"));
    let lock = project.read("data.lock");
    project.remove(".mlpipe/cache");
    let output = project.try_git(&["merge", "side", "-m", "merge"]);
    assert_eq!(output.code, Some(1), "{}", output.stderr);
    assert!(
        output
            .stderr
            .contains("both sides changed the tracked data data/raw"),
        "{}",
        output.stderr
    );
    assert_eq!(project.read("data.lock"), lock);
}

#[test]
fn a_file_that_the_current_side_deleted_and_the_other_changed_is_kept_and_told() {
    let project = change_one_folder(("data/raw/new", "ours\n"), ("data/raw/a", "theirs\n"));
    project.remove("data/raw/a");
    project.run(&["add", "data/raw"]).success();
    project.commit();
    let output = project.try_git(&["merge", "side", "-m", "merge"]);
    assert_eq!(output.code, Some(1), "{}", output.stderr);
    let said = "the current side deleted data/raw/a, the other changed it; kept the other side's";
    assert!(output.stderr.contains(said), "{}", output.stderr);
    project.run(&["checkout"]).success();
    assert_eq!(project.read("data/raw/a"), "theirs\n");
}

#[test]
fn without_a_readable_base_nothing_is_merged_unasked() {
    let project = change_one_folder(("data/raw/new", "ours\n"), ("data/raw/sub/d", "theirs\n"));
    let ours = project.read("data.lock");
    project.write(".git/base", "nonsense\n");
    project.write(".git/ours", &ours);
    project.write(".git/theirs", &project.git(&["show", "side:data.lock"]));
    let arguments = [
        "git",
        "merge-lock",
        ".git/base",
        ".git/ours",
        ".git/theirs",
        "data.lock",
    ];
    let text = project.run(&arguments).failure(1);
    assert!(
        text.contains("what both sides started from cannot be read"),
        "{text}"
    );
    assert!(
        text.contains("both sides changed the tracked data data/raw"),
        "{text}"
    );
    assert_eq!(project.read(".git/ours"), ours);
}

#[test]
fn files_of_the_two_sides_that_differ_only_in_capitals_are_told() {
    let project = change_one_folder(("data/raw/new", "ours\n"), ("data/raw/New", "theirs\n"));
    let text = project.try_git(&["merge", "side", "-m", "merge"]).success();
    let said = "data/raw/New and data/raw/new differ only in capitals";
    assert!(text.contains(said), "{text}");
}
