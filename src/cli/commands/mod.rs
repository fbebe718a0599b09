//! One file a command: its arguments and what it does with them.

mod comparison;
pub(crate) mod dag;
pub(crate) mod git;
pub(crate) mod init;
pub(crate) mod install;
pub(crate) mod metrics;
#[cfg(feature = "ml")]
pub(crate) mod ml;
pub(crate) mod params;
pub(crate) mod report;
pub(crate) mod repro;
pub(crate) mod status;

use std::path::PathBuf;

use crate::cli::args::{Arguments, Command};
use crate::cli::error::{CliError, Exit};
use crate::workspace::Workspace;

/// Carries out the command of these arguments.
pub(crate) fn run(arguments: &Arguments) -> Result<Exit, CliError> {
    let context = Context {
        folder: arguments.cd.clone().unwrap_or_else(|| PathBuf::from(".")),
        quiet: arguments.quiet,
    };
    match &arguments.command {
        Command::Init(args) => init::run(args, &context),
        Command::Repro(args) => repro::run(args, &context),
        Command::Status(args) => status::run(args, &context),
        Command::Dag(args) => dag::run(args, &context),
        Command::Metrics(args) => metrics::run(args, &context),
        Command::Params(args) => params::run(args, &context),
        Command::Report(args) => report::run(args, &context),
        Command::Install(args) => install::run(args, &context),
        Command::Git(args) => git::run(args, &context),
        #[cfg(feature = "ml")]
        Command::Ml(args) => Ok(ml::run(args).map(|()| Exit::Success)?),
    }
}

/// What all commands share.
pub(crate) struct Context {
    /// The folder that the command works in.
    pub(crate) folder: PathBuf,
    /// Whether only failures are printed.
    pub(crate) quiet: bool,
}

impl Context {
    /// Opens the project that the folder lies in.
    pub(crate) fn workspace(&self) -> Result<Workspace, CliError> {
        Ok(Workspace::find(&self.folder)?)
    }
}
