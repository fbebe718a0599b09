//! `Supply`: what there is for stages to take while they run, and `Grant`: what one of them has got.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::num::NonZeroUsize;

use crate::base::machine::Machine;
use crate::base::problem::Problem;
use crate::base::quantity::write_bytes;
use crate::engine::admission::{Amounts, GPUS};
use crate::engine::error::Error;
use crate::engine::status::{Forecast, StageStatus};
use crate::pipeline::{self, Amount, Pipeline, Stage, StageIndex};

/// The resources that every machine has, in the order of [`Amounts`]; pools come behind them.
const SLOTS: usize = 0;
const CPUS: usize = 1;
const MEMORY: usize = 2;
const FIRST_POOL: usize = GPUS + 1;

/// As much memory as nobody has, where it cannot be known how much there is. Sums of it stay numbers.
const UNKNOWN_MEMORY: u64 = 1 << 62;

/// What there is to take.
#[derive(Debug)]
pub(super) struct Supply {
    machine: Machine,
    amounts: Amounts,
    /// Where each pool is in the amounts.
    pools: BTreeMap<String, usize>,
}

/// What a stage has got for as long as it runs.
#[derive(Clone, Debug, Default)]
pub(super) struct Grant {
    /// What its command finds in its environment.
    pub(super) environment: Vec<(OsString, OsString)>,
    /// Why it runs alone: it wants more than the machine has.
    pub(super) note: Option<String>,
    /// Why its command cannot run at all.
    pub(super) shortage: Option<Shortage>,
}

/// A stage wants more graphics cards than there are, which nothing can make up for.
#[derive(Clone, Debug)]
pub(super) struct Shortage {
    wanted: Amount,
    found: usize,
}

impl Shortage {
    /// Complains at the place that names the number; `who` is the stage.
    pub(super) fn problem(&self, who: &str) -> Problem {
        let Self { wanted, found } = self;
        let gpus = if wanted.count == 1 { "gpu" } else { "gpus" };
        let message = format!("{who} needs {} {gpus} and finds {found}", wanted.count);
        let help = "where there are more than are found, name them: `CUDA_VISIBLE_DEVICES=0,1 mlpipe repro`";
        wanted.origin.problem(message).help(help)
    }
}

impl Supply {
    /// Counts what there is: `jobs` stages at once, on as many cores as there are, but at least one
    /// for each of them, for whoever asks for more jobs than cores wants that many to run.
    pub(super) fn new(
        machine: Machine,
        jobs: NonZeroUsize,
        pools: &BTreeMap<String, Amount>,
    ) -> Self {
        let jobs = u64::try_from(jobs.get()).unwrap_or(u64::MAX);
        let gpus = u64::try_from(machine.gpus.len()).unwrap_or(u64::MAX);
        let mut amounts = vec![0; FIRST_POOL];
        amounts[SLOTS] = jobs;
        amounts[CPUS] = jobs.max(machine.cores.into());
        amounts[MEMORY] = machine.memory.unwrap_or(UNKNOWN_MEMORY).min(UNKNOWN_MEMORY);
        amounts[GPUS] = gpus;
        amounts.extend(pools.values().map(|places| u64::from(places.count)));
        let pools = pools.keys().cloned().zip(FIRST_POOL..).collect();
        Self {
            machine,
            amounts,
            pools,
        }
    }

    /// Returns how much there is of everything.
    pub(super) fn amounts(&self) -> Amounts {
        self.amounts.clone()
    }

    /// Returns what a stage takes, which is never more than there is: who wants more cores or memory
    /// than that gets all cores and so runs alone.
    pub(super) fn demand(&self, stage: &Stage) -> Amounts {
        let wishes = self.wishes(stage);
        let is_too_big = [CPUS, MEMORY]
            .iter()
            .any(|kind| wishes[*kind] > self.amounts[*kind]);
        let cut = wishes.iter().zip(&self.amounts);
        let mut demand: Amounts = cut.map(|(wish, all)| *wish.min(all)).collect();
        if is_too_big {
            demand[CPUS] = self.amounts[CPUS];
        }
        demand
    }

    fn wishes(&self, stage: &Stage) -> Amounts {
        let needs = &stage.needs;
        let mut wishes = vec![0; self.amounts.len()];
        wishes[SLOTS] = 1;
        wishes[CPUS] = needs.cpus.unwrap_or(1).into();
        wishes[MEMORY] = needs.memory.unwrap_or(0);
        wishes[GPUS] = needs.gpus.as_ref().map_or(0, |gpus| gpus.count.into());
        for (pool, places) in &needs.pools {
            wishes[self.pools[pool]] = places.count.into();
        }
        wishes
    }

    /// Hands a stage what it takes; `devices` are the graphics cards that are its own meanwhile.
    pub(super) fn grant(&self, stage: &Stage, devices: &[usize]) -> Grant {
        let cpus = stage.needs.cpus.unwrap_or(1).min(self.machine.cores);
        let mut environment = vec![("MLPIPE_CPUS".into(), cpus.to_string().into())];
        if stage.needs.gpus.is_some() {
            let names = devices.iter().map(|device| &*self.machine.gpus[*device]);
            let names = names.collect::<Vec<_>>().join(",");
            environment.push(("CUDA_VISIBLE_DEVICES".into(), names.into()));
        }
        Grant {
            environment,
            note: self.excess(stage),
            shortage: self.shortage(stage),
        }
    }

    /// Says what a stage wants more of than the whole machine has.
    fn excess(&self, stage: &Stage) -> Option<String> {
        let (wishes, all) = (self.wishes(stage), &self.amounts);
        if wishes[CPUS] > all[CPUS] {
            return Some(format!("{} cpus of {}", wishes[CPUS], all[CPUS]));
        }
        let (wish, all) = (wishes[MEMORY], all[MEMORY]);
        (wish > all).then(|| format!("{} of memory of {}", write_bytes(wish), write_bytes(all)))
    }

    fn shortage(&self, stage: &Stage) -> Option<Shortage> {
        let (wanted, found) = (stage.needs.gpus.clone()?, self.machine.gpus.len());
        let is_short = u64::from(wanted.count) > self.amounts[GPUS];
        is_short.then_some(Shortage { wanted, found })
    }

    /// Refuses to begin what would end for want of graphics cards. What is up to date, or comes from
    /// the cache, needs none: `forecast` says so, and is asked only where there are too few.
    pub(super) fn refuse_shortage(
        &self,
        pipeline: &Pipeline,
        selected: &BTreeSet<StageIndex>,
        forecast: impl FnOnce() -> Result<Vec<StageStatus>, Error>,
    ) -> Result<(), Error> {
        let stages = selected.iter().map(|stage| &pipeline.stages[*stage]);
        let short = stages.filter_map(|stage| Some((&stage.name, self.shortage(stage)?)));
        let short: BTreeMap<_, _> = short.collect();
        if short.is_empty() {
            return Ok(());
        }
        for StageStatus { stage, forecast } in forecast()? {
            let may_run = matches!(forecast, Forecast::Run(_) | Forecast::MayRun { .. });
            if let (true, Some(shortage)) = (may_run, short.get(&stage)) {
                let problem = shortage.problem(&format!("stage `{stage}`"));
                return Err(pipeline::Error::Problem(problem).into());
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::source::Worktree;

    fn load(text: &str) -> Pipeline {
        let folder = tempfile::tempdir().expect("a temporary folder");
        crate::base::fs::write_atomic(&folder.path().join("pipeline.yaml"), text.as_bytes())
            .expect("writes");
        Pipeline::load(&Worktree::new(folder.path())).expect("valid")
    }

    fn supply(jobs: usize, pipeline: &Pipeline) -> Supply {
        let machine = Machine {
            cores: 4,
            memory: Some(8 << 30),
            gpus: vec!["3".to_owned(), "GPU-ab".to_owned()],
        };
        let jobs = NonZeroUsize::new(jobs).expect("some");
        Supply::new(machine, jobs, &pipeline.pools)
    }

    #[test]
    fn a_stage_takes_a_slot_and_a_cpu_and_what_it_says() {
        let pipeline = load(
            "pools: {db: 5, api: 2}\nstages:\n  a: {cmd: x}\n  \
             b: {cmd: x, resources: {cpus: 3, memory: 1GiB, gpus: 2}, pools: {db: 4}}\n",
        );
        let supply = supply(2, &pipeline);
        assert_eq!(supply.amounts(), [2, 4, 8 << 30, 2, 2, 5]);
        assert_eq!(supply.demand(&pipeline.stages[0]), [1, 1, 0, 0, 0, 0]);
        assert_eq!(supply.demand(&pipeline.stages[1]), [1, 3, 1 << 30, 2, 0, 4]);
        let grant = supply.grant(&pipeline.stages[1], &[1, 0]);
        let text = |name: &str| {
            let found = grant.environment.iter().find(|(key, _)| key == name);
            found.map(|(_, value)| value.to_str().expect("UTF-8"))
        };
        assert_eq!(text("MLPIPE_CPUS"), Some("3"));
        assert_eq!(text("CUDA_VISIBLE_DEVICES"), Some("GPU-ab,3"));
        assert_eq!(supply.grant(&pipeline.stages[0], &[]).environment.len(), 1);
    }

    #[test]
    fn more_jobs_than_cores_may_run() {
        assert_eq!(supply(9, &load("stages: {}")).amounts()[CPUS], 9);
    }

    #[test]
    fn what_is_too_big_for_the_machine_takes_it_whole() {
        let pipeline = load(
            "stages:\n  a: {cmd: x, resources: {cpus: 9}}\n  b: {cmd: x, resources: {memory: 1TiB}}\n  \
             c: {cmd: x, resources: {gpus: 3}}\n",
        );
        let supply = supply(2, &pipeline);
        let [a, b, c] = &pipeline.stages[..] else {
            panic!("three stages")
        };
        assert_eq!(supply.demand(a), [1, 4, 0, 0]);
        assert_eq!(supply.demand(b), [1, 4, 8 << 30, 0]);
        let note = |stage| supply.grant(stage, &[]).note;
        assert_eq!(note(a).as_deref(), Some("9 cpus of 4"));
        assert_eq!(note(b).as_deref(), Some("1 TiB of memory of 8 GiB"));
        assert!(supply.grant(c, &[]).shortage.is_some());
        assert!(supply.grant(a, &[]).shortage.is_none());
    }
}
