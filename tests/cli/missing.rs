//! `--allow-missing`: what would run is said from the lock alone, where the data is not at hand.

use crate::support::Project;

/// A chain whose stages say when they run; the last reads a part of a folder and a wildcard.
const PARTS: &str = "\
stages:
  split:
    cmd: echo split >> runs.log; mkdir -p data/parts; cp raw.txt data/parts/a.txt; echo b > data/parts/b.txt
    deps: [raw.txt]
    outs: [data/parts]
  table:
    cmd: echo table >> runs.log; cp data/parts/a.txt table.csv
    deps: [data/parts/a.txt]
    outs: [table.csv]
  train:
    cmd: echo train >> runs.log; cat *.csv data/*/b.txt > model
    deps: ['*.csv', data/parts]
    params: [lr]
    outs: [model]
";

fn parts() -> Project {
    let project = Project::with(PARTS);
    project.write(".gitignore", "/raw.txt\n/runs.log\n");
    project.write("params.yaml", "lr: 0.1\n");
    project.write("raw.txt", "raw\n");
    project.write("data/notes.md", "kept in git\n");
    project.run(&["repro"]).success();
    project.commit();
    project
}

/// Makes it what a fresh clone is: no data, no cache.
fn strip(project: &Project) {
    project.git(&["clean", "-fdxq"]);
    assert!(!project.exists("raw.txt") && !project.exists(".mlpipe/cache"));
}

const PLAN: [&str; 3] = ["repro", "--allow-missing", "--dry"];

#[test]
fn a_clone_without_data_is_up_to_date() {
    let project = parts();
    let lock = project.read("data.lock");
    strip(&project);
    assert_eq!(project.run(&PLAN).data(), "everything is up to date\n");
    let clean = ["status", "--allow-missing", "--exit-code"];
    project.run(&clean).success();
    project.run(&["status", "--exit-code"]).failure(1);
    let ran = project.run(&["repro", "--allow-missing"]).success();
    assert!(ran.contains("3 unchanged"), "{ran}");
    assert!(!project.exists("model") && !project.exists("runs.log"));
    assert_eq!(project.read("data.lock"), lock);
}

#[test]
fn what_changed_in_git_would_run_though_its_deps_are_absent() {
    let project = parts();
    strip(&project);
    project.write("params.yaml", "lr: 0.2\n");
    assert_eq!(
        project.run(&PLAN).data(),
        "train would run\n  param lr 0.1 → 0.2\n2 unchanged\n"
    );
    project.edit("pipeline.yaml", "echo b >", "echo c >");
    let plan = project.run(&PLAN).data();
    assert!(plan.starts_with("split would run\n"), "{plan}");
    assert!(
        plan.contains("table may run, since split would\n"),
        "{plan}"
    );
    assert!(
        plan.contains("train may run, since split, table would\n"),
        "{plan}"
    );
}

#[test]
fn a_folder_with_files_in_git_and_absent_outs_is_as_recorded_where_the_manifest_is_known() {
    let project = parts();
    project.edit("pipeline.yaml", "'*.csv', data/parts", "'*.csv', data");
    project.run(&["repro"]).success();
    project.remove("data/parts");
    project.remove("raw.txt");
    assert_eq!(project.run(&PLAN).data(), "everything is up to date\n");
    project.write("data/notes.md", "edited\n");
    let plan = project.run(&PLAN).data();
    assert!(plan.starts_with("train would run\n  dep data "), "{plan}");
}

#[test]
fn an_upstream_that_ran_elsewhere_counts_with_what_it_made_there() {
    let project = parts();
    project.write("raw.txt", "other\n");
    project.run(&["repro", "table"]).success();
    project.commit();
    strip(&project);
    let plan = project.run(&PLAN).data();
    assert!(
        plan.starts_with("train would run\n  dep data/parts changed\n  dep table.csv changed\n"),
        "{plan}"
    );
    assert!(plan.ends_with("2 unchanged\n"), "{plan}");
}

#[test]
fn a_stage_that_must_run_takes_what_it_reads_from_the_cache() {
    let project = parts();
    project.git(&["clean", "-fdxq", "-e", ".mlpipe"]);
    project.write("params.yaml", "lr: 0.2\n");
    project.run(&["repro", "--allow-missing"]).success();
    assert_eq!(project.runs(), ["train"]);
    assert_eq!(project.read("model"), "raw\nb\n");
    assert!(!project.exists("raw.txt"), "nobody reads it");
}

#[test]
fn a_stage_that_must_run_fails_with_what_to_do_where_the_cache_lacks_its_dep() {
    let project = parts();
    strip(&project);
    project.edit("pipeline.yaml", "a.txt table.csv", "a.txt ./table.csv");
    let error = project.run(&["repro", "--allow-missing"]).failure(3);
    assert!(
        error.contains("its dep `data/parts` is absent, and the cache does not have it"),
        "{error}"
    );
    assert!(
        error.contains("`mlpipe repro split` makes it again"),
        "{error}"
    );
    assert!(!project.exists("runs.log"));
}

#[test]
fn a_new_stage_with_absent_deps_would_run() {
    let project = parts();
    strip(&project);
    let new = "  new: {cmd: cp fresh.bin new.bin, deps: [fresh.bin], outs: [new.bin]}\n";
    project.write("pipeline.yaml", &format!("{PARTS}{new}"));
    let plan = project.run(&PLAN).data();
    assert_eq!(plan, "new would run\n  first run\n3 unchanged\n");
}
