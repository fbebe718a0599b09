//! `Side`: the project at one of the two moments that a report compares.

use std::collections::{BTreeMap, BTreeSet};

use crate::base::any_path::AnyPath;
use crate::base::path::RepoPath;
use crate::base::source::{Entry, Snapshot};
use crate::pipeline::{Content, Lock};
use crate::store::{Cache, Tree};

/// The files of one moment, what was recorded of them, and where their contents are kept.
#[derive(Clone, Copy)]
pub(crate) struct Side<'a> {
    /// The files, completed by the cache.
    pub(crate) snapshot: &'a dyn Snapshot,
    /// What was recorded.
    pub(crate) lock: &'a Lock,
    /// Has the manifests of folders.
    pub(crate) cache: &'a Cache,
}

/// A recorded path whose content differs between two sides.
pub(crate) struct Changed {
    pub(crate) path: RepoPath,
    pub(crate) old: Option<Content>,
    pub(crate) new: Option<Content>,
}

impl Side<'_> {
    /// Returns what people put in: tracked data, and what stages read and no stage makes.
    fn inputs(&self) -> BTreeMap<&RepoPath, Content> {
        let made = self.made();
        let is_made = |path: &RepoPath| path.ancestors().any(|folder| made.contains(folder));
        let entries = self.lock.stages.values();
        let deps = entries.flat_map(|entry| entry.deps.iter());
        let deps = deps.filter_map(|(path, content)| Some((path.inside()?, *content)));
        let deps = deps.filter(|(path, _)| !is_made(path));
        let data = self.lock.data.iter();
        let data = data.map(|(path, content)| (path, *content));
        deps.chain(data).collect()
    }

    /// Returns what stages make.
    fn made(&self) -> BTreeSet<&str> {
        let outs = self.lock.stages.values();
        outs.flat_map(|entry| entry.outs.keys().map(AnyPath::as_str))
            .collect()
    }

    /// Lists the files below a folder that people write: none that a stage makes, none that are
    /// hidden.
    pub(crate) fn written_below(&self, folder: &RepoPath) -> Vec<RepoPath> {
        let made = self.made();
        let mut is_wanted = |entry: &Entry<'_>| {
            !entry.name.starts_with('.') && !made.contains(entry.path().as_str())
        };
        let found = self.snapshot.list(folder, &mut is_wanted);
        found.unwrap_or_default()
    }

    /// Returns whether `path` is tracked data, or lies in some, or holds some.
    pub(crate) fn tracks(&self, path: &RepoPath) -> bool {
        self.lock.data.keys().any(|data| data.overlaps(path))
    }

    /// Returns the manifest of a folder, if anybody kept it.
    pub(crate) fn tree(&self, content: &Content) -> Option<Tree> {
        self.cache.manifest(content).ok().flatten()
    }

    /// Returns the stages that read `path`.
    pub(crate) fn readers(&self, path: &RepoPath) -> impl Iterator<Item = &str> {
        let reads = move |entry: &crate::pipeline::StageEntry| {
            let mut deps = entry.deps.keys().filter_map(|dep| dep.inside());
            deps.any(|dep| dep == path)
        };
        let entries = self.lock.stages.iter();
        entries
            .filter(move |(_, entry)| reads(entry))
            .map(|(name, _)| name.as_str())
    }
}

/// Lists the inputs that differ, sorted by path.
pub(crate) fn changed_inputs(old: Side<'_>, new: Side<'_>) -> Vec<Changed> {
    let (before, now) = (old.inputs(), new.inputs());
    let paths: BTreeSet<&RepoPath> = before.keys().chain(now.keys()).copied().collect();
    let sides = |path: &RepoPath| Changed {
        path: path.clone(),
        old: before.get(path).copied(),
        new: now.get(path).copied(),
    };
    let all = paths.into_iter().map(sides);
    all.filter(|changed| changed.old != changed.new).collect()
}
