//! `mlpipe status`.

use std::collections::BTreeSet;
use std::env;
use std::num::NonZeroUsize;

use clap::Args;

use crate::base::path::RepoPath;
use crate::cli::commands::Context;
use crate::cli::commands::imported::{Imports, UpdatesArgs};
use crate::cli::commands::scouting::Errand;
use crate::cli::commands::transfer::TransferArgs;
use crate::cli::error::{CliError, Exit};
use crate::cli::ui::watch::watched;
use crate::cli::ui::{self, Explain};
use crate::data::{self, State, Tracked, Unmerged};
use crate::engine::{
    Forecast, Missing, Policy, Selection, StageStatus, Urls, changed_files, status,
};
use crate::exchange;
use crate::pipeline;
use crate::workspace::Workspace;

#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    /// Stages to look at, with all that they need, or tracked data [default: all]
    targets: Vec<String>,

    /// Say of each change what it was and is, and which files of a folder are behind it
    #[arg(long)]
    explain: bool,

    /// Compare the cache with a remote instead
    #[arg(short, long)]
    cloud: bool,

    /// Compare the cache with this remote [default: the default one]
    #[arg(short, long, value_name = "NAME")]
    remote: Option<String>,

    /// With `--cloud`: so many requests at once [default: the remote's `jobs`, else 16]
    #[arg(short, long, value_name = "N")]
    jobs: Option<NonZeroUsize>,

    /// With `--cloud`: also what the tips of all branches record
    #[arg(short, long)]
    all_branches: bool,

    /// With `--cloud`: also what all tags record
    #[arg(short = 'T', long)]
    all_tags: bool,

    /// With `--cloud`: also what any commit records
    #[arg(short = 'A', long)]
    all_commits: bool,

    /// Let data be absent: it counts as what data.lock says of it
    #[arg(long)]
    allow_missing: bool,

    #[command(flatten)]
    updates: UpdatesArgs,

    /// Ask nothing over the network, for git's pre-commit hook
    #[arg(long, hide = true)]
    hook: bool,

    /// Print JSON
    #[arg(long)]
    json: bool,

    /// Exit with 1 if a stage is not up to date, or tracked data not as recorded
    #[arg(long)]
    exit_code: bool,
}

/// Says what `repro` would do.
pub(crate) fn run(args: &StatusArgs, context: &Context) -> Result<Exit, CliError> {
    let workspace = context.workspace_for(Errand::Look)?;
    if args.cloud || args.remote.is_some() {
        return compare(args, &workspace, context);
    }
    let overview = Overview::look(args, &workspace, context)?;
    if args.json || !context.quiet {
        ui::print(&overview.text(args, &workspace))?;
    }
    Ok(if args.exit_code && !overview.is_clean() {
        Exit::Error
    } else {
        overview.exit()
    })
}

impl StatusArgs {
    fn policy(&self) -> Policy {
        Policy {
            missing: if self.allow_missing {
                Missing::Recorded
            } else {
                Missing::Absent
            },
            urls: if self.hook || is_in_hook() {
                Urls::Recorded
            } else {
                Urls::Asked
            },
            ..Policy::default()
        }
    }
}

fn is_absent(state: &State) -> bool {
    use State::{Away, Deleted, Lost, Undownloaded};
    matches!(state, Deleted | Lost | Undownloaded | Away)
}

/// Whether git waits for us before it commits: it tells its hooks which index that will be of. A hook of
/// our own says so itself, unless an older mlpipe has installed it.
fn is_in_hook() -> bool {
    env::var_os("GIT_INDEX_FILE").is_some()
}

/// What there is to be said of a project.
struct Overview {
    stages: Vec<StageStatus>,
    data: Vec<Tracked>,
    unmerged: Option<Unmerged>,
    /// Whether something could not be asked; the user has been told.
    has_failed: bool,
}

impl Overview {
    fn look(args: &StatusArgs, workspace: &Workspace, context: &Context) -> Result<Self, CliError> {
        let targets = context.tell_apart(workspace, &args.targets)?.whole()?;
        let imports = if args.targets.is_empty() {
            args.updates.look(workspace, context)?
        } else {
            Imports::default()
        };
        let mut data = survey_data(workspace, &targets.data)?;
        let has_only_imports = !imports.tracked.is_empty() && !has_pipeline(workspace);
        data.extend(imports.tracked);
        let stages = match &targets.stages {
            Some(_) if has_only_imports => Vec::new(),
            Some(stages) => {
                let selection = Selection {
                    targets: stages.clone(),
                    folder: context.folder_of(workspace, stages)?,
                    ..Selection::default()
                };
                status(workspace, &selection, args.policy())?
            }
            None => Vec::new(),
        };
        if args.allow_missing {
            data.retain(|one| !is_absent(&one.state));
        }
        Ok(Self {
            stages,
            data,
            unmerged: Unmerged::find(workspace)?,
            has_failed: imports.has_failed,
        })
    }

    fn text(&self, args: &StatusArgs, workspace: &Workspace) -> String {
        if args.json {
            return ui::json::status(&self.stages, &self.data, self.unmerged.as_ref());
        }
        let write = writer(workspace, args.explain);
        let conflict = self.unmerged.as_ref().map(ui::data::unmerged);
        conflict.unwrap_or_default() + &ui::status::render(&self.stages, &self.data, &write)
    }

    fn is_clean(&self) -> bool {
        let is_unchanged =
            |stage: &StageStatus| matches!(stage.forecast, Forecast::Unchanged | Forecast::Hold(_));
        self.stages.iter().all(is_unchanged)
            && self.data.iter().all(|one| one.state.is_clean())
            && self.unmerged.is_none()
    }

    /// What cannot be read, asked or run is an error, whatever else is only news.
    fn exit(&self) -> Exit {
        let is_unreadable = |one: &Tracked| matches!(one.state, State::Failed(_));
        if self.has_failed || self.data.iter().any(is_unreadable) {
            return Exit::Error;
        }
        exit_of(&self.stages)
    }
}

/// Returns whether there are stages, or files that may be meant to have some.
fn has_pipeline(workspace: &Workspace) -> bool {
    !matches!(
        workspace.preview_pipeline(|_| ()),
        Err(pipeline::Error::NoPipeline { .. })
    )
}

/// Compares the cache with a remote.
fn compare(args: &StatusArgs, workspace: &Workspace, context: &Context) -> Result<Exit, CliError> {
    let transfer = TransferArgs {
        targets: args.targets.clone(),
        remote: args.remote.clone(),
        jobs: args.jobs,
        all_branches: args.all_branches,
        all_tags: args.all_tags,
        all_commits: args.all_commits,
    };
    let scope = transfer.scope(workspace, context)?;
    let depot = transfer.open(workspace)?;
    let status = watched("comparing", context.quiet || args.json, |_| {
        exchange::cloud_status(workspace, &depot, &scope)
    })?;
    if args.json {
        ui::print(&ui::cloud::to_json(&status))?;
    } else if !context.quiet {
        ui::print(&ui::cloud::text(&status, depot.url()))?;
    }
    Ok(if args.exit_code && !status.is_same() {
        Exit::Error
    } else {
        Exit::Success
    })
}

/// Looks at tracked data.
fn survey_data(
    workspace: &Workspace,
    paths: &BTreeSet<RepoPath>,
) -> Result<Vec<Tracked>, CliError> {
    if paths.is_empty() {
        return Ok(Vec::new());
    }
    let (data, sources) =
        workspace.preview_lock(|lock| (lock.data.clone(), lock.sources.clone()))?;
    let found = data::survey(workspace, (&data, &sources), |path| paths.contains(path))?;
    if workspace.state("").is_dir() {
        workspace.try_save_index();
    }
    Ok(found)
}

/// A stage that cannot run is an error, whatever else is only news.
pub(crate) fn exit_of(stages: &[StageStatus]) -> Exit {
    let fails = |stage: &StageStatus| matches!(stage.forecast, Forecast::Fail(_));
    if stages.iter().any(fails) {
        Exit::Error
    } else {
        Exit::Success
    }
}

/// Returns what writes a change: as a line, or with what it was and is.
pub(super) fn writer(workspace: &Workspace, has_details: bool) -> Explain<'_> {
    if has_details {
        explain(workspace)
    } else {
        Box::new(|reason| format!("{reason}\n"))
    }
}

/// Says of a change what it was and is.
pub(super) fn explain(workspace: &Workspace) -> Explain<'_> {
    Box::new(|reason| {
        let files = changed_files(workspace, reason);
        // Without them the reason itself still stands.
        ui::status::details(reason, &files.unwrap_or_default())
    })
}
