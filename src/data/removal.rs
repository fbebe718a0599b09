//! `remove`: data is no longer tracked.

use std::collections::BTreeSet;

use crate::base::any_path::AnyPath;
use crate::base::fs;
use crate::base::path::RepoPath;
use crate::data::access::Access;
use crate::data::admission::refuse_behind_link;
use crate::data::error::Error;
use crate::data::let_go::LetGo;
use crate::data::selection::untracked;
use crate::data::unsaved::Unsaved;
use crate::scm::stop_ignoring;
use crate::store::Presence;
use crate::workspace::Kept;

/// What becomes of the files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Files {
    /// They stay in the workspace.
    Stay,
    /// They go; what the cache does not have is moved to `.mlpipe/kept`.
    Go,
}

/// What was removed.
#[derive(Debug, Default)]
pub(crate) struct Removed {
    /// The paths whose files are gone.
    pub(crate) deleted: Vec<RepoPath>,
    /// What nobody else has a copy of.
    pub(crate) kept: Vec<Kept>,
}

/// Stops tracking these paths. The record goes last, so that doing it again completes what a kill
/// has cut short.
pub(crate) fn remove(
    access: &mut Access<'_>,
    paths: &BTreeSet<RepoPath>,
    files: Files,
) -> Result<Removed, Error> {
    access.refuse_hidden_lock()?;
    let mut removed = Removed::default();
    if files == Files::Stay {
        LetGo::note(access.workspace, paths)?;
    }
    for path in paths {
        // Before git may see it, what is to go has gone.
        if files == Files::Go {
            removed.delete(access, path)?;
        }
        stop_ignoring(access.workspace.root(), path)?;
    }
    access.update(|data| data.retain(|path, _| !paths.contains(path)))?;
    access.workspace.try_save_index();
    Ok(removed)
}

/// Forgets where data came from that is not downloaded.
pub(crate) fn remove_absent(access: &Access<'_>, path: &RepoPath) -> Result<(), Error> {
    let workspace = access.workspace;
    workspace.update_sources(|sources| drop(sources.remove(path)))?;
    Ok(stop_ignoring(workspace.root(), path)?)
}

impl Removed {
    fn delete(&mut self, access: &Access<'_>, path: &RepoPath) -> Result<(), Error> {
        let workspace = access.workspace;
        let Some(recorded) = access.data.get(path) else {
            return Err(untracked(&access.data, path));
        };
        refuse_behind_link(workspace, path)?;
        // It takes long: what is measured after it is what goes.
        workspace.cache.settle()?;
        let found = workspace.measure(&AnyPath::from(path.clone()))?;
        let is_recorded = found.as_ref() == Some(recorded);
        let unsaved = match workspace.cache.presence(recorded)? {
            // The last copy of what is recorded.
            Presence::Missing if is_recorded => Unsaved::Whole,
            _ => Unsaved::find_all(workspace, path, found)?,
        };
        self.kept.extend(unsaved.keep(workspace, path)?);
        let location = workspace.locate(path);
        if fs::exists(&location)? {
            fs::remove(&location)?;
            self.deleted.push(path.clone());
        }
        Ok(())
    }
}
