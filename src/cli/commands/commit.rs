//! `mlpipe commit`.

use std::num::NonZeroUsize;

use clap::Args;

use crate::base::cancel::CancelToken;
use crate::cli::commands::Context;
use crate::cli::error::{CliError, Exit};
use crate::cli::ui::prompt::{self, Prompt};
use crate::cli::ui::{self, Manner, repro_reporter};
use crate::engine::{Answer, Consent, Ending, Policy, Question, ReproOptions, RunPolicy, repro};

#[derive(Debug, Args)]
pub(crate) struct CommitArgs {
    /// Stages to record, or paths that stages make [default: all]
    targets: Vec<String>,

    /// Record outs even if the stage's inputs are not those that it ran with
    #[arg(short, long)]
    force: bool,

    /// Print events as JSON lines
    #[arg(long)]
    json: bool,
}

/// Records what is in the workspace, and runs nothing.
pub(crate) fn run(args: &CommitArgs, context: &Context) -> Result<Exit, CliError> {
    let workspace = context.workspace()?;
    let options = ReproOptions {
        selection: context.select_alone(&workspace, &args.targets)?,
        jobs: NonZeroUsize::MIN,
        policy: Policy {
            run: RunPolicy::Never,
            consent: if args.force {
                Consent::Given
            } else {
                Consent::Asked
            },
            ..Policy::default()
        },
        keep_going: true,
    };
    let cancel = CancelToken::default();
    cancel.listen(ui::announce_stop)?;
    let mut person = Prompt::new("record", &cancel);
    let mut refused = Vec::new();
    let is_possible = prompt::is_possible() && !args.json;
    let mut ask = |question: &Question| {
        if is_possible {
            return person.ask(question);
        }
        refused.push(question.stage.to_string());
        Answer::No
    };
    let mut reporter = repro_reporter(Manner::lines(args.json, context.quiet), None);
    let summary = repro(&workspace, &options, &cancel, reporter.as_mut(), &mut ask)?;
    drop(reporter);
    ui::summary::show(&summary, args.json, context.quiet)?;
    if !refused.is_empty() {
        return Err(CliError::unconfirmed(&refused));
    }
    let is_partial = summary.count(Ending::Skipped) > 0 && !args.targets.is_empty();
    Ok(if summary.cancelled {
        Exit::Cancelled
    } else if summary.count(Ending::Failed) > 0 || is_partial {
        Exit::Error
    } else {
        Exit::Success
    })
}
