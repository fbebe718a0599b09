//! mlpipe killed instead of each single call that changes the disk: the user's data stays whole,
//! the lock stays true, and the next run completes.
//!
//! Every so many calls are tried; all of them with `MLPIPE_TEST_ALL_POINTS=1`.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::LazyLock;
use std::time::Duration;

use crate::damage::Disk;
use crate::support::Project;
use nix::errno::Errno;

use crate::tracer::{ALL, CHANGES, Fault, GROWTH, Names, run_traced};

/// A file, a folder, an out that is in no cache, and a metric that git has.
const PIPELINE: &str = "\
stages:
  one:
    cmd: cat in in > a
    deps: [in]
    outs: [a]
  two:
    cmd: mkdir -p d/sub; cp a d/x; cp in d/sub/y
    deps: [a, in]
    outs: [d]
  three:
    cmd: cat d/x d/sub/y > c; echo '{\"n\":' $(cat c | tr -d '\\n')'}' > m.json
    deps: [d]
    params: [lr]
    outs: [{c: {cache: false}}]
    metrics: [{m.json: {cache: false}}]
";

/// What the user has written in the place of outs. None of it is in any cache.
const PRECIOUS: &[(&str, &str)] = &[
    ("a", "my a\n"),
    ("d/mine", "my file in d\n"),
    ("c", "my c\n"),
    ("m.json", "{\"n\": -1}\n"),
];

/// Among how many faults of a kind the scenarios share by default.
const SOME: usize = 12;

/// A project, and what is done to a copy of it.
struct Scenario {
    project: Project,
    /// What is run before on each copy, and killed at this call.
    before: Option<usize>,
    arguments: &'static [&'static str],
    /// What is in the input when all is done; `None` if outs are then of no interest.
    input: Option<&'static str>,
    precious: &'static [(&'static str, &'static str)],
    /// Whether no other process is at work meanwhile.
    is_alone: bool,
    /// Whether `.mlpipe` is on a disk of its own, to which nothing can be renamed.
    is_apart: bool,
}

const REPRO: &[&str] = &["repro", "-j1"];

/// A project whose stages have run.
fn project() -> Project {
    let project = Project::with(PIPELINE);
    project.write("in", "1\n");
    project.write("params.yaml", "lr: 1\n");
    project.run(REPRO).success();
    project
}

/// A project with the user's own work where outs were, and an input that makes all run again.
fn replacing() -> Scenario {
    let project = project();
    for (path, text) in PRECIOUS {
        project.write(path, text);
    }
    project.write("in", "2\n");
    Scenario {
        project,
        before: None,
        arguments: REPRO,
        input: Some("2\n"),
        precious: PRECIOUS,
        is_alone: true,
        is_apart: false,
    }
}

/// The same, but the outs of the first two stages are in the cache.
fn restoring() -> Scenario {
    let project = project();
    project.write("in", "2\n");
    project.run(REPRO).success();
    for (path, text) in PRECIOUS {
        project.write(path, text);
    }
    project.write("in", "1\n");
    Scenario {
        project,
        before: None,
        arguments: REPRO,
        input: Some("1\n"),
        precious: PRECIOUS,
        is_alone: true,
        is_apart: false,
    }
}

/// Commands that edit what the user has written.
fn editing() -> impl Iterator<Item = Scenario> {
    let commands: [&[&str]; 6] = [
        &["repro", "-j1", "-S", "lr=2"],
        &["freeze", "one"],
        &["move", "a", "e"],
        &["move", "d", "f/g"],
        &["remove", "--outs", "three"],
        &["stage", "add", "-n", "four", "-d", "c", "-O", "z", "cp c z"],
    ];
    commands.into_iter().map(|arguments| Scenario {
        project: project(),
        before: None,
        arguments,
        input: None,
        precious: &[],
        is_alone: true,
        is_apart: false,
    })
}

#[test]
fn killed_while_it_replaces_outs() {
    replacing().try_some(1, CHANGES, Fault::Kill);
}

#[test]
fn killed_while_its_state_is_on_another_disk() {
    if !crate::faults::is_root() {
        eprintln!("SKIPPED: a disk of its own needs root");
        return;
    }
    for scenario in [replacing(), restoring()] {
        let is_apart = true;
        let scenario = Scenario {
            is_apart,
            ..scenario
        };
        scenario.try_some(2, CHANGES, Fault::Kill);
        let full = |at| Fault::Fail(at, usize::MAX, Errno::ENOSPC);
        scenario.try_some(4, GROWTH, full);
    }
}

#[test]
fn killed_while_it_restores_outs() {
    restoring().try_some(1, CHANGES, Fault::Kill);
}

#[test]
fn killed_while_it_undoes_a_killed_run() {
    let scenario = replacing();
    let count = scenario.attempt(CHANGES, Fault::None).calls;
    for share in [3, 4, 6] {
        let before = Some(count * share / 8);
        let scenario = Scenario {
            before,
            ..replacing()
        };
        scenario.try_some(3, CHANGES, Fault::Kill);
    }
}

#[test]
fn killed_while_it_edits_files() {
    editing().for_each(|scenario| scenario.try_some(3, CHANGES, Fault::Kill));
}

#[test]
fn a_disk_that_is_full_from_some_moment_on() {
    let full = |at| Fault::Fail(at, usize::MAX, Errno::ENOSPC);
    for scenario in [replacing(), restoring()].into_iter().chain(editing()) {
        scenario.try_some(3, GROWTH, full);
    }
}

#[test]
fn a_single_call_that_fails() {
    let fail = |at| Fault::Fail(at, at, Errno::EIO);
    for scenario in [replacing(), restoring()].into_iter().chain(editing()) {
        scenario.try_some(3, ALL, fail);
    }
}

#[test]
fn killed_beside_a_process_that_goes_on() {
    let other = "  other: {cmd: 'touch ready; until [ -e go ]; do sleep 0.01; done; echo x > z', outs: [z]}\n";
    let scenario = Scenario {
        is_alone: false,
        ..replacing()
    };
    scenario
        .project
        .write("pipeline.yaml", &format!("{PIPELINE}{other}"));
    let truth = truths();
    let calls = scenario.attempt_beside(usize::MAX).calls;
    for at in (1..calls).step_by(calls.div_ceil(SOME / 2)) {
        let attempt = scenario.attempt_beside(at);
        let findings = scenario.examine(&attempt, truth);
        assert!(findings.is_empty(), "call {at}: {findings:?}");
    }
}

#[test]
fn one_of_two_processes_at_the_same_stages_is_killed() {
    let truth = truths();
    for delay in 0..12 {
        let scenario = Scenario {
            is_alone: false,
            ..replacing()
        };
        let mut children = [(); 2].map(|()| scenario.project.spawn(REPRO));
        std::thread::sleep(Duration::from_millis(delay * 10));
        children[0].kill().expect("kills");
        let [first, second] = children;
        first.wait_with_output().expect("ends");
        let output = second.wait_with_output().expect("ends");
        let attempt = Attempt {
            said: String::from_utf8(output.stderr).expect("UTF-8"),
            code: None,
            calls: 0,
            keeps_all: false,
            _disk: None,
            project: scenario.project.copy(),
        };
        assert_eq!(output.status.code(), Some(0), "{}", attempt.said);
        let findings = scenario.examine(&attempt, truth);
        assert!(findings.is_empty(), "after {delay} × 10 ms: {findings:?}");
    }
}

/// A run with a fault in it.
struct Attempt {
    /// What `.mlpipe` is on, if that is a disk of its own. It goes before the folder that it is in.
    _disk: Option<Disk>,
    project: Project,
    said: String,
    code: Option<i32>,
    calls: usize,
    /// Whether the disk would not let anything be deleted.
    keeps_all: bool,
}

impl Scenario {
    /// Has some of the calls meet their faults, each time in a fresh copy of the project.
    fn try_some(&self, share: usize, names: Names, fault: impl Fn(usize) -> Fault) {
        let truth = truths();
        let calls = self.attempt(names, Fault::None).calls;
        let all = std::env::var_os("MLPIPE_TEST_ALL_POINTS").is_some();
        let step = if all { 1 } else { calls.div_ceil(SOME / share) };
        let mut findings = Vec::new();
        for at in (1..=calls).step_by(step) {
            let attempt = self.attempt(names, fault(at));
            for finding in self.examine(&attempt, truth) {
                let arguments = self.arguments.join(" ");
                findings.push(format!("{arguments}, call {at}: {finding}"));
            }
        }
        let count = findings.len();
        assert!(
            findings.is_empty(),
            "{count} findings:\n{}",
            findings.join("\n")
        );
    }

    fn attempt(&self, names: Names, fault: Fault) -> Attempt {
        let project = self.project.copy();
        let disk = self.is_apart.then(|| set_apart(&project));
        let mut said = String::new();
        if let Some(at) = self.before {
            said += &run_traced(&project, REPRO, CHANGES, Fault::Kill(at)).stderr;
        }
        let traced = run_traced(&project, self.arguments, names, fault);
        let keeps_all = match fault {
            Fault::Fail(at, ..) => matches!(traced.calls.get(at - 1), Some(&("unlink" | "rmdir"))),
            Fault::None | Fault::Kill(_) => false,
        };
        Attempt {
            project,
            said: said + &traced.stderr,
            code: traced.code,
            calls: traced.calls.len(),
            keeps_all,
            _disk: disk,
        }
    }

    /// Has all stages but `other` meet the fault while another process works on that one.
    fn attempt_beside(&self, at: usize) -> Attempt {
        let project = self.project.copy();
        let other = project.spawn(&["repro", "other"]);
        while !project.exists("ready") {
            std::thread::sleep(Duration::from_millis(1));
        }
        let arguments = ["repro", "-j1", "three"];
        let traced = run_traced(&project, &arguments, CHANGES, Fault::Kill(at));
        project.write("go", "");
        let output = other.wait_with_output().expect("ends");
        assert!(output.status.success());
        Attempt {
            project,
            said: traced.stderr,
            code: traced.code,
            calls: traced.calls.len(),
            keeps_all: false,
            _disk: None,
        }
    }

    /// Returns all that is not as it should be, before and after another run.
    fn examine(&self, attempt: &Attempt, truth: &[Records]) -> Vec<String> {
        let Attempt {
            project,
            said,
            code,
            keeps_all,
            ..
        } = attempt;
        let mut findings = untrue_records(project, truth);
        if said.contains("panicked")
            || code.is_some_and(|code| code != 0 && !said.contains("error: "))
        {
            findings.push(format!("ended with {code:?} and said {said}"));
        }
        // Last of all, and no longer at work, it keeps the parsed form of the pipeline files.
        let had_left = fs::read(project.path(".mlpipe/lock")).is_ok_and(|names| names.is_empty());
        let output = project.run(REPRO);
        if self.arguments[0] == "move" && output.stderr.contains("did not make the out") {
            // Half a move: the commands still write to where they did.
            findings.extend(self.lost_by_moving(project));
            return findings;
        }
        if output.code != Some(0) {
            findings.push(format!("the next run fails: {}", output.stderr));
            return findings;
        }
        findings.extend(untrue_records(project, truth));
        for (path, text) in self.precious {
            let name = path.split('/').next().expect("has a first part");
            // A kill or an error between the move and the message costs the message.
            let said = said.to_owned() + &output.stderr;
            let place = if self.is_apart { "" } else { ".mlpipe/kept/" };
            let is_told = *code != Some(0) || said.contains(&format!("kept as {place}{name}"));
            if !is_kept(&project.path(place), name, path, text) {
                findings.push(format!("lost: {path}"));
            } else if !is_told {
                findings.push(format!("kept without a word: {path}"));
            }
        }
        findings.extend(self.input.and_then(|input| wrong_outs(project, input)));
        // Whoever goes on beside a killed process does not know what that had begun to write.
        let is_parsed = |path: &str| had_left && path.contains("/.mlpipe/.mlpipe-new-");
        let is_ours = |path: &String| self.is_alone && !keeps_all && !is_parsed(path);
        let litter = litter(project.root()).filter(is_ours);
        findings.extend(litter.map(|path| format!("litter: {path}")));
        let status = project.run(&["status", "--exit-code"]);
        if status.code != Some(0) {
            findings.push(format!("not clean: {}{}", status.stdout, status.stderr));
        }
        findings
    }
}

impl Scenario {
    fn lost_by_moving(&self, project: &Project) -> Option<String> {
        let places = [self.arguments[1], self.arguments[2]];
        let is_there = |place: &&str| project.exists(place);
        let kept = format!(".mlpipe/kept/{}", self.arguments[1]);
        let is_whole = places.iter().any(is_there) || project.exists(&kept);
        (!is_whole).then(|| format!("lost: {}", self.arguments[1]))
    }
}

/// What is recorded of each stage.
type Records = serde_yaml::Value;

/// Returns what undisturbed runs record for each input and params that a test has.
fn truths() -> &'static [Records] {
    static TRUTHS: LazyLock<[Records; 3]> =
        LazyLock::new(|| [("1\n", "lr: 1"), ("2\n", "lr: 1"), ("1\n", "lr: 2")].map(truth));
    &*TRUTHS
}

/// Returns what an undisturbed run records for this input.
fn truth((input, params): (&str, &str)) -> Records {
    let project = project();
    project.write("in", input);
    project.write("params.yaml", params);
    project.run(&["repro", "-j1"]).success();
    records(&project)
}

fn records(project: &Project) -> Records {
    let lock = fs::read_to_string(project.path("data.lock")).unwrap_or_default();
    let lock: Records = serde_yaml::from_str(&lock).expect("YAML");
    lock["stages"].clone()
}

/// Returns the stages that the lock says something of that no run has made.
fn untrue_records(project: &Project, truth: &[Records]) -> Vec<String> {
    let records = records(project);
    let stages = ["one", "two", "three"].into_iter();
    stages
        // A record may be missing, or be of outs that were moved.
        .filter(|stage| {
            records[stage]["outs"]["e"].is_null() && records[stage]["outs"]["f/g"].is_null()
        })
        .filter(|stage| {
            records[stage]["deps"]["e"].is_null() && records[stage]["deps"]["f/g"].is_null()
        })
        .filter(|stage| !records[stage].is_null())
        .filter(|stage| !truth.iter().any(|truth| truth[stage] == records[stage]))
        .map(|stage| format!("an untrue record of {stage}: {:?}", records[stage]))
        .collect()
}

fn wrong_outs(project: &Project, input: &str) -> Option<String> {
    let twice = input.repeat(2);
    let thrice = input.repeat(3);
    let metric = format!("{{\"n\": {}}}\n", thrice.replace('\n', ""));
    let expected = [
        ("a", twice.as_str()),
        ("d/x", &twice),
        ("d/sub/y", input),
        ("c", &thrice),
        ("m.json", &metric),
    ];
    let mut expected = expected.into_iter();
    let wrong = expected
        .find(|(path, text)| fs::read_to_string(project.path(path)).ok().as_deref() != Some(text));
    wrong.map(|(path, _)| format!("a wrong out: {path}"))
}

/// Moves `.mlpipe` to a disk of its own.
fn set_apart(project: &Project) -> Disk {
    let (state, old) = (project.path(".mlpipe"), project.path(".git/state"));
    fs::rename(&state, &old).expect("moves");
    fs::create_dir(&state).expect("makes");
    let disk = Disk::mount(state.clone(), "size=8m").expect("root can mount");
    let mut copy = Command::new("cp");
    let copy = copy.arg("-a").arg(old.join(".")).arg(&state);
    assert!(copy.status().expect("cp runs").success());
    disk
}

/// Whether the user's text is in this folder, under any of the names that an out may get there.
fn is_kept(folder: &Path, name: &str, path: &str, text: &str) -> bool {
    let Ok(entries) = fs::read_dir(folder) else {
        return false;
    };
    entries.map(|entry| entry.expect("an entry")).any(|entry| {
        let kept = entry.file_name().into_string().expect("UTF-8");
        let is_of_it = kept == name
            || kept
                .strip_prefix(name)
                .is_some_and(|rest| rest.starts_with('.'));
        let inner = path
            .strip_prefix(name)
            .expect("begins with it")
            .trim_start_matches('/');
        let location = if inner.is_empty() {
            entry.path()
        } else {
            entry.path().join(inner)
        };
        is_of_it && fs::read_to_string(location).ok().as_deref() == Some(text)
    })
}

/// Returns what is left over of unfinished work, anywhere in the project.
fn litter(folder: &Path) -> Box<dyn Iterator<Item = String>> {
    let entries = fs::read_dir(folder).expect("lists");
    Box::new(entries.flat_map(|entry| {
        let path = entry.expect("an entry").path();
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let holds = path.parent().and_then(Path::file_name).unwrap_or_default();
        let is_left = name.starts_with(".mlpipe-")
            || holds == "aside"
            || holds == "running"
            || path.ends_with(".mlpipe/journal");
        let own = is_left.then(|| path.display().to_string());
        let inner = (path.is_dir() && name != ".git").then(|| litter(&path));
        own.into_iter().chain(inner.into_iter().flatten())
    }))
}
