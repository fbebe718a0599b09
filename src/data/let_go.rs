//! `LetGo`: what the user has stopped tracking and kept, as `.mlpipe/untracked` says: it is the
//! user's own from then on, whatever a commit that was left records of it.

use std::collections::BTreeSet;

use crate::base::fs::{self, failed};
use crate::base::path::RepoPath;
use crate::workspace::Workspace;

/// The paths, until they are tracked again.
#[derive(Debug, Default)]
pub(super) struct LetGo(BTreeSet<RepoPath>);

impl LetGo {
    /// Reads them; none where nothing was ever noted.
    pub(super) fn load(workspace: &Workspace) -> Result<Self, fs::Error> {
        let path = workspace.state(FILE);
        let bytes = fs::read(&path)?.unwrap_or_default();
        let paths = serde_json::from_slice(&bytes);
        match paths {
            Ok(paths) => Ok(Self(paths)),
            Err(_) if bytes.is_empty() => Ok(Self::default()),
            // Taking away what is the user's would be worse than this.
            Err(error) => Err(failed("cannot read", &path)(error.into())),
        }
    }

    /// Returns whether something of `path` is the user's.
    pub(super) fn has(&self, path: &RepoPath) -> bool {
        self.0.iter().any(|own| own.overlaps(path))
    }

    /// Notes that what is at these paths is the user's.
    pub(super) fn note(workspace: &Workspace, paths: &BTreeSet<RepoPath>) -> Result<(), fs::Error> {
        Self::change(workspace, |kept| kept.extend(paths.iter().cloned()))
    }

    /// Forgets what is tracked again.
    pub(super) fn forget<'p>(
        workspace: &Workspace,
        tracked: impl Iterator<Item = &'p RepoPath>,
    ) -> Result<(), fs::Error> {
        let tracked: BTreeSet<&RepoPath> = tracked.collect();
        Self::change(workspace, |kept| {
            kept.retain(|path| !tracked.contains(path));
        })
    }

    fn change(
        workspace: &Workspace,
        change: impl FnOnce(&mut BTreeSet<RepoPath>),
    ) -> Result<(), fs::Error> {
        let Self(before) = Self::load(workspace)?;
        let mut after = before.clone();
        change(&mut after);
        if after == before {
            return Ok(());
        }
        let text = serde_json::to_vec(&after).expect("invariant: paths are text");
        fs::write_atomic(&workspace.state(FILE), &text)
    }
}

/// Where it is, in the state folder.
const FILE: &str = "untracked";
