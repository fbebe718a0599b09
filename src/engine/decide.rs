//! `Decision`: whether a stage is unchanged, can be restored, or must run, and why.

use std::fmt;

use crate::base::any_path::AnyPath;
use crate::base::fs;
use crate::base::shown::Shown;
use crate::engine::error::Failure;
use crate::engine::fingerprint::{Change, FactValue};
use crate::engine::incomplete::refuse_incomplete_outs;
use crate::engine::inputs::{Gauge, Inputs};
use crate::engine::selection::{RunPolicy, Urls};
use crate::pipeline::{Content, Out, Stage, StageEntry};
use crate::store::Presence;

/// What is to be done with a stage.
#[derive(Clone, Debug)]
pub(crate) enum Decision {
    /// Nothing: it is as recorded. The outs listed are to be put into the cache again.
    Unchanged {
        /// Outs whose objects have been lost while the workspace still has the content.
        recache: Vec<AnyPath>,
    },
    /// The outs of an earlier run are put in place.
    Restore {
        /// That run.
        entry: StageEntry,
        /// Which record it was found in.
        source: Source,
        /// What is not as it should be now.
        reasons: Vec<Reason>,
    },
    /// What is there is recorded without running: that of a frozen stage, or of any if the user says
    /// so.
    Adopt {
        /// What the user should know before.
        reasons: Vec<Reason>,
    },
    /// Nothing, for there is not all that could be recorded.
    Leave {
        /// What is not there.
        path: AnyPath,
    },
    /// The command runs.
    Run {
        /// Why.
        reasons: Vec<Reason>,
    },
}

/// Which record a restored run was found in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// The lock: only outs were missing or changed.
    Lock,
    /// The run cache: an earlier run had the same inputs.
    RunCache,
}

/// Why a stage is not up to date.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Reason {
    /// The lock has no record of it.
    NeverRan,
    /// It is declared to run every time, or has nothing to be judged by.
    AlwaysRuns,
    /// The user wants it to run.
    Forced,
    /// An input is not as recorded.
    Input(Change),
    /// An out is not as recorded.
    Out(AnyPath, OutFault),
}

/// What is wrong with an out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OutFault {
    /// It is not there.
    Missing,
    /// It has other content than was recorded.
    Changed,
}

/// An out as it is now, beside what is recorded of it.
#[derive(Clone, Debug)]
pub(crate) struct OutState {
    pub(crate) out: Out,
    pub(crate) shape: Shape,
    pub(crate) found: Option<Content>,
    pub(crate) recorded: Option<Content>,
}

/// What stands at an out's path, links not followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    Absent,
    /// A link, maybe to nothing.
    Link,
    /// A file or a folder.
    Plain,
}

impl Shape {
    /// Looks at a place on disk.
    pub(crate) fn of(path: &std::path::Path) -> Result<Self, fs::Error> {
        let metadata = fs::absent_as_none(path.symlink_metadata());
        Ok(match metadata.map_err(fs::failed("cannot read", path))? {
            None => Self::Absent,
            Some(metadata) if metadata.is_symlink() => Self::Link,
            Some(_) => Self::Plain,
        })
    }
}

/// A stage looked at: what it would be given, what it made, what is to be done.
#[derive(Clone, Debug)]
pub(crate) struct Examination {
    pub(crate) inputs: Inputs,
    pub(crate) outs: Vec<OutState>,
    pub(crate) decision: Decision,
}

/// Looks at a stage and decides by `policy`. `recorded` is its entry in the lock.
pub(crate) fn examine(
    stage: &Stage,
    recorded: Option<&StageEntry>,
    policy: RunPolicy,
    gauge: &Gauge<'_>,
) -> Result<Examination, Failure> {
    let mut inputs = match recorded {
        // No dep of a frozen stage matters once it is recorded, unless it is to be recorded anew.
        Some(_) if stage.frozen && policy != RunPolicy::Never => {
            Inputs::measure_offline(stage, recorded, gauge)?
        }
        _ if gauge.urls == Urls::Recorded => Inputs::measure_offline(stage, recorded, gauge)?,
        _ => Inputs::measure(stage, gauge)?,
    };
    if let Some(made) = gauge.made {
        made.fill(&mut inputs, stage, recorded, gauge.workspace)?;
    }
    let outs = observe_outs(stage, recorded, gauge)?;
    let decision = decide(stage, recorded, policy, &inputs, &outs, gauge)?;
    Ok(Examination {
        inputs,
        outs,
        decision,
    })
}

pub(crate) fn observe_outs(
    stage: &Stage,
    recorded: Option<&StageEntry>,
    gauge: &Gauge<'_>,
) -> Result<Vec<OutState>, Failure> {
    let observe = |out: &Out| {
        let shape = Shape::of(&gauge.workspace.locate_any(&out.path))?;
        let found = gauge.workspace.measure(&out.path)?;
        let recorded = recorded
            .and_then(|entry| entry.outs.get(&out.path))
            .copied();
        Ok(OutState {
            out: out.clone(),
            shape,
            found,
            recorded,
        })
    };
    stage.outs.iter().map(observe).collect()
}

fn decide(
    stage: &Stage,
    recorded: Option<&StageEntry>,
    policy: RunPolicy,
    inputs: &Inputs,
    outs: &[OutState],
    gauge: &Gauge<'_>,
) -> Result<Decision, Failure> {
    match policy {
        RunPolicy::Never => return decide_record(recorded, inputs, outs, gauge),
        RunPolicy::CheckOut => return Ok(decide_check_out(recorded, outs)),
        RunPolicy::Needed | RunPolicy::Changed | RunPolicy::Forced => {}
    }
    if policy == RunPolicy::Forced && !stage.frozen {
        return Ok(Decision::Run {
            reasons: vec![Reason::Forced],
        });
    }
    if stage.always_runs() && !stage.frozen {
        return Ok(Decision::Run {
            reasons: vec![Reason::AlwaysRuns],
        });
    }
    if stage.frozen {
        return decide_frozen(recorded, outs, gauge);
    }
    let mut reasons = input_reasons(recorded, inputs);
    if let (true, Some(entry)) = (reasons.is_empty(), recorded) {
        return judge_outs(stage, entry, outs, gauge);
    }
    reasons.extend(faults(outs, gauge));
    let earlier = match policy {
        RunPolicy::Needed => find_earlier_run(stage, inputs, gauge)?,
        RunPolicy::Changed | RunPolicy::Forced | RunPolicy::Never | RunPolicy::CheckOut => None,
    };
    match earlier {
        Some(entry) => Ok(Decision::Restore {
            entry,
            source: Source::RunCache,
            reasons,
        }),
        None => Ok(Decision::Run { reasons }),
    }
}

/// Nothing runs: what differs from the record is to be recorded.
fn decide_record(
    recorded: Option<&StageEntry>,
    inputs: &Inputs,
    outs: &[OutState],
    gauge: &Gauge<'_>,
) -> Result<Decision, Failure> {
    let absent_deps = inputs.deps.iter().filter(|(_, content)| content.is_none());
    let absent_outs = outs.iter().filter(|state| state.found.is_none());
    let absent_outs = absent_outs.map(|state| &state.out.path);
    if let Some(path) = absent_deps.map(|(path, _)| path).chain(absent_outs).next() {
        return Ok(Decision::Leave { path: path.clone() });
    }
    let mut reasons = input_reasons(recorded, inputs);
    reasons.extend(faults(outs, gauge));
    if reasons.is_empty() {
        return as_recorded(outs, gauge);
    }
    Ok(Decision::Adopt { reasons })
}

/// Nothing runs: recorded outs that are not in place are put there, whatever the inputs are. What
/// git has is git's.
fn decide_check_out(recorded: Option<&StageEntry>, outs: &[OutState]) -> Decision {
    let cached = outs.iter().filter(|state| state.out.cache);
    let reasons: Vec<Reason> = cached.filter_map(OutState::fault).collect();
    match recorded {
        Some(entry) if !reasons.is_empty() => Decision::Restore {
            entry: entry.clone(),
            source: Source::Lock,
            reasons,
        },
        _ => Decision::Unchanged {
            recache: Vec::new(),
        },
    }
}

/// A frozen stage never runs: its outs are taken as they are, and restored where they are missing.
fn decide_frozen(
    recorded: Option<&StageEntry>,
    outs: &[OutState],
    gauge: &Gauge<'_>,
) -> Result<Decision, Failure> {
    let lacks = |state: &&OutState| state.found.is_none() && !gauge.excuses(state);
    let Some(missing) = outs.iter().find(lacks) else {
        let is_recorded = |state: &OutState| state.found == state.recorded || gauge.excuses(state);
        let is_unchanged = recorded.is_some() && outs.iter().all(is_recorded);
        if is_unchanged {
            let recache = Vec::new();
            return Ok(Decision::Unchanged { recache });
        }
        refuse_incomplete_outs(gauge.workspace, outs)?;
        let reasons = Vec::new();
        return Ok(Decision::Adopt { reasons });
    };
    match recorded {
        Some(entry) if is_whole(entry, outs, gauge)? => {
            let reasons = faults(outs, gauge).collect();
            Ok(Decision::Restore {
                entry: entry.clone(),
                source: Source::Lock,
                reasons,
            })
        }
        _ => Err(Failure::Frozen {
            path: missing.out.path.clone(),
        }),
    }
}

fn input_reasons(recorded: Option<&StageEntry>, inputs: &Inputs) -> Vec<Reason> {
    match recorded {
        None => vec![Reason::NeverRan],
        Some(entry) => {
            let changes = inputs.changes_since(&Inputs::recorded(entry));
            changes.into_iter().map(Reason::Input).collect()
        }
    }
}

/// The inputs are as recorded: are the outs, and if not, can they be restored?
fn judge_outs(
    stage: &Stage,
    entry: &StageEntry,
    outs: &[OutState],
    gauge: &Gauge<'_>,
) -> Result<Decision, Failure> {
    let reasons: Vec<Reason> = faults(outs, gauge).collect();
    if reasons.is_empty() {
        return as_recorded(outs, gauge);
    }
    if stage.outs.iter().all(Out::is_kept) && is_whole(entry, outs, gauge)? {
        return Ok(Decision::Restore {
            entry: entry.clone(),
            source: Source::Lock,
            reasons,
        });
    }
    Ok(Decision::Run { reasons })
}

/// All is as recorded: what has the cache lost of it?
fn as_recorded(outs: &[OutState], gauge: &Gauge<'_>) -> Result<Decision, Failure> {
    let mut recache = Vec::new();
    for state in outs.iter().filter(|state| state.out.is_kept()) {
        if let Some(content) = &state.found
            && gauge.workspace.cache.presence(content)? == Presence::Missing
        {
            recache.push(state.out.path.clone());
        }
    }
    Ok(Decision::Unchanged { recache })
}

/// Returns what is wrong with the outs, but for what may be absent.
fn faults(outs: &[OutState], gauge: &Gauge<'_>) -> impl Iterator<Item = Reason> {
    let states = outs.iter().filter(|state| !gauge.excuses(state));
    states.filter_map(OutState::fault)
}

impl Gauge<'_> {
    /// Returns whether an out is absent and counts as recorded.
    fn excuses(&self, state: &OutState) -> bool {
        self.made.is_some() && state.found.is_none() && state.recorded.is_some()
    }
}

fn find_earlier_run(
    stage: &Stage,
    inputs: &Inputs,
    gauge: &Gauge<'_>,
) -> Result<Option<StageEntry>, Failure> {
    if !stage.is_restorable() || inputs.deps.values().any(Option::is_none) {
        return Ok(None);
    }
    let Some(entry) = gauge.workspace.runs.find(inputs.fingerprint())? else {
        return Ok(None);
    };
    let same = Inputs::recorded(&entry) == *inputs;
    Ok((same && is_whole(&entry, &[], gauge)?).then_some(entry))
}

/// Returns whether each out of `entry` is in the cache or in place already.
fn is_whole(entry: &StageEntry, outs: &[OutState], gauge: &Gauge<'_>) -> Result<bool, Failure> {
    for (path, content) in entry.outs.iter() {
        let in_place = outs
            .iter()
            .any(|state| state.out.path == *path && state.found == Some(*content));
        if !in_place && !gauge.workspace.can_restore(content)? {
            return Ok(false);
        }
    }
    Ok(true)
}

impl OutState {
    fn fault(&self) -> Option<Reason> {
        let fault = match (self.found, self.recorded) {
            (None, Some(_)) => OutFault::Missing,
            (Some(found), Some(recorded)) if found != recorded => OutFault::Changed,
            _ => return None,
        };
        Some(Reason::Out(self.out.path.clone(), fault))
    }
}

impl Reason {
    /// Returns whether it says that outs may not come of the inputs that are there.
    pub(crate) fn is_of_inputs(&self) -> bool {
        !matches!(self, Self::Out(..))
    }

    /// Returns whether it is that a dep is not there.
    pub(crate) fn is_missing_dep(&self) -> bool {
        matches!(
            self,
            Self::Input(Change {
                after: Some(FactValue::Content(None)),
                ..
            })
        )
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NeverRan => out.write_str("first run"),
            Self::AlwaysRuns => out.write_str("runs every time"),
            Self::Forced => out.write_str("forced"),
            Self::Input(change) => change.fmt(out),
            Self::Out(path, fault) => {
                let word = match fault {
                    OutFault::Missing => "missing",
                    OutFault::Changed => "changed",
                };
                write!(out, "out {} {word}", Shown(&path.to_string()))
            }
        }
    }
}
