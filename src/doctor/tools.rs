//! The tools that the commands of stages call: found on the PATH or at their place, or not.

use std::collections::BTreeMap;
use std::env;
use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::base::any_path::walk;
use crate::base::human;
use crate::doctor::calls::{Call, calls};
use crate::doctor::finding::{Finding, State, Topic};
use crate::pipeline::{Dep, Pipeline, Stage};
use crate::workspace::Workspace;

/// Looks for each tool once, whoever calls it. Stages that are frozen call nothing.
pub(super) fn tools(workspace: &Workspace, pipeline: &Pipeline) -> Vec<Finding> {
    let mut callers: BTreeMap<(PathBuf, Call), Vec<String>> = BTreeMap::new();
    for stage in pipeline.stages.iter().filter(|stage| !stage.frozen) {
        for call in scripts(stage).flat_map(calls) {
            let folder = workspace.locate(&stage.wdir);
            let names = callers.entry((folder, call)).or_default();
            if names.last() != Some(&stage.name.to_string()) {
                names.push(stage.name.to_string());
            }
        }
    }
    let search = search_path();
    let made = Made::of(workspace, pipeline);
    let mut findings: Vec<Finding> = Vec::new();
    for ((folder, call), stages) in &callers {
        let program = program(folder, call, stages, &search, &made);
        let script = script(folder, call, stages, &made);
        for finding in [program, script].into_iter().flatten() {
            if !findings.contains(&finding) {
                findings.push(finding);
            }
        }
    }
    merge(findings)
}

/// Returns what the stage has a shell do.
fn scripts(stage: &Stage) -> impl Iterator<Item = &str> {
    let commands = stage.deps.iter().filter_map(|dep| match dep {
        Dep::Command { cmd } => Some(cmd),
        Dep::Path { .. } | Dep::Glob { .. } | Dep::Url { .. } => None,
    });
    stage.cmd.iter().chain(commands).map(String::as_str)
}

/// Returns the folders in which a stage's shell looks for programs: our own first.
fn search_path() -> Vec<PathBuf> {
    let own = env::current_exe().ok();
    let own = own.as_deref().and_then(Path::parent).map(Path::to_owned);
    let path: OsString = env::var_os("PATH").unwrap_or_default();
    own.into_iter().chain(env::split_paths(&path)).collect()
}

/// What stages make and what is tracked: it need not be there before a run.
struct Made(Vec<PathBuf>);

impl Made {
    fn of(workspace: &Workspace, pipeline: &Pipeline) -> Self {
        let outs = pipeline.stages.iter().flat_map(|stage| &stage.outs);
        let mut paths: Vec<PathBuf> = outs.map(|out| workspace.locate_any(&out.path)).collect();
        // A lock that cannot be read is told of elsewhere.
        let data = workspace.load_lock().unwrap_or_default().data;
        paths.extend(data.keys().map(|path| workspace.locate(path)));
        Self(paths)
    }

    fn has(&self, path: &Path) -> bool {
        self.0.iter().any(|made| path.starts_with(made))
    }
}

fn program(
    folder: &Path,
    call: &Call,
    stages: &[String],
    search: &[PathBuf],
    made: &Made,
) -> Option<Finding> {
    let name = call.program.as_str();
    let finding = |found: String| Finding::fine(Topic::Tools, name, found);
    let who = callers(stages);
    if !name.contains('/') {
        let place = search.iter().map(|folder| folder.join(name));
        return Some(match place.into_iter().find(|path| is_executable(path)) {
            Some(path) => finding(path.display().to_string()),
            None => finding(format!("not on the PATH; {who} calls it")).but(
                State::Failure,
                format!("install `{name}`, or put its folder on the PATH"),
            ),
        });
    }
    if call.is_elsewhere && !Path::new(name).is_absolute() {
        return None;
    }
    let path = walk(folder, name);
    if made.has(&path) {
        return None;
    }
    Some(if is_executable(&path) {
        finding("can be executed".to_owned())
    } else if path.is_file() {
        let hint = format!("`chmod +x {name}`, and commit that");
        finding(format!("cannot be executed; {who} calls it")).but(State::Failure, hint)
    } else {
        let hint = "correct the command, or bring the file";
        finding(format!("not there; {who} calls it")).but(State::Failure, hint)
    })
}

/// Looks for the file that an interpreter is to run. Only what is missing is worth a line.
fn script(folder: &Path, call: &Call, stages: &[String], made: &Made) -> Option<Finding> {
    let name = call.script.as_ref().filter(|_| !call.is_elsewhere)?;
    let path = walk(folder, name);
    if path.exists() || made.has(&path) {
        return None;
    }
    let found = format!(
        "not there; {} runs it with {}",
        callers(stages),
        call.program
    );
    let hint = "correct the command, or bring the file";
    Some(Finding::fine(Topic::Tools, name, found).but(State::Failure, hint))
}

fn callers(stages: &[String]) -> String {
    let noun = if stages.len() == 1 { "stage" } else { "one of" };
    format!("{noun} {}", human::first_of(stages))
}

fn is_executable(path: &Path) -> bool {
    let found = path.metadata();
    found.is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

/// What is well needs no second line, and what fails comes first.
fn merge(mut findings: Vec<Finding>) -> Vec<Finding> {
    findings.sort_by(|one, other| {
        let weight = |finding: &Finding| std::cmp::Reverse(finding.state);
        (weight(one), &one.name).cmp(&(weight(other), &other.name))
    });
    findings.dedup_by(|one, other| one.name == other.name && one.state == other.state);
    findings
}
