//! Keeps unfinished files out of git's sight, for a killed process leaves some: a block in the
//! `info/exclude` of this clone.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::base::fs::{self, LITTER};
use crate::scm::block::{Block, Spot};
use crate::scm::error::Error;
use crate::scm::repo::Repo;

/// Hides unfinished files around `root` from git, be they left behind. Outside of git there is
/// nothing to do, and where its folder cannot be written it is left alone: the files do no harm.
pub(crate) fn hide_unfinished(root: &Path) -> Result<(), Error> {
    let Some(folder) = git_folder(root)? else {
        return Ok(());
    };
    let path = folder.join("info/exclude");
    let text = fs::read(&path)?.unwrap_or_default();
    let hidden = block().put_into(&text, Spot::End);
    if hidden == text {
        return Ok(());
    }
    match fs::rewrite(&path, &hidden) {
        Err(error) if is_closed(error.source.kind()) => Ok(()),
        outcome => Ok(outcome?),
    }
}

/// Finds the folder that all worktrees of the repository around `root` share. Opening a repository
/// takes longer than the look at a folder that is nearly always enough.
fn git_folder(root: &Path) -> Result<Option<PathBuf>, Error> {
    let found = root.ancestors().map(|folder| folder.join(".git"));
    let Some(found) = found.into_iter().find(|path| path.exists()) else {
        return Ok(None);
    };
    if found.join("HEAD").is_file() {
        return Ok(Some(found));
    }
    match Repo::open(root) {
        Ok(repo) => Ok(Some(repo.git().commondir().to_owned())),
        Err(Error::NoRepository { .. } | Error::Foreign { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

fn is_closed(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem
    )
}

fn block() -> Block {
    Block(vec![format!("{LITTER}*")])
}
