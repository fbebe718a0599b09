//! Runs any command in any language: decides what must run, runs it, records what it made.

mod absence;
mod addition;
mod admission;
mod amendment;
mod aside;
mod attempt;
mod claim;
mod consent;
mod decide;
mod dispatch;
mod error;
mod event;
mod explain;
mod fingerprint;
mod freeze;
mod incomplete;
mod inputs;
mod keep;
mod log;
mod memo;
mod plotting;
mod provision;
mod record;
mod recording;
mod relocation;
mod removal;
mod repro;
mod restoring;
mod run;
mod scheduler;
mod selection;
mod setting;
mod slot;
mod status;
mod supply;
mod survey;
mod written;

pub(crate) use addition::{Existing, add_stage};
pub(crate) use amendment::{AmendError, Amendment};
pub(crate) use consent::{Answer, Consent, Question};
pub(crate) use decide::{OutFault, Reason, Source};
pub(crate) use error::{Error, Failure};
pub(crate) use event::{Ending, Event, Outcome, Reporter};
pub(crate) use explain::{FileChange, changed_files};
pub(crate) use fingerprint::Change;
pub(crate) use freeze::{Freeze, set_frozen};
pub(crate) use plotting::{PlotChange, modify_plot};
pub(crate) use record::{LastRun, StageRun};
pub(crate) use relocation::move_out;
pub(crate) use removal::{Outs, remove_stages};
pub(crate) use repro::{ReproOptions, Summary, repro};
pub(crate) use selection::{
    Aim, CommitPolicy, Downstream, Missing, Policy, Reach, RunPolicy, Selection, Urls,
};
pub(crate) use setting::{Setting, params_file, set_params};
pub(crate) use status::{Forecast, StageStatus, status};
