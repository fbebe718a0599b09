//! Remotes: whether there are any, and whether they can be reached. All that is checked of them is
//! checked here.

use std::path::Path;
use std::thread;
use std::time::Duration;

use crate::base::cancel::CancelToken;
use crate::doctor::checkup::Aim;
use crate::doctor::finding::{Finding, State, Topic, with_causes};
use crate::remote::{Backend, Error, Options, Place};
use crate::workspace::Workspace;

/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(20);

/// The object that is asked for; whether it is there does not matter.
const PROBE: &str = "mlpipe-doctor";

/// Asks each remote of the settings for an object, all at once.
pub(super) fn remotes(workspace: &Workspace, aim: Aim) -> Vec<Finding> {
    let settings = workspace.settings();
    if settings.remotes.is_empty() {
        let finding = Finding::fine(Topic::Remotes, "remotes", "none is set");
        return vec![match aim {
            Aim::Run => finding.into_note(),
            Aim::Deploy => finding.but(
                State::Warning,
                "`mlpipe remote add --default NAME URL`: else data and models stay on this machine",
            ),
        }];
    }
    let root = workspace.root();
    thread::scope(|scope| {
        let asked: Vec<_> = settings
            .remotes
            .iter()
            .map(|(name, options)| scope.spawn(move || look(name, options, root, aim)))
            .collect();
        let findings = asked.into_iter().filter_map(|asked| asked.join().ok());
        findings.collect()
    })
}

fn look(name: &str, options: &Options, root: &Path, aim: Aim) -> Finding {
    let finding = |found: String| Finding::fine(Topic::Remotes, name, found);
    let cancel = CancelToken::default();
    let wrong = |error: &Error| finding(with_causes(error)).but(State::Failure, help(name));
    let place = match Place::of_remote(name, options, root) {
        Ok(place) => place,
        Err(error) => return wrong(&error),
    };
    // Opening it would make it.
    if place.folder().is_some_and(|folder| !folder.is_dir()) {
        return finding(format!("{}, made at the first push", place.url)).into_note();
    }
    let backend = match Backend::open(place, &cancel) {
        Ok(backend) => backend,
        Err(error) => return wrong(&error),
    };
    let state = match aim {
        Aim::Run => State::Warning,
        Aim::Deploy => State::Failure,
    };
    match ask(&backend, &cancel) {
        Ok(()) => finding(format!("{}, reached", backend.url())),
        Err(error) => finding(with_causes(&error)).but(state, help(name)),
    }
}

/// Asks, and stops asking when nothing has come for too long.
fn ask(backend: &Backend, cancel: &CancelToken) -> Result<(), Error> {
    let (done, waiting) = std::sync::mpsc::channel::<()>();
    thread::scope(|scope| {
        scope.spawn(move || {
            // An end of the other side is the answer.
            if waiting.recv_timeout(PATIENCE) == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
                cancel.escalate();
            }
        });
        let asked = backend.stat(PROBE).map(|_| ());
        drop(done);
        asked
    })
}

fn help(name: &str) -> String {
    format!("`mlpipe remote list` shows where it is, `mlpipe remote modify {name}` mends it")
}
