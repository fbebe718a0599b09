//! `Access`: the right to change tracked data, which one process has at a time, be stages running
//! beside it.

use std::collections::BTreeSet;

use crate::base::cancel::CancelToken;
use crate::base::fs;
use crate::base::lockfile::{FileLock, Presence};
use crate::base::path::RepoPath;
use crate::data::error::Error;
use crate::pipeline::{Data, LOCK_FILE};
use crate::workspace::Workspace;

/// Held while tracked data is changed.
pub(crate) struct Access<'w> {
    /// The project.
    pub(super) workspace: &'w Workspace,
    /// What is tracked, as `data.lock` says.
    pub(crate) data: Data,
    _held: Presence,
    /// The same lock as that of edits to pipeline files, which must not cross ours.
    _editing: FileLock,
}

impl<'w> Access<'w> {
    /// Enters the project; `waiting` is told who has it for itself.
    pub(crate) fn begin(
        workspace: &'w Workspace,
        waiting: impl FnMut(&str),
    ) -> Result<Self, Error> {
        let held = workspace.enter(&CancelToken::default(), waiting)?;
        let editing = FileLock::hold(&workspace.state("edit"))?;
        let data = workspace.load_lock()?.data;
        if held.is_alone() && held.was_abandoned {
            remove_litter(workspace, &data)?;
        }
        Ok(Self {
            workspace,
            data,
            _held: held,
            _editing: editing,
        })
    }

    /// Refuses a lock that git would never see.
    pub(super) fn refuse_hidden_lock(&self) -> Result<(), Error> {
        let lock = RepoPath::parse(LOCK_FILE).expect("invariant: a plain file name");
        match self.workspace.repo()? {
            Some(repo) if repo.ignores(&lock)? => Err(Error::LockIgnored),
            _ => Ok(()),
        }
    }

    /// Changes what is tracked.
    pub(super) fn update(&mut self, change: impl Fn(&mut Data)) -> Result<(), Error> {
        self.workspace.update_data(&change)?;
        change(&mut self.data);
        Ok(())
    }
}

/// Deletes the unfinished files that a killed mlpipe has left beside tracked data.
fn remove_litter(workspace: &Workspace, data: &Data) -> Result<(), Error> {
    let folders: BTreeSet<RepoPath> = data.keys().map(RepoPath::parent).collect();
    for folder in folders {
        fs::remove_litter(&workspace.locate(&folder))?;
    }
    for folder in ["", "cache/new"] {
        fs::remove_litter(&workspace.state(folder))?;
    }
    Ok(fs::remove_litter(workspace.root())?)
}
