//! `mlpipe update`.

use clap::Args;

use crate::cli::commands::Context;
use crate::cli::commands::import::{destined, overwrite};
use crate::cli::error::{CliError, Exit};
use crate::cli::ui;
use crate::cli::ui::diagnostics;
use crate::cli::ui::progress::Spinner;
use crate::imports::{self, Destination, Moved, Wish};

#[derive(Debug, Args)]
pub(crate) struct UpdateArgs {
    /// Imported data [default: all of it]
    paths: Vec<String>,

    /// Take it from another branch, tag or commit from now on
    #[arg(long)]
    rev: Option<String>,

    /// Record what is there now, and download nothing
    #[arg(long, conflicts_with = "to_remote")]
    no_download: bool,

    /// Pass what is new at a URL on to a remote, and keep nothing of it here
    #[arg(long, conflicts_with = "dry")]
    to_remote: bool,

    /// With `--to-remote`: which one [default: the default one]
    #[arg(short, long, value_name = "NAME", requires = "to_remote")]
    remote: Option<String>,

    /// Say what would be updated, and change nothing
    #[arg(long)]
    dry: bool,

    /// Replace what was changed here; a copy is kept in .mlpipe/kept
    #[arg(short, long)]
    force: bool,
}

/// Brings imported data up to date.
pub(crate) fn run(args: &UpdateArgs, context: &Context) -> Result<Exit, CliError> {
    let workspace = context.workspace()?;
    let paths = context.paths(&workspace, &args.paths)?;
    let depot = destined(args.to_remote, args.remote.as_deref(), &workspace)?;
    let wish = Wish {
        destination: match &depot {
            Some(depot) => Destination::Remote(depot),
            None if args.no_download => Destination::Nowhere,
            None => Destination::Here,
        },
        paths: &paths,
        rev: args.rev.as_deref(),
        overwrite: overwrite(args.force),
        is_dry: args.dry,
    };
    let mut access = context.access(&workspace)?;
    let spinner = Spinner::new("updating", context.quiet);
    let all = imports::update(&mut access, &workspace, &wish, spinner.meter())?;
    drop(spinner);
    if all.is_empty() {
        context.say("nothing was imported here: `mlpipe import` and `mlpipe import-url` do it\n");
    }
    let mut exit = Exit::Success;
    for updated in all {
        let path = updated.path;
        match updated.outcome {
            Ok(Moved::Unchanged) => context.say(&format!("{path}  unchanged\n")),
            Ok(Moved::Commit) => context.say(&format!("{path}  unchanged in another commit\n")),
            Ok(Moved::Noted) => context.say(&format!(
                "{path}  is another; `mlpipe update {path}` downloads it\n"
            )),
            Ok(Moved::Sent(content)) => {
                let amount = ui::data::amount(&content);
                context.say(&format!("{path}  updated at the remote  {amount}\n"));
            }
            Ok(Moved::Would) => context.say(&format!("{path}  would be updated\n")),
            Ok(Moved::Content(content)) => {
                let amount = ui::data::amount(&content);
                context.say(&format!("{path}  updated  {amount}\n"));
            }
            Err(error) => {
                ui::eprint(&diagnostics::render(&CliError::from(error)));
                exit = Exit::Error;
            }
        }
    }
    Ok(exit)
}
