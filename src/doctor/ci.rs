//! The CI job that this runs in, and the forge that it reports to.

use crate::doctor::checkup::Aim;
use crate::doctor::finding::{Finding, State, Topic};
use crate::forge::{Environment, Error, Job, Local, Overrides, Permission, Place, unset};
use crate::scm::Repo;
use crate::workspace::Workspace;

/// Looks at what the CI system says, and at whether there is a token for the forge.
pub(super) fn ci(workspace: Option<&Workspace>, aim: Aim) -> Vec<Finding> {
    let repo = workspace.and_then(|workspace| workspace.repo().ok().flatten());
    let repo = repo.as_ref();
    let local = Local {
        remote: repo.and_then(Repo::remote_url),
        sha: repo.and_then(Repo::head_commit),
        branch: repo.and_then(Repo::branch),
    };
    let environment = Environment::of_process();
    let job = match Job::detect(&environment, &local) {
        Ok(job) => job,
        Err(error) => {
            let finding = Finding::fine(Topic::Ci, "job", error.to_string());
            let hint = "the file that GITHUB_EVENT_PATH names must be readable";
            return vec![finding.but(State::Warning, hint)];
        }
    };
    let mut findings = vec![system(&job)];
    // Outside of CI nobody need report anywhere.
    let is_wanted = !job.ci.is_empty() || aim == Aim::Deploy;
    match Place::find(&environment, job, &Overrides::default()) {
        Ok(place) => {
            let found = format!("{} · {}", place.kind, place.repo);
            findings.push(Finding::fine(Topic::Ci, "forge", found));
            findings.push(token(&place, aim));
        }
        Err(error) if is_wanted => findings.push(nowhere(&error)),
        Err(_) => {}
    }
    findings
}

fn system(job: &Job) -> Finding {
    let finding = |found: String| Finding::fine(Topic::Ci, "job", found);
    match (job.ci, job.pull) {
        ("", _) => finding("in no CI system".to_owned()).into_note(),
        (ci, Some(number)) => finding(format!("{ci}, of pull request {number}")),
        (ci, None) => finding(format!("{ci}, of no pull request")),
    }
}

/// A token is there in the step alone that needs it; so only for a deploy it is missed.
fn token(place: &Place, aim: Aim) -> Finding {
    let finding = |found: String| Finding::fine(Topic::Ci, "token", found);
    match &place.token {
        Some(token) => finding(format!("in {}", token.variable)),
        None if place.is_fork() => finding(format!(
            "none, for the code is a fork's ({})",
            unset(&place.variables)
        ))
        .into_note(),
        None if aim == Aim::Run => finding("none here".to_owned()).into_note(),
        None => {
            let need = Permission::Write.on(place.kind);
            let hint = format!("badges need {}; see {}", need.scope, need.page);
            finding(unset(&place.variables)).but(State::Warning, hint)
        }
    }
}

fn nowhere(error: &Error) -> Finding {
    let hint = "comments and badges then need `--forge`, `--api-url` and `--repo`";
    Finding::fine(Topic::Ci, "forge", error.to_string()).but(State::Warning, hint)
}
