//! `mlpipe metrics show` and `mlpipe metrics diff`.

use clap::{Args, Subcommand};

use crate::cli::commands::Context;
use crate::cli::commands::comparison::{self, Change};
use crate::cli::error::{CliError, Exit};
use crate::cli::ui::table::Form;
use crate::metrics::collect_metrics;

#[derive(Debug, Args)]
pub(crate) struct MetricsArgs {
    #[command(subcommand)]
    command: MetricsCommand,
}

#[derive(Debug, Subcommand)]
enum MetricsCommand {
    /// Show the metrics of the workspace
    Show(ShowArgs),
    /// Compare metrics of two revisions, or of a revision and the workspace
    Diff(comparison::DiffArgs),
}

#[derive(Debug, Args)]
struct ShowArgs {
    /// Print JSON
    #[arg(long, conflicts_with = "md")]
    json: bool,

    /// Print a markdown table
    #[arg(long)]
    md: bool,
}

/// Shows or compares metrics.
pub(crate) fn run(args: &MetricsArgs, context: &Context) -> Result<Exit, CliError> {
    let workspace = context.workspace()?;
    match &args.command {
        MetricsCommand::Diff(args) => {
            comparison::run(args, &workspace, collect_metrics, Change::Shown)
        }
        MetricsCommand::Show(args) => {
            let form = Form::choose(args.json, args.md);
            comparison::show(form, &workspace, collect_metrics)
        }
    }
}
