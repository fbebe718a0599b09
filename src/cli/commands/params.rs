//! `mlpipe params diff`.

use clap::{Args, Subcommand};

use crate::cli::commands::Context;
use crate::cli::commands::comparison::{self, Change};
use crate::cli::error::{CliError, Exit};
use crate::metrics::collect_params;

#[derive(Debug, Args)]
pub(crate) struct ParamsArgs {
    #[command(subcommand)]
    command: ParamsCommand,
}

#[derive(Debug, Subcommand)]
enum ParamsCommand {
    /// Compare parameters of two revisions, or of a revision and the workspace
    Diff(comparison::DiffArgs),
}

/// Compares parameters.
pub(crate) fn run(args: &ParamsArgs, context: &Context) -> Result<Exit, CliError> {
    let workspace = context.workspace()?;
    let ParamsCommand::Diff(args) = &args.command;
    comparison::run(args, &workspace, collect_params, Change::Hidden)
}
