//! Putting recorded outs in place, with care for what stands there.

use crate::engine::decide::{OutState, Shape};
use crate::engine::error::Failure;
use crate::engine::event::Event;
use crate::engine::keep::{self, Fate};
use crate::engine::run::Worker;
use crate::pipeline::{Stage, StageEntry};
use crate::store::{Meter, Presence, Restored};
use crate::workspace;

impl Worker<'_> {
    /// Puts the outs of an earlier run in place; false if an object turned out to be unusable.
    pub(super) fn restore(
        &self,
        stage: &Stage,
        entry: &StageEntry,
        outs: &[OutState],
    ) -> Result<bool, Failure> {
        let mut gives_way = outs.iter().filter(|state| state.shape != Shape::Absent);
        if gives_way.any(|state| state.found.as_ref() != entry.outs.get(&state.out.path)) {
            // What gives way may have no other copy on disk yet.
            self.shared.workspace.cache.settle()?;
        }
        for state in outs {
            let Some(content) = entry.outs.get(&state.out.path) else {
                return Ok(false);
            };
            if state.found.as_ref() == Some(content) {
                continue;
            }
            let location = self.shared.workspace.locate_any(&state.out.path);
            if state.shape != Shape::Absent
                && keep::fate(self.shared.workspace, state)? == Fate::Keep
            {
                let kept = workspace::keep(self.shared.workspace, &location, &state.out.path)?;
                self.tell(keep::event(kept, &stage.name));
            }
            match self
                .shared
                .workspace
                .restore(content, &state.out.path, &Meter::default())?
            {
                Restored::Done => {}
                Restored::Missing => return Ok(false),
                Restored::Corrupt(object) => {
                    let (stage, object) = (stage.name.clone(), object.short());
                    self.tell(Event::Quarantined { stage, object });
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    /// Puts recorded outs in place as far as the cache has them. What it does not have leaves what
    /// stands there alone.
    pub(super) fn check_out(&self, stage: &Stage, outs: &[OutState]) -> Result<(), Failure> {
        let workspace = self.shared.workspace;
        let (mut paths, mut is_settled) = (Vec::new(), false);
        for state in outs
            .iter()
            .filter(|state| state.out.cached_path().is_some())
        {
            let Some(content) = state.recorded else {
                continue;
            };
            if state.found == Some(content) {
                continue;
            }
            let location = workspace.locate_any(&state.out.path);
            if workspace.cache.verify(&content)? != Presence::Whole {
                paths.push(state.out.path.clone());
                continue;
            }
            if state.shape != Shape::Absent && !is_settled {
                // What gives way may have no other copy on disk yet.
                workspace.cache.settle()?;
                is_settled = true;
            }
            if state.shape != Shape::Absent && keep::fate(workspace, state)? == Fate::Keep {
                let kept = workspace::keep(workspace, &location, &state.out.path)?;
                self.tell(keep::event(kept, &stage.name));
            }
            if !matches!(
                workspace.restore(&content, &state.out.path, &Meter::default())?,
                Restored::Done
            ) {
                paths.push(state.out.path.clone());
            }
        }
        if paths.is_empty() {
            return Ok(());
        }
        Err(Failure::OutsLost { paths })
    }
}
