//! `mlpipe doctor`.

use clap::Args;

use crate::cli::commands::Context;
use crate::cli::error::{CliError, Exit};
use crate::cli::ui;
use crate::cli::ui::checkup::Checkup;
use crate::doctor::{Aim, State, examine};

#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    /// Look at what a deploy needs as well: all committed, a remote, the forge's token
    #[arg(long)]
    deploy: bool,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Looks at everything; what will go wrong makes the exit code 1, what may go wrong does not.
pub(crate) fn run(args: &DoctorArgs, context: &Context) -> Result<Exit, CliError> {
    let aim = if args.deploy { Aim::Deploy } else { Aim::Run };
    let checkup = Checkup::new(examine(&context.folder, aim));
    let text = if args.json {
        checkup.json()
    } else {
        checkup.table(context.quiet)
    };
    ui::print(&text)?;
    Ok(match checkup.worst() {
        State::Failure => Exit::Error,
        State::Fine | State::Note | State::Warning => Exit::Success,
    })
}
