//! `Repo`: the git repository that the project lies in.

use std::cell::OnceCell;
use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use git2::{Commit, ErrorCode, Repository, Status, StatusEntry, StatusOptions, StatusShow};

use crate::base::path::RepoPath;
use crate::base::problem::did_you_mean;
use crate::scm::error::Error;
use crate::scm::revision::Revision;

/// A git repository, with the project somewhere in it.
pub(crate) struct Repo {
    git: Repository,
    /// A handle of its own for the revisions, which may be read from other threads.
    shared: OnceCell<Arc<Mutex<Repository>>>,
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
            // To libgit2 what it may not look into is not there.
            ErrorCode::NotFound => match marker(root) {
                Some(path) => Error::Closed {
                    path: path.display().to_string(),
                },
                None => none(),
            },
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
        Ok(Self {
            git,
            shared: OnceCell::new(),
            root,
            prefix,
        })
    }

    /// Returns where the project is in the main worktree, if this one is linked to that.
    pub(crate) fn main_root(&self) -> Option<PathBuf> {
        let common = self.git.commondir();
        let is_linked = self.git.is_worktree() && common.ends_with(".git");
        let top = common.parent().filter(|_| is_linked)?;
        Some(top.join(&self.prefix))
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

    /// Returns the files of the project that git tracks, sorted.
    pub(crate) fn tracked_files(&self) -> Result<Vec<RepoPath>, Error> {
        let index = self.git.index()?;
        let entries = index.iter().map(|entry| entry.path);
        let mut files: Vec<RepoPath> = entries.filter_map(|path| self.outer(&path)).collect();
        files.sort();
        // A file in conflict is in there once a side.
        files.dedup();
        Ok(files)
    }

    /// Returns the files of the project that git tracks and that are not as HEAD has them, sorted.
    pub(crate) fn modified_files(&self) -> Result<Vec<RepoPath>, Error> {
        let mut options = StatusOptions::new();
        options
            .show(StatusShow::IndexAndWorkdir)
            .include_untracked(false)
            .exclude_submodules(true);
        let statuses = self.git.statuses(Some(&mut options))?;
        let mut files: Vec<RepoPath> = statuses
            .iter()
            .filter_map(|entry| self.outer(entry.path_bytes()))
            .collect();
        files.sort();
        Ok(files)
    }

    /// Returns the files of the project that git neither tracks nor ignores, sorted.
    pub(crate) fn untracked_files(&self) -> Result<Vec<RepoPath>, Error> {
        let mut options = StatusOptions::new();
        options
            .show(StatusShow::Workdir)
            .include_untracked(true)
            .recurse_untracked_dirs(true)
            .exclude_submodules(true);
        if !self.prefix.is_empty() {
            options.disable_pathspec_match(true).pathspec(&self.prefix);
        }
        let statuses = self.git.statuses(Some(&mut options))?;
        let is_new = |entry: &StatusEntry<'_>| entry.status().contains(Status::WT_NEW);
        let new = statuses.iter().filter(is_new);
        let mut files: Vec<RepoPath> = new
            .filter_map(|entry| self.outer(entry.path_bytes()))
            .collect();
        files.sort();
        Ok(files)
    }

    /// Returns the two sides of a file that is in conflict, ours first; a side that has none is empty.
    /// `None` if it is in no conflict.
    pub(crate) fn conflict(&self, path: &RepoPath) -> Result<Option<[Vec<u8>; 2]>, Error> {
        let index = self.git.index()?;
        if !index.has_conflicts() {
            return Ok(None);
        }
        let inner = self.inner(path);
        let side = |stage| index.get_path(Path::new(&inner), stage);
        let sides = [side(2), side(3)];
        if sides.iter().all(Option::is_none) {
            return Ok(None);
        }
        let [ours, theirs] = sides.map(|entry| match entry {
            Some(entry) => Ok(self.git.find_blob(entry.id)?.content().to_owned()),
            None => Ok(Vec::new()),
        });
        let both: Result<_, git2::Error> = ours.and_then(|ours| Ok([ours, theirs?]));
        Ok(Some(both?))
    }

    /// Opens the revision that `name` means.
    pub(crate) fn revision(&self, name: &str) -> Result<Revision, Error> {
        self.open_commit(short(name), &self.commit(name)?)
    }

    /// Opens the last commit that HEAD, or the revision `head`, has in common with `name`: where a
    /// branch began, though `name` has moved on since. `None` where they have none in common, or it
    /// is not in a clone that is shallow.
    pub(crate) fn merge_base(
        &self,
        name: &str,
        head: Option<&str>,
    ) -> Result<Option<Revision>, Error> {
        let (one, other) = (self.commit(head.unwrap_or("HEAD"))?, self.commit(name)?);
        let base = match self.git.merge_base(one.id(), other.id()) {
            Ok(base) => self.git.find_commit(base)?,
            Err(error) if error.code() == ErrorCode::NotFound => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        self.open_commit(name, &base).map(Some)
    }

    /// Returns whether `name` is a branch, here or only at a remote. Branches move on; all else that
    /// names a commit stays.
    pub(crate) fn is_branch(&self, name: &str) -> bool {
        let places = ["refs/heads/", "refs/remotes/", "refs/remotes/origin/"];
        let mut places = places.iter().map(|place| format!("{place}{name}"));
        places.any(|place| self.git.find_reference(&place).is_ok())
    }

    /// Opens a commit that people call `name`.
    pub(super) fn open_commit(&self, name: &str, commit: &Commit<'_>) -> Result<Revision, Error> {
        if self.shared.get().is_none() {
            let git = Repository::open(self.git.path())?;
            self.shared.get_or_init(|| Arc::new(Mutex::new(git)));
        }
        let shared = self.shared.get().expect("invariant: it was opened above");
        Ok(Revision::new(
            Arc::clone(shared),
            name,
            (commit.id(), commit.tree_id()),
            (&self.root, &self.prefix),
        ))
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

    /// Returns the path below the project of a path below the repository, if it lies in the project
    /// and is one that we can name.
    fn outer(&self, path: &[u8]) -> Option<RepoPath> {
        let path = std::str::from_utf8(path).ok()?;
        let inner = match self.prefix.as_str() {
            "" => path,
            prefix => path.strip_prefix(prefix)?.strip_prefix('/')?,
        };
        RepoPath::parse(inner).ok()
    }
}

/// Returns the `.git` around a project at `root` that git would take for one if it could look into
/// it: a file that names another place, or a folder with a HEAD, or one that nobody may enter.
fn marker(root: &Path) -> Option<PathBuf> {
    let is_one = |place: &PathBuf| match place.join("HEAD").symlink_metadata() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => place.is_file(),
        // Below a file there is nothing, either.
        Ok(_) | Err(_) => true,
    };
    let places = root.ancestors().map(|folder| folder.join(".git"));
    let mut places = places.filter(|place| place.symlink_metadata().is_ok());
    places.find(is_one)
}

/// Returns the first digits of a whole hash, which nobody reads, and any other name as it is.
pub(super) fn short(name: &str) -> &str {
    let is_hash = name.len() == 40 && name.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_hash { &name[..7] } else { name }
}

/// Returns the path below the repository of a path below the project.
pub(super) fn inner_path(prefix: &str, path: &RepoPath) -> String {
    if prefix.is_empty() {
        path.to_string()
    } else {
        format!("{prefix}/{path}")
    }
}
