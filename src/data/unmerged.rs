//! `Unmerged`: a `data.lock` of which git is still to be told what it should be.

use std::collections::BTreeSet;

use crate::base::path::RepoPath;
use crate::data::error::Error;
use crate::pipeline::{LOCK_FILE, Lock};
use crate::workspace::Workspace;

/// A conflict in `data.lock`, which has no markers in it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Unmerged {
    /// The tracked data of which the two sides say different things.
    pub(crate) data: BTreeSet<RepoPath>,
}

impl Unmerged {
    /// Asks git; `None` if there is no conflict.
    pub(crate) fn find(workspace: &Workspace) -> Result<Option<Self>, Error> {
        let lock = RepoPath::parse(LOCK_FILE).expect("invariant: a plain file name");
        // Whoever needs git will tell what is wrong with it.
        let Ok(Some(repo)) = workspace.repo() else {
            return Ok(None);
        };
        let Some(sides) = repo.conflict(&lock)? else {
            return Ok(None);
        };
        // A side that nobody can read has nothing to name.
        let [ours, theirs] = sides.map(|side| Lock::read(&side).unwrap_or_default().data);
        let all = ours.keys().chain(theirs.keys());
        let data = all.filter(|path| ours.get(*path) != theirs.get(*path));
        let data = data.cloned().collect();
        Ok(Some(Self { data }))
    }
}
