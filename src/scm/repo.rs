//! `Repo`: the git repository that the project lies in.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use git2::{Commit, ErrorCode, Repository};

use crate::base::path::RepoPath;
use crate::base::problem::did_you_mean;
use crate::scm::error::Error;
use crate::scm::revision::Revision;

/// A git repository, with the project somewhere in it.
pub(crate) struct Repo {
    git: Repository,
    /// The project's folder.
    root: PathBuf,
    /// The project's folder below the repository's, empty where both are the same.
    prefix: String,
}

impl Repo {
    /// Opens the repository that the project at `root` lies in.
    pub(crate) fn open(root: &Path) -> Result<Self, Error> {
        let none = || Error::NoRepository {
            path: root.to_owned(),
        };
        let git = Repository::discover(root).map_err(|error| match error.code() {
            ErrorCode::NotFound => none(),
            ErrorCode::Owner => Error::Foreign {
                path: root.display().to_string(),
            },
            _ => Error::Git(error),
        })?;
        let folder = git
            .workdir()
            .ok_or_else(none)?
            .canonicalize()
            .map_err(|_| none())?;
        let inner = root.strip_prefix(&folder).map_err(|_| none())?;
        let prefix = inner.to_str().ok_or_else(none)?.to_owned();
        let root = root.to_owned();
        Ok(Self { git, root, prefix })
    }

    /// Returns whether git ignores `path` and does not track it.
    pub(crate) fn ignores(&self, path: &RepoPath) -> Result<bool, Error> {
        let inner = self.inner(path);
        let is_tracked = self.git.index()?.get_path(Path::new(&inner), 0).is_some();
        Ok(!is_tracked && self.git.is_path_ignored(&inner)?)
    }

    /// Returns those of `paths` that git tracks, or of which it tracks something inside.
    pub(crate) fn tracked_among<'a>(
        &self,
        paths: impl Iterator<Item = &'a RepoPath>,
    ) -> Result<BTreeSet<RepoPath>, Error> {
        let index = self.git.index()?;
        let is_tracked = |path: &&RepoPath| {
            let inner = self.inner(path);
            index.get_path(Path::new(&inner), 0).is_some()
                || index.find_prefix(format!("{inner}/")).is_ok()
        };
        Ok(paths.filter(is_tracked).cloned().collect())
    }

    /// Opens the revision that `name` means.
    pub(crate) fn revision(&self, name: &str) -> Result<Revision, Error> {
        let commit = self.commit(name)?;
        Ok(Revision::open(
            &self.git,
            name,
            (commit.id(), commit.tree_id()),
            (&self.root, &self.prefix),
        )?)
    }

    /// Finds the commit that `name` means: a branch, a tag, a hash or any expression of git's.
    pub(super) fn commit(&self, name: &str) -> Result<Commit<'_>, Error> {
        let object = self.git.revparse_single(name).or_else(|error| {
            // In CI only the remote's branches are there.
            self.git
                .revparse_single(&format!("origin/{name}"))
                .map_err(|_| error)
        });
        let commit = object.and_then(|object| object.peel_to_commit());
        commit.map_err(|error| match error.code() {
            ErrorCode::NotFound | ErrorCode::InvalidSpec | ErrorCode::Ambiguous => {
                self.unknown(name)
            }
            _ => Error::Git(error),
        })
    }

    fn unknown(&self, name: &str) -> Error {
        let names: Vec<String> = self
            .git
            .references()
            .map(|all| {
                all.flatten()
                    .filter_map(|one| Some(one.shorthand().ok()?.to_owned()))
                    .collect()
            })
            .unwrap_or_default();
        let help = did_you_mean(name, names.iter().map(String::as_str));
        Error::UnknownRevision {
            name: name.to_owned(),
            help,
        }
    }

    /// Returns the repository's folder, where its files begin.
    pub(crate) fn top(&self) -> &Path {
        self.git
            .workdir()
            .expect("invariant: only a repository with a worktree is opened")
    }

    /// Returns the project's folder below the repository's, empty where both are the same.
    pub(super) fn prefix(&self) -> &str {
        &self.prefix
    }

    pub(super) fn git(&self) -> &Repository {
        &self.git
    }

    fn inner(&self, path: &RepoPath) -> String {
        inner_path(&self.prefix, path)
    }
}

/// Returns the path below the repository of a path below the project.
pub(super) fn inner_path(prefix: &str, path: &RepoPath) -> String {
    if prefix.is_empty() {
        path.to_string()
    } else {
        format!("{prefix}/{path}")
    }
}
