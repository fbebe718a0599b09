//! `RecordedSnapshot`: a snapshot completed by the cache with what its lock says its data and outs
//! were.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use crate::base::digest::Digest;
use crate::base::path::RepoPath;
use crate::base::source::{Entry, Error, Snapshot};
use crate::pipeline::{Content, Lock};
use crate::store;
use crate::store::cache::Cache;
use crate::store::tree::{EntryKind, Tree};

/// Reads files from a snapshot, and what git does not have from the cache.
pub(crate) struct RecordedSnapshot<'a> {
    inner: &'a dyn Snapshot,
    lock: Lock,
    cache: &'a Cache,
    /// The manifests that were asked for: each is read and verified once. `None` for one that cannot be
    /// had.
    trees: Mutex<HashMap<Digest, Option<Arc<Tree>>>>,
}

impl<'a> RecordedSnapshot<'a> {
    /// Completes `inner`, whose lock is `lock`.
    pub(crate) fn new(inner: &'a dyn Snapshot, lock: Lock, cache: &'a Cache) -> Self {
        let trees = Mutex::default();
        Self {
            inner,
            lock,
            cache,
            trees,
        }
    }

    /// Returns the lock.
    pub(crate) fn lock(&self) -> &Lock {
        &self.lock
    }

    /// Returns whether the lock records a file at `path`.
    pub(crate) fn records(&self, path: &RepoPath) -> bool {
        matches!(self.digest(path), Ok(Some(_)))
    }

    fn digest(&self, path: &RepoPath) -> Result<Option<Digest>, store::Error> {
        if let Some(content) = self.recorded(path.as_str()) {
            return Ok(content.files.is_none().then_some(content.sha256));
        }
        let Some((folder, tree)) = self.folder_around(path)? else {
            return Ok(None);
        };
        let inner = path.relative_to(&folder);
        let entries = tree.entries();
        let at = entries.binary_search_by(|entry| entry.path.as_str().cmp(&inner));
        Ok(at.ok().and_then(|at| match entries[at].kind {
            EntryKind::File(file) => Some(file.digest),
            EntryKind::Link(_) | EntryKind::EmptyFolder => None,
        }))
    }

    /// Returns what the lock says of a path.
    fn recorded(&self, path: &str) -> Option<&Content> {
        let mut outs = self.lock.stages.values().map(|entry| &entry.outs);
        let made = outs.find_map(|outs| outs.get(path));
        made.or_else(|| self.lock.data.get(&RepoPath::parse(path).ok()?))
    }

    /// Returns the recorded folder that `path` is or lies in, with what was in it.
    fn folder_around(
        &self,
        path: &RepoPath,
    ) -> Result<Option<(RepoPath, Arc<Tree>)>, store::Error> {
        for folder in path.ancestors() {
            if let Some(content) = self.recorded(folder)
                && content.files.is_some()
                && let Ok(folder) = RepoPath::parse(folder)
            {
                let tree = self.tree(content)?;
                return Ok(tree.map(|tree| (folder, tree)));
            }
        }
        Ok(None)
    }

    fn tree(&self, content: &Content) -> Result<Option<Arc<Tree>>, store::Error> {
        let mut trees = self.trees.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(tree) = trees.get(&content.sha256) {
            return Ok(tree.clone());
        }
        let tree = self.cache.manifest(content)?.map(Arc::new);
        trees.insert(content.sha256, tree.clone());
        Ok(tree)
    }

    fn failed(&self, path: &RepoPath, error: store::Error) -> Error {
        Error {
            path: path.clone(),
            snapshot: self.name().to_owned(),
            source: Box::new(error),
        }
    }
}

impl Snapshot for RecordedSnapshot<'_> {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn root(&self) -> &Path {
        self.inner.root()
    }

    fn read(&self, path: &RepoPath) -> Result<Option<Vec<u8>>, Error> {
        if let Some(bytes) = self.inner.read(path)? {
            return Ok(Some(bytes));
        }
        let recorded = self.digest(path).and_then(|digest| match digest {
            Some(digest) => self.cache.read(digest),
            None => Ok(None),
        });
        recorded.map_err(|error| self.failed(path, error))
    }

    fn list(
        &self,
        folder: &RepoPath,
        wanted: &mut dyn FnMut(&Entry<'_>) -> bool,
    ) -> Result<Vec<RepoPath>, Error> {
        let found = self.inner.list(folder, wanted)?;
        if !found.is_empty() || folder.is_root() {
            return Ok(found);
        }
        let recorded = self.folder_around(folder);
        let recorded = recorded.map_err(|error| self.failed(folder, error))?;
        let Some((around, tree)) = recorded else {
            return Ok(found);
        };
        let files = tree.files().filter_map(|(name, _)| around.join(name).ok());
        Ok(files.filter(|file| file.is_within(folder)).collect())
    }

    fn label(&self, path: &RepoPath) -> String {
        self.inner.label(path)
    }
}
