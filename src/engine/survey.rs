//! A look at all stages at once: most of the time nearly all of them are as recorded.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::thread;

use crate::base::any_path::AnyPath;
use crate::engine::decide::{Decision, Examination, examine};
use crate::engine::error::Failure;
use crate::engine::inputs::{Gauge, measure_params, recorded_states};
use crate::engine::selection::{RunPolicy, Urls};
use crate::pipeline::{Dep, Lock, Pipeline, Stage, StageEntry, StageIndex};
use crate::store::Presence;

/// Below this many stages, another thread costs more than it saves.
const FEW: usize = 256;

/// Returns the `selected` stages that need no further look, in order: they and all selected ones
/// that they need are as recorded. The others must be looked at again once what they need is done.
pub(super) fn settled(
    pipeline: &Pipeline,
    selected: &BTreeSet<StageIndex>,
    lock: &Lock,
    policy: RunPolicy,
    gauge: &Gauge<'_>,
) -> Vec<StageIndex> {
    if let Some(memo) = gauge.memo
        && gauge.urls == Urls::Asked
    {
        let stages = selected.iter().map(|index| &pipeline.stages[*index]);
        // No dep of a frozen stage matters once it is recorded.
        let judged = stages.filter(|stage| !stage.frozen || !lock.stages.contains_key(&stage.name));
        memo.look_ahead(gauge.workspace, judged, gauge.cancel);
    }
    if policy == RunPolicy::Forced {
        return Vec::new();
    }
    let order: Vec<StageIndex> = pipeline.graph.order().to_vec();
    let look = |index: &StageIndex| {
        let stage = &pipeline.stages[*index];
        // What cannot be measured is a matter for the worker, who can tell of it.
        selected.contains(index)
            && lock
                .stages
                .get(&stage.name)
                .is_some_and(|entry| is_as_recorded(stage, entry, gauge).unwrap_or(false))
    };
    let is_quiet = on_all_cores(&order, look);
    let mut is_settled = vec![false; pipeline.stages.len()];
    for (index, is_quiet) in order.iter().zip(is_quiet) {
        let mut needed = pipeline.graph.upstream(*index).iter();
        is_settled[*index] =
            is_quiet && needed.all(|needed| is_settled[*needed] || !selected.contains(needed));
    }
    order
        .into_iter()
        .filter(|index| is_settled[*index])
        .collect()
}

/// Returns whether [`examine`] would find that nothing is to be done, at a fraction of its cost. It
/// may also say no where only a closer look can tell.
fn is_as_recorded(stage: &Stage, entry: &StageEntry, gauge: &Gauge<'_>) -> Result<bool, Failure> {
    let is_plain = !stage.frozen && !stage.always_runs();
    let is_current = is_plain
        && entry.cmd == stage.cmd
        && entry.ran_in(&stage.wdir)
        && has_recorded_inputs(stage, entry, gauge)?
        && has_recorded_outs(stage, entry, gauge)?;
    debug_assert!(
        !is_current || is_unchanged_by(&examine(stage, Some(entry), RunPolicy::Needed, gauge)?),
        "invariant: both ways of looking at `{}` agree",
        stage.name
    );
    Ok(is_current)
}

fn has_recorded_inputs(
    stage: &Stage,
    entry: &StageEntry,
    gauge: &Gauge<'_>,
) -> Result<bool, Failure> {
    // Deps may overlap, as a file and a pattern that names it too: what is recorded once counts once.
    let (mut paths, mut commands) = (BTreeSet::new(), BTreeSet::new());
    let mut is_recorded = |path: &AnyPath| -> Result<bool, Failure> {
        let Some((recorded, content)) = entry.deps.get_key_value(path) else {
            return Ok(false);
        };
        paths.insert(recorded);
        Ok(gauge.content(path)?.as_ref() == Some(content))
    };
    for dep in &stage.deps {
        let is_same = match dep {
            Dep::Path { path, .. } => is_recorded(path)?,
            Dep::Glob { pattern, .. } => {
                let mut found = gauge.matching(stage, pattern)?.into_iter();
                found.try_fold(true, |all, path| {
                    Ok::<_, Failure>(all && is_recorded(&path)?)
                })?
            }
            Dep::Command { cmd, .. } => {
                commands.insert(cmd);
                entry.commands.get(cmd) == Some(&gauge.command_output(cmd, &stage.wdir)?)
            }
            Dep::Url { .. } => true,
        };
        if !is_same {
            return Ok(false);
        }
    }
    Ok(has_recorded_urls(stage, entry, gauge)?
        && paths.len() == entry.deps.len()
        && commands.len() == entry.commands.len()
        && measure_params(stage, gauge.params)? == entry.params)
}

fn has_recorded_urls(
    stage: &Stage,
    entry: &StageEntry,
    gauge: &Gauge<'_>,
) -> Result<bool, Failure> {
    let states = match gauge.urls {
        Urls::Recorded => recorded_states(stage, Some(entry)),
        Urls::Asked => gauge.states(stage)?,
    };
    // Nothing at a URL is never as recorded.
    let is_recorded = |(url, state): (&String, &Option<String>)| {
        state.is_some() && entry.urls.get(url) == state.as_ref()
    };
    Ok(states.iter().all(is_recorded) && states.len() == entry.urls.len())
}

fn has_recorded_outs(
    stage: &Stage,
    entry: &StageEntry,
    gauge: &Gauge<'_>,
) -> Result<bool, Failure> {
    let Gauge { workspace, .. } = gauge;
    for out in &stage.outs {
        let Some(recorded) = entry.outs.get(&out.path) else {
            return Ok(false);
        };
        let is_there = workspace.measure(&out.path)?.as_ref() == Some(recorded);
        if !is_there || out.is_kept() && workspace.cache.presence(recorded)? == Presence::Missing {
            return Ok(false);
        }
    }
    Ok(entry.outs.len() == stage.outs.len())
}

/// Whether nothing is to be done; for checking the shorter way against this one.
fn is_unchanged_by(examination: &Examination) -> bool {
    matches!(&examination.decision, Decision::Unchanged { recache } if recache.is_empty())
}

/// Applies `look` to all items, in pieces of even size. The looks are alike and short: threads that
/// steal work from each other, and spin while there is none, would cost more than they gain.
fn on_all_cores<T: Sync>(items: &[T], look: impl Fn(&T) -> bool + Sync) -> Vec<bool> {
    let look = &look;
    let look_at = move |items: &[T]| -> Vec<bool> { items.iter().map(look).collect() };
    if items.len() < 2 * FEW {
        return look_at(items);
    }
    let cores = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let size = items.len().div_ceil(cores).max(FEW);
    thread::scope(|scope| {
        let mut pieces = items.chunks(size);
        let first = pieces.next().unwrap_or_default();
        let others: Vec<_> = pieces
            .map(|piece| scope.spawn(move || look_at(piece)))
            .collect();
        let mut found = look_at(first);
        for other in others {
            found.extend(other.join().expect("invariant: looks do not panic"));
        }
        found
    })
}
