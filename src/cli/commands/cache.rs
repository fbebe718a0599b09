//! `mlpipe cache dir`.

use std::fs;
use std::path::Path;

use clap::{Args, Subcommand};

use crate::base::any_path::{AnyPath, walk};
use crate::base::fs::{absent_as_none, failed, parent};
use crate::base::path::RepoPath;
use crate::cli::commands::Context;
use crate::cli::commands::config::{LevelArgs, change, find_root, show};
use crate::cli::error::{CliError, Exit};
use crate::cli::ui;
use crate::config::{Entry, Key, Level};
use crate::pipeline::quote;
use crate::scm::Repo;

#[derive(Debug, Args)]
pub(crate) struct CacheArgs {
    #[command(subcommand)]
    command: CacheCommand,
}

#[derive(Debug, Subcommand)]
enum CacheCommand {
    /// Show or change the folder of the cache
    Dir(DirArgs),
}

#[derive(Debug, Args)]
struct DirArgs {
    #[command(flatten)]
    level: LevelArgs,

    /// Take the setting out of its file, so that the next level's counts
    #[arg(short, long, conflicts_with = "path")]
    unset: bool,

    /// Where the cache is to be, as seen from here [default: print where it is]
    path: Option<String>,
}

/// Shows or changes where the cache is.
pub(crate) fn run(args: &CacheArgs, context: &Context) -> Result<Exit, CliError> {
    let CacheCommand::Dir(args) = &args.command;
    let key = Key::CacheDir.as_str();
    match (&args.path, args.level.named()) {
        (Some(path), _) => {
            let level = args.level.to_change();
            let path = as_written(path, level, context)?;
            change(level, key, Some(&path), context)?;
        }
        (None, _) if args.unset => change(args.level.to_change(), key, None, context)?,
        (None, Some(level)) => {
            let write = |entry: &Entry| format!("{}\n", entry.text());
            show(Key::CacheDir, Some(level), write, context)?;
        }
        (None, None) => {
            let workspace = context.workspace()?;
            ui::print(&format!("{}\n", workspace.settings().cache.dir.display()))?;
        }
    }
    Ok(Exit::Success)
}

/// Writes a path that is seen from the current folder so that it means the same in the settings:
/// relative to the project in its own files, absolute in others.
fn as_written(text: &str, level: Level, context: &Context) -> Result<String, CliError> {
    if text.is_empty() || text.starts_with(['/', '~']) {
        return Ok(text.to_owned());
    }
    let here = context.folder.canonicalize()?;
    let root = find_root(Some(level), context)?;
    if let Some(root) = root.filter(|_| level.is_of_project()) {
        let path = RepoPath::from_disk(&root, &here)
            .and_then(|folder| AnyPath::resolve(&root, &folder, text));
        return match path {
            Ok(path) => Ok(path.as_str().to_owned()),
            Err(error) => Err(CliError::usage(
                error.to_string(),
                "name a folder of its own",
            )),
        };
    }
    Ok(walk(&here, text).display().to_string())
}

/// Says what has become of the old cache when another folder has taken its place.
pub(crate) fn tell_change(old: &Path, new: &Path, context: &Context) -> Result<(), CliError> {
    if old == new {
        return Ok(());
    }
    context.say(&format!("the cache is in `{}` now\n", new.display()));
    tell_unhidden(new, context)?;
    if is_empty(old)? {
        return Ok(());
    }
    let (from, to) = (quote_path(old), quote_path(new));
    let command = if !is_empty(new)? {
        format!("cp -an {from}/. {to}/")
    } else if new.exists() {
        format!("rmdir {to} && mv {from} {to}")
    } else if parent(new).exists() {
        format!("mv {from} {to}")
    } else {
        format!("mkdir -p {} && mv {from} {to}", quote_path(parent(new)))
    };
    context.say(&format!(
        "what `{}` holds stays there, and is not used any more; this takes it along:\n  {command}\n",
        old.display()
    ));
    Ok(())
}

/// Says how to hide a cache from git that lies among the files of the project.
fn tell_unhidden(cache: &Path, context: &Context) -> Result<(), CliError> {
    let Some(root) = find_root(None, context)? else {
        return Ok(());
    };
    if let Ok(path) = RepoPath::from_disk(&root, cache)
        && let Ok(repo) = Repo::open(&root)
        && !repo.ignores(&path)?
    {
        context.say(&format!(
            "git would see it: add a line `/{path}` to .gitignore\n"
        ));
    }
    Ok(())
}

/// Returns whether nothing is in a folder, or no folder there.
fn is_empty(folder: &Path) -> Result<bool, CliError> {
    let entries = absent_as_none(fs::read_dir(folder)).map_err(failed("cannot read", folder))?;
    Ok(entries.is_none_or(|mut entries| entries.next().is_none()))
}

fn quote_path(path: &Path) -> String {
    quote(&path.display().to_string())
}
