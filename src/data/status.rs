//! `DataStatus`: where tracked data and outs stand between git, `data.lock`, the workspace and the
//! cache.

use crate::base::path::RepoPath;
use crate::data::changes::{Changes, Comparison, Detail, missing};
use crate::data::error::Error;
use crate::data::inventory::{Inventory, Uncached, Unreadable};
use crate::data::item::Item;
use crate::data::past::Past;
use crate::data::unmerged::Unmerged;
use crate::pipeline::Lock;
use crate::scm::{self, Repo};
use crate::workspace::Workspace;

/// What differs from where to where.
#[derive(Debug)]
pub(crate) struct DataStatus {
    /// From the last commit to `data.lock`; `None` where there is no git.
    pub(crate) committed: Option<Changes>,
    /// From `data.lock` to the workspace.
    pub(crate) recorded: Changes,
    /// Of that, what is as the last commit records it, or one that git has left.
    pub(crate) outdated: Vec<RepoPath>,
    /// What `data.lock` records and the cache lacks.
    pub(crate) missing: Vec<Item>,
    /// What is in the workspace as `data.lock` records it.
    pub(crate) unchanged: Vec<Item>,
    /// Files that neither git nor `data.lock` knows, if they were asked for.
    pub(crate) untracked: Option<Vec<RepoPath>>,
    /// What is there and cannot be measured.
    pub(crate) unreadable: Vec<Unreadable>,
    /// The conflict in `data.lock`, if there is one.
    pub(crate) unmerged: Option<Unmerged>,
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
        let repo = workspace.repo()?;
        let committed = match &repo {
            None => None,
            Some(repo) => {
                let head = Inventory::of(&lock_of_head(repo)?, &uncached);
                Some(compare(workspace, (&head, &recorded), detail)?)
            }
        };
        let (here, unreadable) = recorded.measured(workspace);
        let known = recorded.without(&unreadable);
        let changes = compare(workspace, (&known, &here), detail)?;
        let past = match &repo {
            Some(repo) if !changes.is_empty() => Past::of(repo),
            _ => Past::default(),
        };
        let listing = repo.filter(|_| untracked == Untracked::Listed);
        Ok(Self {
            committed,
            outdated: outdated((&recorded, &here), &past),
            recorded: changes,
            missing: missing(workspace, &recorded, detail)?,
            unchanged: unchanged(&recorded, &here),
            untracked: listing
                .map(|repo| untracked_files(&repo, &recorded))
                .transpose()?,
            unreadable,
            unmerged: Unmerged::find(workspace)?,
        })
    }

    /// Returns whether all data is committed, in place and in the cache.
    pub(crate) fn is_clean(&self) -> bool {
        self.committed.as_ref().is_none_or(Changes::is_empty)
            && self.recorded.is_empty()
            && self.missing.is_empty()
            && self.unreadable.is_empty()
            && self.unmerged.is_none()
    }
}

fn compare(
    workspace: &Workspace,
    (old, new): (&Inventory, &Inventory),
    detail: Detail,
) -> Result<Changes, Error> {
    Comparison {
        workspace,
        old,
        new,
        detail,
        targets: &[],
    }
    .run()
}

/// Returns where something else is here than recorded, which has been recorded there in the past.
fn outdated((recorded, here): (&Inventory, &Inventory), past: &Past) -> Vec<RepoPath> {
    let is_same = |path: &RepoPath| here.contents().get(path) == recorded.contents().get(path);
    let outdated = here
        .contents()
        .iter()
        .filter(|(path, content)| !is_same(path) && past.records(path, content));
    outdated.map(|(path, _)| path.clone()).collect()
}

/// Returns what is here as it is recorded.
fn unchanged(recorded: &Inventory, here: &Inventory) -> Vec<Item> {
    let same = recorded
        .contents()
        .iter()
        .filter(|(path, content)| here.contents().get(*path) == Some(*content));
    same.map(|(path, content)| Item::tracked(path, content))
        .collect()
}

fn lock_of_head(repo: &Repo) -> Result<Lock, Error> {
    match repo.revision("HEAD") {
        Ok(head) => Ok(Lock::load(&head)?),
        // Before the first commit, all is new.
        Err(scm::Error::UnknownRevision { .. }) => Ok(Lock::default()),
        Err(error) => Err(error.into()),
    }
}

fn untracked_files(repo: &Repo, recorded: &Inventory) -> Result<Vec<RepoPath>, Error> {
    let mut files = repo.untracked_files()?;
    files.retain(|path| !recorded.holds(path));
    Ok(files)
}
