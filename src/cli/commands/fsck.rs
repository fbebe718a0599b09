//! `mlpipe fsck`.

use clap::Args;

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

    /// With `--cloud`: put the right bytes in the place of corrupt ones where the cache has them; else
    /// delete what is corrupt, so that the next push brings it again, unless other projects need it too
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
        let done = depot.put_right(&found, &workspace.cache)?;
        context.say(&ui::cloud::put_right(&done));
    } else if !args.json {
        context.say(
            "where the data is whole, `mlpipe push` brings back what is missing and \
             `mlpipe fsck --cloud --delete-corrupt` puts right what is corrupt\n",
        );
    }
    Ok(Exit::Error)
}
