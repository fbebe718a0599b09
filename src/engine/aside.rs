//! `Aside`: outs that a stage is about to replace, set aside until it has succeeded.
//!
//! A journal is noted before anything moves, so that a killed run can be undone: what had been
//! moved comes back. What a failed command had begun to write goes to `.mlpipe/partial`.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::base::any_path::AnyPath;
use crate::base::digest::Digest;
use crate::base::fs;
use crate::engine::claim::Claim;
use crate::engine::decide::{OutState, Shape};
use crate::engine::error::Failure;
use crate::engine::event::Event;
use crate::engine::keep::{self, Fate};
use crate::engine::slot::Durability;
use crate::pipeline::{StageEntry, StageName};
use crate::store;
use crate::workspace::{self, Workspace};

/// Goes up when an older program could misread a journal.
const VERSION: u32 = 1;

/// What lies aside for one stage.
pub(crate) struct Aside<'a> {
    workspace: &'a Workspace,
    journal: Journal,
}

/// What lies where, noted beside the claim before anything moves.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Journal {
    version: u32,
    stage: StageName,
    items: Vec<Item>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Item {
    out: AnyPath,
    /// Where it lies meanwhile; `None` if there was nothing.
    place: Option<PathBuf>,
    /// What becomes of it when the stage has succeeded.
    fate: Fate,
}

/// Whose hand wrote what stands where an out was set aside.
#[derive(Clone, Copy, PartialEq)]
enum Writer {
    /// The command that has just failed before our eyes.
    Command,
    /// Nobody knows: the run was killed, and time has passed.
    Unknown,
}

impl<'a> Aside<'a> {
    /// Moves the outs of `stage` out of the way. Those that persist stay, as files of their own: what
    /// the command writes to them must not reach the cache.
    pub(crate) fn take(
        workspace: &'a Workspace,
        stage: &StageName,
        outs: &[OutState],
        claim: &mut Claim<'_>,
    ) -> Result<Self, Failure> {
        let is_there = |state: &&OutState| state.shape != Shape::Absent;
        for state in outs
            .iter()
            .filter(is_there)
            .filter(|state| state.out.persist)
        {
            let location = workspace.locate_any(&state.out.path);
            workspace.cache.unprotect(&location)?;
        }
        let mut items = Vec::new();
        for state in outs.iter().filter(|state| !state.out.persist) {
            let out = state.out.path.clone();
            let is_there = state.shape != Shape::Absent;
            let place = is_there.then(|| aside_place(workspace, &out)).transpose()?;
            items.push(Item {
                out,
                place,
                fate: keep::fate(workspace, state)?,
            });
        }
        let journal = Journal {
            version: VERSION,
            stage: stage.clone(),
            items,
        };
        claim.note_aside(&journal, journal.durability())?;
        let aside = Self { workspace, journal };
        match aside.move_all() {
            Ok(()) => Ok(aside),
            Err(error) => {
                aside.put_back(claim)?;
                Err(error.into())
            }
        }
    }

    fn move_all(&self) -> Result<(), fs::Error> {
        for item in &self.journal.items {
            if let Some(place) = &item.place {
                fs::rename(&self.workspace.locate_any(&item.out), place)?;
            }
        }
        Ok(())
    }

    /// Undoes it all after a stage has failed.
    pub(crate) fn put_back(self, claim: &mut Claim<'_>) -> Result<(), Failure> {
        let outcome = self.undo(Writer::Command, &|_| {});
        if outcome.is_ok() {
            claim.forget_aside();
        }
        outcome
    }

    /// Takes away what a failed attempt had begun to write, so that the next one begins as it did.
    /// What lay there before all of them stays aside.
    pub(crate) fn clear(&self) -> Result<(), Failure> {
        for item in &self.journal.items {
            let out = self.workspace.locate_any(&item.out);
            if fs::exists(&out)? {
                save_partial(self.workspace, &item.out, &out)?;
            }
        }
        Ok(())
    }

    fn undo(&self, writer: Writer, tell: &dyn Fn(Event)) -> Result<(), Failure> {
        for item in &self.journal.items {
            let out = self.workspace.locate_any(&item.out);
            let was_moved = match &item.place {
                Some(place) => fs::exists(place)?,
                None => true,
            };
            if was_moved && fs::exists(&out)? {
                match writer {
                    Writer::Command => save_partial(self.workspace, &item.out, &out)?,
                    Writer::Unknown => {
                        let kept = workspace::keep(self.workspace, &out, &item.out)?;
                        tell(keep::event(kept, &self.journal.stage));
                    }
                }
            }
            if let (true, Some(place)) = (was_moved, &item.place) {
                fs::rename(place, &out)?;
            }
        }
        Ok(())
    }

    /// Lets go of it after the stage has succeeded and its record is in the lock; returns what had
    /// to be kept for good.
    pub(crate) fn discard(&self) -> Result<Vec<Event>, fs::Error> {
        let mut kept = Vec::new();
        for item in &self.journal.items {
            let Some(place) = &item.place else { continue };
            match item.fate {
                Fate::Expendable => fs::remove(place)?,
                Fate::Keep if fs::exists(place)? => {
                    let moved = workspace::keep(self.workspace, place, &item.out)?;
                    kept.push(keep::event(moved, &self.journal.stage));
                }
                Fate::Keep => {}
            }
        }
        Ok(kept)
    }

    /// Undoes what a killed run has left, once nothing of it is at work any more.
    pub(super) fn recover(
        workspace: &'a Workspace,
        journal: Journal,
        recorded: Option<&StageEntry>,
        tell: &dyn Fn(Event),
    ) -> Result<(), Failure> {
        let aside = Self { workspace, journal };
        if aside.is_recorded(recorded)? {
            aside.discard()?.into_iter().for_each(tell);
        } else {
            aside.undo(Writer::Unknown, tell)?;
            let stage = aside.journal.stage;
            tell(Event::Recovered { stage });
        }
        Ok(())
    }

    /// Whether the run got as far as the lock before it was killed.
    fn is_recorded(&self, recorded: Option<&StageEntry>) -> Result<bool, store::Error> {
        let Some(entry) = recorded else {
            return Ok(false);
        };
        for item in &self.journal.items {
            let found = self.workspace.measure(&item.out)?;
            if found.is_none() || found.as_ref() != entry.outs.get(&item.out) {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

impl Journal {
    /// Returns whether this program understands it.
    pub(super) fn is_known(&self) -> bool {
        self.version == VERSION
    }

    /// What can be had again may be lost where the power goes.
    fn durability(&self) -> Durability {
        let holds_something = |item: &Item| item.place.is_some() && item.fate == Fate::Keep;
        if self.items.iter().any(holds_something) {
            Durability::PowerCut
        } else {
            Durability::Kill
        }
    }
}

/// Saves what a failed command had begun to write; only the last attempt's is of any interest.
fn save_partial(workspace: &Workspace, out: &AnyPath, from: &Path) -> Result<(), fs::Error> {
    let to = workspace.state("partial").join(workspace::flat_name(out));
    fs::remove(&to)?;
    if fs::try_rename(from, &to)? {
        return Ok(());
    }
    fs::remove(from)
}

/// In `.mlpipe`, where no command deletes it; beside the out where that is another file system, as
/// what lies outside of the project may be without showing it.
fn aside_place(workspace: &Workspace, out: &AnyPath) -> Result<PathBuf, fs::Error> {
    let folder = workspace.state("aside");
    fs::make_folder(&folder)?;
    let location = workspace.locate_any(out);
    let beside = fs::parent(&location);
    let is_near = out.inside().is_some() && fs::same_device(&folder, beside)?;
    let folder = if is_near { folder.as_path() } else { beside };
    let name = format!(".mlpipe-aside-{}", Digest::of(out.as_str().as_bytes()));
    let place = folder.join(name);
    if fs::exists(&place)? {
        // Nothing of ours names it any more, but somebody may miss it.
        workspace::keep(workspace, &place, out)?;
    }
    Ok(place)
}
