//! `Item`: one file of tracked data, or a tracked folder as a whole, as listings name it.

use crate::base::digest::Digest;
use crate::base::path::RepoPath;
use crate::pipeline::Content;
use crate::store::{Entry, EntryKind, Tree};

/// A file or folder, and what it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Item {
    /// Its path below the root; a folder's ends with `/`.
    pub(crate) path: String,
    /// The digest of its bytes or its manifest; an empty folder inside another has none.
    pub(crate) digest: Option<Digest>,
    /// Its size in bytes, summed over a folder's files.
    pub(crate) size: u64,
    /// The number of files of a folder.
    pub(crate) files: Option<u64>,
    /// Whether a file may be executed.
    pub(crate) executable: bool,
}

impl Item {
    /// Makes the item of something tracked.
    pub(crate) fn tracked(path: &RepoPath, content: &Content) -> Self {
        let end = if content.files.is_some() { "/" } else { "" };
        Self {
            path: format!("{path}{end}"),
            digest: Some(content.sha256),
            size: content.size,
            files: content.files,
            executable: content.executable,
        }
    }

    /// Makes the item of an entry of a tracked folder.
    pub(crate) fn inside(folder: &RepoPath, entry: &Entry) -> Self {
        let path = format!("{folder}/{}", entry.path);
        match file_content(&entry.kind) {
            Some(content) => Self {
                path,
                digest: Some(content.sha256),
                size: content.size,
                files: None,
                executable: content.executable,
            },
            None => Self {
                path: format!("{path}/"),
                digest: None,
                size: 0,
                files: Some(0),
                executable: false,
            },
        }
    }

    /// Makes the items of all entries of a tracked folder.
    pub(crate) fn all_inside(folder: &RepoPath, tree: &Tree) -> impl Iterator<Item = Self> {
        let entries = tree.entries().iter();
        entries.map(|entry| Self::inside(folder, entry))
    }

    /// Returns what a lock would record of it, if it has bytes of its own.
    pub(crate) fn content(&self) -> Option<Content> {
        Some(Content {
            sha256: self.digest?,
            size: self.size,
            files: self.files,
            executable: self.executable,
        })
    }

    /// Returns whether it is one of these paths or lies in one; without any, all count.
    pub(crate) fn is_among(&self, targets: &[RepoPath]) -> bool {
        let is_within = |target: &RepoPath| {
            let rest = self.path.strip_prefix(target.as_str());
            target.is_root() || rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        targets.is_empty() || targets.iter().any(is_within)
    }
}

/// Returns the content of a file of a folder; `None` for all that is no file.
fn file_content(kind: &EntryKind) -> Option<Content> {
    if let EntryKind::File(file) = kind {
        Some((*file).into())
    } else {
        None
    }
}
