//! Runs any command in any language: decides what must run, runs it, records what it made.

mod admission;
mod aside;
mod attempt;
mod claim;
mod decide;
mod dispatch;
mod error;
mod event;
mod explain;
mod fingerprint;
mod inputs;
mod keep;
mod record;
mod repro;
mod run;
mod scheduler;
mod selection;
mod status;
mod supply;
mod survey;

pub(crate) use decide::{Reason, Source};
pub(crate) use error::{Error, Failure};
pub(crate) use event::{Ending, Event, Outcome, Reporter};
pub(crate) use explain::{FileChange, changed_files};
pub(crate) use fingerprint::Change;
pub(crate) use record::LastRun;
pub(crate) use repro::{ReproOptions, Summary, repro};
pub(crate) use selection::{CommitPolicy, Policy, Reach, RunPolicy, Selection};
pub(crate) use status::{Forecast, StageStatus, status};
