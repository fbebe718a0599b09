//! `mlpipe metrics show` and `mlpipe metrics diff`.

use clap::{Args, Subcommand};

use crate::cli::commands::Context;
use crate::cli::commands::comparison::{self, Change};
use crate::cli::commands::values;
use crate::cli::error::{CliError, Exit};
use crate::metrics::Subject;

#[derive(Debug, Args)]
pub(crate) struct MetricsArgs {
    #[command(subcommand)]
    command: MetricsCommand,
}

#[derive(Debug, Subcommand)]
enum MetricsCommand {
    /// Show the metrics of the workspace, and of other revisions
    Show(values::ShowArgs),
    /// Compare metrics of two revisions, or of a revision and the workspace
    Diff(comparison::DiffArgs),
}

/// Shows or compares metrics.
pub(crate) fn run(args: &MetricsArgs, context: &Context) -> Result<Exit, CliError> {
    match &args.command {
        MetricsCommand::Diff(args) => {
            comparison::run(args, context, Subject::Metrics, Change::Shown)
        }
        MetricsCommand::Show(args) => values::show(args, context, Subject::Metrics),
    }
}
