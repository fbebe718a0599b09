//! `mlpipe diff`.

use clap::Args;

use crate::base::path::RepoPath;
use crate::cli::commands::{Context, sides};
use crate::cli::error::{CliError, Exit};
use crate::cli::ui::changes_json::{DiffJson, pretty};
use crate::cli::ui::table::Form;
use crate::cli::ui::{self, changes};
use crate::data::{Comparison, Detail, Inventory, Uncached, missing};
use crate::workspace::Workspace;

#[derive(Debug, Args)]
pub(crate) struct DiffArgs {
    /// The old side: a branch, a tag, a commit [default: HEAD]
    a_rev: Option<String>,

    /// The new side [default: what is in the workspace]
    b_rev: Option<String>,

    /// Compare only these files and folders
    #[arg(long, value_name = "PATH", num_args = 1..)]
    targets: Vec<String>,

    /// Print JSON
    #[arg(long, conflicts_with = "md")]
    json: bool,

    /// Print a markdown table
    #[arg(long)]
    md: bool,

    /// Print the first digits of the hashes too
    #[arg(long)]
    show_hash: bool,

    /// Leave out what the old side records and the cache lacks
    #[arg(long)]
    hide_missing: bool,
}

/// Says which tracked data, and which outs of stages, differ between two sides.
pub(crate) fn run(args: &DiffArgs, context: &Context) -> Result<Exit, CliError> {
    let workspace = context.workspace()?;
    let targets = context.paths(&workspace, &args.targets)?;
    let old_name = args.a_rev.as_deref().unwrap_or("HEAD");
    let mut old = Inventory::at(&sides::revision(&workspace, old_name)?)?;
    let mut new = match &args.b_rev {
        Some(name) => Inventory::at(&sides::revision(&workspace, name)?)?,
        None => Inventory::here(&workspace, &Uncached::here(&workspace))?,
    };
    let new_name = args.b_rev.as_deref().unwrap_or("the workspace");
    refuse_unknown(&targets, (old_name, &old), (new_name, &new))?;
    old.restrict(&targets);
    new.restrict(&targets);
    if args.b_rev.is_none() {
        let (measured, unreadable) = new.measured(&workspace);
        if let Some(one) = unreadable.into_iter().next() {
            return Err(one.error.into());
        }
        new = measured;
    }
    let comparison = Comparison {
        workspace: &workspace,
        old: &old,
        new: &new,
        detail: Detail::Files,
        targets: &targets,
    };
    let changes = comparison.run()?;
    let missing = lost(args, &workspace, &old, &targets)?;
    let shown = missing.as_deref().unwrap_or_default();
    let text = match Form::choose(args.json, args.md) {
        Form::Json => pretty(&DiffJson::new(&changes, missing.as_deref())),
        _ if changes.is_empty() && shown.is_empty() => {
            format!("no data differs between {old_name} and {new_name}\n")
        }
        Form::Markdown => changes::diff_markdown(&changes, shown, args.show_hash),
        Form::Text => changes::diff_text(&changes, shown, args.show_hash),
    };
    ui::print(&text)?;
    Ok(Exit::Success)
}

/// Lists what of the old side could not be brought back; nobody asks between two revisions.
fn lost(
    args: &DiffArgs,
    workspace: &Workspace,
    old: &Inventory,
    targets: &[RepoPath],
) -> Result<Option<Vec<crate::data::Item>>, CliError> {
    if args.hide_missing || args.b_rev.is_some() {
        return Ok(None);
    }
    let mut lost = missing(workspace, old, Detail::Files)?;
    lost.retain(|item| item.is_among(targets));
    Ok(Some(lost))
}

fn refuse_unknown(
    targets: &[RepoPath],
    (old_name, old): (&str, &Inventory),
    (new_name, new): (&str, &Inventory),
) -> Result<(), CliError> {
    let is_unknown = |target: &&RepoPath| !old.touches(target) && !new.touches(target);
    match targets.iter().find(is_unknown) {
        None => Ok(()),
        Some(target) => Err(CliError::usage(
            format!(
                "`{target}` is neither tracked data nor an out, in {old_name} and in {new_name}"
            ),
            "`mlpipe ls --data-only --recursive` lists what is",
        )),
    }
}
