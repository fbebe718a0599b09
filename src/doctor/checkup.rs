//! The order in which everything is looked at; what cannot be had does not keep the rest from it.

use std::env;
use std::error::Error;
use std::path::Path;
use std::process::Command;

use crate::base::human;
use crate::base::machine::Machine;
use crate::doctor::finding::{Finding, State, Topic, with_causes};
use crate::doctor::{ci, credentials, machine, remotes, repository, space, storage, tools};
use crate::pipeline::{self, Pipeline};
use crate::workspace::{self, Workspace};

/// What things are looked at for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Aim {
    /// Running stages.
    Run,
    /// Deploying what they have made, too: of a commit, for others.
    Deploy,
}

/// Looks at everything, for the project that `folder` lies in.
pub(crate) fn examine(folder: &Path, aim: Aim) -> Vec<Finding> {
    let is_ci = env::var_os("CI").is_some_and(|value| !value.is_empty() && value != "false");
    let mut findings = versions();
    let here = Machine::look();
    match Workspace::find(folder) {
        Ok(workspace) => {
            let (pipeline, more) = project(&workspace);
            findings.extend(more);
            let called = pipeline
                .as_ref()
                .map(|pipeline| tools::tools(&workspace, pipeline));
            findings.extend(called.unwrap_or_default());
            findings.extend(machine::machine(&here, pipeline.as_ref()));
            match workspace.load_lock() {
                Ok(lock) => findings.extend(space::space(&workspace, &lock)),
                Err(error) => findings.push(broken("data.lock", &error)),
            }
            findings.extend(repository::repository(&workspace, aim, is_ci));
            findings.extend(storage::storage(&workspace));
            findings.extend(remotes::remotes(&workspace, aim));
            findings.extend(ci::ci(Some(&workspace), aim));
        }
        Err(error) => {
            let finding = broken("folder", &error);
            findings.push(match error {
                workspace::Error::NoProject { .. } => finding.but(
                    State::Failure,
                    "`mlpipe init` makes the current folder one; `--cd DIR` looks at another",
                ),
                _ => finding,
            });
            findings.extend(machine::machine(&here, None));
            findings.extend(ci::ci(None, aim));
        }
    }
    findings.extend(credentials::credentials());
    findings
}

fn versions() -> Vec<Finding> {
    let own = Finding::fine(Topic::Versions, "mlpipe", env!("CARGO_PKG_VERSION"));
    let asked = Command::new("git").arg("--version").output();
    let said = asked.ok().filter(|output| output.status.success());
    let git = match said {
        Some(output) => {
            let said = String::from_utf8_lossy(&output.stdout);
            let version = said.trim().trim_start_matches("git version ").to_owned();
            Finding::fine(Topic::Versions, "git", version)
        }
        None => Finding::fine(Topic::Versions, "git", "not on the PATH").but(
            State::Warning,
            "install it: merges and hooks are git's, and CI fetches with it",
        ),
    };
    vec![own, git]
}

/// Looks at the pipeline; returns it if it can be loaded.
fn project(workspace: &Workspace) -> (Option<Pipeline>, Vec<Finding>) {
    let root = workspace.root().display().to_string();
    let mut findings = vec![Finding::fine(Topic::Project, "folder", root)];
    let finding = |found: String| Finding::fine(Topic::Project, "pipeline", found);
    let (pipeline, loaded) = match workspace.load_pipeline() {
        Ok(pipeline) => {
            let stages = human::count(pipeline.stages.len(), "stage");
            let gates = human::count(pipeline.gates.len(), "gate");
            (Some(pipeline), finding(format!("{stages}, {gates}")))
        }
        Err(pipeline::Error::NoPipeline { .. }) => {
            (None, finding("there is none".to_owned()).into_note())
        }
        Err(error) => (None, broken("pipeline", &error)),
    };
    findings.push(loaded);
    (pipeline, findings)
}

/// Says of a part of the project why it cannot be used.
fn broken(name: &str, error: &dyn Error) -> Finding {
    let hint = "`mlpipe status` shows the place, and what to do";
    Finding::fine(Topic::Project, name, with_causes(error)).but(State::Failure, hint)
}
