//! `Selection`: which stages a command is about, and `Policy`: what it may do with them.

use std::collections::BTreeSet;

use crate::pipeline::{self, Graph, StageIndex};

/// The stages that a command is about.
#[derive(Clone, Debug, Default)]
pub(crate) struct Selection {
    /// Stages, or paths that stages make; all stages if empty.
    pub(crate) targets: Vec<String>,
    /// How far the command reaches from its targets.
    pub(crate) reach: Reach,
}

/// How far a command reaches from its targets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Reach {
    /// To all that the targets need.
    #[default]
    Upstream,
    /// To all that need the targets.
    Downstream,
    /// To the targets alone.
    Nowhere,
}

impl Selection {
    /// Finds the stages in `graph`.
    pub(crate) fn choose(&self, graph: &Graph) -> Result<BTreeSet<StageIndex>, pipeline::Error> {
        if self.targets.is_empty() || self.reach == Reach::Upstream {
            return graph.select(&self.targets);
        }
        let mut chosen = BTreeSet::new();
        for target in &self.targets {
            chosen.extend(graph.resolve(target)?);
        }
        if self.reach == Reach::Downstream {
            // In this order each stage comes after those that it needs.
            for stage in graph.order() {
                if graph
                    .upstream(*stage)
                    .iter()
                    .any(|needed| chosen.contains(needed))
                {
                    chosen.insert(*stage);
                }
            }
        }
        Ok(chosen)
    }
}

/// What may be done with stages.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Policy {
    /// When a stage runs.
    pub(crate) run: RunPolicy,
    /// Whether outs go into the cache, and runs into the run cache.
    pub(crate) commit: CommitPolicy,
    /// What absent content counts as.
    pub(crate) missing: Missing,
}

/// What a dep or an out that is absent counts as.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Missing {
    /// As absent.
    #[default]
    Absent,
    /// As what the lock says of it.
    Recorded,
}

/// When a stage runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum RunPolicy {
    /// When it is not up to date and no earlier run can stand in.
    #[default]
    Needed,
    /// When it is not up to date, even if an earlier run had the same inputs.
    Changed,
    /// Always.
    Forced,
}

/// What becomes of outs besides being recorded in the lock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum CommitPolicy {
    /// They go into the cache.
    #[default]
    Cache,
    /// They stay where they are.
    LockOnly,
}
