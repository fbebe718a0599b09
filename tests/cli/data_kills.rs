//! mlpipe killed, or failing, at the calls of `add` and `checkout` that change the disk: no content is
//! lost, the lock stays true, and the same command completes what was begun.
//!
//! Every so many calls are tried; all of them with `MLPIPE_TEST_ALL_POINTS=1`.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use nix::errno::Errno;

use crate::add;
use crate::support::Project;
use crate::tracer::{CHANGES, Fault, GROWTH, Names, run_traced};

/// How many points of a command are tried by default.
const SOME: usize = 10;

/// Content that must be somewhere in the project, whatever happens.
const PRECIOUS: [&str; 4] = ["alpha\n", "beta\n", "gamma\n", "1,2\n"];

/// A command, and the project that it is to work in.
struct Scenario {
    project: Project,
    arguments: &'static [&'static str],
    precious: Vec<&'static str>,
}

fn adding() -> Scenario {
    Scenario {
        project: add::project(),
        arguments: &["add", "data/raw", "x.csv"],
        precious: PRECIOUS.to_vec(),
    }
}

/// Changes to data that is tracked.
fn updating() -> Scenario {
    let scenario = adding();
    scenario.project.run(scenario.arguments).success();
    scenario.project.write("data/raw/a", "new alpha\n");
    scenario.project.write("data/raw/sub/d", "delta\n");
    let precious = PRECIOUS.into_iter().chain(["new alpha\n", "delta\n"]);
    Scenario {
        precious: precious.collect(),
        ..scenario
    }
}

fn checking_out() -> Scenario {
    let scenario = adding();
    scenario.project.run(scenario.arguments).success();
    scenario.project.remove("x.csv");
    scenario.project.remove("data/raw/sub");
    Scenario {
        arguments: &["checkout"],
        ..scenario
    }
}

/// Content in no cache gives way.
fn forcing() -> Scenario {
    let scenario = updating();
    scenario.project.write("x.csv", "mine\n");
    let precious = scenario.precious.into_iter().chain(["mine\n"]);
    Scenario {
        arguments: &["checkout", "--force"],
        precious: precious.collect(),
        ..scenario
    }
}

/// Files become names of objects.
fn linking() -> Scenario {
    let scenario = adding();
    let settings = ["config", "cache.type", "hardlink"];
    scenario.project.run(&settings).success();
    scenario
}

fn relinking() -> Scenario {
    let scenario = linking();
    scenario.project.run(scenario.arguments).success();
    Scenario {
        arguments: &["checkout", "--relink"],
        ..scenario
    }
}

fn removing() -> Scenario {
    let scenario = forcing();
    Scenario {
        arguments: &["remove", "--outs", "data/raw", "x.csv"],
        ..scenario
    }
}

#[test]
fn add_killed_anywhere_is_completed_by_another() {
    for scenario in [adding(), updating(), linking()] {
        scenario.try_some(CHANGES, Fault::Kill);
    }
}

#[test]
fn checkout_killed_anywhere_is_completed_by_another() {
    for scenario in [checking_out(), forcing(), relinking()] {
        scenario.try_some(CHANGES, Fault::Kill);
    }
}

#[test]
fn remove_killed_anywhere_is_completed_by_another() {
    removing().try_some(CHANGES, Fault::Kill);
}

/// Killed in the place of the sync, it has not given up any file yet.
#[test]
fn no_file_gives_way_to_a_link_before_its_object_is_on_disk() {
    const SYNC: Names = &["syncfs"];
    let add: &[&str] = &["add", "data/raw", "x.csv"];
    let relink: &[&str] = &["checkout", "--relink"];
    for (arguments, kind) in [(add, "symlink"), (relink, "symlink"), (relink, "hardlink")] {
        let Scenario { project, .. } = adding();
        if arguments == relink {
            project.run(add).success();
        }
        project.run(&["config", "cache.type", kind]).success();
        let files = |project: &Project| {
            let metadata = |path: &str| project.path(path).symlink_metadata();
            ["data/raw/a", "x.csv"].map(|path| metadata(path).expect("is there").ino())
        };
        let killed = project.copy();
        let before = files(&killed);
        run_traced(&killed, arguments, SYNC, Fault::Kill(1));
        assert_eq!(files(&killed), before, "{arguments:?} {kind}");
        let before = files(&project);
        let calls = run_traced(&project, arguments, SYNC, Fault::None).calls;
        // One for each path.
        assert_eq!(calls.len(), 2, "{arguments:?} {kind}");
        let is_kept = |(one, other): (u64, u64)| one == other;
        assert!(!before.into_iter().zip(files(&project)).any(is_kept));
    }
    let calls = run_traced(&adding().project, add, SYNC, Fault::None).calls;
    assert!(calls.is_empty(), "a copy costs no waiting");
}

#[test]
fn a_disk_that_is_full_from_some_moment_on_costs_nothing() {
    let full = |at| Fault::Fail(at, usize::MAX, Errno::ENOSPC);
    for scenario in [adding(), updating(), checking_out(), forcing()] {
        scenario.try_some(GROWTH, full);
    }
}

/// Returns how far apart the points are that are tried of so many.
fn step(points: usize) -> usize {
    let all = std::env::var_os("MLPIPE_TEST_ALL_POINTS").is_some();
    if all { 1 } else { points.div_ceil(SOME) }
}

impl Scenario {
    /// Has some of the calls meet their faults, each time in a fresh copy of the project.
    fn try_some(&self, names: Names, fault: impl Fn(usize) -> Fault) {
        let calls = run_traced(&self.project.copy(), self.arguments, names, Fault::None).calls;
        let mut findings = Vec::new();
        for at in (1..=calls.len()).step_by(step(calls.len())) {
            let project = self.project.copy();
            let traced = run_traced(&project, self.arguments, names, fault(at));
            let said = &traced.stderr;
            if said.contains("panicked") {
                findings.push(format!("call {at}: {said}"));
            }
            let found = self.examine(&project);
            findings.extend(found.iter().map(|finding| format!("call {at}: {finding}")));
        }
        let command = self.arguments.join(" ");
        assert!(findings.is_empty(), "{command}:\n{}", findings.join("\n"));
    }

    /// Returns all that is not as it should be, before and after another go.
    fn examine(&self, project: &Project) -> Vec<String> {
        let mut findings = self.lost(project);
        // What is recorded is in the cache, at any moment.
        let lock = fs::read_to_string(project.path("data.lock")).unwrap_or_default();
        if lock.contains("data:") {
            let status = project.run(&["status"]);
            if status.code != Some(0) || status.stdout.contains("not in the cache") {
                findings.push(format!("{}{}\n{lock}", status.stdout, status.stderr));
            }
        }
        let again = project.run(self.arguments);
        // Both were removed, and only the answer was lost.
        let is_over = self.arguments[0] == "remove" && !lock.contains("data:");
        if again.code != Some(0) && !is_over {
            findings.push(format!("the next one fails: {}", again.stderr));
        }
        findings.extend(self.lost(project));
        let status = project.run(&["status", "--exit-code"]);
        if self.arguments[0] != "remove" && status.code != Some(0) {
            findings.push(format!("not clean: {}{}", status.stdout, status.stderr));
        }
        let seen = project.git(&["status", "--porcelain", "-uall"]);
        if seen.contains("data/raw/") || seen.contains("x.csv") {
            findings.push(format!("git sees the data: {seen}"));
        }
        findings.extend(litter(project.root()));
        findings
    }

    fn lost(&self, project: &Project) -> Vec<String> {
        let mut there = BTreeSet::new();
        texts(project.root(), &mut there);
        let lost = self.precious.iter();
        let is_lost = |text: &&&str| !there.iter().any(|known| known.contains(**text));
        lost.filter(is_lost)
            .map(|text| format!("lost: {text:?}"))
            .collect()
    }
}

/// Gathers what is in all files of the project, those of the cache as well.
fn texts(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).expect("lists") {
        let path = entry.expect("an entry").path();
        if path.ends_with(".git") {
            continue;
        }
        if path.is_dir() {
            texts(&path, found);
        } else if let Ok(bytes) = fs::read(&path) {
            found.insert(String::from_utf8_lossy(&bytes).into_owned());
        }
    }
}

/// Returns the unfinished files beside the data.
fn litter(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("lists") {
        let path = entry.expect("an entry").path();
        if path.ends_with(".git") || path.ends_with(".mlpipe") {
            continue;
        }
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with(".mlpipe-new-") {
            found.push(format!("litter: {}", path.display()));
        } else if path.is_dir() {
            found.extend(litter(&path));
        }
    }
    found
}

#[test]
fn what_a_killed_checkout_leaves_is_no_matter_of_gits_and_goes_with_the_next() {
    let scenario = checking_out();
    scenario.project.commit();
    let calls = run_traced(
        &scenario.project.copy(),
        scenario.arguments,
        CHANGES,
        Fault::None,
    );
    let mut has_litter = false;
    for at in 1..=calls.calls.len() {
        let project = scenario.project.copy();
        let _killed = run_traced(&project, scenario.arguments, CHANGES, Fault::Kill(at));
        has_litter |= !litter(project.root()).is_empty();
        assert_eq!(project.git(&["status", "--porcelain"]), "", "call {at}");
    }
    assert!(has_litter, "some kill leaves something");
}

/// What is said where nobody lets us write, from each call on that would.
fn refusals(scenario: &Scenario) -> String {
    let calls = run_traced(
        &scenario.project.copy(),
        scenario.arguments,
        GROWTH,
        Fault::None,
    );
    let count = calls.calls.len();
    let said = (1..=count).map(|at| {
        let fault = Fault::Fail(at, usize::MAX, Errno::EACCES);
        run_traced(&scenario.project.copy(), scenario.arguments, GROWTH, fault).stderr
    });
    said.collect()
}

#[test]
fn a_closed_folder_is_told_with_what_was_to_be_done_and_what_to_do() {
    let text = refusals(&adding());
    assert!(
        text.contains("cannot add `data/raw`: `.mlpipe/cache` is closed to writing"),
        "{text}"
    );
    assert!(
        text.contains("`mlpipe cache dir DIR` takes another cache"),
        "{text}"
    );
    assert!(!text.contains("cache/new"), "{text}");
    let text = refusals(&checking_out());
    assert!(
        text.contains("cannot check out `data/raw`: `data` is closed to writing"),
        "{text}"
    );
    assert!(text.contains("`chmod u+w data`"), "{text}");
}
