//! `mlpipe gc`.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use clap::Args;

use crate::base::any_path::walk;
use crate::cli::commands::{Context, transfer};
use crate::cli::error::{CliError, Exit};
use crate::cli::ui::watch::watched;
use crate::cli::ui::{self, prompt};
use crate::data::{Collected, How, Order, Unlisted, collect};
use crate::exchange::{self, Scope};
use crate::remote::{GRACE, Sweeping};
use crate::scm::{Day, Reach};
use crate::store::project_name;
use crate::workspace::Workspace;

#[derive(Debug, Args)]
pub(crate) struct GcArgs {
    /// Keep what data.lock records now; every other scope keeps that as well
    #[arg(short, long)]
    workspace: bool,

    /// Keep what this revision needs
    #[arg(long, value_name = "REV")]
    rev: Option<String>,

    /// Keep what so many commits need, from `--rev` back
    #[arg(short, long, value_name = "N", requires = "rev", default_value = "1")]
    num: NonZeroUsize,

    /// Keep what the tips of all branches need
    #[arg(short, long)]
    all_branches: bool,

    /// Keep what all tags need
    #[arg(short = 'T', long)]
    all_tags: bool,

    /// Keep what any commit needs
    #[arg(short = 'A', long)]
    all_commits: bool,

    /// Keep what the commits need that were made on this day or later
    #[arg(long, value_name = "YYYY-MM-DD")]
    date: Option<Day>,

    /// Sweep a remote instead of the cache, of what this project has there
    #[arg(short, long)]
    cloud: bool,

    /// With `--cloud`: which remote [default: the default one]
    #[arg(short, long, value_name = "NAME", requires = "cloud")]
    remote: Option<String>,

    /// List what would be deleted, and delete nothing
    #[arg(long)]
    dry: bool,

    /// Go on where the list of a tracked folder's files is lost, which keeps none of them then
    #[arg(long)]
    allow_missing: bool,

    /// Delete without asking
    #[arg(short, long)]
    force: bool,

    /// Print JSON
    #[arg(long)]
    json: bool,

    /// Say that a project does not use this cache any more: its folder, or the name that `gc` gave
    #[arg(long, value_name = "PATH")]
    forget_project: Option<PathBuf>,
}

impl GcArgs {
    fn has_scope(&self) -> bool {
        self.workspace || !self.reaches().is_empty()
    }

    fn reaches(&self) -> Vec<Reach> {
        let back = |name: &String| Reach::Back(name.clone(), self.num);
        let all = [
            self.rev.as_ref().map(back),
            self.all_branches.then_some(Reach::Branches),
            self.all_tags.then_some(Reach::Tags),
            self.all_commits.then_some(Reach::All),
            self.date.map(Reach::Since),
        ];
        all.into_iter().flatten().collect()
    }
}

/// Deletes from the cache what nobody needs.
pub(crate) fn run(args: &GcArgs, context: &Context) -> Result<Exit, CliError> {
    let workspace = context.workspace()?;
    if let Some(path) = &args.forget_project {
        forget(path, &workspace, context)?;
        if !args.has_scope() {
            return Ok(Exit::Success);
        }
    }
    if !args.has_scope() {
        return Err(CliError::usage(
            "say what is to be kept: `gc` deletes all else from the cache".to_owned(),
            "-w/--workspace  what data.lock records now (all others keep that too)\n\
             --rev REV [-n N]  a revision, and commits before it\n\
             -a/--all-branches, -T/--all-tags, -A/--all-commits\n\
             --date YYYY-MM-DD  the commits since then\n\
             with `--dry` it only lists what would go",
        ));
    }
    if args.cloud {
        return sweep_cloud(args, &workspace, context);
    }
    let is_asked = !args.force && !args.dry;
    if is_asked && (args.json || !prompt::is_possible()) {
        return Err(CliError::unasked());
    }
    if is_asked {
        let trial = sweep(args, How::Try, &workspace, context)?;
        let is_vain = trial.swept.garbage.is_empty() && trial.runs_gone == 0;
        if !is_vain && !confirm(&trial) {
            context.say("nothing was deleted\n");
            return Ok(Exit::Success);
        }
    }
    let how = if args.dry { How::Try } else { How::Delete };
    let collected = sweep(args, how, &workspace, context)?;
    show(args, &collected, how, context)?;
    Ok(if collected.swept.lost.is_empty() {
        Exit::Success
    } else {
        Exit::Error
    })
}

fn sweep(
    args: &GcArgs,
    how: How,
    workspace: &Workspace,
    context: &Context,
) -> Result<Collected, CliError> {
    let is_hidden = context.quiet || args.json;
    let order = Order {
        reaches: args.reaches(),
        how,
        unlisted: if args.allow_missing {
            Unlisted::Allow
        } else {
            Unlisted::Refuse
        },
    };
    let waiting = |holder: &str| {
        context.say(&format!(
            "another mlpipe ({holder}) is at work here; waiting\n"
        ));
    };
    Ok(watched("packing", is_hidden, |meter| {
        collect(workspace, &order, meter, &waiting)
    })?)
}

/// Marks what this project has at a remote and does not need, and deletes what was marked long ago.
fn sweep_cloud(args: &GcArgs, workspace: &Workspace, context: &Context) -> Result<Exit, CliError> {
    let depot = transfer::open(args.remote.as_deref(), None, workspace)?;
    let scope = Scope {
        reaches: args.reaches(),
        ..Scope::default()
    };
    let is_asked = !args.force && !args.dry;
    if is_asked && (args.json || !prompt::is_possible()) {
        return Err(CliError::unasked());
    }
    let run = |how| {
        watched("sweeping", context.quiet || args.json, |_| {
            exchange::sweep_cloud(workspace, &depot, &scope, GRACE, how)
        })
    };
    if is_asked {
        let trial = run(Sweeping::Try)?;
        let is_vain = trial.swept.marked.is_empty() && trial.swept.deleted.is_empty();
        let question = format!("{}go on? [y/N] ", ui::cloud::swept(&trial, Sweeping::Try));
        if !is_vain && !prompt::confirm(&question) {
            context.say("nothing was deleted\n");
            return Ok(Exit::Success);
        }
    }
    let how = if args.dry {
        Sweeping::Try
    } else {
        Sweeping::Do
    };
    let swept = run(how)?;
    if args.json {
        ui::print(&ui::cloud::swept_json(&swept))?;
    } else {
        context.say(&ui::cloud::swept(&swept, how));
    }
    Ok(Exit::Success)
}

fn confirm(trial: &Collected) -> bool {
    prompt::confirm(&format!("{}delete it? [y/N] ", ui::gc::will_go(trial)))
}

fn show(args: &GcArgs, collected: &Collected, how: How, context: &Context) -> Result<(), CliError> {
    if args.json {
        ui::print(&ui::gc::to_json(collected, how))?;
        return Ok(());
    }
    if how == How::Try {
        ui::print(&ui::gc::listing(&collected.swept))?;
    }
    context.say(&ui::gc::summary(collected, how));
    Ok(())
}

fn forget(path: &Path, workspace: &Workspace, context: &Context) -> Result<(), CliError> {
    let text = path.display().to_string();
    // The folder may be gone, and a registration damaged.
    let here = context.folder.canonicalize()?;
    let names = [
        path.canonicalize().ok().map(|path| project_name(&path)),
        Some(project_name(&walk(&here, &text))),
        Some(project_name(path)),
        text.parse().ok(),
    ];
    for name in names.into_iter().flatten() {
        if workspace.cache.forget_project(name)? {
            context.say(&format!(
                "`{text}` does not count as a user of this cache any more\n"
            ));
            return Ok(());
        }
    }
    let message = format!("no project `{text}` is registered in this cache");
    let projects = workspace.cache.projects()?;
    let paths = projects.into_iter().filter_map(|project| project.path);
    let paths: Vec<String> = paths.map(|path| format!("`{}`", path.display())).collect();
    let hint = if paths.is_empty() {
        "none is: it belongs to this project alone".to_owned()
    } else {
        format!("registered: {}", paths.join(", "))
    };
    Err(CliError::usage(message, &hint))
}
