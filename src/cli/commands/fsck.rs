//! `mlpipe fsck`.

use clap::Args;

use crate::base::human;
use crate::cli::commands::{Context, transfer};
use crate::cli::error::{CliError, Exit};
use crate::cli::ui;
use crate::cli::ui::watch::watched;
use crate::data::check;
use crate::workspace::Workspace;

#[derive(Debug, Args)]
pub(crate) struct FsckArgs {
    /// Check every byte at a remote instead
    #[arg(short, long)]
    cloud: bool,

    /// With `--cloud`: which remote [default: the default one]
    #[arg(short, long, value_name = "NAME", requires = "cloud")]
    remote: Option<String>,

    /// With `--cloud`: delete what is corrupt, so that the next push brings it again; what is good of
    /// it comes into the cache before
    #[arg(long, requires = "cloud")]
    delete_corrupt: bool,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Checks every byte in the cache.
pub(crate) fn run(args: &FsckArgs, context: &Context) -> Result<Exit, CliError> {
    let workspace = context.workspace()?;
    if args.cloud {
        return check_cloud(args, &workspace, context);
    }
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

/// Checks every byte at a remote.
fn check_cloud(
    args: &FsckArgs,
    workspace: &Workspace,
    context: &Context,
) -> Result<Exit, CliError> {
    let depot = transfer::open(args.remote.as_deref(), None, workspace)?;
    let is_hidden = context.quiet || args.json;
    let found = watched("checking", is_hidden, |meter| depot.inspect(meter))?;
    if args.json {
        ui::print(&ui::cloud::inspection_json(&found))?;
    } else {
        ui::print(&ui::cloud::inspection(&found, depot.url()))?;
    }
    if found.faults.is_empty() {
        return Ok(Exit::Success);
    }
    if args.delete_corrupt {
        let count = depot.delete_corrupt(&found, &workspace.cache)?;
        let files = human::count(count, "corrupt file");
        context.say(&format!(
            "deleted {files}; now `mlpipe push` from where the data is\n"
        ));
    } else if !args.json {
        context.say(
            "`mlpipe push` from where the data is brings back what is missing; \
             `mlpipe fsck --cloud --delete-corrupt` makes way for what is corrupt\n",
        );
    }
    Ok(Exit::Error)
}
