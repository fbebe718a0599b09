//! `Scheduler`: one owner of what state each stage is in. Knows no threads, clocks or files.

use std::collections::BTreeSet;

use crate::engine::admission::{Admission, Amounts, Position};
use crate::pipeline::{Graph, StageIndex};

/// Where a stage is on its way. Each moves down this list, and only by [`Scheduler`]'s methods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StageState {
    /// Some stages that it needs are not through.
    Waiting {
        /// How many.
        missing: usize,
    },
    /// It can start when there is enough of what it takes.
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
    /// The selected stages in the order of the run; a stage's position is its place here.
    line: Vec<Member>,
    /// The position of each stage of the graph, if it is selected.
    positions: Vec<Option<Position>>,
    admission: Admission,
    running: usize,
    stopped: bool,
}

/// A selected stage.
#[derive(Debug)]
struct Member {
    stage: StageIndex,
    state: StageState,
    downstream: Vec<Position>,
    /// What kind of demand it has.
    class: usize,
}

impl Scheduler {
    /// Prepares the run of `selected`; stages outside of it count as done. While a stage runs it
    /// holds what it demands of the `supply`.
    pub(crate) fn new(
        graph: &Graph,
        selected: &BTreeSet<StageIndex>,
        supply: Amounts,
        demand: impl Fn(StageIndex) -> Amounts,
    ) -> Self {
        let mut scheduler = Self {
            line: Vec::with_capacity(selected.len()),
            positions: vec![None; graph.order().len()],
            admission: Admission::new(supply),
            running: 0,
            stopped: false,
        };
        let is_selected = |stage: &&StageIndex| selected.contains(stage);
        for stage in graph.order().iter().filter(is_selected) {
            scheduler.add(*stage, graph.upstream(*stage), demand(*stage));
        }
        scheduler
    }

    /// Adds a stage behind all that it needs.
    fn add(&mut self, stage: StageIndex, upstream: &[StageIndex], demand: Amounts) {
        let position = self.line.len();
        let mut missing = 0;
        for needed in upstream {
            if let Some(needed) = self.positions[*needed] {
                missing += 1;
                self.line[needed].downstream.push(position);
            }
        }
        self.positions[stage] = Some(position);
        self.line.push(Member {
            stage,
            state: StageState::Waiting { missing },
            downstream: Vec::new(),
            class: self.admission.class(demand),
        });
        if missing == 0 {
            self.make_ready(position);
        }
    }

    /// Takes the next stage to start, if one is ready, there is enough for it and nothing was
    /// stopped.
    pub(crate) fn start_next(&mut self) -> Option<StageIndex> {
        if self.stopped {
            return None;
        }
        let position = self.admission.admit()?;
        let member = &mut self.line[position];
        member.state = StageState::Running;
        self.running += 1;
        Some(member.stage)
    }

    /// Returns the numbers of the devices that a running stage has for its own.
    pub(crate) fn devices(&self, stage: StageIndex) -> &[usize] {
        self.admission.devices(self.position(stage))
    }

    /// Notes that a running stage is through and well.
    pub(crate) fn succeed(&mut self, stage: StageIndex) {
        let position = self.end(stage, StageState::Succeeded);
        for next in std::mem::take(&mut self.line[position].downstream) {
            if let StageState::Waiting { missing } = &mut self.line[next].state {
                *missing -= 1;
                if *missing == 0 {
                    self.make_ready(next);
                }
            }
        }
    }

    /// Notes that a running stage failed; returns the stages that can no longer start, in order.
    pub(crate) fn fail(&mut self, stage: StageIndex) -> Vec<StageIndex> {
        let mut waiting = vec![self.end(stage, StageState::Failed)];
        let mut skipped = Vec::new();
        while let Some(failed) = waiting.pop() {
            for next in std::mem::take(&mut self.line[failed].downstream) {
                if matches!(self.line[next].state, StageState::Waiting { .. }) {
                    self.line[next].state = StageState::Skipped;
                    skipped.push(next);
                    waiting.push(next);
                }
            }
        }
        skipped.sort_unstable();
        let stages = skipped.into_iter();
        stages.map(|position| self.line[position].stage).collect()
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
        let is_untouched = |member: &&Member| {
            matches!(member.state, StageState::Waiting { .. } | StageState::Ready)
        };
        let untouched = self.line.iter().filter(is_untouched);
        untouched.map(|member| member.stage).collect()
    }

    fn make_ready(&mut self, position: Position) {
        let member = &mut self.line[position];
        member.state = StageState::Ready;
        self.admission.enter(position, member.class);
    }

    fn end(&mut self, stage: StageIndex, state: StageState) -> Position {
        let position = self.position(stage);
        let member = &mut self.line[position];
        assert_eq!(
            member.state,
            StageState::Running,
            "invariant: only running stages end"
        );
        member.state = state;
        self.admission.release(position);
        self.running -= 1;
        position
    }

    fn position(&self, stage: StageIndex) -> Position {
        self.positions[stage].expect("invariant: only selected stages are asked for")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::sample::Index;

    use super::*;
    use crate::base::source::Worktree;
    use crate::engine::admission::GPUS;
    use crate::pipeline::Pipeline;

    const COUNT: usize = 12;

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
        crate::base::fs::write_atomic(&folder.path().join("pipeline.yaml"), text.as_bytes())
            .expect("writes");
        Pipeline::load(&Worktree::new(folder.path())).expect("valid")
    }

    /// A run as it might go: which stages need which, what each takes, which fail, who ends first.
    #[derive(Clone, Debug)]
    struct Plan {
        edges: BTreeSet<(usize, usize)>,
        selected: BTreeSet<StageIndex>,
        supply: Amounts,
        demands: Vec<Amounts>,
        failing: BTreeSet<StageIndex>,
        picks: Vec<Index>,
        keeps_going: bool,
    }

    prop_compose! {
        fn plan()(
            pairs in prop::collection::btree_set((0..COUNT, 0..COUNT), 0..30),
            left_out in prop::collection::btree_set(0..COUNT, 0..3),
            supply in (1u64..5, 1u64..5, 0u64..4, 0u64..4, 0u64..3)
                .prop_map(|(a, b, c, d, e)| vec![a, b, c, d, e]),
            wishes in prop::collection::vec(prop::collection::vec(0u64..5, 5), COUNT),
            failing in prop::collection::btree_set(0..COUNT, 0..4),
            picks in prop::collection::vec(any::<Index>(), COUNT),
            keeps_going in any::<bool>(),
        ) -> Plan {
            let cut = |wish: &Vec<u64>| {
                let mut demand: Amounts = wish.iter().zip(&supply).map(|(wish, all)| *wish.min(all)).collect();
                (demand[0], demand[1]) = (1, demand[1].max(1));
                demand
            };
            Plan {
                edges: pairs.into_iter().filter(|(from, to)| from < to).collect(),
                selected: (0..COUNT).filter(|stage| !left_out.contains(stage)).collect(),
                demands: wishes.iter().map(cut).collect(),
                supply, failing, picks, keeps_going,
            }
        }
    }

    /// What an onlooker knows of a run.
    struct Onlooker<'p> {
        plan: &'p Plan,
        pipeline: &'p Pipeline,
        started: BTreeSet<StageIndex>,
        succeeded: BTreeSet<StageIndex>,
        running: Vec<StageIndex>,
        skipped: BTreeSet<StageIndex>,
        /// The first in line that waits, and who ran when it came to be that.
        first: Option<(StageIndex, BTreeSet<StageIndex>)>,
    }

    impl Onlooker<'_> {
        fn upstream(&self, stage: StageIndex) -> impl Iterator<Item = &StageIndex> {
            let upstream = self.pipeline.graph.upstream(stage).iter();
            upstream.filter(|needed| self.plan.selected.contains(needed))
        }

        fn is_ready(&self, stage: StageIndex) -> bool {
            let is_new = !self.started.contains(&stage);
            is_new
                && self
                    .upstream(stage)
                    .all(|needed| self.succeeded.contains(needed))
        }

        /// The first in line, that is in the order of the run.
        fn first_ready(&self) -> Option<StageIndex> {
            let order = self.pipeline.graph.order().iter().copied();
            let mut selected = order.filter(|stage| self.plan.selected.contains(stage));
            selected.find(|stage| self.is_ready(*stage))
        }

        fn held_by<'s>(&self, stages: impl IntoIterator<Item = &'s StageIndex>) -> Amounts {
            let mut held = vec![0; self.plan.supply.len()];
            for stage in stages {
                for (held, more) in held.iter_mut().zip(&self.plan.demands[*stage]) {
                    *held += more;
                }
            }
            held
        }

        fn fits_beside(&self, stage: StageIndex, held: &Amounts) -> bool {
            let wanted = self.plan.demands[stage].iter();
            let mut all = wanted.zip(held).zip(&self.plan.supply);
            all.all(|((wanted, held), supply)| wanted + held <= *supply)
        }

        /// Before each start: who is first in line now, and who has come before it.
        fn look_at_the_line(&mut self) {
            let first = self.first_ready();
            if self.first.as_ref().map(|(stage, _)| *stage) != first {
                let running = self.running.iter().copied().collect();
                self.first = first.map(|first| (first, running));
            }
        }

        fn see_start(
            &mut self,
            stage: StageIndex,
            scheduler: &Scheduler,
        ) -> Result<(), TestCaseError> {
            prop_assert!(self.is_ready(stage), "started twice or too early");
            self.started.insert(stage);
            self.running.push(stage);
            let held = self.held_by(&self.running);
            prop_assert!(
                held.iter()
                    .zip(&self.plan.supply)
                    .all(|(held, all)| held <= all)
            );
            let mut devices = BTreeSet::new();
            for stage in &self.running {
                let own = scheduler.devices(*stage);
                prop_assert_eq!(own.len() as u64, self.plan.demands[*stage][GPUS]);
                prop_assert!(
                    own.iter().all(|device| devices.insert(*device)),
                    "shared device"
                );
                prop_assert!(
                    own.iter()
                        .all(|device| (*device as u64) < self.plan.supply[GPUS])
                );
            }
            Ok(())
        }

        /// When nothing more starts: the first in line would wait as well if none had overtaken it.
        fn see_pause(&self) -> Result<(), TestCaseError> {
            if let Some((first, before)) = &self.first {
                let older = self.running.iter().filter(|stage| before.contains(stage));
                let held = self.held_by(older);
                prop_assert!(!self.fits_beside(*first, &held), "{first} was delayed");
            }
            Ok(())
        }

        /// Ends one of the running stages; returns whether the run is to stop.
        fn end_one(
            &mut self,
            pick: Option<Index>,
            scheduler: &mut Scheduler,
        ) -> Result<bool, TestCaseError> {
            let pick = pick.map_or(0, |pick| pick.index(self.running.len()));
            let stage = self.running.swap_remove(pick);
            if !self.plan.failing.contains(&stage) {
                self.succeeded.insert(stage);
                scheduler.succeed(stage);
                return Ok(false);
            }
            for skipped in scheduler.fail(stage) {
                prop_assert!(self.skipped.insert(skipped), "skipped twice");
            }
            Ok(!self.plan.keeps_going)
        }

        /// What must not start: the selected stages below those that failed.
        fn below_failed(&self) -> BTreeSet<StageIndex> {
            let mut below = BTreeSet::new();
            for stage in self.pipeline.graph.order() {
                let is_cut = self.upstream(*stage).any(|needed| {
                    let has_failed =
                        self.started.contains(needed) && !self.succeeded.contains(needed);
                    has_failed || below.contains(needed)
                });
                if is_cut && self.plan.selected.contains(stage) {
                    below.insert(*stage);
                }
            }
            below
        }
    }

    proptest! {
        /// Whatever is selected, taken, fails and ends first: each stage runs at most once, never
        /// before what it needs has succeeded; no more is taken than there is; the first in line is
        /// delayed by nobody; and everything comes to its end.
        #[test]
        fn runs_all_that_can_run_once_and_in_order(plan in plan()) {
            let pipeline = pipeline(COUNT, &plan.edges);
            let demand = |stage: StageIndex| plan.demands[stage].clone();
            let mut scheduler = Scheduler::new(&pipeline.graph, &plan.selected, plan.supply.clone(), demand);
            let mut onlooker = Onlooker {
                plan: &plan,
                pipeline: &pipeline,
                started: BTreeSet::new(),
                succeeded: BTreeSet::new(),
                running: Vec::new(),
                skipped: BTreeSet::new(),
                first: None,
            };
            let (mut picks, mut is_stopped) = (plan.picks.iter().copied(), false);
            loop {
                onlooker.look_at_the_line();
                while let Some(stage) = scheduler.start_next() {
                    onlooker.see_start(stage, &scheduler)?;
                    onlooker.look_at_the_line();
                }
                prop_assert_eq!(scheduler.running(), onlooker.running.len());
                if !is_stopped {
                    onlooker.see_pause()?;
                }
                if onlooker.running.is_empty() {
                    break;
                }
                if onlooker.end_one(picks.next(), &mut scheduler)? {
                    scheduler.stop();
                    is_stopped = true;
                }
            }
            prop_assert_eq!(&onlooker.skipped, &onlooker.below_failed());
            let untouched: BTreeSet<StageIndex> = scheduler.untouched().into_iter().collect();
            prop_assert!(is_stopped || untouched.is_empty(), "{untouched:?} never started");
            let ends = [&onlooker.started, &onlooker.skipped, &untouched];
            prop_assert_eq!(ends.iter().map(|end| end.len()).sum::<usize>(), plan.selected.len());
        }
    }

    /// Runs stages without edges; the first of those that run ends first. Returns who ran together.
    fn rounds(supply: &[u64], demands: &[&[u64]]) -> Vec<Vec<StageIndex>> {
        let pipeline = pipeline(demands.len(), &BTreeSet::new());
        let all = (0..demands.len()).collect();
        let demand = |stage: StageIndex| demands[stage].to_vec();
        let mut scheduler = Scheduler::new(&pipeline.graph, &all, supply.to_vec(), demand);
        let (mut running, mut rounds) = (Vec::new(), Vec::new());
        loop {
            running.extend(std::iter::from_fn(|| scheduler.start_next()));
            if running.is_empty() {
                return rounds;
            }
            rounds.push(running.clone());
            scheduler.succeed(running.remove(0));
        }
    }

    #[test]
    fn a_big_stage_is_not_overtaken_by_small_ones_that_would_delay_it() {
        let (one, all): (&[u64], &[u64]) = (&[1, 1], &[1, 2]);
        let rounds = rounds(&[2, 2], &[one, all, one, one]);
        assert_eq!(rounds, [vec![0], vec![1], vec![2, 3], vec![3]]);
    }

    #[test]
    fn stages_of_another_pool_pass_by_on_a_machine_that_is_full() {
        // Two slots and cpus, no memory, no cards, one place in the pool.
        let (pooled, plain): (&[u64], &[u64]) = (&[1, 1, 0, 0, 1], &[1, 1, 0, 0, 0]);
        let rounds = rounds(&[2, 2, 0, 0, 1], &[pooled, pooled, plain, plain]);
        assert_eq!(rounds, [vec![0, 2], vec![2, 1], vec![1, 3], vec![3]]);
    }
}
