//! Versions of a file that no reference names yet and git keeps all the same: what is staged, both
//! sides of a merge under way, and what other worktrees stand on.

use std::fs;
use std::path::{Path, PathBuf};

use git2::{Index, ObjectType, Oid};

use crate::base::path::RepoPath;
use crate::scm::error::Error;
use crate::scm::history::Version;
use crate::scm::repo::{Repo, inner_path};

/// Files of git's that name the commits of an operation under way.
const HEADS: [&str; 6] = [
    "HEAD",
    "MERGE_HEAD",
    "CHERRY_PICK_HEAD",
    "REVERT_HEAD",
    "REBASE_HEAD",
    "ORIG_HEAD",
];

impl Repo {
    /// Returns what is staged of the file at `path` and is not as HEAD has it, at each stage of a
    /// conflict.
    pub(crate) fn staged_versions(&self, path: &RepoPath) -> Result<Vec<Version>, Error> {
        let inner = inner_path(self.prefix(), path);
        self.staged(self.git().path(), &inner)
    }

    /// Returns what the file at `path` is in the commits that no reference names and that worktrees
    /// stand on or are about to merge, and what is staged in them.
    pub(crate) fn pending_versions(&self, path: &RepoPath) -> Result<Vec<Version>, Error> {
        let inner = inner_path(self.prefix(), path);
        let mut versions = Vec::new();
        for folder in self.git_folders() {
            versions.extend(self.staged(&folder, &inner)?);
            for commit in HEADS
                .iter()
                .filter_map(|head| commit_in(&folder.join(head)))
            {
                versions.extend(self.version_in(commit, &inner)?);
            }
        }
        Ok(versions)
    }

    /// The folder of git's of this worktree, of the main one, and of each other.
    fn git_folders(&self) -> Vec<PathBuf> {
        let common = self.git().commondir().to_owned();
        let others = fs::read_dir(common.join("worktrees"));
        let others = others.into_iter().flatten().flatten();
        let mut folders: Vec<PathBuf> = others.map(|entry| entry.path()).collect();
        folders.extend([self.git().path().to_owned(), common]);
        folders.sort();
        folders.dedup();
        folders
    }

    fn staged(&self, folder: &Path, inner: &str) -> Result<Vec<Version>, Error> {
        let file = folder.join("index");
        if !file.exists() {
            return Ok(Vec::new());
        }
        let index = Index::open(&file)?;
        let stages = (0..=3).filter_map(|stage| index.get_path(Path::new(inner), stage));
        let head = self.git().head().and_then(|head| head.peel_to_tree());
        let committed = head.and_then(|tree| tree.get_path(Path::new(inner)));
        let committed = committed.map(|entry| entry.id()).ok();
        let staged = stages.filter(|entry| Some(entry.id) != committed);
        staged
            .map(|entry| self.version("the index", entry.id))
            .collect()
    }

    fn version(&self, name: &str, blob: Oid) -> Result<Version, Error> {
        Ok(Version {
            commit: name.to_owned(),
            bytes: self.git().find_blob(blob)?.content().to_owned(),
        })
    }

    /// A commit that is named and gone has nothing to lose any more.
    fn version_in(&self, commit: Oid, inner: &str) -> Result<Option<Version>, Error> {
        let Ok(commit) = self.git().find_commit(commit) else {
            return Ok(None);
        };
        let name = commit.id().to_string();
        match commit.tree()?.get_path(Path::new(inner)) {
            Ok(entry) if entry.kind() == Some(ObjectType::Blob) => {
                self.version(&name[..7], entry.id()).map(Some)
            }
            _ => Ok(None),
        }
    }
}

/// Reads the commit that a file of git's names itself; a branch is named elsewhere.
fn commit_in(file: &Path) -> Option<Oid> {
    let text = fs::read_to_string(file).ok()?;
    Oid::from_str(text.lines().next()?.trim()).ok()
}
