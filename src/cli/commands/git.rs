//! `mlpipe git`: what git calls, not people.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use crate::base::fs;
use crate::base::human;
use crate::base::path::RepoPath;
use crate::base::problem::Problem;
use crate::cli::commands::Context;
use crate::cli::error::{CliError, Exit};
use crate::cli::ui;
use crate::data::FolderMerge;
use crate::pipeline::{Lock, LockMerge, StageName, merge};
use crate::workspace::Workspace;

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
/// `repro` sees to what is out of date. Tracked folders are merged file by file; what both sides
/// changed in tracked data is a conflict.
fn merge_lock(args: &MergeLockArgs, context: &Context) -> Result<Exit, CliError> {
    let read = |path: &Path, side: &str| read_lock(&context.folder.join(path), &args.name, side);
    let (ours, theirs) = (read(&args.ours, "ours")?, read(&args.theirs, "theirs")?);
    let base = read(&args.base, "base");
    let has_base = base.is_ok();
    // Without what both sides started from, each of their records counts as new.
    let base = base.unwrap_or_default();
    let mut merged = merge(&base, &ours, &theirs);
    let folders = if has_base {
        merge_folders(args, context, [&base, &ours, &theirs], &mut merged)
    } else {
        add_one_sided(&ours, &theirs, &mut merged);
        ui::eprint(&format!(
            "{}: what both sides started from cannot be read; whether one side added data or the \
             other deleted it is not known\n",
            args.name
        ));
        Folders::default()
    };
    let result = context.folder.join(&args.ours);
    fs::write_if_changed(&result, merged.lock.to_text().as_bytes())?;
    ui::eprint(&told(&args.name, &ours, &merged, &folders));
    let is_conflict = !merged.data_conflicts.is_empty() || folders.have_conflicts();
    // Which data is meant only people know: git shows the file as conflicting.
    Ok(if is_conflict {
        Exit::Error
    } else {
        Exit::Success
    })
}

/// The tracked folders that were merged file by file.
#[derive(Default)]
struct Folders {
    /// All of them.
    merged: Vec<RepoPath>,
    /// The files in them that both sides changed.
    conflicts: Vec<String>,
    /// The files in them that the current side deleted and the other changed.
    deleted: Vec<String>,
    /// Files in one folder that differ only in capitals.
    alike: Vec<[String; 2]>,
}

impl Folders {
    fn have_conflicts(&self) -> bool {
        !self.conflicts.is_empty() || !self.deleted.is_empty()
    }
}

/// Makes conflicts of the data that only one side has, which the other may have deleted.
fn add_one_sided(ours: &Lock, theirs: &Lock, merge: &mut LockMerge) {
    let both = ours.data.keys().chain(theirs.data.keys());
    let is_one_sided =
        |path: &&RepoPath| ours.data.contains_key(*path) != theirs.data.contains_key(*path);
    merge
        .data_conflicts
        .extend(both.filter(is_one_sided).cloned());
    merge.data_conflicts.sort();
}

/// Merges the tracked folders that both sides have changed, as far as the cache knows their files.
fn merge_folders(
    args: &MergeLockArgs,
    context: &Context,
    [base, ours, theirs]: [&Lock; 3],
    merge: &mut LockMerge,
) -> Folders {
    let mut folders = Folders::default();
    let lock = context.folder.join(&args.name);
    // Without a project there is no cache, and the folders are merged as a whole.
    let Ok(workspace) = Workspace::find(fs::parent(&lock)) else {
        return folders;
    };
    let workspace = context.telling(workspace);
    for path in std::mem::take(&mut merge.data_conflicts) {
        let [base, ours, theirs] = [base, ours, theirs].map(|side| side.data.get(&path));
        let sides = ours.zip(theirs).map(|(ours, theirs)| [ours, theirs]);
        let merged = sides.map(|sides| FolderMerge::of(&workspace.cache, &path, base, sides));
        // Where the cache cannot be read or written, people merge.
        if let Some(Ok(Some(merged))) = merged {
            merge.lock.data.insert(path.clone(), merged.content);
            folders.conflicts.extend(merged.conflicts);
            folders.deleted.extend(merged.deleted);
            folders.alike.extend(merged.alike);
            folders.merged.push(path);
        } else {
            merge.data_conflicts.push(path);
        }
    }
    folders
}

/// Writes what people should know of a merge, and do next.
fn told(name: &str, ours: &Lock, merge: &LockMerge, folders: &Folders) -> String {
    let texts = [
        told_of_stages(name, merge),
        told_of_folders(name, folders),
        told_of_data(name, ours, merge),
    ];
    texts.concat()
}

fn told_of_stages(name: &str, merge: &LockMerge) -> String {
    if merge.conflicts.is_empty() {
        return String::new();
    }
    let stages: Vec<&str> = merge.conflicts.iter().map(StageName::as_str).collect();
    format!(
        "{name}: both sides had run {} differently; kept the records of the current side\n\
         run `mlpipe repro`: it restores or runs what the merged files need\n",
        stages.join(", "),
    )
}

fn told_of_folders(name: &str, folders: &Folders) -> String {
    let mut text = String::new();
    if !folders.merged.is_empty() {
        let folders = listed(&folders.merged, ", ");
        text += &format!(
            "{name}: merged {folders} file by file; `mlpipe checkout` puts the files in place\n"
        );
    }
    for [one, other] in &folders.alike {
        text += &format!(
            "{name}: {one} and {other} differ only in capitals: macOS and Windows keep one of them\n"
        );
    }
    if !folders.conflicts.is_empty() {
        text += &format!(
            "{name}: both sides changed {}; kept the current side's\n",
            human::first_of(&folders.conflicts),
        );
    }
    if !folders.deleted.is_empty() {
        text += &format!(
            "{name}: the current side deleted {}, the other changed it; kept the other side's\n",
            human::first_of(&folders.deleted),
        );
    }
    if folders.have_conflicts() {
        text += &format!(
            "if that is right, `git add {name}`; else `mlpipe checkout`, put the right files there, \
             `mlpipe add {}`, and `git add {name}`\n",
            listed(&folders.merged, " "),
        );
    }
    text
}

fn told_of_data(name: &str, ours: &Lock, merge: &LockMerge) -> String {
    let conflicts = merge.data_conflicts.iter().cloned();
    let (both, deleted): (Vec<RepoPath>, Vec<RepoPath>) =
        conflicts.partition(|path| ours.data.contains_key(path));
    let mut text = String::new();
    if !both.is_empty() {
        text += &format!(
            "{name}: both sides changed the tracked data {}; kept the records of the current side\n",
            listed(&both, ", "),
        );
    }
    if !deleted.is_empty() {
        text += &format!(
            "{name}: the current side does not track {}, which the other changed; kept the records of the other side\n",
            listed(&deleted, ", "),
        );
    }
    if !merge.data_conflicts.is_empty() {
        text += &format!(
            "if that is right, `git add {name}`; else put the right lines into {name}, `mlpipe checkout`, and `git add {name}`\n",
        );
    }
    text
}

fn listed(paths: &[RepoPath], between: &str) -> String {
    let paths: Vec<&str> = paths.iter().map(RepoPath::as_str).collect();
    paths.join(between)
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
