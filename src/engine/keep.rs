//! What may be deleted and what must be kept of that which stands where an out goes.

use serde::{Deserialize, Serialize};

use crate::engine::decide::{OutState, Shape};
use crate::engine::event::Event;
use crate::pipeline::StageName;
use crate::store::{self, Meter, Presence};
use crate::workspace::{Kept, Workspace};

/// What becomes of something that gives way to an out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Fate {
    /// It may go: it can be had again.
    Expendable,
    /// It is moved to `.mlpipe/kept`.
    Keep,
}

/// Makes the event that tells of something that gave way to an out of `stage`.
pub(crate) fn event(kept: Kept, stage: &StageName) -> Event {
    let Kept { path, to } = kept;
    let stage = stage.clone();
    Event::Kept { stage, path, to }
}

/// Decides what becomes of what is found at an out. It may go only if the cache has every byte of
/// it, or if it is what the stage has made and the user wants no copies of it.
pub(crate) fn fate(workspace: &Workspace, state: &OutState) -> Result<Fate, store::Error> {
    let location = workspace.locate_any(&state.out.path);
    workspace.cache.begin_reading()?;
    let Some(found) = &state.found else {
        let is_there = state.shape != Shape::Absent;
        return Ok(if is_there {
            Fate::Keep
        } else {
            Fate::Expendable
        });
    };
    // Content can be restored, a link or what is not counted as content cannot.
    if state.shape == Shape::Link || workspace.has_uncounted(&location)? {
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
