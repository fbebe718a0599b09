//! `DataStatus`: where tracked data and outs stand between git, `data.lock`, the workspace and the
//! cache.

use crate::base::path::RepoPath;
use crate::data::changes::{Changes, Comparison, Detail, missing};
use crate::data::error::Error;
use crate::data::inventory::{Inventory, Uncached};
use crate::data::item::Item;
use crate::pipeline::Lock;
use crate::scm;
use crate::workspace::Workspace;

/// What differs from where to where.
#[derive(Debug)]
pub(crate) struct DataStatus {
    /// From the last commit to `data.lock`; `None` where there is no git.
    pub(crate) committed: Option<Changes>,
    /// From `data.lock` to the workspace.
    pub(crate) recorded: Changes,
    /// What `data.lock` records and the cache lacks.
    pub(crate) missing: Vec<Item>,
    /// What is in the workspace as `data.lock` records it.
    pub(crate) unchanged: Vec<Item>,
    /// Files that neither git nor `data.lock` knows, if they were asked for.
    pub(crate) untracked: Option<Vec<RepoPath>>,
}

/// Whether files that nobody tracks are looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Untracked {
    Ignored,
    Listed,
}

impl DataStatus {
    /// Looks at all that is tracked.
    pub(crate) fn of(
        workspace: &Workspace,
        detail: Detail,
        untracked: Untracked,
    ) -> Result<Self, Error> {
        let lock = workspace.load_lock()?;
        // What is left to git in the last commit is so here too, but for a moment.
        let uncached = Uncached::here(workspace);
        let recorded = Inventory::of(&lock, &uncached);
        let compare = |old: &Inventory, new: &Inventory| {
            Comparison {
                workspace,
                old,
                new,
                detail,
                targets: &[],
            }
            .run()
        };
        let repo = workspace.repo()?;
        let committed = match &repo {
            None => None,
            Some(repo) => {
                let head = match repo.revision("HEAD") {
                    Ok(head) => Lock::load(&head)?,
                    // Before the first commit, all is new.
                    Err(scm::Error::UnknownRevision { .. }) => Lock::default(),
                    Err(error) => return Err(error.into()),
                };
                Some(compare(&Inventory::of(&head, &uncached), &recorded)?)
            }
        };
        let here = recorded.measured(workspace)?;
        let is_same = |path: &RepoPath| here.contents().get(path) == recorded.contents().get(path);
        let same = recorded.contents().iter().filter(|(path, _)| is_same(path));
        let untracked = match &repo {
            Some(repo) if untracked == Untracked::Listed => {
                let mut files = repo.untracked_files()?;
                files.retain(|path| !recorded.holds(path));
                Some(files)
            }
            _ => None,
        };
        Ok(Self {
            committed,
            recorded: compare(&recorded, &here)?,
            missing: missing(workspace, &recorded, detail)?,
            unchanged: same
                .map(|(path, content)| Item::tracked(path, content))
                .collect(),
            untracked,
        })
    }

    /// Returns whether all data is committed, in place and in the cache.
    pub(crate) fn is_clean(&self) -> bool {
        self.committed.as_ref().is_none_or(Changes::is_empty)
            && self.recorded.is_empty()
            && self.missing.is_empty()
    }
}
