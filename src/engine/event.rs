//! What happens during a run, as events; reporters turn them into bars, lines or JSON.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::base::any_path::AnyPath;
use crate::base::fs;
use crate::base::output::Lines;
use crate::base::path::RepoPath;
use crate::engine::decide::{Reason, Source};
use crate::engine::error::Failure;
use crate::pipeline::StageName;

/// Something that people may want to know while it happens.
#[derive(Debug)]
pub(crate) enum Event {
    /// Another process is in the project; we wait for it.
    Waiting {
        /// Who that is.
        holder: String,
    },
    /// Another process works on something that this stage reads or writes.
    Blocked {
        /// The stage that waits.
        stage: StageName,
        /// Who is at work, and with which stage.
        holder: String,
    },
    /// An earlier mlpipe was killed while this stage ran; its outs are as before that run.
    Recovered {
        /// The stage.
        stage: StageName,
    },
    /// A killed run's command was still at work and has been ended.
    Orphaned {
        /// Its stage.
        stage: StageName,
    },
    /// These stages will be looked at, in this order.
    Planned {
        /// Their names.
        stages: Vec<StageName>,
    },
    /// A command starts.
    Started {
        /// Its stage.
        stage: StageName,
        /// Why it runs.
        reasons: Vec<Reason>,
    },
    /// A stage wants more than the whole machine has, so nothing runs beside it.
    Alone {
        /// The stage.
        stage: StageName,
        /// What it wants, of how much.
        wish: String,
    },
    /// A command failed and is run again.
    Retrying(Retry),
    /// A command has run, and nobody can say whether what it read from elsewhere is as it was; the
    /// other side is asked again and again.
    Asking {
        /// Its stage.
        stage: StageName,
        /// What is asked for.
        url: String,
        /// Why there is no answer yet.
        cause: String,
    },
    /// A command printed something.
    Output {
        /// Its stage.
        stage: StageName,
        /// The lines.
        lines: Lines,
    },
    /// A file that only the user has was in the way and is kept elsewhere.
    Kept {
        /// The stage whose out stands in its place.
        stage: StageName,
        /// Where it was.
        path: AnyPath,
        /// Where it is now, relative to the root.
        to: String,
    },
    /// Tracked data that was not there came from the cache.
    Provided {
        /// Which.
        path: RepoPath,
    },
    /// A corrupt object was found in the cache and set aside.
    Quarantined {
        /// The stage that needed it.
        stage: StageName,
        /// The object's digest, shortened.
        object: String,
    },
    /// Something that only saves time or is nice to have could not be written.
    Unsaved {
        /// What, and why.
        error: fs::Error,
        /// What comes of it.
        cost: &'static str,
    },
    /// These stages are up to date, as a look at all of them showed.
    Settled {
        /// Their names.
        stages: Vec<StageName>,
    },
    /// A stage is through.
    Finished {
        /// Its name.
        stage: StageName,
        /// How it went.
        outcome: Outcome,
        /// How long that took.
        time: Duration,
    },
}

/// Another attempt of a command.
#[derive(Debug)]
pub(crate) struct Retry {
    /// Its stage.
    pub(crate) stage: StageName,
    /// Which attempt comes next; the first was 1.
    pub(crate) attempt: u32,
    /// How many there are at most.
    pub(crate) of: u32,
    /// Why the one before failed.
    pub(crate) cause: String,
    /// How long to wait before.
    pub(crate) delay: Duration,
}

/// How it went with a stage.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// It was up to date.
    Unchanged,
    /// It was left as it is, for it is frozen.
    Held {
        /// What of its inputs is not as recorded.
        reasons: Vec<Reason>,
    },
    /// Its outs were put in place.
    Restored {
        /// From which record.
        source: Source,
        /// What was not as it should be.
        reasons: Vec<Reason>,
    },
    /// Its outs were recorded as they are.
    Adopted,
    /// Its command ran.
    Ran {
        /// Why.
        reasons: Vec<Reason>,
    },
    /// It failed.
    Failed {
        /// Why.
        failure: Failure,
        /// Its command's output, if it ran.
        log: Option<PathBuf>,
    },
    /// It was not looked at, since a stage that it needs failed.
    Skipped {
        /// That stage.
        upstream: StageName,
    },
    /// The user did not want it done.
    Declined,
    /// Nothing could be recorded, since something was not there.
    Left {
        /// What that is.
        path: AnyPath,
    },
    /// It was not looked at, since the run was stopped.
    Stopped,
}

impl Outcome {
    /// Returns whether the stages that need this one can go on.
    pub(crate) fn is_success(&self) -> bool {
        !matches!(
            self,
            Self::Failed { .. } | Self::Skipped { .. } | Self::Declined | Self::Stopped
        )
    }

    /// Returns how it ended, without the details.
    pub(crate) fn ending(&self) -> Ending {
        match self {
            Self::Unchanged | Self::Held { .. } => Ending::Unchanged,
            Self::Restored { .. } => Ending::Restored,
            Self::Adopted => Ending::Recorded,
            Self::Ran { .. } => Ending::Ran,
            Self::Failed { .. } => Ending::Failed,
            Self::Skipped { .. } | Self::Declined | Self::Left { .. } => Ending::Skipped,
            Self::Stopped => Ending::Stopped,
        }
    }
}

/// How a stage ended, in a word, as in JSON and in the record of the last run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Ending {
    Ran,
    Restored,
    Recorded,
    Unchanged,
    Failed,
    Skipped,
    Stopped,
}

impl Ending {
    /// All of them, in the order in which a summary counts them.
    pub(crate) const ALL: [Self; 7] = [
        Self::Ran,
        Self::Restored,
        Self::Recorded,
        Self::Unchanged,
        Self::Failed,
        Self::Skipped,
        Self::Stopped,
    ];

    /// Returns the word.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Ran => "ran",
            Self::Restored => "restored",
            Self::Recorded => "recorded",
            Self::Unchanged => "unchanged",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
            Self::Stopped => "stopped",
        }
    }
}

/// Shows events to somebody.
pub(crate) trait Reporter {
    /// Hears of one event; called by one thread, in the order of time.
    fn report(&mut self, event: &Event);
}
