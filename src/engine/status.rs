//! `status`: what would run and why, decided by the same code that runs it.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::convert::Infallible;

use crate::base::any_path::AnyPath;
use crate::base::cancel::CancelToken;
use crate::base::path::RepoPath;
use crate::engine::absence::Made;
use crate::engine::decide::{Decision, Examination, Reason, examine};
use crate::engine::error::{Error, Failure};
use crate::engine::incomplete::{known, refuse_incomplete};
use crate::engine::inputs::{Gauge, Inputs};
use crate::engine::memo::Memo;
use crate::engine::provision::absent;
use crate::engine::refusal::{refuse_missing_deps, refuse_tracked};
use crate::engine::repro::{environment, load, refuse_nesting, tracked_outs};
use crate::engine::selection::{Downstream, Missing, Policy, RunPolicy, Selection, Urls};
use crate::engine::survey::settled;
use crate::pipeline::{
    Content, Data, Dep, Lock, ParamFiles, Pipeline, Stage, StageIndex, StageName,
};
use crate::store::Presence;
use crate::workspace::Workspace;

/// What `repro` would do with a stage.
#[derive(Debug)]
pub(crate) struct StageStatus {
    /// Its name.
    pub(crate) stage: StageName,
    /// What would happen.
    pub(crate) forecast: Forecast,
}

/// What would happen to a stage.
#[derive(Debug)]
pub(crate) enum Forecast {
    /// Nothing.
    Unchanged,
    /// Nothing, although its inputs are not as recorded: it is frozen.
    Hold(Vec<Reason>),
    /// These outs of it would be put into the cache, which does not have them.
    Cache(Vec<AnyPath>),
    /// Outs of an earlier run would be put in place.
    Restore(Vec<Reason>),
    /// Its command would run.
    Run(Vec<Reason>),
    /// Its outs would be recorded as they are.
    Adopt,
    /// That depends on what stages make that would run before it.
    MayRun {
        /// Those stages.
        upstream: Vec<StageName>,
        /// What differs already.
        reasons: Vec<Reason>,
    },
    /// It would fail.
    Fail(Failure),
}

/// Says what would happen to the targets and all that they need, in the order of a run.
pub(crate) fn status(
    workspace: &Workspace,
    selection: &Selection,
    policy: Policy,
) -> Result<Vec<StageStatus>, Error> {
    refuse_nesting(workspace)?;
    let (pipeline, selected, ledger) = load(workspace, selection)?;
    let lock = ledger.into_lock();
    let (params, environment) = (ParamFiles::new(&workspace.worktree), environment(workspace));
    let (memo, cancel) = (Memo::default(), CancelToken::default());
    let forecaster = Forecaster {
        pipeline: &pipeline,
        lock: &lock,
        gauge: Gauge {
            memo: Some(&memo),
            ..Gauge::new(workspace, &params, &environment, &cancel, policy.urls)
        },
        provided: provided(workspace, (&pipeline, &selected), &lock.data)?,
        expected: BTreeMap::new(),
        uncertain: BTreeSet::new(),
        runs: BTreeSet::new(),
        tracked: None,
        policy,
    };
    let stages = forecaster.go_through(&selected)?;
    if workspace.state("").is_dir() {
        workspace.try_save_index();
    }
    Ok(stages)
}

/// Returns the tracked data that the stages may read, that is not there and that the cache has.
fn provided(
    workspace: &Workspace,
    (pipeline, selected): (&Pipeline, &BTreeSet<StageIndex>),
    data: &Data,
) -> Result<Data, Error> {
    let mut provided = Data::new();
    for (path, content) in absent(workspace, pipeline, selected, data)? {
        if workspace.cache.presence(content)? == Presence::Whole {
            provided.insert(path.clone(), *content);
        }
    }
    Ok(provided)
}

/// Goes through the stages in order and remembers what they would leave behind.
struct Forecaster<'a> {
    pipeline: &'a Pipeline,
    lock: &'a Lock,
    /// Measures what is there before anything runs.
    gauge: Gauge<'a>,
    /// The content of outs that would be restored.
    expected: BTreeMap<AnyPath, Content>,
    /// Stages whose outs nobody can foresee.
    uncertain: BTreeSet<StageIndex>,
    /// Stages that run for certain.
    runs: BTreeSet<StageIndex>,
    /// Tracked data that would be put in place before anything else.
    provided: Data,
    /// Cached outs that git tracks, once somebody has asked.
    tracked: Option<BTreeSet<RepoPath>>,
    policy: Policy,
}

impl Forecaster<'_> {
    fn go_through(mut self, selected: &BTreeSet<StageIndex>) -> Result<Vec<StageStatus>, Error> {
        let (pipeline, policy) = (self.pipeline, self.policy.run);
        let settled = settled(pipeline, selected, self.lock, policy, &self.gauge);
        let settled: HashSet<StageIndex> = settled.into_iter().collect();
        let mut stages = Vec::with_capacity(selected.len());
        let order = pipeline.graph.order().iter();
        for index in order.filter(|stage| selected.contains(stage)) {
            let forecast = if settled.contains(index) {
                Forecast::Unchanged
            } else {
                let forecast = self.look(*index);
                self.refuse(*index, forecast)?
            };
            let stage = pipeline.stages[*index].name.clone();
            stages.push(StageStatus { stage, forecast });
        }
        Ok(stages)
    }

    /// Whether `stage` reads a part of what `needed` would restore, or more than that: only whole
    /// outs are foreseen.
    fn is_hidden(&self, needed: StageIndex, stage: &Stage) -> bool {
        let restored = self.pipeline.stages[needed]
            .outs
            .iter()
            .map(|out| &out.path);
        let restored: Vec<_> = restored
            .filter(|path| self.expected.contains_key(*path))
            .collect();
        stage.deps.iter().any(|dep| match dep {
            Dep::Path { path, .. } => restored
                .iter()
                .any(|out| *out != path && out.overlaps(path, self.gauge.workspace.root())),
            Dep::Glob { pattern, .. } => {
                let mut inside = restored.iter().filter_map(|out| out.inside());
                inside.any(|out| pattern.may_need(out))
            }
            Dep::Command { .. } | Dep::Url { .. } => false,
        })
    }

    /// Returns what a stage may read that need not be there.
    fn made_before(&self, index: StageIndex) -> Option<Made> {
        if self.policy.missing == Missing::Absent {
            let has_any = !self.provided.is_empty();
            return has_any.then(|| Made::of_data(self.provided.clone()));
        }
        let record = |stage: StageIndex| {
            let is_known = !self.uncertain.contains(&stage);
            let entry = self.lock.stages.get(&self.pipeline.stages[stage].name);
            Ok::<_, Infallible>(is_known.then(|| entry.cloned()).flatten())
        };
        let made = Made::before(self.pipeline, index, record).unwrap_or_default();
        Some(made.with_data(&self.lock.data))
    }

    /// Returns whether a stage that this one needs runs for certain.
    fn follows_a_run(&self, index: StageIndex) -> bool {
        let mut needed = self.pipeline.graph.upstream(index).iter();
        needed.any(|needed| self.runs.contains(needed))
    }

    fn run_policy(&self, index: StageIndex) -> RunPolicy {
        match self.policy.downstream {
            Downstream::Forced if self.follows_a_run(index) => RunPolicy::Forced,
            _ => self.policy.run,
        }
    }

    /// Corrects what is said of a stage that would be refused, since git has an out of it.
    fn refuse(&mut self, index: StageIndex, forecast: Forecast) -> Result<Forecast, Error> {
        let stage = &self.pipeline.stages[index];
        match forecast {
            Forecast::Run(_) => {}
            Forecast::Adopt if !stage.frozen => {}
            forecast => return Ok(forecast),
        }
        let tracked = match self.tracked.take() {
            Some(tracked) => tracked,
            None => tracked_outs(self.gauge.workspace, self.pipeline)?,
        };
        let refusal = refuse_tracked(stage, self.tracked.insert(tracked));
        Ok(refusal.map_or_else(
            |failure| {
                self.runs.remove(&index);
                self.uncertain.insert(index);
                Forecast::Fail(failure)
            },
            |()| forecast,
        ))
    }

    /// Says what would happen to a stage, after those that it needs.
    fn look(&mut self, index: StageIndex) -> Forecast {
        let Examination {
            inputs, decision, ..
        } = match self.examine(index) {
            Ok(examination) => examination,
            Err(failure) => {
                self.uncertain.insert(index);
                return Forecast::Fail(failure);
            }
        };
        let upstream = self.unforeseen(index);
        if !upstream.is_empty() {
            self.uncertain.insert(index);
            let mut reasons = decision.into_reasons();
            // What is missing now is what the stages before it would make.
            reasons.retain(|reason| !reason.is_missing_dep());
            return Forecast::MayRun { upstream, reasons };
        }
        match decision {
            Decision::Unchanged { recache } if !recache.is_empty() => Forecast::Cache(recache),
            Decision::Unchanged { .. } | Decision::Leave { .. } => Forecast::Unchanged,
            Decision::Hold { reasons } => Forecast::Hold(reasons),
            Decision::Adopt { .. } => Forecast::Adopt,
            Decision::Restore { entry, reasons, .. } => {
                self.expected.extend(entry.outs);
                Forecast::Restore(reasons)
            }
            Decision::Run { reasons } => self.foresee_run(index, inputs, reasons),
        }
    }

    fn examine(&self, index: StageIndex) -> Result<Examination, Failure> {
        let stage = &self.pipeline.stages[index];
        let made = self.made_before(index);
        let gauge = Gauge {
            expected: &self.expected,
            made: made.as_ref(),
            ..self.gauge
        };
        let recorded = self.lock.stages.get(&stage.name);
        examine(stage, recorded, self.run_policy(index), &gauge)
    }

    /// Returns the stages on which it depends what would happen to this one.
    fn unforeseen(&self, index: StageIndex) -> Vec<StageName> {
        let stage = &self.pipeline.stages[index];
        // A frozen stage does not care, nor does one that runs whatever they make.
        if stage.frozen || self.run_policy(index) == RunPolicy::Forced {
            return Vec::new();
        }
        let upstream = self.pipeline.graph.upstream(index).iter();
        upstream
            .filter(|needed| self.uncertain.contains(needed) || self.is_hidden(**needed, stage))
            .map(|needed| self.pipeline.stages[*needed].name.clone())
            .collect()
    }

    /// Says of a stage that is to run whether it can.
    fn foresee_run(
        &mut self,
        index: StageIndex,
        mut inputs: Inputs,
        reasons: Vec<Reason>,
    ) -> Forecast {
        self.uncertain.insert(index);
        if self.policy.urls == Urls::Recorded {
            // Nobody knows that nothing is there.
            inputs.urls.clear();
        }
        let (stage, lock) = (&self.pipeline.stages[index], self.lock);
        let is_strict = self.policy.missing == Missing::Absent;
        let missing = refuse_missing_deps(stage, &inputs, lock).err();
        let lost =
            refuse_incomplete(self.gauge.workspace, stage, &inputs, known(lock, [].iter())).err();
        match missing.filter(|_| is_strict).or(lost) {
            Some(failure) if !self.follows_a_run(index) => Forecast::Fail(failure),
            _ => {
                self.runs.insert(index);
                Forecast::Run(reasons)
            }
        }
    }
}
