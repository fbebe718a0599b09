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
    /// Where a link in a folder leads; what is no link leads nowhere.
    pub(crate) target: Option<Box<str>>,
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
            target: None,
        }
    }

    /// Makes the item of an entry of a tracked folder.
    pub(crate) fn inside(folder: &RepoPath, entry: &Entry) -> Self {
        let path = format!("{folder}/{}", entry.path);
        let nothing = |path, files| Self {
            path,
            digest: None,
            size: 0,
            files,
            executable: false,
            target: None,
        };
        match &entry.kind {
            EntryKind::File(file) => Self {
                digest: Some(file.digest),
                size: file.size,
                executable: file.executable,
                ..nothing(path, None)
            },
            EntryKind::Link(target) => Self {
                target: Some(target.clone()),
                ..nothing(path, None)
            },
            EntryKind::EmptyFolder => nothing(format!("{path}/"), Some(0)),
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
