//! `mlpipe move`.

use clap::Args;

use crate::base::path::RepoPath;
use crate::cli::commands::Context;
use crate::cli::error::{CliError, Exit};
use crate::cli::ui;
use crate::engine::move_out;

#[derive(Debug, Args)]
pub(crate) struct MoveArgs {
    /// An out of a stage, or tracked data
    old: String,

    /// Where it goes: a path, or a folder if it ends with `/` or is there already
    new: String,
}

/// Moves an out or tracked data.
pub(crate) fn run(args: &MoveArgs, context: &Context) -> Result<Exit, CliError> {
    let workspace = context.workspace()?;
    let old = context.path(&workspace, &args.old)?;
    let new = if args.new.ends_with('/') {
        context.path(&workspace, &format!("{}{}", args.new, old.name()))?
    } else {
        context.path(&workspace, &args.new)?
    };
    let moved = move_out(context.amend_alone(&workspace)?, &old, &new)?;
    let files: Vec<&str> = moved.files.iter().map(RepoPath::as_str).collect();
    let also = if files.is_empty() {
        String::new()
    } else {
        format!(", in {} as well", files.join(", "))
    };
    context.say(&format!("moved {old} to {}{also}\n", moved.to));
    for leftover in &moved.leftovers {
        ui::eprint(&format!("warning: {leftover}\n"));
    }
    if !moved.leftovers.is_empty() {
        context.say("  put the new path there by hand, then `mlpipe repro`\n");
    }
    Ok(Exit::Success)
}
