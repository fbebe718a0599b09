//! `RecordedSnapshot`: a snapshot completed by the cache with what its lock says its data and outs
//! were.

use std::path::Path;

use crate::base::digest::Digest;
use crate::base::path::RepoPath;
use crate::base::source::{Entry, Error, Snapshot};
use crate::pipeline::Lock;
use crate::store::cache::Cache;

/// Reads files from a snapshot, and what git does not have from the cache.
pub(crate) struct RecordedSnapshot<'a> {
    inner: &'a dyn Snapshot,
    lock: Lock,
    cache: &'a Cache,
}

impl<'a> RecordedSnapshot<'a> {
    /// Completes `inner`, whose lock is `lock`.
    pub(crate) fn new(inner: &'a dyn Snapshot, lock: Lock, cache: &'a Cache) -> Self {
        Self { inner, lock, cache }
    }

    /// Returns the lock.
    pub(crate) fn lock(&self) -> &Lock {
        &self.lock
    }

    /// Returns whether the lock records a file at `path`.
    pub(crate) fn records(&self, path: &RepoPath) -> bool {
        self.digest(path).is_some()
    }

    fn digest(&self, path: &RepoPath) -> Option<Digest> {
        let mut outs = self.lock.stages.values().map(|entry| &entry.outs);
        let made = outs.find_map(|outs| outs.get(path.as_str()));
        let content = made.or_else(|| self.lock.data.get(path))?;
        content.files.is_none().then_some(content.sha256)
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
        let Some(digest) = self.digest(path) else {
            return Ok(None);
        };
        self.cache.read(digest).map_err(|error| Error {
            path: path.clone(),
            snapshot: self.name().to_owned(),
            source: Box::new(error),
        })
    }

    fn list(
        &self,
        folder: &RepoPath,
        wanted: &mut dyn FnMut(&Entry<'_>) -> bool,
    ) -> Result<Vec<RepoPath>, Error> {
        self.inner.list(folder, wanted)
    }

    fn label(&self, path: &RepoPath) -> String {
        self.inner.label(path)
    }
}
