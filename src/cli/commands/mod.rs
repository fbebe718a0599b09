//! One file a command: its arguments and what it does with them.

pub(crate) mod add;
pub(crate) mod artifacts;
mod artifacts_card;
mod backing;
pub(crate) mod badge;
mod base;
pub(crate) mod cache;
pub(crate) mod check;
pub(crate) mod check_ignore;
pub(crate) mod checkout;
pub(crate) mod ci;
pub(crate) mod comment;
pub(crate) mod commit;
mod comparison;
pub(crate) mod completion;
pub(crate) mod config;
pub(crate) mod dag;
pub(crate) mod data_status;
pub(crate) mod diff;
pub(crate) mod doctor;
pub(crate) mod du;
mod forge;
pub(crate) mod freeze;
pub(crate) mod fsck;
pub(crate) mod gate;
pub(crate) mod gc;
pub(crate) mod get;
pub(crate) mod git;
pub(crate) mod import;
pub(crate) mod import_dvc;
mod imported;
pub(crate) mod init;
pub(crate) mod install;
mod judging;
pub(crate) mod ls;
pub(crate) mod metrics;
#[cfg(feature = "ml")]
pub(crate) mod ml;
pub(crate) mod mv;
pub(crate) mod params;
pub(crate) mod plots;
mod plots_modify;
mod plots_style;
pub(crate) mod pr;
pub(crate) mod remote;
pub(crate) mod remove;
pub(crate) mod report;
mod report_forge;
mod report_gathered;
mod report_writer;
pub(crate) mod repro;
mod root;
mod scouting;
mod selection;
mod sides;
pub(crate) mod stage;
mod stage_add;
mod stage_list;
pub(crate) mod status;
pub(crate) mod transfer;
pub(crate) mod unprotect;
pub(crate) mod update;
mod values;

use std::collections::BTreeSet;
use std::path::PathBuf;

use crate::base::path::RepoPath;
use crate::cli::args::{Arguments, Command};
use crate::cli::commands::scouting::Errand;
use crate::cli::error::{CliError, Exit};
use crate::cli::ui;
use crate::data::{self, Access, Chosen, Part};
use crate::engine::{Amendment, Freeze, Reach, Selection};
use crate::pipeline;
use crate::workspace::Workspace;

/// Carries out the command of these arguments.
pub(crate) fn run(arguments: &Arguments) -> Result<Exit, CliError> {
    let context = Context {
        folder: arguments.cd.clone().unwrap_or_else(|| PathBuf::from(".")),
        quiet: arguments.quiet,
    };
    match &arguments.command {
        Command::Init(args) => init::run(args, &context),
        Command::Add(args) => add::run(args, &context),
        Command::Artifacts(args) => artifacts::run(args, &context),
        Command::Import(args) => import::run(args, &context),
        Command::ImportUrl(args) => import::run_url(args, &context),
        Command::Update(args) => update::run(args, &context),
        Command::Get(args) => get::run(args, &context),
        Command::GetUrl(args) => get::run_url(args, &context),
        Command::LsUrl(args) => get::run_list(args, &context),
        Command::ImportDvc(args) => import_dvc::run(args, &context),
        Command::Unprotect(args) => unprotect::run(args, &context),
        Command::Repro(args) => repro::run(args, &context),
        Command::Checkout(args) => checkout::run(args, &context),
        Command::Commit(args) => commit::run(args, &context),
        Command::Status(args) => status::run(args, &context),
        Command::Stage(args) => stage::run(args, &context),
        Command::Freeze(args) => freeze::run(args, Freeze::On, &context),
        Command::Unfreeze(args) => freeze::run(args, Freeze::Off, &context),
        Command::Remove(args) => remove::run(args, &context),
        Command::Move(args) => mv::run(args, &context),
        Command::Diff(args) => diff::run(args, &context),
        Command::Data(args) => data_status::run(args, &context),
        Command::Ls(args) => ls::run(args, &context),
        Command::Du(args) => du::run(args, &context),
        Command::CheckIgnore(args) => check_ignore::run(args, &context),
        Command::Dag(args) => dag::run(args, &context),
        Command::Metrics(args) => metrics::run(args, &context),
        Command::Params(args) => params::run(args, &context),
        Command::Gate(args) => gate::run(args, &context),
        Command::Plots(args) => plots::run(args, &context),
        Command::Report(args) => report::run(args, &context),
        Command::Comment(args) => comment::run(args, &context),
        Command::Check(args) => check::run(args, &context),
        Command::Pr(args) => pr::run(args, &context),
        Command::Install(args) => install::run(args, &context),
        Command::Config(args) => config::run(args, &context),
        Command::Root => root::run(&context),
        Command::Cache(args) => cache::run(args, &context),
        Command::Push(args) => transfer::push(args, &context),
        Command::Pull(args) => transfer::pull(args, &context),
        Command::Fetch(args) => transfer::fetch(args, &context),
        Command::Remote(args) => remote::run(args, &context),
        Command::Gc(args) => gc::run(args, &context),
        Command::Fsck(args) => fsck::run(args, &context),
        Command::Badge(args) => badge::run(args, &context),
        Command::Ci(args) => ci::run(args, &context),
        Command::Completion(args) => completion::run(args),
        Command::Doctor(args) => doctor::run(args, &context),
        Command::Git(args) => git::run(args, &context),
        #[cfg(feature = "ml")]
        Command::Ml(args) => ml::run(args, &context).map(|()| Exit::Success),
    }
}

/// What the targets of a command name.
pub(crate) struct Targets {
    /// Tracked data.
    pub(crate) data: BTreeSet<RepoPath>,
    /// Parts of tracked folders.
    pub(crate) parts: Vec<Part>,
    /// The targets that name stages; `None` if stages are not meant at all.
    pub(crate) stages: Option<Vec<String>>,
}

impl Targets {
    /// Refuses parts of tracked folders, for a command that takes or leaves them as a whole.
    pub(crate) fn whole(mut self) -> Result<Self, CliError> {
        match self.parts.pop() {
            Some(Part { tracked, path }) => Err(data::Error::Inside { path, tracked }.into()),
            None => Ok(self),
        }
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
        self.workspace_for(Errand::Record)
    }

    /// Like [`Self::workspace`], for a command that asks what is at URLs for this.
    pub(crate) fn workspace_for(&self, errand: Errand) -> Result<Workspace, CliError> {
        let workspace = self.telling(Workspace::find(&self.folder)?);
        workspace.scout_by(scouting::scout(errand, self.quiet));
        Ok(workspace)
    }

    /// Lets the user know whom a project waits for, where another process has its cache for itself.
    pub(crate) fn telling(&self, workspace: Workspace) -> Workspace {
        let is_quiet = self.quiet;
        workspace.telling(move |holder| {
            if !is_quiet {
                ui::eprint(&waiting_for(holder));
            }
        })
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

    /// Enters the project to change tracked data, be stages running meanwhile.
    pub(crate) fn access<'w>(&self, workspace: &'w Workspace) -> Result<Access<'w>, CliError> {
        Ok(Access::begin(workspace, |holder| {
            self.say_waiting(holder);
        })?)
    }

    /// Tells targets apart that name tracked data from those that name stages or their outs.
    pub(crate) fn tell_apart(
        &self,
        workspace: &Workspace,
        targets: &[String],
    ) -> Result<Targets, CliError> {
        let data = workspace.preview_lock(|lock| lock.data.clone())?;
        if data.is_empty() {
            return Ok(Targets {
                data: BTreeSet::new(),
                parts: Vec::new(),
                stages: Some(targets.to_vec()),
            });
        }
        let folder = self.folder_of(workspace, targets)?;
        let pipeline = match workspace.load_pipeline() {
            Err(pipeline::Error::NoPipeline { .. }) => None,
            loaded => Some(loaded),
        };
        let names_stage = |target: &str| match &pipeline {
            Some(Ok(pipeline)) => pipeline.graph.resolve_in(&folder, target).is_ok(),
            // Whoever works on the stages will tell what is wrong with them.
            _ => false,
        };
        let Chosen {
            paths,
            parts,
            others,
        } = data::choose(&data, &folder, targets, names_stage);
        if let (None, Some(unknown)) = (&pipeline, others.first()) {
            let path = self.path(workspace, unknown)?;
            return Err(data::untracked(&data, &path).into());
        }
        let wants_stages = if targets.is_empty() {
            pipeline.is_some()
        } else {
            !others.is_empty()
        };
        Ok(Targets {
            data: paths,
            parts,
            stages: wants_stages.then_some(others),
        })
    }

    fn say_waiting(&self, holder: &str) {
        self.say(&waiting_for(holder));
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

    /// Returns the paths of the project that these texts mean in the folder.
    pub(crate) fn paths(
        &self,
        workspace: &Workspace,
        texts: &[String],
    ) -> Result<Vec<RepoPath>, CliError> {
        let paths = texts.iter().map(|text| self.path(workspace, text));
        paths.collect()
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

fn waiting_for(holder: &str) -> String {
    format!("another mlpipe ({holder}) is at work here; waiting\n")
}
