//! `Snapshot`: the project's files as of the worktree or of a revision. Nothing is checked out.

use std::fs::DirEntry;
use std::io;
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

    /// Returns where the project is on disk, by which paths that lead out of it are understood.
    fn root(&self) -> &Path;

    /// Returns the bytes of a file; `None` where there is none.
    fn read(&self, path: &RepoPath) -> Result<Option<Vec<u8>>, Error>;

    /// Lists the files below `folder`, sorted. `wanted` decides which folders are entered and which
    /// files are listed. Links to folders are not followed; names that are no UTF-8 are left out.
    fn list(
        &self,
        folder: &RepoPath,
        wanted: &mut dyn FnMut(&Entry<'_>) -> bool,
    ) -> Result<Vec<RepoPath>, Error>;

    /// Returns how a file of this snapshot is called in messages.
    fn label(&self, path: &RepoPath) -> String;
}

/// What a listing comes by.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry<'a> {
    /// The folder that it lies in.
    pub(crate) folder: &'a RepoPath,
    /// Its name there.
    pub(crate) name: &'a str,
    /// Whether it is a folder itself.
    pub(crate) is_folder: bool,
}

impl Entry<'_> {
    /// Returns its whole path.
    pub(crate) fn path(&self) -> RepoPath {
        self.folder
            .join(self.name)
            .expect("invariant: a name found in a folder is a path below it")
    }
}

/// Lists files below `folder` folder by folder; `entries` returns the names in one and which of them
/// are folders. Nothing is held while `wanted` is asked, for it may read the snapshot too.
pub(crate) fn list_by_folder(
    folder: &RepoPath,
    wanted: &mut dyn FnMut(&Entry<'_>) -> bool,
    mut entries: impl FnMut(&RepoPath) -> Result<Vec<(String, bool)>, Error>,
) -> Result<Vec<RepoPath>, Error> {
    let mut found = Vec::new();
    let mut folders = vec![folder.clone()];
    while let Some(folder) = folders.pop() {
        for (name, is_folder) in entries(&folder)? {
            let entry = Entry {
                folder: &folder,
                name: &name,
                is_folder,
            };
            if wanted(&entry) {
                let kind = if is_folder { &mut folders } else { &mut found };
                kind.push(entry.path());
            }
        }
    }
    found.sort();
    Ok(found)
}

/// Reads a file of `snapshot` as text; `None` where there is none.
pub(crate) fn read_text(
    snapshot: &dyn Snapshot,
    path: &RepoPath,
) -> Result<Option<String>, ReadTextError> {
    let Some(bytes) = snapshot.read(path)? else {
        return Ok(None);
    };
    let text = as_text(&snapshot.label(path), &bytes)?;
    Ok(Some(text.to_owned()))
}

/// Returns the bytes of the file called `label` as text.
pub(crate) fn as_text<'a>(label: &str, bytes: &'a [u8]) -> Result<&'a str, Problem> {
    std::str::from_utf8(bytes).map_err(|error| {
        let valid = String::from_utf8_lossy(&bytes[..error.valid_up_to()]);
        let line = valid.lines().count().max(1);
        let message = format!("the file is not UTF-8 text (line {line})");
        Problem::new(label, "", message)
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

    fn root(&self) -> &Path {
        &self.root
    }

    fn read(&self, path: &RepoPath) -> Result<Option<Vec<u8>>, Error> {
        fs::read_regular(&path.on_disk(&self.root)).map_err(|error| Error {
            path: path.clone(),
            snapshot: self.name().to_owned(),
            source: Box::new(error.source),
        })
    }

    fn list(
        &self,
        folder: &RepoPath,
        wanted: &mut dyn FnMut(&Entry<'_>) -> bool,
    ) -> Result<Vec<RepoPath>, Error> {
        list_by_folder(folder, wanted, |folder| self.entries(folder))
    }

    fn label(&self, path: &RepoPath) -> String {
        path.to_string()
    }
}

impl Worktree {
    /// Returns the names in one folder and which of them are folders; nothing where it is absent.
    fn entries(&self, folder: &RepoPath) -> Result<Vec<(String, bool)>, Error> {
        let failed = |error| Error {
            path: folder.clone(),
            snapshot: self.name().to_owned(),
            source: Box::new(error),
        };
        let listing = match std::fs::read_dir(folder.on_disk(&self.root)) {
            Ok(listing) => listing,
            // Gone meanwhile, or not ours to read: nothing of the project's is in there.
            Err(error) if is_out_of_reach(&error) => return Ok(Vec::new()),
            Err(error) => return Err(failed(error)),
        };
        let entry = |entry: io::Result<DirEntry>| {
            let entry = entry?;
            let is_folder = entry.file_type()?.is_dir();
            Ok(entry
                .file_name()
                .into_string()
                .ok()
                .map(|name| (name, is_folder)))
        };
        let entries = listing.map(entry).filter_map(io::Result::transpose);
        entries.collect::<Result<_, _>>().map_err(failed)
    }
}

fn is_out_of_reach(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory | io::ErrorKind::PermissionDenied
    )
}
