//! `mlpipe checkout`.

use std::num::NonZeroUsize;
use std::thread;

use clap::Args;

use crate::base::cancel::CancelToken;
use crate::cli::commands::Context;
use crate::cli::error::{CliError, Exit};
use crate::cli::ui::{self, Manner, repro_reporter};
use crate::engine::{Answer, Ending, Policy, Question, ReproOptions, RunPolicy, repro};

#[derive(Debug, Args)]
pub(crate) struct CheckoutArgs {
    /// Stages whose outs are wanted, or paths that stages make [default: all]
    targets: Vec<String>,

    /// Print events as JSON lines
    #[arg(long)]
    json: bool,
}

/// Puts recorded outs in place, and runs nothing.
pub(crate) fn run(args: &CheckoutArgs, context: &Context) -> Result<Exit, CliError> {
    let workspace = context.workspace()?;
    let options = ReproOptions {
        selection: context.select_alone(&workspace, &args.targets)?,
        jobs: thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
        policy: Policy {
            run: RunPolicy::CheckOut,
            ..Policy::default()
        },
        keep_going: true,
    };
    let cancel = CancelToken::default();
    cancel.listen(ui::announce_stop)?;
    let mut reporter = repro_reporter(Manner::of(args.json, context.quiet), None);
    // Consent is given: what the cache lacks is kept.
    let mut ask = |_: &Question| Answer::Yes;
    let summary = repro(&workspace, &options, &cancel, reporter.as_mut(), &mut ask)?;
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
