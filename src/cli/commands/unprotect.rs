//! `mlpipe unprotect`.

use clap::Args;

use crate::base::human;
use crate::cli::commands::Context;
use crate::cli::error::{CliError, Exit};
use crate::data;

#[derive(Debug, Args)]
pub(crate) struct UnprotectArgs {
    /// Files and folders that are to be edited
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<String>,
}

/// Replaces links into the cache by copies.
pub(crate) fn run(args: &UnprotectArgs, context: &Context) -> Result<Exit, CliError> {
    let workspace = context.workspace()?;
    let access = context.access(&workspace)?;
    for text in &args.paths {
        let path = context.path(&workspace, text)?;
        let count = data::unprotect(&access, &path)?;
        context.say(&match count {
            0 => format!("{path}  can be written already\n"),
            count => format!(
                "{path}  {} can be written now\n",
                human::count(count, "file")
            ),
        });
    }
    Ok(Exit::Success)
}
