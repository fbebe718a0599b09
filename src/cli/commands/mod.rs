//! One file a command: its arguments and what it does with them.

pub(crate) mod cache;
pub(crate) mod checkout;
pub(crate) mod commit;
mod comparison;
pub(crate) mod config;
pub(crate) mod dag;
pub(crate) mod freeze;
pub(crate) mod fsck;
pub(crate) mod gc;
pub(crate) mod git;
pub(crate) mod init;
pub(crate) mod install;
pub(crate) mod metrics;
#[cfg(feature = "ml")]
pub(crate) mod ml;
pub(crate) mod mv;
pub(crate) mod params;
pub(crate) mod remove;
pub(crate) mod report;
pub(crate) mod repro;
mod selection;
pub(crate) mod stage;
mod stage_add;
mod stage_list;
pub(crate) mod status;

use std::path::PathBuf;

use crate::base::path::RepoPath;
use crate::cli::args::{Arguments, Command};
use crate::cli::error::{CliError, Exit};
use crate::cli::ui;
use crate::engine::{Amendment, Freeze, Reach, Selection};
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
        Command::Checkout(args) => checkout::run(args, &context),
        Command::Commit(args) => commit::run(args, &context),
        Command::Status(args) => status::run(args, &context),
        Command::Stage(args) => stage::run(args, &context),
        Command::Freeze(args) => freeze::run(args, Freeze::On, &context),
        Command::Unfreeze(args) => freeze::run(args, Freeze::Off, &context),
        Command::Remove(args) => remove::run(args, &context),
        Command::Move(args) => mv::run(args, &context),
        Command::Dag(args) => dag::run(args, &context),
        Command::Metrics(args) => metrics::run(args, &context),
        Command::Params(args) => params::run(args, &context),
        Command::Report(args) => report::run(args, &context),
        Command::Install(args) => install::run(args, &context),
        Command::Config(args) => config::run(args, &context),
        Command::Cache(args) => cache::run(args, &context),
        Command::Gc(args) => gc::run(args, &context),
        Command::Fsck(args) => fsck::run(args, &context),
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

    /// Enters the project to edit pipeline files, be stages running meanwhile.
    pub(crate) fn amend<'w>(&self, workspace: &'w Workspace) -> Result<Amendment<'w>, CliError> {
        Ok(Amendment::begin(workspace, |holder| {
            self.say_waiting(holder);
        })?)
    }

    /// Enters the project to change what stages read and write, once none runs.
    pub(crate) fn amend_alone<'w>(
        &self,
        workspace: &'w Workspace,
    ) -> Result<Amendment<'w>, CliError> {
        let waiting = |holder: &str| self.say_waiting(holder);
        let tell = |event| self.say(&ui::event_line(&event));
        Ok(Amendment::begin_alone(workspace, waiting, &tell)?)
    }

    fn say_waiting(&self, holder: &str) {
        self.say(&format!(
            "another mlpipe ({holder}) is at work here; waiting\n"
        ));
    }

    /// Selects the targets, without what they need or what needs them.
    pub(crate) fn select_alone(
        &self,
        workspace: &Workspace,
        targets: &[String],
    ) -> Result<Selection, CliError> {
        Ok(Selection {
            targets: targets.to_vec(),
            folder: self.folder_of(workspace, targets)?,
            reach: Reach::Nowhere,
            ..Selection::default()
        })
    }

    /// Returns the path of the project that `text` means in the folder.
    pub(crate) fn path(&self, workspace: &Workspace, text: &str) -> Result<RepoPath, CliError> {
        let path = workspace.path_from(&self.folder, text);
        path.map_err(|error| CliError::usage(error.to_string(), "name a path of this project"))
    }

    /// Returns the folder that targets are looked for from. Without targets all stages are meant,
    /// wherever one is.
    pub(crate) fn folder_of(
        &self,
        workspace: &Workspace,
        targets: &[String],
    ) -> Result<RepoPath, CliError> {
        if targets.is_empty() {
            return Ok(RepoPath::root());
        }
        self.path(workspace, ".")
    }

    /// Tells people what was done.
    pub(crate) fn say(&self, text: &str) {
        if !self.quiet {
            ui::eprint(text);
        }
    }
}
