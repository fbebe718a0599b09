//! A look at all stages at once: most of the time nearly all of them are as recorded.

use std::collections::BTreeSet;

use rayon::prelude::*;

use crate::engine::decide::is_as_recorded;
use crate::engine::inputs::Gauge;
use crate::engine::selection::RunPolicy;
use crate::pipeline::{Lock, Pipeline, StageIndex};

/// Below this many stages, other threads cost more than they save.
const FEW: usize = 64;

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
    let is_quiet: Vec<bool> = if order.len() < FEW {
        order.iter().map(look).collect()
    } else {
        order.par_iter().with_min_len(FEW).map(look).collect()
    };
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
