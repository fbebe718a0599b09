//! `mlpipe root`.

use crate::base::path::RepoPath;
use crate::cli::commands::Context;
use crate::cli::error::{CliError, Exit};
use crate::cli::ui;

/// Prints the way from the folder that the command works in to the project's root.
pub(crate) fn run(context: &Context) -> Result<Exit, CliError> {
    let workspace = context.workspace()?;
    let here = context.path(&workspace, ".")?;
    let way = RepoPath::root().relative_to(&here);
    ui::print(&format!("{way}\n"))?;
    Ok(Exit::Success)
}
