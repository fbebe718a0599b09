//! `mlpipe remove`.

use std::collections::BTreeSet;

use clap::Args;

use crate::base::path::RepoPath;
use crate::cli::commands::Context;
use crate::cli::error::{CliError, Exit};
use crate::data::{self, Files};
use crate::engine::{Outs, remove_stages};
use crate::workspace::{Kept, Workspace};

#[derive(Debug, Args)]
pub(crate) struct RemoveArgs {
    /// Stages, whole groups of them, or tracked data
    #[arg(required = true, value_name = "TARGET")]
    targets: Vec<String>,

    /// Delete the outs of the stages, or the data, as well; what the cache does not have is kept in `.mlpipe/kept`
    #[arg(long)]
    outs: bool,
}

/// Removes stages, and stops tracking data.
pub(crate) fn run(args: &RemoveArgs, context: &Context) -> Result<Exit, CliError> {
    let workspace = context.workspace()?;
    let (absent, others) = absent(args, context, &workspace)?;
    if others.is_empty() {
        forget_absent(&absent, context, &workspace)?;
        return Ok(Exit::Success);
    }
    let targets = context.tell_apart(&workspace, &others)?.whole()?;
    refuse_unnamed(args, context, &workspace, &targets.data)?;
    forget_absent(&absent, context, &workspace)?;
    if !targets.data.is_empty() {
        remove_data(args, context, &workspace, &targets.data)?;
    }
    let Some(stages) = &targets.stages else {
        return Ok(Exit::Success);
    };
    let outs = if args.outs { Outs::Go } else { Outs::Stay };
    let folder = context.folder_of(&workspace, stages)?;
    let amendment = context.amend_alone(&workspace)?;
    let removed = remove_stages(amendment, &folder, stages, outs)?;
    for name in &removed.names {
        context.say(&format!("removed {name}\n"));
    }
    for path in &removed.deleted {
        context.say(&format!("deleted {path}\n"));
    }
    say_kept(context, &removed.kept);
    Ok(Exit::Success)
}

/// Tells imports that are not downloaded from targets that name something else.
fn absent(
    args: &RemoveArgs,
    context: &Context,
    workspace: &Workspace,
) -> Result<(Vec<RepoPath>, Vec<String>), CliError> {
    let lock = workspace.load_lock()?;
    let (mut absent, mut others) = (Vec::new(), Vec::new());
    for target in &args.targets {
        let path = workspace.path_from(&context.folder, target);
        match path {
            Ok(path) if lock.sources.contains_key(&path) && !lock.data.contains_key(&path) => {
                absent.push(path);
            }
            _ => others.push(target.clone()),
        }
    }
    Ok((absent, others))
}

/// Forgets imports that are not downloaded.
fn forget_absent(
    absent: &[RepoPath],
    context: &Context,
    workspace: &Workspace,
) -> Result<(), CliError> {
    for path in absent {
        data::remove_absent(&context.access(workspace)?, path)?;
        context.say(&format!("no longer tracked: {path}\n"));
    }
    Ok(())
}

/// Elsewhere a folder stands for the tracked data in it; here that would be too much for a slip.
fn refuse_unnamed(
    args: &RemoveArgs,
    context: &Context,
    workspace: &Workspace,
    paths: &BTreeSet<RepoPath>,
) -> Result<(), CliError> {
    let named = args.targets.iter().flat_map(|target| {
        let seen = workspace.path_from(&context.folder, target);
        [seen, RepoPath::parse(target)]
    });
    let named: BTreeSet<RepoPath> = named.flatten().collect();
    let Some(unnamed) = paths.difference(&named).next() else {
        return Ok(());
    };
    let folder = named.iter().find(|folder| unnamed.is_within(folder));
    Err(data::Error::Untracked {
        path: folder.unwrap_or(unnamed).clone(),
        help: Some(format!(
            "name what is in it, as in `mlpipe remove {unnamed}`"
        )),
    }
    .into())
}

fn remove_data(
    args: &RemoveArgs,
    context: &Context,
    workspace: &Workspace,
    paths: &BTreeSet<RepoPath>,
) -> Result<(), CliError> {
    let files = if args.outs { Files::Go } else { Files::Stay };
    let removed = data::remove(&mut context.access(workspace)?, paths, files)?;
    for path in paths {
        let is_deleted = removed.deleted.contains(path);
        let what = if is_deleted {
            "deleted"
        } else {
            "no longer tracked:"
        };
        context.say(&format!("{what} {path}\n"));
    }
    say_kept(context, &removed.kept);
    Ok(())
}

fn say_kept(context: &Context, all: &[Kept]) {
    for kept in all {
        context.say(&format!(
            "{} is in no cache; it is now {}\n",
            kept.path, kept.to
        ));
    }
}
