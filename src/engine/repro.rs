//! `repro`: load, select, schedule; one thread owns the lock and all state, workers do the rest.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::panic::{self, AssertUnwindSafe};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::thread;
use std::time::{Duration, Instant};

use crate::base::cancel::CancelToken;
use crate::base::fs;
use crate::base::machine::Machine;
use crate::base::path::RepoPath;
use crate::engine::aside::Aside;
use crate::engine::error::{Error, Failure};
use crate::engine::event::{Ending, Event, Outcome, Reporter};
use crate::engine::record::{LastRun, StageRun};
use crate::engine::run::{Processed, Worker, log_path};
use crate::engine::scheduler::Scheduler;
use crate::engine::selection::{Policy, Selection};
use crate::engine::status::status;
use crate::engine::supply::{Grant, Supply};
use crate::pipeline::{LOCK_FILE, Lock, Pipeline, Stage, StageIndex, StageName};
use crate::scm::ignore_out;
use crate::workspace::Workspace;

/// How often a wish to stop is noticed while workers are silent.
const TICK: Duration = Duration::from_millis(50);

/// How many events may wait to be shown; workers that have more to tell wait too.
const BACKLOG: usize = 1024;

/// What is to be run, and how.
#[derive(Debug)]
pub(crate) struct ReproOptions {
    /// Which stages.
    pub(crate) selection: Selection,
    /// How many stages may run at once.
    pub(crate) jobs: NonZeroUsize,
    /// What may be done with them.
    pub(crate) policy: Policy,
    /// Whether a failure stops only the stages that need the failed one.
    pub(crate) keep_going: bool,
}

/// How a run went.
#[derive(Debug)]
pub(crate) struct Summary {
    /// How it went with each stage, in the order in which they were through.
    pub(crate) runs: Vec<StageRun>,
    /// Whether the lock was written.
    pub(crate) lock_changed: bool,
    /// Whether the user stopped it.
    pub(crate) cancelled: bool,
    /// How long it took.
    pub(crate) time: Duration,
}

impl Summary {
    /// Returns how many stages ended in this way.
    pub(crate) fn count(&self, ending: Ending) -> usize {
        self.runs.iter().filter(|run| run.outcome == ending).count()
    }
}

/// What workers tell the owner.
enum Message<'a> {
    Event(Event),
    Finished {
        stage: StageIndex,
        result: Result<Processed<'a>, Failure>,
        time: Duration,
    },
}

/// Brings the targets up to date.
pub(crate) fn repro(
    workspace: &Workspace,
    options: &ReproOptions,
    cancel: &CancelToken,
    reporter: &mut dyn Reporter,
) -> Result<Summary, Error> {
    refuse_nesting(workspace)?;
    let begin = Instant::now();
    let waiting = |holder: &str| {
        let holder = holder.to_owned();
        reporter.report(&Event::Waiting { holder });
    };
    let held = workspace.enter(cancel, waiting)?;
    // Only now: the files may have been edited while we waited.
    let pipeline = Pipeline::load(&workspace.worktree)?;
    let selected = options.selection.choose(&pipeline.graph)?;
    let mut lock = workspace.load_lock()?;
    recover(workspace, &lock, reporter)?;
    if held.was_abandoned {
        remove_litter(workspace, &pipeline)?;
    }
    let before = lock.clone();
    let names: BTreeSet<&StageName> = pipeline.stages.iter().map(|stage| &stage.name).collect();
    lock.stages.retain(|name, _| names.contains(name));
    let tracked = tracked_outs(workspace, &pipeline)?;
    let environment = environment(workspace);
    let supply = Supply::new(Machine::look(), options.jobs, &pipeline.pools);
    let forecast = || status(workspace, &options.selection, options.policy.run);
    supply.refuse_shortage(&pipeline, &selected, forecast)?;
    let shared = Shared {
        workspace,
        environment: &environment,
        tracked: &tracked,
        cancel,
        supply: &supply,
        policy: options.policy,
    };
    let mut owner = Owner {
        shared,
        pipeline: &pipeline,
        lock,
        reporter,
        runs: Vec::new(),
    };
    owner.run(options, &selected)?;
    let Owner { lock, runs, .. } = owner;
    let summary = Summary {
        lock_changed: lock != before,
        cancelled: cancel.is_cancelled(),
        time: begin.elapsed(),
        runs,
    };
    if summary.lock_changed {
        workspace.save_lock(&lock)?;
    }
    if summary.count(Ending::Failed) > 0 {
        // Only now: a stage that ran beside the failed one may have been writing until here.
        remove_litter(workspace, &pipeline)?;
    }
    workspace.save_index()?;
    LastRun {
        stages: summary.runs.clone(),
    }
    .save(workspace)?;
    Ok(summary)
}

/// What every worker may look at.
#[derive(Clone, Copy)]
struct Shared<'a> {
    workspace: &'a Workspace,
    environment: &'a [(OsString, OsString)],
    tracked: &'a BTreeSet<RepoPath>,
    cancel: &'a CancelToken,
    supply: &'a Supply,
    policy: Policy,
}

/// The one owner of the state of a run.
struct Owner<'a> {
    shared: Shared<'a>,
    pipeline: &'a Pipeline,
    lock: Lock,
    reporter: &'a mut dyn Reporter,
    runs: Vec<StageRun>,
}

impl<'a> Owner<'a> {
    fn run(
        &mut self,
        options: &ReproOptions,
        selected: &BTreeSet<StageIndex>,
    ) -> Result<(), Error> {
        let (supply, stages) = (self.shared.supply, &self.pipeline.stages);
        let demand = |stage: StageIndex| supply.demand(&stages[stage]);
        let mut scheduler =
            Scheduler::new(&self.pipeline.graph, selected, supply.amounts(), demand);
        let order = self
            .pipeline
            .graph
            .order()
            .iter()
            .filter(|stage| selected.contains(stage));
        let stages = order
            .map(|stage| self.pipeline.stages[*stage].name.clone())
            .collect();
        self.reporter.report(&Event::Planned { stages });
        let (sender, receiver) = mpsc::sync_channel(BACKLOG);
        thread::scope(|scope| {
            let outcome = self.drive(scope, options, &mut scheduler, &sender, &receiver);
            if outcome.is_err() {
                // Workers still run; they end by themselves, and what they made is not recorded.
                self.shared.cancel.escalate();
                self.shared.cancel.escalate();
            }
            outcome
        })?;
        for stage in scheduler.untouched() {
            self.finish(stage, Outcome::Stopped, Duration::ZERO);
        }
        Ok(())
    }

    /// Starts stages while there is enough for them and hears of what becomes of them.
    fn drive<'scope>(
        &mut self,
        scope: &'scope thread::Scope<'scope, '_>,
        options: &ReproOptions,
        scheduler: &mut Scheduler,
        sender: &SyncSender<Message<'a>>,
        receiver: &Receiver<Message<'a>>,
    ) -> Result<(), Error>
    where
        'a: 'scope,
    {
        loop {
            if self.shared.cancel.is_cancelled() {
                scheduler.stop();
            }
            while let Some(stage) = scheduler.start_next() {
                let devices = scheduler.devices(stage);
                let member = &self.pipeline.stages[stage];
                let grant = self.shared.supply.grant(member, devices);
                self.start(scope, stage, grant, sender);
            }
            if scheduler.running() == 0 {
                return Ok(());
            }
            match receiver.recv_timeout(TICK) {
                Ok(Message::Event(event)) => self.reporter.report(&event),
                Ok(Message::Finished {
                    stage,
                    result,
                    time,
                }) => {
                    let succeeded = self.conclude(stage, result, time)?;
                    if succeeded {
                        scheduler.succeed(stage);
                    } else {
                        self.skip_dependants(scheduler, stage);
                        if !options.keep_going {
                            scheduler.stop();
                        }
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
            }
        }
    }

    fn start<'scope>(
        &self,
        scope: &'scope thread::Scope<'scope, '_>,
        index: StageIndex,
        grant: Grant,
        sender: &SyncSender<Message<'a>>,
    ) where
        'a: 'scope,
    {
        let stage: &'a Stage = &self.pipeline.stages[index];
        let recorded = self.lock.stages.get(&stage.name).cloned();
        let Shared {
            workspace,
            environment,
            tracked,
            cancel,
            policy,
            ..
        } = self.shared;
        let (sender, events) = (sender.clone(), sender.clone());
        scope.spawn(move || {
            let begin = Instant::now();
            // The owner outlives its workers: sending cannot fail while anybody listens.
            let tell = move |event| drop(events.send(Message::Event(event)));
            let worker = Worker {
                workspace,
                environment,
                tracked,
                cancel,
                policy,
                grant,
                tell: Box::new(tell),
            };
            // A panic must reach the owner too, or it would wait for this stage for ever.
            let process = AssertUnwindSafe(|| worker.process(stage, recorded.as_ref()));
            let result = panic::catch_unwind(process).unwrap_or(Err(Failure::Worker));
            let time = begin.elapsed();
            drop(sender.send(Message::Finished {
                stage: index,
                result,
                time,
            }));
        });
    }

    /// Records what a stage made: first in the lock, then on the screen.
    fn conclude(
        &mut self,
        index: StageIndex,
        result: Result<Processed<'a>, Failure>,
        time: Duration,
    ) -> Result<bool, Error> {
        let stage = &self.pipeline.stages[index];
        let Processed {
            outcome,
            entry,
            aside,
        } = match result {
            Ok(processed) => processed,
            Err(failure) => {
                let log = log_path(self.shared.workspace, &stage.name);
                let log = failure.is_of_command().then_some(log);
                self.finish(index, Outcome::Failed { failure, log }, time);
                return Ok(false);
            }
        };
        if let Some(entry) = entry {
            self.hide_outs_from_git(stage)?;
            self.lock.stages.insert(stage.name.clone(), entry);
            self.shared.workspace.save_lock(&self.lock)?;
        }
        for event in aside.map(Aside::discard).transpose()?.unwrap_or_default() {
            self.reporter.report(&event);
        }
        let is_success = outcome.is_success();
        self.finish(index, outcome, time);
        Ok(is_success)
    }

    fn hide_outs_from_git(&self, stage: &Stage) -> Result<(), Error> {
        for out in stage.outs.iter().filter(|out| out.cache) {
            ignore_out(self.shared.workspace.root(), &out.path)?;
        }
        Ok(())
    }

    fn skip_dependants(&mut self, scheduler: &mut Scheduler, failed: StageIndex) {
        let upstream = &self.pipeline.stages[failed].name;
        for stage in scheduler.fail(failed) {
            let outcome = Outcome::Skipped {
                upstream: upstream.clone(),
            };
            self.finish(stage, outcome, Duration::ZERO);
        }
    }

    fn finish(&mut self, index: StageIndex, outcome: Outcome, time: Duration) {
        let stage = self.pipeline.stages[index].name.clone();
        self.runs.push(StageRun::new(&stage, &outcome, time));
        self.reporter.report(&Event::Finished {
            stage,
            outcome,
            time,
        });
    }
}

/// A command that calls us would wait for itself; another project's may.
pub(super) fn refuse_nesting(workspace: &Workspace) -> Result<(), Error> {
    let is_ours = std::env::var_os("MLPIPE_ROOT").is_some_and(|root| *workspace.root() == *root);
    match std::env::var("MLPIPE_STAGE") {
        Ok(stage) if is_ours => Err(Error::Nested { stage }),
        _ => Ok(()),
    }
}

/// Undoes what killed runs have left half done.
fn recover(workspace: &Workspace, lock: &Lock, reporter: &mut dyn Reporter) -> Result<(), Error> {
    let events = std::cell::RefCell::new(Vec::new());
    let outcome = Aside::recover(workspace, lock, &|event| events.borrow_mut().push(event));
    for event in events.into_inner() {
        reporter.report(&event);
    }
    Ok(outcome?)
}

/// Deletes the unfinished files of a killed mlpipe or of commands cut short, as `mlpipe ml` makes
/// them. Nothing may be at work meanwhile.
fn remove_litter(workspace: &Workspace, pipeline: &Pipeline) -> Result<(), Error> {
    let outs = pipeline.stages.iter().flat_map(|stage| &stage.outs);
    let mut folders: BTreeSet<RepoPath> = outs.map(|out| out.path.parent()).collect();
    folders.insert(RepoPath::root());
    for folder in folders {
        fs::remove_litter(&workspace.locate(&folder))?;
    }
    for folder in ["", "aside", "cache/new", "cache/runs"] {
        fs::remove_litter(&workspace.state(folder))?;
    }
    Ok(())
}

/// Returns the cached outs that git tracks; refuses a lock that git would never see.
fn tracked_outs(workspace: &Workspace, pipeline: &Pipeline) -> Result<BTreeSet<RepoPath>, Error> {
    let Some(repo) = workspace.repo()? else {
        return Ok(BTreeSet::new());
    };
    let lock = RepoPath::parse(LOCK_FILE).expect("invariant: a plain file name");
    if repo.ignores(&lock)? {
        return Err(Error::LockIgnored);
    }
    let outs = pipeline
        .stages
        .iter()
        .flat_map(|stage| &stage.outs)
        .filter(|out| out.cache);
    Ok(repo.tracked_among(outs.map(|out| &out.path))?)
}

/// Returns what every command finds in its environment: this mlpipe first on the path.
pub(super) fn environment(workspace: &Workspace) -> Vec<(OsString, OsString)> {
    let mut environment: Vec<(OsString, OsString)> = ["MLPIPE_ROOT", "DVC_ROOT"]
        .map(|name| (name.into(), workspace.root().into()))
        .into();
    // A command dependency is run for a stage that is yet to be named.
    environment.push(("MLPIPE_STAGE".into(), "(command dependency)".into()));
    let own = std::env::current_exe().ok();
    let own = own
        .as_deref()
        .and_then(std::path::Path::parent)
        .map(std::path::Path::to_owned);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = own.into_iter().chain(std::env::split_paths(&path));
    if let Ok(path) = std::env::join_paths(folders) {
        environment.push(("PATH".into(), path));
    }
    environment
}
