//! What may be deleted and what must be kept of that which stands where an out goes.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::base::any_path::AnyPath;
use crate::base::fs;
use crate::engine::decide::{OutState, Shape};
use crate::engine::event::Event;
use crate::pipeline::StageName;
use crate::store::{self, Meter, Presence};
use crate::workspace::Workspace;

/// What becomes of something that gives way to an out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Fate {
    /// It may go: it can be had again.
    Expendable,
    /// It is moved to `.mlpipe/kept`.
    Keep,
}

/// A file of the user's that gave way to an out.
pub(crate) struct Kept {
    /// Where it was.
    pub(crate) path: AnyPath,
    /// Where it is now, relative to the root.
    pub(crate) to: String,
}

impl Kept {
    /// Makes the event that tells of it.
    pub(crate) fn event(self, stage: &StageName) -> Event {
        Event::Kept {
            stage: stage.clone(),
            path: self.path,
            to: self.to,
        }
    }
}

/// Decides what becomes of what is found at an out. It may go only if the cache has every byte of
/// it, or if it is what the stage has made and the user wants no copies of it.
pub(crate) fn fate(workspace: &Workspace, state: &OutState) -> Result<Fate, store::Error> {
    let location = workspace.locate_any(&state.out.path);
    let Some(found) = &state.found else {
        let is_there = state.shape != Shape::Absent;
        return Ok(if is_there {
            Fate::Keep
        } else {
            Fate::Expendable
        });
    };
    // Content can be restored, a link or what is not counted as content cannot.
    if state.shape == Shape::Link || store::has_uncounted(&location)? {
        return Ok(Fate::Keep);
    }
    if workspace.cache.verify(found)? == Presence::Whole {
        return Ok(Fate::Expendable);
    }
    if state.recorded.as_ref() != Some(found) {
        return Ok(Fate::Keep);
    }
    if state.out.is_kept() {
        // The cache has lost it; with it back, the run cache can restore this run some day.
        workspace.store(&state.out.path, &Meter::default())?;
    }
    Ok(Fate::Expendable)
}

/// Moves something to `.mlpipe/kept`, or beside where it was if that is another file system; under
/// a name of its own.
pub(crate) fn keep(workspace: &Workspace, from: &Path, path: &AnyPath) -> Result<Kept, fs::Error> {
    let folder = workspace.state("kept");
    let mut to = unused(&folder.join(flat_name(path)))?;
    if !fs::try_rename(from, &to)? {
        to = unused(&workspace.locate_any(path).with_added_extension("kept"))?;
        fs::rename(from, &to)?;
    }
    Ok(Kept {
        path: path.clone(),
        to: workspace.shown(&to),
    })
}

/// Adds a number to a name that is taken.
fn unused(name: &Path) -> Result<PathBuf, fs::Error> {
    let mut free = name.to_owned();
    let mut number = 0;
    while fs::exists(&free)? {
        number += 1;
        free = name.with_added_extension(number.to_string());
    }
    Ok(free)
}

/// Writes a path as one name, so that a file and a folder of other times never meet.
pub(crate) fn flat_name(path: &AnyPath) -> String {
    path.as_str().replace('/', "__")
}
