//! `Revision`: the project's files as of a commit, read from git's objects. Nothing is checked out.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use git2::{ErrorCode, ObjectType, Oid, Repository, Tree, TreeEntry};

use crate::base::path::RepoPath;
use crate::base::source::{Entry, Error, Snapshot, list_by_folder};
use crate::scm::repo::inner_path;

/// The tree of one commit.
pub(crate) struct Revision {
    // libgit2's handles may move between threads but not be shared, hence one in a mutex, for all
    // revisions of a repository.
    git: Arc<Mutex<Repository>>,
    commit: Oid,
    tree: Oid,
    name: String,
    /// Where the project is.
    root: PathBuf,
    /// Where it is in the repository.
    prefix: String,
}

impl Revision {
    /// Makes the snapshot of a commit and its tree, which people call `name`; the project lies at
    /// `root`, which is the repository's folder `prefix`.
    pub(super) fn new(
        git: Arc<Mutex<Repository>>,
        name: &str,
        (commit, tree): (Oid, Oid),
        (root, prefix): (&Path, &str),
    ) -> Self {
        Self {
            git,
            commit,
            tree,
            name: name.to_owned(),
            root: root.to_owned(),
            prefix: prefix.to_owned(),
        }
    }

    /// Returns the first digits of the commit.
    pub(crate) fn short_commit(&self) -> String {
        self.commit.to_string()[..7].to_owned()
    }

    /// Returns what tells its files from those of others: all files of two commits with one tree are
    /// the same.
    pub(crate) fn tree(&self) -> String {
        self.tree.to_string()
    }

    /// Returns the size of a file in bytes, without reading it; `None` where there is none.
    pub(crate) fn size(&self, path: &RepoPath) -> Result<Option<u64>, Error> {
        self.blob_size(path)
            .map_err(|source| self.failed(path, source))
    }

    fn blob_size(&self, path: &RepoPath) -> Result<Option<u64>, git2::Error> {
        let git = self.git.lock().unwrap_or_else(PoisonError::into_inner);
        let tree = git.find_tree(self.tree)?;
        match tree.get_path(Path::new(&inner_path(&self.prefix, path))) {
            Ok(entry) if entry.kind() == Some(ObjectType::Blob) => {
                let (size, _) = git.odb()?.read_header(entry.id())?;
                Ok(Some(size as u64))
            }
            Ok(_) => Ok(None),
            Err(error) if error.code() == ErrorCode::NotFound => Ok(None),
            Err(error) => Err(error),
        }
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

impl Revision {
    /// Returns the names in one folder and which of them are folders; nothing where it is absent.
    fn entries(&self, folder: &RepoPath) -> Result<Vec<(String, bool)>, git2::Error> {
        let git = self.git.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(tree) = self.find_folder(&git, folder)? else {
            return Ok(Vec::new());
        };
        let entry = |entry: TreeEntry<'_>| {
            let is_folder = match entry.kind()? {
                ObjectType::Tree => true,
                ObjectType::Blob => false,
                _ => return None,
            };
            Some((entry.name().ok()?.to_owned(), is_folder))
        };
        Ok(tree.iter().filter_map(entry).collect())
    }

    fn find_folder<'git>(
        &self,
        git: &'git Repository,
        folder: &RepoPath,
    ) -> Result<Option<Tree<'git>>, git2::Error> {
        let tree = git.find_tree(self.tree)?;
        let inner = match (folder.is_root(), self.prefix.as_str()) {
            (true, "") => return Ok(Some(tree)),
            (true, prefix) => prefix.to_owned(),
            (false, prefix) => inner_path(prefix, folder),
        };
        match tree.get_path(Path::new(&inner)) {
            Ok(entry) if entry.kind() == Some(ObjectType::Tree) => {
                git.find_tree(entry.id()).map(Some)
            }
            Ok(_) => Ok(None),
            Err(error) if error.code() == ErrorCode::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn failed(&self, path: &RepoPath, source: git2::Error) -> Error {
        Error {
            path: path.clone(),
            snapshot: self.name.clone(),
            source: Box::new(source),
        }
    }
}

impl Snapshot for Revision {
    fn name(&self) -> &str {
        &self.name
    }

    fn root(&self) -> &Path {
        &self.root
    }

    fn read(&self, path: &RepoPath) -> Result<Option<Vec<u8>>, Error> {
        self.read_blob(path)
            .map_err(|source| self.failed(path, source))
    }

    fn list(
        &self,
        folder: &RepoPath,
        wanted: &mut dyn FnMut(&Entry<'_>) -> bool,
    ) -> Result<Vec<RepoPath>, Error> {
        list_by_folder(folder, wanted, |folder| {
            let entries = self.entries(folder);
            entries.map_err(|source| self.failed(folder, source))
        })
    }

    fn label(&self, path: &RepoPath) -> String {
        format!("{}:{path}", self.name)
    }
}
