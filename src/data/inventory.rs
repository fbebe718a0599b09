//! `Inventory`: tracked data and the cached outs of stages at one moment: in the workspace, or as a
//! lock records them.

use std::collections::{BTreeMap, BTreeSet};

use rayon::prelude::*;

use crate::base::any_path::AnyPath;
use crate::base::path::RepoPath;
use crate::data::error::Error;
use crate::pipeline::{Content, Lock, Pipeline};
use crate::scm::Revision;
use crate::store::{self, Tree};
use crate::workspace::Workspace;

/// Each tracked file and folder with its content, and where to look up the files of a folder.
#[derive(Debug, Default)]
pub(crate) struct Inventory {
    contents: BTreeMap<RepoPath, Content>,
    source: Source,
}

/// Who knows the files of a folder.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Source {
    /// The cache has the manifest, or nobody.
    #[default]
    Manifest,
    /// The folder itself.
    Disk,
}

/// Something tracked that is there and cannot be measured.
#[derive(Debug)]
pub(crate) struct Unreadable {
    /// Where it is.
    pub(crate) path: RepoPath,
    /// Why.
    pub(crate) error: store::Error,
}

/// The outs that are left to git, be they recorded or not: they are no data of the cache's.
#[derive(Debug, Default)]
pub(crate) struct Uncached(BTreeSet<RepoPath>);

impl Uncached {
    /// Lists them for the workspace. Where the pipeline cannot be loaded there are none: that is
    /// for others to tell.
    pub(crate) fn here(workspace: &Workspace) -> Self {
        Self::of(workspace.load_pipeline().ok().as_ref())
    }

    /// Returns whether what is at `path` is no data of the cache's: git's, or outside of the project.
    pub(super) fn has(&self, path: &AnyPath) -> bool {
        path.inside().is_none_or(|path| self.0.contains(path))
    }

    fn of(pipeline: Option<&Pipeline>) -> Self {
        let stages = pipeline.into_iter().flat_map(|pipeline| &pipeline.stages);
        let outs = stages
            .flat_map(|stage| &stage.outs)
            .filter(|out| !out.cache);
        Self(outs.filter_map(|out| out.path.inside().cloned()).collect())
    }
}

impl Inventory {
    /// Reads what `data.lock` records now.
    pub(crate) fn here(workspace: &Workspace, uncached: &Uncached) -> Result<Self, Error> {
        Ok(Self::of(&workspace.load_lock()?, uncached))
    }

    /// Reads what a revision records.
    pub(crate) fn at(revision: &Revision) -> Result<Self, Error> {
        let lock = Lock::load(revision)?;
        let uncached = if lock.stages.is_empty() {
            Uncached::default()
        } else {
            Uncached::of(Pipeline::load(revision).ok().as_ref())
        };
        Ok(Self::of(&lock, &uncached))
    }

    /// Takes from a lock what is not left to git.
    pub(crate) fn of(lock: &Lock, uncached: &Uncached) -> Self {
        let outs = lock.stages.values().flat_map(|entry| entry.outs.iter());
        let outs = outs.filter_map(|(path, content)| Some((path.inside()?, content)));
        let outs = outs.filter(|(path, _)| !uncached.0.contains(*path));
        let all = lock.data.iter().chain(outs);
        Self {
            contents: all
                .map(|(path, content)| (path.clone(), *content))
                .collect(),
            source: Source::Manifest,
        }
    }

    /// Measures what is on disk now at the paths of this inventory; returns what cannot be measured
    /// beside it.
    pub(crate) fn measured(&self, workspace: &Workspace) -> (Self, Vec<Unreadable>) {
        let measure = |path: &RepoPath| match workspace.measure(&path.clone().into()) {
            Ok(found) => Ok(found.map(|content| (path.clone(), content))),
            Err(error) => Err(Unreadable {
                path: path.clone(),
                error,
            }),
        };
        let paths: Vec<&RepoPath> = self.contents.keys().collect();
        let found: Vec<Result<_, Unreadable>> = paths.into_par_iter().map(measure).collect();
        workspace.try_save_index();
        let (mut contents, mut unreadable) = (BTreeMap::new(), Vec::new());
        for one in found {
            match one {
                Ok(found) => contents.extend(found),
                Err(one) => unreadable.push(one),
            }
        }
        let source = Source::Disk;
        (Self { contents, source }, unreadable)
    }

    /// Leaves out what cannot be measured: nobody knows whether it differs.
    pub(crate) fn without(&self, unreadable: &[Unreadable]) -> Self {
        let mut contents = self.contents.clone();
        contents.retain(|path, _| unreadable.iter().all(|one| one.path != *path));
        let source = self.source;
        Self { contents, source }
    }

    /// Leaves out what has nothing to do with these paths; without any, all stays.
    pub(crate) fn restrict(&mut self, targets: &[RepoPath]) {
        if !targets.is_empty() {
            let is_wanted = |path: &RepoPath| targets.iter().any(|target| target.overlaps(path));
            self.contents.retain(|path, _| is_wanted(path));
        }
    }

    /// Returns each path with its content, sorted.
    pub(crate) fn contents(&self) -> &BTreeMap<RepoPath, Content> {
        &self.contents
    }

    /// Returns whether `path` is tracked, or lies in what is, or holds some that is.
    pub(crate) fn touches(&self, path: &RepoPath) -> bool {
        self.holds(path) || self.contents.keys().any(|known| known.is_within(path))
    }

    /// Returns whether `path` is tracked or lies in what is.
    pub(crate) fn holds(&self, path: &RepoPath) -> bool {
        path.ancestors()
            .any(|folder| self.contents.contains_key(folder))
    }

    /// Returns the manifest of a folder of this inventory; `None` if nobody has it.
    pub(crate) fn tree(
        &self,
        workspace: &Workspace,
        path: &RepoPath,
        content: &Content,
    ) -> Result<Option<Tree>, Error> {
        Ok(match self.source {
            Source::Manifest => workspace.cache.manifest(content)?,
            Source::Disk => workspace.tree(&path.clone().into())?,
        })
    }
}
