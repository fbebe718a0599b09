//! `mlpipe params show` and `mlpipe params diff`.

use clap::{Args, Subcommand};

use crate::cli::commands::Context;
use crate::cli::commands::comparison::{self, Change};
use crate::cli::commands::values;
use crate::cli::error::{CliError, Exit};
use crate::metrics::Subject;

#[derive(Debug, Args)]
pub(crate) struct ParamsArgs {
    #[command(subcommand)]
    command: ParamsCommand,
}

#[derive(Debug, Subcommand)]
enum ParamsCommand {
    /// Show the parameters of the workspace, and of other revisions
    Show(ParamsShowArgs),
    /// Compare parameters of two revisions, or of a revision and the workspace
    Diff(ParamsDiffArgs),
}

#[derive(Debug, Args)]
struct ParamsShowArgs {
    #[command(flatten)]
    show: values::ShowArgs,

    #[command(flatten)]
    extent: Extent,
}

#[derive(Debug, Args)]
struct ParamsDiffArgs {
    #[command(flatten)]
    diff: comparison::DiffArgs,

    #[command(flatten)]
    extent: Extent,
}

#[derive(Debug, Args)]
struct Extent {
    /// Only the parameters that stages depend on
    #[arg(long)]
    deps: bool,
}

impl Extent {
    fn subject(&self) -> Subject {
        if self.deps {
            Subject::ParamsOfStages
        } else {
            Subject::Params
        }
    }
}

/// Shows or compares parameters.
pub(crate) fn run(args: &ParamsArgs, context: &Context) -> Result<Exit, CliError> {
    match &args.command {
        ParamsCommand::Diff(args) => {
            comparison::run(&args.diff, context, args.extent.subject(), Change::Hidden)
        }
        ParamsCommand::Show(args) => values::show(&args.show, context, args.extent.subject()),
    }
}
