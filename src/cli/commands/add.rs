//! `mlpipe add`.

use std::collections::BTreeSet;
use std::ffi::OsString;

use clap::Args;

use crate::base::path::{PathError, RepoPath};
use crate::cli::commands::Context;
use crate::cli::error::{CliError, Exit};
use crate::cli::ui;
use crate::cli::ui::progress::Spinner;
use crate::data::{self, Added, Addition, Losses, Storage};
use crate::workspace::Workspace;

#[derive(Debug, Args)]
pub(crate) struct AddArgs {
    /// Files and folders
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<OsString>,

    /// Take paths as patterns, as in `data/*.csv`
    #[arg(long)]
    glob: bool,

    /// Record hashes in data.lock without putting anything into the cache
    #[arg(long)]
    no_commit: bool,

    /// Record a folder even without files that are recorded and neither here nor in the cache
    #[arg(short, long)]
    force: bool,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Tracks files and folders, or brings what is recorded of them up to date.
pub(crate) fn run(args: &AddArgs, context: &Context) -> Result<Exit, CliError> {
    let workspace = context.workspace()?;
    let paths = paths(args, &workspace, context)?;
    let storage = if args.no_commit {
        Storage::LockOnly
    } else {
        Storage::Cache
    };
    let mut access = context.access(&workspace)?;
    let added = {
        let spinner = Spinner::new("adding", context.quiet || args.json);
        let losses = Losses::accepted_if(args.force);
        data::add(&mut access, &paths, (storage, losses), spinner.meter())?
    };
    if args.json {
        ui::print(&ui::data::added_json(&added))?;
    } else {
        context.say(&ui::data::added(&added));
        ui::eprint(&ui::data::warnings(&added));
        context.say(&next(&workspace, &added)?);
    }
    Ok(Exit::Success)
}

fn paths(
    args: &AddArgs,
    workspace: &Workspace,
    context: &Context,
) -> Result<BTreeSet<RepoPath>, CliError> {
    let mut paths = BTreeSet::new();
    for text in &args.paths {
        let not_utf8 = || PathError::NotUtf8(text.to_string_lossy().into_owned());
        let text = text.to_str().ok_or_else(not_utf8);
        let path = context.path(workspace, text.map_err(data::Error::from)?)?;
        if args.glob {
            paths.extend(data::matching(workspace, path)?);
        } else {
            paths.insert(path);
        }
    }
    Ok(paths)
}

/// Says what is left to do in git.
fn next(workspace: &Workspace, added: &[Added]) -> Result<String, CliError> {
    let is_news = |added: &Added| matches!(added.addition, Addition::Added | Addition::Updated);
    if workspace.repo()?.is_none() || !added.iter().any(is_news) {
        return Ok(String::new());
    }
    let new = added
        .iter()
        .filter(|added| added.addition == Addition::Added);
    let ignores: BTreeSet<String> = new
        .map(|added| match added.path.parent() {
            folder if folder.is_root() => ".gitignore".to_owned(),
            folder => format!("{folder}/.gitignore"),
        })
        .collect();
    let files: Vec<String> = ["data.lock".to_owned()]
        .into_iter()
        .chain(ignores)
        .collect();
    Ok(format!("next: git add {}\n", files.join(" ")))
}
