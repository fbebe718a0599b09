//! `Past`: what the last commit records, and those recorded that HEAD was at before git moved it.

use std::collections::BTreeMap;

use crate::base::path::RepoPath;
use crate::data::inventory::Inventory;
use crate::pipeline::Content;
use crate::scm::{Repo, Revision, Since};
use crate::workspace::Workspace;

/// Each path with all that was recorded of it. Empty where there is no git.
#[derive(Debug, Default)]
pub(super) struct Past(pub(super) BTreeMap<RepoPath, Vec<Content>>);

impl Past {
    /// Reads what the last commit records, and those that git has left.
    pub(super) fn of(repo: &Repo) -> Self {
        let head = repo.revision("HEAD").ok();
        Self::read(head.into_iter().chain(repo.left(Since::Ever)))
    }

    /// Like [`Self::of`], but without the last commit, and only for these moves.
    pub(super) fn left_by(repo: &Repo, since: Since<'_>) -> Self {
        Self::read(repo.left(since).into_iter())
    }

    /// Like [`Self::of`], for the repository of a project, if it has one that can be read.
    pub(super) fn around(workspace: &Workspace) -> Self {
        let repo = workspace.repo().ok().flatten();
        repo.as_ref().map_or_else(Self::default, Self::of)
    }

    /// Commits that cannot be read tell nothing.
    fn read(revisions: impl Iterator<Item = Revision>) -> Self {
        let mut past = Self::default();
        for before in revisions.filter_map(|revision| Inventory::at(&revision).ok()) {
            for (path, content) in before.contents() {
                past.0.entry(path.clone()).or_default().push(*content);
            }
        }
        past
    }

    /// Returns whether one of the commits records that this is at `path`.
    pub(super) fn records(&self, path: &RepoPath, content: &Content) -> bool {
        let recorded = self.0.get(path);
        recorded.is_some_and(|recorded| recorded.contains(content))
    }
}
