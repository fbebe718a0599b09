//! `Snapshot`: the project's files as of the worktree or of a revision. Nothing is checked out.

use std::path::{Path, PathBuf};

use crate::base::fs;
use crate::base::path::RepoPath;
use crate::base::problem::Problem;

/// A file of a snapshot that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("cannot read `{path}` of {snapshot}")]
pub(crate) struct Error {
    /// The file.
    pub(crate) path: RepoPath,
    /// The snapshot's name.
    pub(crate) snapshot: String,
    /// Why.
    pub(crate) source: Box<dyn std::error::Error + Send + Sync>,
}

/// The project's files at one moment.
pub(crate) trait Snapshot: Sync {
    /// Returns the name that people know it by: `workspace` or a revision.
    fn name(&self) -> &str;

    /// Returns the bytes of a file; `None` where there is none.
    fn read(&self, path: &RepoPath) -> Result<Option<Vec<u8>>, Error>;

    /// Returns how a file of this snapshot is called in messages.
    fn label(&self, path: &RepoPath) -> String;
}

/// Reads a file of `snapshot` as text; `None` where there is none.
pub(crate) fn read_text(
    snapshot: &dyn Snapshot,
    path: &RepoPath,
) -> Result<Option<String>, ReadTextError> {
    let Some(bytes) = snapshot.read(path)? else {
        return Ok(None);
    };
    String::from_utf8(bytes).map(Some).map_err(|error| {
        let valid = String::from_utf8_lossy(&error.as_bytes()[..error.utf8_error().valid_up_to()]);
        let line = valid.lines().count().max(1);
        let message = format!("the file is not UTF-8 text (line {line})");
        Problem::new(&snapshot.label(path), "", message).into()
    })
}

/// Why a text file of a snapshot cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadTextError {
    /// It cannot be read.
    #[error(transparent)]
    Read(#[from] Error),
    /// It is no text.
    #[error(transparent)]
    Problem(#[from] Problem),
}

/// The files as they are on disk now.
#[derive(Clone, Debug)]
pub(crate) struct Worktree {
    root: PathBuf,
}

impl Worktree {
    /// Makes the snapshot of the project at `root`.
    pub(crate) fn new(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
        }
    }
}

impl Snapshot for Worktree {
    fn name(&self) -> &'static str {
        "workspace"
    }

    fn read(&self, path: &RepoPath) -> Result<Option<Vec<u8>>, Error> {
        fs::read(&path.on_disk(&self.root)).map_err(|error| Error {
            path: path.clone(),
            snapshot: self.name().to_owned(),
            source: Box::new(error.source),
        })
    }

    fn label(&self, path: &RepoPath) -> String {
        path.to_string()
    }
}
