//! `mlpipe data`: its subcommands.

use clap::{Args, Subcommand};

use crate::cli::commands::{Context, data_status};
use crate::cli::error::{CliError, Exit};

#[derive(Debug, Args)]
pub(crate) struct DataArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Say what differs between the last commit, data.lock, the workspace and the cache
    Status(data_status::StatusArgs),
}

/// Carries out a subcommand.
pub(crate) fn run(args: &DataArgs, context: &Context) -> Result<Exit, CliError> {
    let Command::Status(args) = &args.command;
    data_status::run(args, context)
}
