//! A look at all stages at once: most of the time nearly all of them are as recorded.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::thread;

use crate::engine::decide::is_as_recorded;
use crate::engine::inputs::Gauge;
use crate::engine::selection::RunPolicy;
use crate::pipeline::{Lock, Pipeline, StageIndex};

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
