//! `mlpipe commit`.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;

use clap::Args;

use crate::base::cancel::CancelToken;
use crate::base::path::RepoPath;
use crate::cli::commands::Context;
use crate::cli::error::{CliError, Exit};
use crate::cli::ui::progress::Spinner;
use crate::cli::ui::prompt::{self, Prompt};
use crate::cli::ui::{self, Manner, repro_reporter};
use crate::data::{self, Losses};
use crate::engine::{Answer, Consent, Ending, Policy, Question, ReproOptions, RunPolicy, repro};
use crate::workspace::Workspace;

#[derive(Debug, Args)]
pub(crate) struct CommitArgs {
    /// Tracked data, stages to record, or paths that stages make [default: all]
    targets: Vec<String>,

    /// Record outs even if the stage's inputs are not those that it ran with, and folders without files
    /// that are recorded and neither here nor in the cache
    #[arg(short, long)]
    force: bool,

    /// Print events as JSON lines
    #[arg(long)]
    json: bool,
}

/// Records what is in the workspace, and runs nothing.
pub(crate) fn run(args: &CommitArgs, context: &Context) -> Result<Exit, CliError> {
    let workspace = context.workspace()?;
    let targets = context.tell_apart(&workspace, &args.targets)?.whole()?;
    let mut exit = Exit::Success;
    if !targets.data.is_empty() {
        exit = commit_data(args, context, &workspace, &targets.data)?;
    }
    let Some(stages) = &targets.stages else {
        return Ok(exit);
    };
    match commit_stages(args, context, &workspace, stages)? {
        Exit::Success => Ok(exit),
        other => Ok(other),
    }
}

/// Nobody is asked: what is in tracked data is what the user has put there.
fn commit_data(
    args: &CommitArgs,
    context: &Context,
    workspace: &Workspace,
    paths: &BTreeSet<RepoPath>,
) -> Result<Exit, CliError> {
    let mut access = context.access(workspace)?;
    let added = {
        let spinner = Spinner::new("recording", context.quiet || args.json);
        let losses = Losses::accepted_if(args.force);
        data::commit(&mut access, paths, losses, spinner.meter())?
    };
    if args.json {
        let events: String = added.iter().map(ui::data::added_event).collect();
        ui::print(&events)?;
    } else {
        context.say(&ui::data::added(&added));
        ui::eprint(&ui::data::warnings(&added));
    }
    let recorded: BTreeSet<&RepoPath> = added.iter().map(|added| &added.path).collect();
    for path in paths.iter().filter(|path| !recorded.contains(path)) {
        context.say(&format!("{path}  not recorded: it is not there\n"));
    }
    let is_partial = recorded.len() < paths.len() && !args.targets.is_empty();
    Ok(if is_partial {
        Exit::Error
    } else {
        Exit::Success
    })
}

fn commit_stages(
    args: &CommitArgs,
    context: &Context,
    workspace: &Workspace,
    targets: &[String],
) -> Result<Exit, CliError> {
    let options = ReproOptions {
        selection: context.select_alone(workspace, targets)?,
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
    let summary = repro(workspace, &options, &cancel, reporter.as_mut(), &mut ask)?;
    drop(reporter);
    ui::summary::show(&summary, args.json, context.quiet)?;
    if !refused.is_empty() {
        return Err(CliError::unconfirmed(&refused));
    }
    let is_partial = summary.count(Ending::Skipped) > 0 && !targets.is_empty();
    Ok(if summary.cancelled {
        Exit::Cancelled
    } else if summary.count(Ending::Failed) > 0 || is_partial {
        Exit::Error
    } else {
        Exit::Success
    })
}
