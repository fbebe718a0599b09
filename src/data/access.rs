//! `Access`: the right to change tracked data, which one process has at a time, be stages running
//! beside it.

use std::collections::BTreeSet;

use walkdir::WalkDir;

use crate::base::cancel::CancelToken;
use crate::base::fs;
use crate::base::lockfile::{FileLock, Presence};
use crate::base::path::RepoPath;
use crate::data::error::Error;
use crate::pipeline::{Data, LOCK_FILE, Lock};
use crate::workspace::{self, Workspace};

/// Held while tracked data is changed.
pub(crate) struct Access<'w> {
    /// The project.
    pub(super) workspace: &'w Workspace,
    /// What is tracked, as `data.lock` says.
    pub(crate) data: Data,
    /// What is imported and not downloaded.
    pub(super) absent: BTreeSet<RepoPath>,
    /// Whether a killed process may have left unfinished files, and nobody is at work on any.
    cleans: bool,
    _held: Presence,
    _alone: FileLock,
}

impl<'w> Access<'w> {
    /// Enters the project; `waiting` is told who has it for itself.
    pub(crate) fn begin(
        workspace: &'w Workspace,
        mut waiting: impl FnMut(&str),
    ) -> Result<Self, Error> {
        let held = workspace.enter(&CancelToken::default(), &mut waiting)?;
        let place = workspace.state("data");
        let alone = if let Some(alone) = FileLock::try_acquire(&place)? {
            alone
        } else {
            // Data may take hours.
            FileLock::hold_alone(&place, &CancelToken::default(), |holders| {
                let pids: Vec<String> = holders.iter().map(|pid| format!("pid {pid}, ")).collect();
                waiting(&format!("{}with tracked data", pids.concat()));
            })
            .map_err(workspace::Error::from)?
        };
        let Lock { data, sources, .. } = workspace.load_lock()?;
        let absent = sources.into_keys().filter(|path| !data.contains_key(path));
        let absent = absent.collect();
        let cleans = held.is_alone() && held.was_abandoned;
        if cleans {
            remove_litter(workspace, &data)?;
        }
        Ok(Self {
            workspace,
            data,
            absent,
            cleans,
            _held: held,
            _alone: alone,
        })
    }

    /// Deletes the unfinished files that a killed process may have left at `path` and below it.
    pub(super) fn clean(&self, path: &RepoPath) -> Result<(), Error> {
        if !self.cleans {
            return Ok(());
        }
        let walker = WalkDir::new(self.workspace.locate(path)).into_iter();
        // What cannot be read is told by whoever needs it.
        for entry in walker.flatten().filter(|entry| entry.file_type().is_dir()) {
            fs::remove_litter(entry.path())?;
        }
        Ok(())
    }

    /// Deletes the unfinished files that a killed process may have left beside `path`.
    pub(super) fn clean_around(&self, path: &RepoPath) -> Result<(), Error> {
        if self.cleans {
            fs::remove_litter(&self.workspace.locate(&path.parent()))?;
        }
        Ok(())
    }

    /// Refuses a lock that git would never see.
    pub(super) fn refuse_hidden_lock(&self) -> Result<(), Error> {
        let lock = RepoPath::parse(LOCK_FILE).expect("invariant: a plain file name");
        match self.workspace.repo()? {
            Some(repo) if repo.ignores(&lock)? => Err(Error::LockIgnored),
            _ => Ok(()),
        }
    }

    /// Has what is at `path` from now on take the place of an import that was not downloaded, if one is
    /// recorded there.
    pub(crate) fn supersede(&mut self, path: &RepoPath) {
        self.absent.remove(path);
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
