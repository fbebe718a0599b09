//! `mlpipe push`, `pull` and `fetch`.

use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use clap::Args;

use crate::base::cancel::{CancelToken, Urgency};
use crate::base::path::RepoPath;
use crate::cli::commands::Context;
use crate::cli::commands::checkout::{self, CheckoutArgs};
use crate::cli::error::{CliError, Exit};
use crate::cli::ui;
use crate::cli::ui::transfer::Way;
use crate::cli::ui::watch::watched;
use crate::data::{self, Manner};
use crate::exchange::{self, Scope, Transferred};
use crate::remote::Depot;
use crate::scm::Reach;
use crate::store::Meter;
use crate::workspace::Workspace;

/// What travels, and where to or from.
#[derive(Debug, Default, Args)]
pub(crate) struct TransferArgs {
    /// Tracked data, parts of it, stages whose outs are meant, or paths that stages make [default: all]
    pub(crate) targets: Vec<String>,

    /// Which remote [default: the default one]
    #[arg(short, long, value_name = "NAME")]
    pub(crate) remote: Option<String>,

    /// So many transfers at once [default: the remote's `jobs`, else 16]
    #[arg(short, long, value_name = "N")]
    pub(crate) jobs: Option<NonZeroUsize>,

    /// Also what the tips of all branches record
    #[arg(short, long)]
    pub(crate) all_branches: bool,

    /// Also what all tags record
    #[arg(short = 'T', long)]
    pub(crate) all_tags: bool,

    /// Also what any commit records
    #[arg(short = 'A', long)]
    pub(crate) all_commits: bool,
}

/// Whether runs travel as well.
#[derive(Debug, Default, Args)]
pub(crate) struct RunCacheArgs {
    /// Let earlier runs travel as well, so that others need not repeat them [default]
    #[arg(long, overrides_with = "no_run_cache")]
    run_cache: bool,

    /// Leave earlier runs here, or there
    #[arg(long, overrides_with = "run_cache")]
    no_run_cache: bool,
}

#[derive(Debug, Args)]
pub(crate) struct PushArgs {
    #[command(flatten)]
    transfer: TransferArgs,

    #[command(flatten)]
    runs: RunCacheArgs,

    /// Do nothing where no remote is set up, for git's pre-push hook
    #[arg(long, hide = true)]
    hook: bool,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct FetchArgs {
    #[command(flatten)]
    transfer: TransferArgs,

    #[command(flatten)]
    runs: RunCacheArgs,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct PullArgs {
    #[command(flatten)]
    transfer: TransferArgs,

    #[command(flatten)]
    runs: RunCacheArgs,

    /// Overwrite tracked data whose content is in no cache; it is kept in `.mlpipe/kept`
    #[arg(short, long)]
    force: bool,
}

/// Uploads what the remote lacks.
pub(crate) fn push(args: &PushArgs, context: &Context) -> Result<Exit, CliError> {
    let workspace = context.workspace()?;
    if args.hook && workspace.settings().remotes.is_empty() {
        return Ok(Exit::Success);
    }
    let scope = args.transfer.scope(&workspace, context)?;
    let depot = args.transfer.open(&workspace)?;
    let begin = Instant::now();
    let is_hidden = context.quiet || args.json;
    let has_runs = !args.runs.no_run_cache && args.transfer.targets.is_empty();
    let sent = watched("pushing", is_hidden, |meter| {
        exchange::push(&workspace, &depot, &scope, has_runs, meter)
    })?;
    show(
        Way::There,
        &sent,
        (&depot, begin.elapsed()),
        args.json,
        context,
    )?;
    judge(Way::There, &sent, depot.url())
}

/// Downloads what the cache lacks.
pub(crate) fn fetch(args: &FetchArgs, context: &Context) -> Result<Exit, CliError> {
    let workspace = context.workspace()?;
    let has_runs = !args.runs.no_run_cache;
    let is_hidden = context.quiet || args.json;
    let (pulled, depot, time) = bring(&args.transfer, has_runs, is_hidden, &workspace, context)?;
    show(Way::Here, &pulled, (&depot, time), args.json, context)?;
    judge(Way::Here, &pulled, depot.url())
}

/// Downloads what the cache lacks and puts it in place.
pub(crate) fn pull(args: &PullArgs, context: &Context) -> Result<Exit, CliError> {
    let workspace = context.workspace()?;
    let has_runs = !args.runs.no_run_cache;
    let (pulled, depot, time) =
        bring(&args.transfer, has_runs, context.quiet, &workspace, context)?;
    show(Way::Here, &pulled, (&depot, time), false, context)?;
    drop(workspace);
    let targets = args.transfer.targets.clone();
    let exit = checkout::run(&CheckoutArgs::of(targets, args.force), context)?;
    match judge(Way::Here, &pulled, depot.url())? {
        Exit::Success => Ok(exit),
        other => Ok(other),
    }
}

fn bring(
    args: &TransferArgs,
    has_runs: bool,
    is_hidden: bool,
    workspace: &Workspace,
    context: &Context,
) -> Result<(Transferred, Depot, Duration), CliError> {
    let scope = args.scope(workspace, context)?;
    let depot = args.open(workspace)?;
    let begin = Instant::now();
    let pulled = watched("fetching", is_hidden, |meter| {
        let mut pulled = exchange::fetch(workspace, &depot, &scope, meter)?;
        if has_runs {
            pulled.runs = exchange::fetch_runs(workspace, &depot)?;
        }
        Ok::<_, exchange::Error>(pulled)
    })?;
    Ok((pulled, depot, begin.elapsed()))
}

impl TransferArgs {
    /// Finds what is meant.
    pub(crate) fn scope(
        &self,
        workspace: &Workspace,
        context: &Context,
    ) -> Result<Scope, CliError> {
        let reaches = [
            self.all_branches.then_some(Reach::Branches),
            self.all_tags.then_some(Reach::Tags),
            self.all_commits.then_some(Reach::All),
        ];
        let mut scope = Scope {
            reaches: reaches.into_iter().flatten().collect(),
            ..Scope::default()
        };
        if self.targets.is_empty() {
            return Ok(scope);
        }
        let targets = context.tell_apart(workspace, &self.targets)?;
        scope.paths = targets.data.into_iter().collect();
        scope.parts = targets.parts;
        if let Some(stages) = targets.stages {
            scope.paths.extend(outs_of(&stages, workspace, context)?);
        }
        Ok(scope)
    }

    /// Opens the remote; Ctrl-C stops what is done with it.
    pub(crate) fn open(&self, workspace: &Workspace) -> Result<Depot, CliError> {
        open(self.remote.as_deref(), self.jobs, workspace)
    }
}

/// Opens a remote; Ctrl-C stops what is done with it.
pub(crate) fn open(
    remote: Option<&str>,
    jobs: Option<NonZeroUsize>,
    workspace: &Workspace,
) -> Result<Depot, CliError> {
    let cancel = CancelToken::default();
    cancel.listen(|urgency| {
        if urgency == Urgency::Drain {
            ui::eprint("\nstopping\n");
        }
    })?;
    let jobs = jobs.map(NonZeroUsize::get);
    Ok(exchange::open(workspace, remote, jobs, &cancel)?)
}

/// Gets tracked data that is missing here, and lets runs get what earlier ones made.
pub(crate) fn supply(
    remote: Option<&str>,
    workspace: &Workspace,
    context: &Context,
) -> Result<(), CliError> {
    let depot = open(remote, None, workspace)?;
    let access = context.access(workspace)?;
    let absent = data::absent(&access)?;
    let begin = Instant::now();
    let mut pulled = Transferred::default();
    if !absent.is_empty() {
        let scope = Scope {
            paths: absent.iter().cloned().collect(),
            ..Scope::default()
        };
        watched("fetching", context.quiet, |meter| {
            pulled = exchange::fetch(workspace, &depot, &scope, meter)?;
            let manner = Manner {
                is_forced: false,
                relinks: false,
            };
            data::check_out(&access, &absent, manner, meter)?;
            Ok::<_, exchange::Error>(())
        })?;
    }
    pulled.runs = exchange::fetch_runs(workspace, &depot)?;
    show(
        Way::Here,
        &pulled,
        (&depot, begin.elapsed()),
        false,
        context,
    )?;
    judge(Way::Here, &pulled, depot.url())?;
    workspace.supply_by(move |workspace, content| {
        let meter = Meter::default();
        match exchange::provide(workspace, &depot, content, &meter) {
            Ok(is_there) => is_there,
            Err(error) => {
                // The stage can still run.
                ui::eprint(&format!(
                    "the remote did not give an earlier result: {error}\n"
                ));
                false
            }
        }
    });
    Ok(())
}

fn outs_of(
    stages: &[String],
    workspace: &Workspace,
    context: &Context,
) -> Result<Vec<RepoPath>, CliError> {
    let pipeline = workspace.load_pipeline()?;
    let chosen = context
        .select_alone(workspace, stages)?
        .choose(&pipeline.graph)?;
    let stages = chosen.into_iter().map(|index| &pipeline.stages[index]);
    let outs = stages.flat_map(|stage| &stage.outs);
    Ok(outs.filter_map(|out| out.path.inside().cloned()).collect())
}

/// Says what a push or a fetch has done.
fn show(
    way: Way,
    done: &Transferred,
    (depot, time): (&Depot, Duration),
    is_json: bool,
    context: &Context,
) -> Result<(), CliError> {
    if is_json {
        return Ok(ui::print(&ui::transfer::to_json(done))?);
    }
    context.say(&ui::transfer::text(way, done, depot.url(), time));
    Ok(())
}

/// Ends well if all that was needed is where it should be.
fn judge(way: Way, done: &Transferred, url: &str) -> Result<Exit, CliError> {
    if done.is_complete() {
        return Ok(Exit::Success);
    }
    let message = ui::transfer::failure(done, url);
    let damaged = "where the data is whole, `mlpipe fsck --cloud --delete-corrupt` puts right what is \
                   damaged; all else was fetched";
    Err(match (done.lacking.is_empty(), done.damaged.is_empty()) {
        (true, false) => CliError::failed(message, damaged),
        (_, true) => CliError::failed(message, ui::transfer::rest(way)),
        (false, false) => CliError::failed(message, ui::transfer::rest(way)).hint(damaged),
    })
}
