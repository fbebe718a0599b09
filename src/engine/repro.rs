//! `repro`: enter, recover, load, select, survey, dispatch, record.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashSet};
use std::ffi::OsString;
use std::mem;
use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use crate::base::cancel::CancelToken;
use crate::base::fs;
use crate::base::lockfile::Presence;
use crate::base::machine::Machine;
use crate::base::path::RepoPath;
use crate::engine::claim::Claims;
use crate::engine::consent::Ask;
use crate::engine::dispatch::{Dispatcher, Shared};
use crate::engine::error::Error;
use crate::engine::event::{Ending, Event, Outcome, Reporter};
use crate::engine::inputs::Gauge;
use crate::engine::memo::Memo;
use crate::engine::provision::provide;
use crate::engine::record::{LastRun, StageRun};
use crate::engine::selection::{Policy, RunPolicy, Selection};
use crate::engine::status::status;
use crate::engine::supply::Supply;
use crate::engine::survey::settled;
use crate::pipeline::{self, Data, LOCK_FILE, Out, ParamFiles, Pipeline, StageIndex, StageName};
use crate::workspace::{Ledger, Workspace};

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
    /// Whether it records tracked data.
    pub(crate) has_data: bool,
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

/// Brings the targets up to date.
pub(crate) fn repro(
    workspace: &Workspace,
    options: &ReproOptions,
    cancel: &CancelToken,
    reporter: &mut dyn Reporter,
    ask: &mut Ask<'_>,
) -> Result<Summary, Error> {
    refuse_nesting(workspace)?;
    let begin = Instant::now();
    let mut presence = workspace.enter(cancel, |holder| {
        let holder = holder.to_owned();
        reporter.report(&Event::Waiting { holder });
    })?;
    // Only now: the files may have been edited while we waited.
    let (pipeline, selected, ledger) = load(workspace, &options.selection)?;
    let stale = stale(&pipeline, &ledger);
    let project = Project {
        workspace,
        pipeline: &pipeline,
        ledger: &ledger,
        data: ledger.peek(|lock| lock.data.clone()),
        environment: environment(workspace),
        cancel,
        start: Memo::default(),
    };
    project.recover(&mut presence, reporter)?;
    let stages = (&pipeline, &selected);
    provide(workspace, stages, &project.data, options.policy, reporter)?;
    let runs = project.bring_up_to_date(options, &selected, (reporter, ask))?;
    let summary = Summary {
        lock_changed: ledger.fold(|stage| !stale.contains(stage))?,
        cancelled: cancel.is_cancelled(),
        time: begin.elapsed(),
        has_data: ledger.peek(|lock| !lock.data.is_empty()),
        runs,
    };
    if summary.count(Ending::Failed) > 0 && presence.try_be_alone()? {
        // Only now: a stage that ran beside the failed one may have been writing until here.
        project.remove_litter()?;
    }
    save(workspace, &summary, options.policy.run, reporter);
    // The process is about to end: giving back some hundred thousand small pieces of memory would
    // take a good part of the time that a run over unchanged stages has.
    mem::forget((pipeline, ledger));
    Ok(summary)
}

/// Loads the stages, those of them that are selected, and what is recorded.
pub(super) fn load<'w>(
    workspace: &'w Workspace,
    selection: &Selection,
) -> Result<(Pipeline, BTreeSet<StageIndex>, Ledger<'w>), Error> {
    let (pipeline, ledger) = workspace.load_both();
    let pipeline = pipeline?;
    let selected = selection.choose(&pipeline.graph)?;
    let ledger = ledger?;
    let refused = ledger.peek(|lock| pipeline.refuse_tracked_outs(&lock.data, &lock.sources));
    refused.map_err(pipeline::Error::from)?;
    Ok((pipeline, selected, ledger))
}

/// Keeps what the next run and reports use. Failing costs no more than what the user is told.
fn save(workspace: &Workspace, summary: &Summary, policy: RunPolicy, reporter: &mut dyn Reporter) {
    let mut tell = |error, cost| reporter.report(&Event::Unsaved { error, cost });
    if let Err(error) = workspace.save_index() {
        tell(error, "the next run takes longer");
    }
    if !matches!(policy, RunPolicy::Never | RunPolicy::CheckOut)
        && let Err(error) = LastRun::of(&summary.runs, workspace).save(workspace)
    {
        tell(error, "reports do not tell of this run");
    }
}

/// Returns the recorded stages that the pipeline does not have any more. Those that are recorded
/// later are of other processes, or were pulled: of them we know nothing.
fn stale(pipeline: &Pipeline, ledger: &Ledger<'_>) -> HashSet<StageName> {
    let names: HashSet<&StageName> = pipeline.stages.iter().map(|stage| &stage.name).collect();
    ledger.peek(|lock| {
        let recorded = lock.stages.keys();
        recorded
            .filter(|stage| !names.contains(stage))
            .cloned()
            .collect()
    })
}

/// What a run is about.
struct Project<'a> {
    workspace: &'a Workspace,
    pipeline: &'a Pipeline,
    ledger: &'a Ledger<'a>,
    /// Tracked data, as recorded at the start.
    data: Data,
    environment: Vec<(OsString, OsString)>,
    cancel: &'a CancelToken,
    /// What was found out at the start.
    start: Memo,
}

impl Project<'_> {
    /// Undoes what killed runs have left, where nobody else is at work; then lets others in.
    fn recover(&self, presence: &mut Presence, reporter: &mut dyn Reporter) -> Result<(), Error> {
        if !presence.is_alone() {
            return Ok(());
        }
        recover(&Claims::new(self.workspace, self.ledger), reporter)?;
        if presence.was_abandoned {
            self.remove_litter()?;
            presence.forget_abandoned()?;
        }
        Ok(presence.welcome()?)
    }

    /// Deletes the unfinished files of a killed mlpipe or of commands cut short, as `mlpipe ml` makes
    /// them. Nothing may be at work meanwhile.
    fn remove_litter(&self) -> Result<(), Error> {
        let outs = self.pipeline.stages.iter().flat_map(|stage| &stage.outs);
        // Outside of the project others may be at work with files of such names.
        let inside = outs.filter_map(|out| out.path.inside());
        let all = inside.chain(self.data.keys());
        let mut folders: BTreeSet<RepoPath> = all.map(RepoPath::parent).collect();
        folders.insert(RepoPath::root());
        for folder in folders {
            fs::remove_litter(&self.workspace.locate(&folder))?;
        }
        for folder in ["", "cache/new"] {
            fs::remove_litter(&self.workspace.state(folder))?;
        }
        Ok(())
    }

    /// Finds out what is to be done with the `selected` stages, and has it done.
    fn bring_up_to_date(
        &self,
        options: &ReproOptions,
        selected: &BTreeSet<StageIndex>,
        (reporter, ask): (&mut dyn Reporter, &mut Ask<'_>),
    ) -> Result<Vec<StageRun>, Error> {
        let settled = self.survey(options, selected);
        let done: BTreeSet<StageIndex> = settled.iter().copied().collect();
        let pending: BTreeSet<StageIndex> = selected.difference(&done).copied().collect();
        let name = |stage: &StageIndex| self.pipeline.stages[*stage].name.clone();
        let settled: Vec<StageName> = settled.iter().map(name).collect();
        let unchanged = |stage| StageRun::new(stage, &Outcome::Unchanged, Duration::ZERO);
        let mut runs: Vec<StageRun> = settled.iter().map(unchanged).collect();
        let order = self.pipeline.graph.order().iter();
        let planned = order.filter(|stage| pending.contains(stage)).map(name);
        let stages = settled.iter().cloned().chain(planned).collect();
        reporter.report(&Event::Planned { stages });
        reporter.report(&Event::Settled { stages: settled });
        if !pending.is_empty() {
            runs.extend(self.dispatch(options, &pending, (reporter, ask))?);
        }
        Ok(runs)
    }

    /// Returns the stages that need no further look.
    fn survey(&self, options: &ReproOptions, selected: &BTreeSet<StageIndex>) -> Vec<StageIndex> {
        let Self {
            workspace,
            environment,
            cancel,
            ..
        } = self;
        let params = ParamFiles::new(&workspace.worktree);
        let Policy {
            run: policy, urls, ..
        } = options.policy;
        let gauge = Gauge {
            memo: Some(&self.start),
            ..Gauge::new(workspace, &params, environment, cancel, urls)
        };
        self.ledger
            .peek(|lock| settled(self.pipeline, selected, lock, policy, &gauge))
    }

    /// Hands the stages to workers.
    fn dispatch(
        &self,
        options: &ReproOptions,
        pending: &BTreeSet<StageIndex>,
        (reporter, ask): (&mut dyn Reporter, &mut Ask<'_>),
    ) -> Result<Vec<StageRun>, Error> {
        let Self {
            workspace,
            pipeline,
            ledger,
            cancel,
            ..
        } = *self;
        let supply = Supply::new(Machine::look(), options.jobs, &pipeline.pools);
        let forecast = || status(workspace, &options.selection, options.policy);
        supply.refuse_shortage(pipeline, pending, forecast)?;
        refuse_hidden_lock(workspace)?;
        let shared = Shared {
            workspace,
            pipeline,
            ledger,
            claims: &Claims::new(workspace, ledger),
            environment: &self.environment,
            start: &self.start,
            tracked: &tracked_outs(workspace, pipeline)?,
            cancel,
            supply: &supply,
            policy: options.policy,
        };
        let mut dispatcher = Dispatcher {
            shared,
            pipeline,
            reporter,
            ask,
            runs: Vec::new(),
            has_quit: false,
            ran: BTreeSet::new(),
        };
        dispatcher.run(options, pending)?;
        Ok(dispatcher.runs)
    }
}

/// A command that calls us would wait for itself; another project's may.
pub(super) fn refuse_nesting(workspace: &Workspace) -> Result<(), Error> {
    match workspace.calling_stage() {
        Some(stage) => Err(Error::Nested { stage }),
        None => Ok(()),
    }
}

/// Undoes what killed runs have left half done.
fn recover(claims: &Claims<'_>, reporter: &mut dyn Reporter) -> Result<(), Error> {
    let events = RefCell::new(Vec::new());
    let outcome = claims.recover(&|event| events.borrow_mut().push(event));
    for event in events.into_inner() {
        reporter.report(&event);
    }
    Ok(outcome?)
}

/// Refuses a lock that git would never see.
fn refuse_hidden_lock(workspace: &Workspace) -> Result<(), Error> {
    let lock = RepoPath::parse(LOCK_FILE).expect("invariant: a plain file name");
    match workspace.repo()? {
        Some(repo) if repo.ignores(&lock)? => Err(Error::LockIgnored),
        _ => Ok(()),
    }
}

/// Returns the cached outs that git tracks.
pub(super) fn tracked_outs(
    workspace: &Workspace,
    pipeline: &Pipeline,
) -> Result<BTreeSet<RepoPath>, Error> {
    let Some(repo) = workspace.repo()? else {
        return Ok(BTreeSet::new());
    };
    let outs = pipeline
        .stages
        .iter()
        .flat_map(|stage| &stage.outs)
        .filter_map(Out::cached_path);
    Ok(repo.tracked_among(outs)?)
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
