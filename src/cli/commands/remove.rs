//! `mlpipe remove`.

use clap::Args;

use crate::cli::commands::Context;
use crate::cli::error::{CliError, Exit};
use crate::engine::{Outs, remove_stages};

#[derive(Debug, Args)]
pub(crate) struct RemoveArgs {
    /// Stages, or whole groups of them
    #[arg(required = true, value_name = "STAGE")]
    stages: Vec<String>,

    /// Delete their outs as well; what the cache does not have is kept in `.mlpipe/kept`
    #[arg(long)]
    outs: bool,
}

/// Removes stages.
pub(crate) fn run(args: &RemoveArgs, context: &Context) -> Result<Exit, CliError> {
    let workspace = context.workspace()?;
    let outs = if args.outs { Outs::Go } else { Outs::Stay };
    let folder = context.folder_of(&workspace, &args.stages)?;
    let amendment = context.amend_alone(&workspace)?;
    let removed = remove_stages(amendment, &folder, &args.stages, outs)?;
    for name in &removed.names {
        context.say(&format!("removed {name}\n"));
    }
    for path in &removed.deleted {
        context.say(&format!("deleted {path}\n"));
    }
    for kept in &removed.kept {
        context.say(&format!(
            "{} is in no cache; it is now {}\n",
            kept.path, kept.to
        ));
    }
    Ok(Exit::Success)
}
