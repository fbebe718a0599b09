//! What gates and reports have in common: both sides of a comparison, and what came of each gate.

use crate::base::human;
use crate::cli::commands::backing;
use crate::cli::commands::base::Base;
use crate::cli::commands::sides::Side;
use crate::cli::error::CliError;
use crate::engine::{
    Forecast, Missing, OutFault, Policy, Reason, Selection, StageStatus, Urls, status,
};
use crate::metrics::{Backing, Judgement, Query, Sides, Subject, judge};
use crate::pipeline::Gate;
use crate::scm::Revision;
use crate::workspace::Workspace;

/// Both sides, and what came of the gates.
pub(super) struct Judged {
    pub(super) here: Side,
    /// The base; `None` where there is none that can be read.
    pub(super) base: Option<Side>,
    /// What predictions say of the metrics.
    pub(super) backing: Backing,
    pub(super) judgements: Vec<Judgement>,
    /// What was in the way.
    pub(super) notes: Vec<String>,
    /// Whether the results are of other inputs than those that are there.
    pub(super) is_stale: bool,
}

/// Whether the results are known to be of what is in the workspace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Freshness {
    /// Each stage is asked, which runs the commands that are deps.
    Unknown,
    /// A run has just asked each, and brought it up to date.
    Proven,
}

impl Judged {
    /// Collects the metrics of the workspace and of a base, and judges them.
    pub(super) fn new(
        workspace: &Workspace,
        base: Base,
        gates: &[&Gate],
        freshness: Freshness,
    ) -> Result<Self, CliError> {
        let query = Query::all(Subject::Metrics);
        let here = Side::here(workspace, &query)?;
        let Base {
            revision,
            mut notes,
        } = base;
        let base = revision.map(|revision| read_base(workspace, &query, revision));
        // What is wrong there is noted: the base is not what is judged.
        let base = match base.transpose() {
            Ok(base) => base,
            Err(error) => {
                notes.push(unreadable(&error));
                None
            }
        };
        if let Some(base) = &base {
            note_faults(base, &mut notes);
        }
        let backing = match &base {
            Some(base) => backing::of_change(workspace, base, &here)?,
            None => backing::of_workspace(workspace, &here.collection)?,
        };
        let judgements = judge(
            gates,
            &Sides {
                here: &here.collection,
                base: base.as_ref().map(|side| &side.collection),
                evidence: &|file, key, about| backing.evidence(file, key, about),
            },
        );
        let empty = here.collection.empty_files();
        notes.extend(empty.map(|path| format!("the metrics file `{path}` has no metrics in it")));
        let stale = match freshness {
            Freshness::Unknown => stale(workspace),
            Freshness::Proven => None,
        };
        let is_stale = stale.is_some();
        notes.extend(stale);
        Ok(Self {
            here,
            base,
            backing,
            judgements,
            notes,
            is_stale,
        })
    }
}

/// Collects the metrics of the base.
fn read_base(workspace: &Workspace, query: &Query, revision: Revision) -> Result<Side, CliError> {
    let side = Side::at(workspace, query, revision)?;
    // Without a lock that can be read nobody knows what it is made of.
    drop(side.files(workspace)?);
    Ok(side)
}

/// Says which stages have not run with the inputs that are there. That an out is missing makes no
/// result untrue.
fn stale(workspace: &Workspace) -> Option<String> {
    let policy = Policy {
        missing: Missing::Recorded,
        urls: Urls::Recorded,
        ..Policy::default()
    };
    // What is wrong with the pipeline or its files, others tell.
    let stages = status(workspace, &Selection::default(), policy).ok()?;
    let is_untrue = |reason: &Reason| match reason {
        Reason::Input(_) => true,
        Reason::Out(_, fault) => *fault == OutFault::Changed,
        Reason::NeverRan | Reason::AlwaysRuns | Reason::Forced => false,
    };
    let is_stale = |stage: &&StageStatus| match &stage.forecast {
        Forecast::Run(reasons) | Forecast::Restore(reasons) | Forecast::MayRun { reasons, .. } => {
            reasons.iter().any(is_untrue)
        }
        Forecast::Unchanged
        | Forecast::Hold(_)
        | Forecast::Cache(_)
        | Forecast::Adopt
        | Forecast::Fail(_) => false,
    };
    let stale = stages.iter().filter(is_stale);
    let stale: Vec<String> = stale.map(|stage| format!("`{}`", stage.stage)).collect();
    if stale.is_empty() {
        return None;
    }
    let names = human::first_of(&stale);
    let what = "the results are not of what is in the workspace";
    Some(format!("{what}: {names} would run (`mlpipe repro`)"))
}

fn note_faults(base: &Side, notes: &mut Vec<String>) {
    let faults = base.collection.faults.iter();
    notes.extend(faults.map(ToString::to_string));
    let lost = base.lost.iter();
    notes.extend(lost.map(|path| format!("`{path}` of the base is not in the cache")));
    notes.extend(base.note_on_dvc());
}

fn unreadable(error: &CliError) -> String {
    let problem = error.problem.as_ref();
    let place = problem.map_or(String::new(), |problem| format!(" ({})", problem.file));
    format!("the base cannot be read: {}{place}", error.message)
}
