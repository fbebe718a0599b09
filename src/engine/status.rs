//! `status`: what would run and why, decided by the same code that runs it.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::convert::Infallible;

use crate::base::any_path::AnyPath;
use crate::base::cancel::CancelToken;
use crate::base::path::RepoPath;
use crate::engine::absence::Made;
use crate::engine::decide::{Decision, Reason, examine};
use crate::engine::error::{Error, Failure};
use crate::engine::incomplete::{known, refuse_incomplete};
use crate::engine::inputs::{Gauge, NOTHING_EXPECTED};
use crate::engine::memo::Memo;
use crate::engine::provision::absent;
use crate::engine::repro::{environment, refuse_nesting, tracked_outs};
use crate::engine::run::{refuse_missing_deps, refuse_tracked};
use crate::engine::selection::{Downstream, Missing, Policy, RunPolicy, Selection, Urls};
use crate::engine::survey::settled;
use crate::pipeline::{
    self, Content, Data, Dep, Lock, ParamFiles, Pipeline, Stage, StageIndex, StageName,
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
    let (pipeline, ledger) = workspace.load_both();
    let pipeline = pipeline?;
    let selected = selection.choose(&pipeline.graph)?;
    let lock = ledger?.into_lock();
    let refused = pipeline.refuse_tracked_outs(&lock.data, &lock.sources);
    refused.map_err(pipeline::Error::from)?;
    let provided = provided(workspace, (&pipeline, &selected), &lock.data)?;
    let params = ParamFiles::new(&workspace.worktree);
    let environment = environment(workspace);
    let (memo, cancel) = (Memo::default(), CancelToken::default());
    let mut forecaster = Forecaster {
        workspace,
        pipeline: &pipeline,
        gauge: GaugeParts {
            params: &params,
            environment: &environment,
            memo,
        },
        expected: BTreeMap::new(),
        cancel,
        uncertain: BTreeSet::new(),
        runs: BTreeSet::new(),
        provided,
        tracked: None,
        policy,
    };
    let settled = forecaster.survey(&selected, &lock);
    let order = pipeline
        .graph
        .order()
        .iter()
        .filter(|stage| selected.contains(stage));
    let look = |index: &StageIndex| {
        let stage = &pipeline.stages[*index];
        let forecast = if settled.contains(index) {
            Forecast::Unchanged
        } else {
            let forecast = forecaster.look(*index, stage, &lock);
            forecaster.refuse(*index, forecast)?
        };
        Ok(StageStatus {
            stage: stage.name.clone(),
            forecast,
        })
    };
    let stages = order.map(look).collect::<Result<_, Error>>()?;
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

struct GaugeParts<'a> {
    params: &'a ParamFiles<'a>,
    environment: &'a [(std::ffi::OsString, std::ffi::OsString)],
    memo: Memo,
}

/// Goes through the stages in order and remembers what they would leave behind.
struct Forecaster<'a> {
    workspace: &'a Workspace,
    pipeline: &'a Pipeline,
    gauge: GaugeParts<'a>,
    /// The content of outs that would be restored.
    expected: BTreeMap<AnyPath, Content>,
    cancel: CancelToken,
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
    /// Returns the stages that a short look shows to be as recorded, with all that they need.
    fn survey(&self, selected: &BTreeSet<StageIndex>, lock: &Lock) -> HashSet<StageIndex> {
        let gauge = Gauge {
            workspace: self.workspace,
            params: self.gauge.params,
            environment: self.gauge.environment,
            cancel: &self.cancel,
            memo: Some(&self.gauge.memo),
            start: None,
            urls: self.policy.urls,
            expected: NOTHING_EXPECTED,
            made: None,
        };
        let settled = settled(self.pipeline, selected, lock, self.policy.run, &gauge);
        settled.into_iter().collect()
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
                .any(|out| *out != path && out.overlaps(path, self.workspace.root())),
            Dep::Glob { pattern, .. } => {
                let mut inside = restored.iter().filter_map(|out| out.inside());
                inside.any(|out| pattern.may_need(out))
            }
            Dep::Command { .. } | Dep::Url { .. } => false,
        })
    }

    /// Returns what a stage may read that need not be there.
    fn made_before(&self, index: StageIndex, lock: &Lock) -> Option<Made> {
        if self.policy.missing == Missing::Absent {
            let has_any = !self.provided.is_empty();
            return has_any.then(|| Made::of_data(self.provided.clone()));
        }
        let record = |stage: StageIndex| {
            let is_known = !self.uncertain.contains(&stage);
            let entry = lock.stages.get(&self.pipeline.stages[stage].name);
            Ok::<_, Infallible>(is_known.then(|| entry.cloned()).flatten())
        };
        let made = Made::before(self.pipeline, index, record).unwrap_or_default();
        Some(made.with_data(&lock.data))
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
            None => tracked_outs(self.workspace, self.pipeline)?,
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

    fn look(&mut self, index: StageIndex, stage: &Stage, lock: &Lock) -> Forecast {
        let recorded = lock.stages.get(&stage.name);
        let made = self.made_before(index, lock);
        let gauge = Gauge {
            workspace: self.workspace,
            params: self.gauge.params,
            environment: self.gauge.environment,
            cancel: &self.cancel,
            memo: Some(&self.gauge.memo),
            start: None,
            urls: self.policy.urls,
            expected: &self.expected,
            made: made.as_ref(),
        };
        let policy = self.run_policy(index);
        let upstream = self.pipeline.graph.upstream(index).iter();
        let upstream: Vec<StageName> = upstream
            .filter(|_| policy != RunPolicy::Forced || stage.frozen)
            .filter(|needed| self.uncertain.contains(needed) || self.is_hidden(**needed, stage))
            .map(|needed| self.pipeline.stages[*needed].name.clone())
            .collect();
        let (mut inputs, decision) = match examine(stage, recorded, policy, &gauge) {
            Ok(examination) => (examination.inputs, examination.decision),
            Err(failure) => {
                self.uncertain.insert(index);
                return Forecast::Fail(failure);
            }
        };
        // A frozen stage does not care.
        if !upstream.is_empty() && !stage.frozen {
            self.uncertain.insert(index);
            let mut reasons = match decision {
                Decision::Run { reasons } | Decision::Restore { reasons, .. } => reasons,
                Decision::Unchanged { .. } | Decision::Adopt { .. } | Decision::Leave { .. } => {
                    Vec::new()
                }
            };
            // What is missing now is what the stages before it would make.
            reasons.retain(|reason| !reason.is_missing_dep());
            return Forecast::MayRun { upstream, reasons };
        }
        match decision {
            Decision::Unchanged { recache } if !recache.is_empty() => Forecast::Cache(recache),
            Decision::Unchanged { .. } | Decision::Leave { .. } => Forecast::Unchanged,
            Decision::Adopt { .. } => Forecast::Adopt,
            Decision::Restore { entry, reasons, .. } => {
                self.expected.extend(entry.outs);
                Forecast::Restore(reasons)
            }
            Decision::Run { reasons } => {
                self.uncertain.insert(index);
                let is_made_first = self.follows_a_run(index);
                if self.policy.urls == Urls::Recorded {
                    // Nobody knows that nothing is there.
                    inputs.urls.clear();
                }
                let is_strict = self.policy.missing == Missing::Absent;
                let missing = refuse_missing_deps(stage, &inputs, lock).err();
                let lost =
                    refuse_incomplete(self.workspace, stage, &inputs, known(lock, [].iter())).err();
                match missing.filter(|_| is_strict).or(lost) {
                    Some(failure) if !is_made_first => Forecast::Fail(failure),
                    _ => {
                        self.runs.insert(index);
                        Forecast::Run(reasons)
                    }
                }
            }
        }
    }
}
