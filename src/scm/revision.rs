//! `Revision`: the project's files as of a commit, read from git's objects. Nothing is checked out.

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use git2::{ErrorCode, ObjectType, Oid, Repository};

use crate::base::path::RepoPath;
use crate::base::source::{Error, Snapshot};
use crate::scm::repo::inner_path;

/// The tree of one commit.
pub(crate) struct Revision {
    // libgit2's handles may move between threads but not be shared, hence an own one in a mutex.
    git: Mutex<Repository>,
    commit: Oid,
    tree: Oid,
    name: String,
    prefix: String,
}

impl Revision {
    /// Makes the snapshot of a commit and its tree, which people call `name`; the project lies in
    /// `prefix`.
    pub(super) fn open(
        git: &Repository,
        name: &str,
        (commit, tree): (Oid, Oid),
        prefix: &str,
    ) -> Result<Self, git2::Error> {
        let git = Mutex::new(Repository::open(git.path())?);
        Ok(Self {
            git,
            commit,
            tree,
            name: name.to_owned(),
            prefix: prefix.to_owned(),
        })
    }

    /// Returns the first digits of the commit.
    pub(crate) fn short_commit(&self) -> String {
        self.commit.to_string()[..7].to_owned()
    }

    fn read_blob(&self, path: &RepoPath) -> Result<Option<Vec<u8>>, git2::Error> {
        let git = self.git.lock().unwrap_or_else(PoisonError::into_inner);
        let tree = git.find_tree(self.tree)?;
        match tree.get_path(Path::new(&inner_path(&self.prefix, path))) {
            Ok(entry) if entry.kind() == Some(ObjectType::Blob) => {
                Ok(Some(git.find_blob(entry.id())?.content().to_owned()))
            }
            Ok(_) => Ok(None),
            Err(error) if error.code() == ErrorCode::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}

impl Snapshot for Revision {
    fn name(&self) -> &str {
        &self.name
    }

    fn read(&self, path: &RepoPath) -> Result<Option<Vec<u8>>, Error> {
        self.read_blob(path).map_err(|source| Error {
            path: path.clone(),
            snapshot: self.name.clone(),
            source: Box::new(source),
        })
    }

    fn label(&self, path: &RepoPath) -> String {
        format!("{}:{path}", self.name)
    }
}
