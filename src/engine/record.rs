//! `LastRun`: how the last run went, for the report. Lies in `.mlpipe`, may be lost at any time.

use std::os::unix::fs::MetadataExt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::base::fs;
use crate::base::path::RepoPath;
use crate::engine::event::{Ending, Outcome};
use crate::pipeline::{LOCK_FILE, StageName};
use crate::workspace::Workspace;

const FILE: &str = "last-run";

/// The stages of the last run, in the order in which they were through.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LastRun {
    /// Each stage.
    pub(crate) stages: Vec<StageRun>,
    /// The size of `data.lock` when it ended, and when that was written, in nanoseconds since 1970:
    /// of another lock, as of another branch, the run says nothing.
    lock: Option<(u64, i64)>,
}

/// How it went with one stage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct StageRun {
    /// Its name.
    pub(crate) stage: StageName,
    /// How it ended.
    pub(crate) outcome: Ending,
    /// Why, as texts.
    pub(crate) reasons: Vec<String>,
    /// How long it took, in milliseconds.
    pub(crate) milliseconds: u64,
}

impl StageRun {
    /// Makes the record of a stage.
    pub(crate) fn new(stage: &StageName, outcome: &Outcome, time: Duration) -> Self {
        let reasons = match outcome {
            Outcome::Held { reasons }
            | Outcome::Restored { reasons, .. }
            | Outcome::Ran { reasons } => reasons.iter().map(ToString::to_string).collect(),
            Outcome::Failed { failure, .. } => vec![failure.to_string()],
            Outcome::Skipped { upstream } => vec![format!("needs {upstream}")],
            Outcome::Left { path } => vec![format!("{path} is not there")],
            Outcome::Unchanged | Outcome::Adopted | Outcome::Declined | Outcome::Stopped => {
                Vec::new()
            }
        };
        let milliseconds = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        Self {
            stage: stage.clone(),
            outcome: outcome.ending(),
            reasons,
            milliseconds,
        }
    }
}

fn stamp(workspace: &Workspace) -> Option<(u64, i64)> {
    let lock = RepoPath::parse(LOCK_FILE).expect("invariant: a plain file name");
    let found = workspace.locate(&lock).metadata().ok()?;
    let seconds = found.mtime().checked_mul(1_000_000_000)?;
    Some((found.len(), seconds.checked_add(found.mtime_nsec())?))
}

impl LastRun {
    /// Makes the record of a run that has just ended.
    pub(crate) fn of(stages: &[StageRun], workspace: &Workspace) -> Self {
        Self {
            stages: stages.to_vec(),
            lock: stamp(workspace),
        }
    }

    /// Reads the record; one that is absent, unreadable or of another `data.lock` is empty.
    pub(crate) fn load(workspace: &Workspace) -> Self {
        let bytes = fs::read(&workspace.state(FILE))
            .ok()
            .flatten()
            .unwrap_or_default();
        let run: Self = postcard::from_bytes(&bytes).unwrap_or_default();
        if run.lock == stamp(workspace) {
            run
        } else {
            Self::default()
        }
    }

    /// Writes the record.
    pub(crate) fn save(&self, workspace: &Workspace) -> Result<(), fs::Error> {
        let bytes = postcard::to_stdvec(self).expect("invariant: plain data");
        let path = workspace.state(FILE);
        fs::write_replaceable(&path, &bytes).inspect_err(|_| {
            // Else an earlier run would pass for this one. Where not even this works, it does.
            let _stays = fs::remove(&path);
        })
    }
}
