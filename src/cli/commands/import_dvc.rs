//! `mlpipe import-dvc`.

use clap::Args;

use crate::cli::commands::Context;
use crate::cli::error::{CliError, Exit};
use crate::cli::ui;
use crate::cli::ui::progress::Spinner;
use crate::dvc::{self, DVC_FOLDER};
use crate::workspace::Workspace;

#[derive(Debug, Args)]
pub(crate) struct ImportDvcArgs {
    /// The remote of DVC's that has what its cache lacks [default: DVC's own default]
    #[arg(short, long, value_name = "NAME")]
    remote: Option<String>,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Takes a project over from DVC.
pub(crate) fn run(args: &ImportDvcArgs, context: &Context) -> Result<Exit, CliError> {
    let workspace = workspace(context)?;
    let mut access = context.access(&workspace)?;
    let migration = {
        let spinner = Spinner::new("importing", context.quiet || args.json);
        let remote = args.remote.as_deref();
        dvc::migrate(&mut access, &workspace, remote, spinner.meter())?
    };
    if args.json {
        ui::print(&ui::migration::json(&migration))?;
    } else {
        context.say(&ui::migration::lines(&migration));
        ui::eprint(&ui::migration::troubles(&migration));
        let in_git = workspace.repo()?.is_some();
        context.say(&ui::migration::next(&migration, in_git));
    }
    Ok(if migration.troubles.is_empty() {
        Exit::Success
    } else {
        Exit::Error
    })
}

/// Makes the folder with DVC's state a project of ours, unless it is one.
fn workspace(context: &Context) -> Result<Workspace, CliError> {
    let folder = &context.folder;
    let start = folder.canonicalize().unwrap_or_else(|_| folder.clone());
    let root = start
        .ancestors()
        .find(|path| path.join(DVC_FOLDER).is_dir());
    let Some(root) = root else {
        return Err(dvc::Error::NoProject { path: start }.into());
    };
    Ok(context.telling(Workspace::init(root)?))
}
