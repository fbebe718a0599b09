//! `mlpipe git`: what git calls, not people.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use crate::base::fs;
use crate::base::path::RepoPath;
use crate::base::problem::Problem;
use crate::cli::commands::Context;
use crate::cli::error::{CliError, Exit};
use crate::cli::ui;
use crate::pipeline::{Lock, LockMerge, StageName, merge};

#[derive(Debug, Args)]
pub(crate) struct GitArgs {
    #[command(subcommand)]
    command: GitCommand,
}

#[derive(Debug, Subcommand)]
enum GitCommand {
    /// Merge two versions of data.lock, as a merge driver of git's
    MergeLock(MergeLockArgs),
}

#[derive(Debug, Args)]
struct MergeLockArgs {
    /// What both sides started from
    base: PathBuf,

    /// The current side, which the result replaces
    ours: PathBuf,

    /// The other side
    theirs: PathBuf,

    /// What the file is called in the repository
    name: String,
}

/// Does what git asks for.
pub(crate) fn run(args: &GitArgs, context: &Context) -> Result<Exit, CliError> {
    match &args.command {
        GitCommand::MergeLock(args) => merge_lock(args, context),
    }
}

/// Ends well even where both sides had run a stage differently: nothing untrue is recorded, and
/// `repro` sees to what is out of date. Data that both sides changed is a conflict.
fn merge_lock(args: &MergeLockArgs, context: &Context) -> Result<Exit, CliError> {
    let read = |path: &Path, side: &str| read_lock(&context.folder.join(path), &args.name, side);
    let (ours, theirs) = (read(&args.ours, "ours")?, read(&args.theirs, "theirs")?);
    // Without what both sides started from, each of their records counts as new.
    let base = read(&args.base, "base").unwrap_or_default();
    let LockMerge {
        lock,
        conflicts,
        data_conflicts,
    } = merge(&base, &ours, &theirs);
    let result = context.folder.join(&args.ours);
    fs::write_if_changed(&result, lock.to_text().as_bytes())?;
    if !conflicts.is_empty() {
        let stages: Vec<&str> = conflicts.iter().map(StageName::as_str).collect();
        ui::eprint(&format!(
            "{}: both sides had run {} differently; kept the records of the current side\n\
             run `mlpipe repro`: it restores or runs what the merged files need\n",
            args.name,
            stages.join(", "),
        ));
    }
    if data_conflicts.is_empty() {
        return Ok(Exit::Success);
    }
    let data: Vec<&str> = data_conflicts.iter().map(RepoPath::as_str).collect();
    ui::eprint(&format!(
        "{name}: both sides changed the tracked data {}; kept the records of the current side\n\
         if that is right, `git add {name}`; else put the other side's lines into {name}, `mlpipe checkout`, and `git add {name}`\n",
        data.join(", "),
        name = args.name,
    ));
    // Which data is meant only people know: git shows the file as conflicting.
    Ok(Exit::Error)
}

/// Git gives an empty file where a side has none.
fn read_lock(path: &Path, name: &str, side: &str) -> Result<Lock, CliError> {
    let bytes = fs::read(path)?.unwrap_or_default();
    let label = format!("{name} ({side})");
    let text =
        String::from_utf8(bytes).map_err(|_| Problem::new(&label, "", "it is not UTF-8 text"))?;
    if text.is_empty() {
        return Ok(Lock::default());
    }
    Ok(Lock::parse(&label, &text)?)
}
