//! `mlpipe stage`: its subcommands.

use clap::{Args, Subcommand};

use crate::cli::commands::{Context, stage_add, stage_list};
use crate::cli::error::{CliError, Exit};

#[derive(Debug, Args)]
pub(crate) struct StageArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Add a stage to the pipeline file of this folder
    Add(Box<stage_add::AddArgs>),
    /// List stages, with what they are for
    List(stage_list::ListArgs),
}

/// Carries out a subcommand.
pub(crate) fn run(args: &StageArgs, context: &Context) -> Result<Exit, CliError> {
    match &args.command {
        Command::Add(args) => stage_add::run(args, context),
        Command::List(args) => stage_list::run(args, context),
    }
}
