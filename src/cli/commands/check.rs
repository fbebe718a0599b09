//! `mlpipe check`.

use std::path::Path;

use clap::Args;

use crate::base::cancel::CancelToken;
use crate::base::process::{self, Script};
use crate::base::value::Value;
use crate::cli::commands::Context;
use crate::cli::commands::base::BaseArgs;
use crate::cli::commands::forge::{ForgeArgs, dialect, fork_reason};
use crate::cli::commands::report_forge::ForgeReport;
use crate::cli::commands::sides::Side;
use crate::cli::error::{CliError, Exit};
use crate::cli::ui;
use crate::forge::{Check, CheckState, Conclusion, Environment, Error, Forge, Permission, Place};
use crate::metrics::{Query, Subject};
use crate::workspace::Workspace;

#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// Run this command meanwhile: the check is in progress until it has ended, however it does
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<String>,

    /// Call the check this
    #[arg(long, value_name = "NAME", default_value = "mlpipe")]
    name: String,

    #[command(flatten)]
    base: BaseArgs,

    #[command(flatten)]
    forge: ForgeArgs,
}

/// Opens a check, runs the command, and concludes the check by the gates.
pub(crate) fn run(args: &CheckArgs, context: &Context) -> Result<Exit, CliError> {
    let workspace = context.workspace()?;
    let place = args
        .forge
        .place(&Environment::of_process(), &context.folder)?;
    let sha = place.job.sha.clone().ok_or(Error::UnknownCommit)?;
    let cancel = CancelToken::default();
    let token = cancel.clone();
    // Of a check that is stopped something is still to be said: there is no second urgency to wait for.
    cancel.listen(move |_| {
        token.escalate();
    })?;
    let mut open = OpenCheck::begin(args, &place, &sha)?;
    let outcome = carry_out(args, &workspace, &place, &context.folder, &cancel);
    let (exit, ended) = match outcome {
        _ if cancel.is_cancelled() => (Exit::Cancelled, Ended::stopped()),
        Ok(outcome) => outcome,
        Err(error) => {
            open.conclude(&Ended::broken(&error.message))?;
            return Err(error);
        }
    };
    open.conclude(&ended)?;
    if !context.quiet {
        ui::print(&format!("{}\n", ended.title))?;
    }
    Ok(exit)
}

/// How it ended.
struct Ended {
    conclusion: Conclusion,
    title: String,
    summary: String,
    facts: Vec<(String, String)>,
}

impl Ended {
    fn plain(conclusion: Conclusion, title: String) -> Self {
        Self {
            conclusion,
            summary: title.clone(),
            title,
            facts: Vec::new(),
        }
    }

    fn stopped() -> Self {
        Self::plain(Conclusion::Cancelled, "stopped".to_owned())
    }

    fn broken(message: &str) -> Self {
        Self::plain(Conclusion::Failure, message.to_owned())
    }
}

/// Runs the command, then judges.
fn carry_out(
    args: &CheckArgs,
    workspace: &Workspace,
    place: &Place,
    folder: &Path,
    cancel: &CancelToken,
) -> Result<(Exit, Ended), CliError> {
    if !args.command.is_empty() {
        let ended = run_command(&args.command, folder, cancel)?;
        if ended != process::Exit::Success {
            let title = format!("`{}` failed", args.command.join(" "));
            return Ok((Exit::StageFailed, Ended::broken(&title)));
        }
    }
    let mut report = ForgeReport::new(workspace, &args.base, place.job.base.as_deref())?;
    let dialect = dialect(place.kind);
    let summary = report.text(dialect, dialect.budget())?;
    let (exit, conclusion) = match report.verdict() {
        "fail" => (Exit::GateFailed, Conclusion::Failure),
        "warn" => (Exit::Success, Conclusion::Neutral),
        _ => (Exit::Success, Conclusion::Success),
    };
    let ended = Ended {
        conclusion,
        title: report.headline().to_owned(),
        summary,
        facts: facts(workspace)?,
    };
    Ok((exit, ended))
}

fn run_command(
    command: &[String],
    folder: &Path,
    cancel: &CancelToken,
) -> Result<process::Exit, CliError> {
    let words: Vec<String> = command.iter().map(|word| quote(word)).collect();
    let script = Script {
        text: &words.join(" "),
        folder,
        environment: &[],
        input: None,
    };
    let ended = script.start()?.wait(cancel, &mut |lines| {
        // A reader that has gone must not keep the check from being concluded.
        let _closed = ui::print(&lines.lasting());
    })?;
    Ok(ended)
}

/// Writes a word so that a shell takes it as it is.
fn quote(word: &str) -> String {
    format!("'{}'", word.replace('\'', "'\\''"))
}

/// Returns the metrics, for forges that show such beside a check.
fn facts(workspace: &Workspace) -> Result<Vec<(String, String)>, CliError> {
    let side = Side::here(workspace, &Query::all(Subject::Metrics))?;
    let values = side.collection.files.values().flatten();
    let numbers = values.filter(|(_, value)| Value::as_number(value).is_some());
    let facts = numbers.map(|(key, value)| (key.clone(), value.to_string()));
    Ok(facts.collect())
}

/// A check that is in progress.
struct OpenCheck {
    /// The forge; `None` where nothing may be written, as from forks.
    forge: Option<Box<dyn Forge>>,
    known: Option<u64>,
    check: Check,
}

impl OpenCheck {
    fn begin(args: &CheckArgs, place: &Place, sha: &str) -> Result<Self, CliError> {
        let mut check = Self {
            forge: None,
            known: None,
            check: Check {
                name: args.name.clone(),
                sha: sha.to_owned(),
                state: CheckState::Running,
                title: "in progress".to_owned(),
                summary: String::new(),
                page: place.job.page.clone(),
                facts: Vec::new(),
            },
        };
        let opened = args.forge.open(place, Permission::Check).and_then(|forge| {
            check.known = forge.set_check(&check.check, None)?;
            Ok(forge)
        });
        match opened {
            Ok(forge) => check.forge = Some(forge),
            Err(error) => match fork_reason(&error, place) {
                Some(reason) => ui::eprint(&format!("warning: no check: {reason}\n")),
                None => return Err(error.into()),
            },
        }
        Ok(check)
    }

    fn conclude(&mut self, ended: &Ended) -> Result<(), CliError> {
        let Some(forge) = &self.forge else {
            return Ok(());
        };
        self.check.state = CheckState::Done(ended.conclusion);
        self.check.title.clone_from(&ended.title);
        self.check.summary.clone_from(&ended.summary);
        self.check.facts.clone_from(&ended.facts);
        forge.set_check(&self.check, self.known)?;
        Ok(())
    }
}
