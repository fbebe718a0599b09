//! `mlpipe checkout`.

use std::num::NonZeroUsize;
use std::thread;

use clap::Args;

use crate::base::cancel::CancelToken;
use crate::cli::commands::{Context, Targets};
use crate::cli::error::{CliError, Exit};
use crate::cli::ui::progress::Spinner;
use crate::cli::ui::{self, Manner, repro_reporter};
use crate::data::{self, Access, CheckedOut, Departure, Fate, Outcome};
use crate::engine::{Answer, Ending, Policy, Question, ReproOptions, RunPolicy, Urls, repro};
use crate::pipeline::{self, quote};
use crate::workspace::Workspace;

#[derive(Debug, Args)]
pub(crate) struct CheckoutArgs {
    /// Tracked data, parts of it, folders with tracked data, stages whose outs are wanted, or paths that stages
    /// make [default: all]
    targets: Vec<String>,

    /// Overwrite tracked data whose content is in no cache; it is kept in `.mlpipe/kept`
    #[arg(short, long)]
    force: bool,

    /// Make tracked files of the cache anew, by the links that are configured now
    #[arg(long)]
    relink: bool,

    /// Print events as JSON lines
    #[arg(long)]
    json: bool,
}

impl CheckoutArgs {
    /// Makes the arguments of a checkout of these targets.
    pub(crate) fn of(targets: Vec<String>, force: bool) -> Self {
        Self {
            targets,
            force,
            relink: false,
            json: false,
        }
    }
}

/// Puts recorded data and outs in place, and runs nothing.
pub(crate) fn run(args: &CheckoutArgs, context: &Context) -> Result<Exit, CliError> {
    let workspace = context.workspace()?;
    let targets = context.tell_apart(&workspace, &args.targets)?;
    let mut exit = Exit::Success;
    let mut left = Vec::new();
    if args.targets.is_empty() || !targets.data.is_empty() || !targets.parts.is_empty() {
        let access = context.access(&workspace)?;
        if args.targets.is_empty() {
            left = take_away_left(args, context, &access)?;
        }
        exit = check_out_data(args, (context, &workspace), &access, &targets)?;
    }
    let has_failed = left.iter().any(|one| matches!(one.fate, Fate::Failed(_)));
    let exit = if has_failed { Exit::Error } else { exit };
    let Some(stages) = &targets.stages else {
        return Ok(exit);
    };
    if !left.is_empty() && is_without_pipeline(&workspace) {
        return Ok(exit);
    }
    match check_out_stages(args, context, &workspace, stages)? {
        Exit::Success => Ok(exit),
        other => Ok(other),
    }
}

/// Takes away what only commits tracked that were left, and says so.
fn take_away_left(
    args: &CheckoutArgs,
    context: &Context,
    access: &Access<'_>,
) -> Result<Vec<Departure>, CliError> {
    let departures = data::take_away_left(access)?;
    if args.json {
        let events: String = departures.iter().map(ui::data::departure_event).collect();
        ui::print(&events)?;
    } else {
        ui::eprint(&ui::data::departures(&departures, context.quiet));
    }
    Ok(departures)
}

/// Says whether a project, which may be that of another commit, has nothing but data, or nothing.
fn is_without_pipeline(workspace: &Workspace) -> bool {
    let loaded = workspace.load_pipeline();
    matches!(loaded, Err(pipeline::Error::NoPipeline { .. }))
}

fn check_out_data(
    args: &CheckoutArgs,
    (context, workspace): (&Context, &Workspace),
    access: &Access<'_>,
    targets: &Targets,
) -> Result<Exit, CliError> {
    let manner = data::Manner {
        is_forced: args.force,
        relinks: args.relink,
    };
    let all = {
        let spinner = Spinner::new("checking out", context.quiet || args.json);
        let meter = spinner.meter();
        let mut all = data::check_out(access, &targets.data, manner, meter)?;
        all.extend(data::check_out_parts(
            access,
            &targets.parts,
            manner,
            meter,
        )?);
        all
    };
    if args.json {
        let events: String = all.iter().map(ui::data::checked_out_event).collect();
        ui::print(&events)?;
    } else {
        ui::eprint(&ui::data::checked_out(&all, context.quiet));
    }
    let is_lost = |one: &CheckedOut| matches!(one.outcome, Outcome::Lost { .. });
    if !args.json
        && all.iter().any(is_lost)
        && let Some(cache) = workspace.cache_of_main()
    {
        ui::eprint(&format!(
            "this worktree has a cache of its own: `mlpipe cache dir --local {}` takes that of the main \
             worktree, which `mlpipe gc` then keeps for both\n",
            quote(&cache.display().to_string())
        ));
    }
    let is_success = |one: &CheckedOut| one.outcome.is_success();
    Ok(if all.iter().all(is_success) {
        Exit::Success
    } else {
        Exit::Error
    })
}

fn check_out_stages(
    args: &CheckoutArgs,
    context: &Context,
    workspace: &Workspace,
    targets: &[String],
) -> Result<Exit, CliError> {
    let options = ReproOptions {
        selection: context.select_alone(workspace, targets)?,
        jobs: thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
        policy: Policy {
            run: RunPolicy::CheckOut,
            urls: Urls::Recorded,
            ..Policy::default()
        },
        keep_going: true,
    };
    let cancel = CancelToken::default();
    cancel.listen(ui::announce_stop)?;
    let mut reporter = repro_reporter(Manner::of(args.json, context.quiet), None);
    // Consent is given: what the cache lacks is kept.
    let mut ask = |_: &Question| Answer::Yes;
    let summary = repro(workspace, &options, &cancel, reporter.as_mut(), &mut ask)?;
    drop(reporter);
    ui::summary::show(&summary, args.json, context.quiet)?;
    Ok(if summary.cancelled {
        Exit::Cancelled
    } else if summary.count(Ending::Failed) > 0 {
        Exit::Error
    } else {
        Exit::Success
    })
}
