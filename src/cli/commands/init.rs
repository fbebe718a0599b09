//! `mlpipe init`.

use clap::Args;

use crate::cli::commands::Context;
use crate::cli::error::{CliError, Exit};
use crate::cli::ui;
use crate::scm::Repo;
use crate::workspace::Workspace;

#[derive(Debug, Args)]
pub(crate) struct InitArgs {
    /// Work without git: nothing can be compared then
    #[arg(long)]
    no_scm: bool,
}

/// Makes the folder a project. Doing it twice is fine.
pub(crate) fn run(args: &InitArgs, context: &Context) -> Result<Exit, CliError> {
    if !args.no_scm {
        let folder = context.folder.canonicalize()?;
        Repo::open(&folder).map_err(|error| {
            let mut error = CliError::from(error);
            error.hints =
                vec!["`git init` makes it one; `mlpipe init --no-scm` does without".to_owned()];
            error
        })?;
    }
    let workspace = Workspace::init(&context.folder)?;
    if !context.quiet {
        let next = if workspace.root().join("pipeline.yaml").exists() {
            "`mlpipe repro` runs the pipeline"
        } else {
            "write a pipeline.yaml, then run `mlpipe repro`"
        };
        ui::print(&format!(
            "made `.mlpipe`: cache, logs and settings of this project\nnext: {next}\n"
        ))?;
    }
    Ok(Exit::Success)
}
