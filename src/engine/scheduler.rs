//! `Scheduler`: one owner of what state each stage is in. Knows no threads, clocks or files.

use std::collections::{BTreeMap, BTreeSet};

use crate::pipeline::{Graph, StageIndex};

/// Where a stage is on its way. Each moves down this list, and only by [`Scheduler`]'s methods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StageState {
    /// Some stages that it needs are not through.
    Waiting {
        /// How many.
        missing: usize,
    },
    /// It can start.
    Ready,
    /// A worker has it.
    Running,
    /// It is through and its outs are in place.
    Succeeded,
    /// It is through and failed.
    Failed,
    /// It cannot start, for a stage that it needs failed.
    Skipped,
}

/// The states of the selected stages.
#[derive(Debug)]
pub(crate) struct Scheduler {
    states: BTreeMap<StageIndex, StageState>,
    /// Ready stages by their position in the order.
    ready: BTreeSet<(usize, StageIndex)>,
    positions: BTreeMap<StageIndex, usize>,
    downstream: BTreeMap<StageIndex, Vec<StageIndex>>,
    running: usize,
    stopped: bool,
}

impl Scheduler {
    /// Prepares the run of `selected`; stages outside of it count as done.
    pub(crate) fn new(graph: &Graph, selected: &BTreeSet<StageIndex>) -> Self {
        let mut scheduler = Self {
            states: BTreeMap::new(),
            ready: BTreeSet::new(),
            positions: BTreeMap::new(),
            downstream: BTreeMap::new(),
            running: 0,
            stopped: false,
        };
        let order = graph
            .order()
            .iter()
            .copied()
            .filter(|stage| selected.contains(stage));
        for (position, stage) in order.enumerate() {
            let needed = graph
                .upstream(stage)
                .iter()
                .filter(|needed| selected.contains(needed));
            let mut missing = 0;
            for needed in needed {
                missing += 1;
                scheduler.downstream.entry(*needed).or_default().push(stage);
            }
            scheduler.positions.insert(stage, position);
            scheduler
                .states
                .insert(stage, StageState::Waiting { missing });
            if missing == 0 {
                scheduler.make_ready(stage);
            }
        }
        scheduler
    }

    /// Takes the next stage to start, if one is ready and nothing was stopped.
    pub(crate) fn start_next(&mut self) -> Option<StageIndex> {
        if self.stopped {
            return None;
        }
        let (_, stage) = self.ready.pop_first()?;
        self.states.insert(stage, StageState::Running);
        self.running += 1;
        Some(stage)
    }

    /// Notes that a running stage is through and well.
    pub(crate) fn succeed(&mut self, stage: StageIndex) {
        self.end(stage, StageState::Succeeded);
        for next in self.downstream.get(&stage).cloned().unwrap_or_default() {
            if let Some(StageState::Waiting { missing }) = self.states.get_mut(&next) {
                *missing -= 1;
                if *missing == 0 {
                    self.make_ready(next);
                }
            }
        }
    }

    /// Notes that a running stage failed; returns the stages that can no longer start, in order.
    pub(crate) fn fail(&mut self, stage: StageIndex) -> Vec<StageIndex> {
        self.end(stage, StageState::Failed);
        let mut skipped = BTreeSet::new();
        let mut waiting = vec![stage];
        while let Some(failed) = waiting.pop() {
            for next in self.downstream.get(&failed).into_iter().flatten() {
                if matches!(self.states.get(next), Some(StageState::Waiting { .. })) {
                    self.states.insert(*next, StageState::Skipped);
                    skipped.insert((self.positions[next], *next));
                    waiting.push(*next);
                }
            }
        }
        skipped.into_iter().map(|(_, stage)| stage).collect()
    }

    /// Starts nothing any more.
    pub(crate) fn stop(&mut self) {
        self.stopped = true;
    }

    /// Returns how many stages workers have.
    pub(crate) fn running(&self) -> usize {
        self.running
    }

    /// Returns the stages that never started, in order.
    pub(crate) fn untouched(&self) -> Vec<StageIndex> {
        let is_untouched = |state| matches!(state, StageState::Waiting { .. } | StageState::Ready);
        let stages = self
            .states
            .iter()
            .filter(|(_, state)| is_untouched(**state));
        let ordered: BTreeSet<_> = stages
            .map(|(stage, _)| (self.positions[stage], *stage))
            .collect();
        ordered.into_iter().map(|(_, stage)| stage).collect()
    }

    fn make_ready(&mut self, stage: StageIndex) {
        self.states.insert(stage, StageState::Ready);
        self.ready.insert((self.positions[&stage], stage));
    }

    fn end(&mut self, stage: StageIndex, state: StageState) {
        let before = self.states.insert(stage, state);
        assert_eq!(
            before,
            Some(StageState::Running),
            "invariant: only running stages end"
        );
        self.running -= 1;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::base::document::Document;
    use crate::base::source::Worktree;
    use crate::pipeline::Pipeline;

    /// A pipeline in which stage `to` reads what stage `from` makes, for each edge.
    fn pipeline(count: usize, edges: &BTreeSet<(usize, usize)>) -> Pipeline {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut text = "stages:\n".to_owned();
        for stage in 0..count {
            let deps: Vec<String> = edges
                .iter()
                .filter(|edge| edge.1 == stage)
                .map(|edge| format!("o{}", edge.0))
                .collect();
            text += &format!(
                "  s{stage}: {{cmd: x, outs: [o{stage}], deps: [{}]}}\n",
                deps.join(", ")
            );
        }
        Document::parse("pipeline.yaml", &text).expect("valid");
        crate::base::fs::write_atomic(&folder.path().join("pipeline.yaml"), text.as_bytes())
            .expect("writes");
        Pipeline::load(&Worktree::new(folder.path())).expect("valid")
    }

    proptest! {
        /// Whatever fails and whatever is chosen first: each stage runs at most once, never before
        /// what it needs has succeeded, and all that can run has run.
        #[test]
        fn runs_all_that_can_run_once_and_in_order(
            pairs in prop::collection::btree_set((0usize..12, 0usize..12), 0..30),
            failing in prop::collection::btree_set(0usize..12, 0..4),
            slots in 1usize..5,
            picks in prop::collection::vec(any::<prop::sample::Index>(), 12),
        ) {
            let edges: BTreeSet<_> = pairs.into_iter().filter(|(from, to)| from < to).collect();
            let pipeline = pipeline(12, &edges);
            let all: BTreeSet<StageIndex> = (0..12).collect();
            let mut scheduler = Scheduler::new(&pipeline.graph, &all);
            let (mut running, mut started, mut succeeded) = (Vec::new(), BTreeSet::new(), BTreeSet::new());
            let mut picks = picks.into_iter();
            loop {
                while running.len() < slots && let Some(stage) = scheduler.start_next() {
                    prop_assert!(started.insert(stage), "started twice");
                    let needed = pipeline.graph.upstream(stage);
                    prop_assert!(needed.iter().all(|needed| succeeded.contains(needed)));
                    running.push(stage);
                }
                if running.is_empty() {
                    break;
                }
                let pick = picks.next().map_or(0, |pick| pick.index(running.len()));
                let stage = running.swap_remove(pick);
                if failing.contains(&stage) {
                    scheduler.fail(stage);
                } else {
                    succeeded.insert(stage);
                    scheduler.succeed(stage);
                }
            }
            let can_run = |stage: usize| {
                let mut waiting = vec![stage];
                let mut above = BTreeSet::new();
                while let Some(at) = waiting.pop() {
                    for needed in pipeline.graph.upstream(at) {
                        above.insert(*needed);
                        waiting.push(*needed);
                    }
                }
                above.is_disjoint(&failing)
            };
            let expected: BTreeSet<_> = (0..12).filter(|stage| can_run(*stage)).collect();
            prop_assert_eq!(started, expected);
        }
    }
}
