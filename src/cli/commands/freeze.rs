//! `mlpipe freeze` and `mlpipe unfreeze`.

use clap::Args;

use crate::cli::commands::Context;
use crate::cli::error::{CliError, Exit};
use crate::engine::{Freeze, set_frozen};

#[derive(Debug, Args)]
pub(crate) struct FreezeArgs {
    /// Stages, or whole groups of them
    #[arg(required = true, value_name = "STAGE")]
    stages: Vec<String>,
}

/// Freezes stages or lets them go.
pub(crate) fn run(args: &FreezeArgs, freeze: Freeze, context: &Context) -> Result<Exit, CliError> {
    let workspace = context.workspace()?;
    let folder = context.folder_of(&workspace, &args.stages)?;
    let changed = set_frozen(context.amend(&workspace)?, &folder, &args.stages, freeze)?;
    let (done, already) = match freeze {
        Freeze::On => ("froze", "frozen already"),
        Freeze::Off => ("unfroze", "not frozen"),
    };
    for name in &changed {
        context.say(&format!("{done} {name}\n"));
    }
    if changed.is_empty() {
        context.say(&format!("{already}: {}\n", args.stages.join(", ")));
    }
    Ok(Exit::Success)
}
