//! `mlpipe fsck`.

use clap::Args;

use crate::cli::commands::Context;
use crate::cli::error::{CliError, Exit};
use crate::cli::ui;
use crate::cli::ui::watch::watched;
use crate::data::check;

#[derive(Debug, Args)]
pub(crate) struct FsckArgs {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Checks every byte in the cache.
pub(crate) fn run(args: &FsckArgs, context: &Context) -> Result<Exit, CliError> {
    let workspace = context.workspace()?;
    let is_hidden = context.quiet || args.json;
    let report = watched("checking", is_hidden, |meter| check(&workspace, meter))?;
    if args.json {
        ui::print(&ui::fsck::to_json(&report))?;
    } else {
        ui::print(&ui::fsck::findings(&report))?;
        context.say(&ui::fsck::summary(&report));
    }
    Ok(if report.is_clean() {
        Exit::Success
    } else {
        Exit::Error
    })
}
