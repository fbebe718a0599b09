//! `Tracked`: a tracked path as it is now, beside what is recorded of it.

use std::collections::BTreeSet;

use crate::base::any_path::AnyPath;
use crate::base::path::RepoPath;
use crate::data::access::Access;
use crate::data::error::Error;
use crate::data::past::Past;
use crate::pipeline::{Content, Data, Lock, StageName, tracked_around};
use crate::store::{self, EntryKind, Presence};
use crate::workspace::Workspace;

/// A tracked path as it was found.
#[derive(Debug)]
pub(crate) struct Tracked {
    /// Where it is.
    pub(crate) path: RepoPath,
    /// How it is now.
    pub(crate) state: State,
}

/// How tracked data is, beside its record.
#[derive(Debug)]
pub(crate) enum State {
    /// As recorded, and the cache has it.
    Clean,
    /// As recorded, but the cache lacks some of it.
    Unsaved,
    /// Other content is there.
    Modified,
    /// Other content is there: what the last commit records, or one that git has left.
    Outdated,
    /// It is not there; the cache has it.
    Deleted,
    /// It is not there, and the cache lacks some of it.
    Lost,
    /// Some of a folder is neither there nor in the cache.
    Incomplete {
        /// Which files.
        files: Vec<String>,
    },
    /// It was imported and not downloaded.
    Undownloaded,
    /// Where it was imported from, it has changed.
    Behind,
    /// It cannot be looked at.
    Failed(store::Error),
}

impl State {
    /// Returns whether all is well.
    pub(crate) fn is_clean(&self) -> bool {
        matches!(self, Self::Clean)
    }

    /// Returns the words for it, as in JSON.
    pub(crate) fn words(&self) -> &'static str {
        match self {
            Self::Clean => "unchanged",
            Self::Unsaved => "not in the cache",
            Self::Modified => "modified",
            Self::Outdated => "outdated",
            Self::Deleted => "deleted",
            Self::Lost => "deleted, and not in the cache",
            Self::Incomplete { .. } => "incomplete",
            Self::Undownloaded => "not downloaded",
            Self::Behind => "behind its source",
            Self::Failed(_) => "failed",
        }
    }
}

/// Looks at all tracked paths that are `wanted`. What cannot be looked at keeps nobody from the others.
pub(crate) fn survey(
    workspace: &Workspace,
    data: &Data,
    wanted: impl Fn(&RepoPath) -> bool,
) -> Result<Vec<Tracked>, Error> {
    let mut past = None;
    let mut all = Vec::new();
    for (path, recorded) in data.iter().filter(|(path, _)| wanted(path)) {
        let found = workspace.measure(&AnyPath::from(path.clone()));
        let state = match found {
            Ok(Some(found)) if found != *recorded => {
                otherwise(workspace, (path, recorded), &found, &mut past)?
            }
            Ok(found) => saved_or_not(workspace, recorded, found.is_some())?,
            Err(error) => State::Failed(error),
        };
        let path = path.clone();
        all.push(Tracked { path, state });
    }
    Ok(all)
}

/// Returns what is not there, or only in part while the cache lacks the rest.
pub(crate) fn absent(access: &Access<'_>) -> Result<BTreeSet<RepoPath>, Error> {
    let workspace = access.workspace;
    let mut absent = BTreeSet::new();
    for (path, recorded) in &access.data {
        let is_here = workspace.locate(path).exists();
        let any = AnyPath::from(path.clone());
        if !is_here || !workspace.lost_files(&any, recorded)?.is_empty() {
            absent.insert(path.clone());
        }
    }
    Ok(absent)
}

/// Judges what is not as recorded.
fn otherwise(
    workspace: &Workspace,
    (path, recorded): (&RepoPath, &Content),
    found: &Content,
    past: &mut Option<Past>,
) -> Result<State, Error> {
    let files = workspace.lost_files(&AnyPath::from(path.clone()), recorded)?;
    if !files.is_empty() {
        let name = |inner: String| format!("{path}/{inner}");
        let files = files.into_iter().map(name).collect();
        return Ok(State::Incomplete { files });
    }
    let past = past.get_or_insert_with(|| Past::around(workspace));
    Ok(if past.records(path, found) {
        State::Outdated
    } else {
        State::Modified
    })
}

/// Judges what is as recorded, or not there at all.
fn saved_or_not(
    workspace: &Workspace,
    recorded: &Content,
    is_there: bool,
) -> Result<State, store::Error> {
    Ok(match workspace.cache.presence(recorded)? {
        Presence::Whole if is_there => State::Clean,
        Presence::Whole => State::Deleted,
        Presence::Missing if is_there => State::Unsaved,
        Presence::Missing => State::Lost,
    })
}

/// Returns the tracked paths of which these stages have last read something else than is recorded.
/// Looks at records alone, for a run has just measured what is on disk.
pub(crate) fn read_otherwise(
    workspace: &Workspace,
    lock: &Lock,
    stages: &[&StageName],
) -> Result<BTreeSet<RepoPath>, store::Error> {
    let mut found = BTreeSet::new();
    let entries = stages.iter().filter_map(|stage| lock.stages.get(*stage));
    for (path, content) in entries.flat_map(|entry| entry.deps.iter()) {
        let Some(path) = path.inside() else { continue };
        let Some(tracked) = tracked_around(&lock.data, path) else {
            continue;
        };
        let is_other = if tracked == path {
            lock.data.get(tracked) != Some(content)
        } else {
            !found.contains(tracked) && differs(workspace, lock, (tracked, path), content)?
        };
        if is_other {
            found.insert(tracked.clone());
        }
    }
    Ok(found)
}

/// Whether a file in a tracked folder had another content; what nobody can tell has not.
fn differs(
    workspace: &Workspace,
    lock: &Lock,
    (tracked, path): (&RepoPath, &RepoPath),
    content: &Content,
) -> Result<bool, store::Error> {
    let Some(recorded) = lock.data.get(tracked) else {
        return Ok(false);
    };
    let Some(tree) = workspace.cache.manifest(recorded)? else {
        return Ok(false);
    };
    let inner = path.relative_to(tracked);
    let entries = tree.entries();
    let known = entries.binary_search_by(|entry| entry.path.as_str().cmp(&inner));
    Ok(match known.map(|at| &entries[at].kind) {
        Ok(EntryKind::File(file)) => Content::from(*file) != *content,
        Ok(_) => true,
        // A folder in the folder, or a new file.
        Err(_) => content.files.is_none(),
    })
}
