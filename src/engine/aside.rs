//! `Aside`: outs that a stage is about to replace, set aside until it has succeeded.
//!
//! A journal is written before anything moves, so that a killed run can be undone: what had been
//! moved comes back. What a failed command had begun to write goes to `.mlpipe/partial`.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::base::any_path::AnyPath;
use crate::base::digest::Digest;
use crate::base::fs::{self, failed};
use crate::engine::decide::{OutState, Shape};
use crate::engine::error::Failure;
use crate::engine::event::Event;
use crate::engine::keep::{self, Fate};
use crate::pipeline::{StageEntry, StageName};
use crate::store;
use crate::workspace::Workspace;

/// Goes up when an older program could misread a journal.
const VERSION: u32 = 1;

/// What lies aside for one stage.
pub(crate) struct Aside<'a> {
    workspace: &'a Workspace,
    journal: Journal,
}

/// Written to `.mlpipe/aside/<digest of the stage's name>.json`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Journal {
    version: u32,
    stage: StageName,
    items: Vec<Item>,
}

#[derive(Debug, Serialize, Deserialize)]
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
    /// Moves the outs of `stage` out of the way. Those that persist stay.
    pub(crate) fn take(
        workspace: &'a Workspace,
        stage: &StageName,
        outs: &[OutState],
    ) -> Result<Self, Failure> {
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
        let aside = Self { workspace, journal };
        aside.write_journal()?;
        match aside.move_all() {
            Ok(()) => Ok(aside),
            Err(error) => {
                aside.put_back()?;
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
    pub(crate) fn put_back(self) -> Result<(), Failure> {
        self.undo(Writer::Command, &|_| {})
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
                        let kept = keep::keep(self.workspace, &out, &item.out)?;
                        tell(kept.event(&self.journal.stage));
                    }
                }
            }
            if let (true, Some(place)) = (was_moved, &item.place) {
                fs::rename(place, &out)?;
            }
        }
        Ok(self.forget()?)
    }

    /// Lets go of it after the stage has succeeded and its record is in the lock; returns what had
    /// to be kept for good.
    pub(crate) fn discard(self) -> Result<Vec<Event>, fs::Error> {
        let mut kept = Vec::new();
        for item in &self.journal.items {
            let Some(place) = &item.place else { continue };
            match item.fate {
                Fate::Expendable => fs::remove(place)?,
                Fate::Keep if fs::exists(place)? => {
                    let event = keep::keep(self.workspace, place, &item.out)?;
                    kept.push(event.event(&self.journal.stage));
                }
                Fate::Keep => {}
            }
        }
        self.forget()?;
        Ok(kept)
    }

    /// Undoes what a killed run of `stage` has left, once nothing of it is at work any more.
    pub(crate) fn recover(
        workspace: &'a Workspace,
        stage: &StageName,
        recorded: Option<&StageEntry>,
        tell: &dyn Fn(Event),
    ) -> Result<(), Failure> {
        let path = journal_path(workspace, stage);
        if !fs::exists(&path)? {
            return Ok(());
        }
        let journal = read_journal(workspace, &path)?;
        let aside = Self { workspace, journal };
        if aside.is_recorded(recorded)? {
            aside.discard()?.into_iter().for_each(tell);
        } else {
            aside.undo(Writer::Unknown, tell)?;
            let stage = stage.clone();
            tell(Event::Recovered { stage });
        }
        Ok(())
    }

    /// Returns the stages for which something lies aside.
    pub(crate) fn stages(workspace: &Workspace) -> Result<Vec<StageName>, Failure> {
        let mut stages = Vec::new();
        let folder = workspace.state("aside");
        let entries = fs::absent_as_none(std::fs::read_dir(&folder));
        for entry in entries
            .map_err(failed("cannot read", &folder))?
            .into_iter()
            .flatten()
        {
            let path = entry.map_err(failed("cannot read", &folder))?.path();
            if path.extension().is_none_or(|kind| kind != "json") {
                continue;
            }
            stages.push(read_journal(workspace, &path)?.stage);
        }
        Ok(stages)
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

    fn write_journal(&self) -> Result<(), fs::Error> {
        let text = serde_json::to_vec(&self.journal).expect("invariant: paths of ours are UTF-8");
        fs::write_atomic(&self.journal_path(), &text)
    }

    fn forget(&self) -> Result<(), fs::Error> {
        fs::remove(&self.journal_path())
    }

    fn journal_path(&self) -> PathBuf {
        journal_path(self.workspace, &self.journal.stage)
    }
}

fn journal_path(workspace: &Workspace, stage: &StageName) -> PathBuf {
    let name = Digest::of(stage.as_str().as_bytes());
    workspace.state(&format!("aside/{name}.json"))
}

/// A journal that cannot be read is no reason to go on: it may name the only copy of something.
fn read_journal(workspace: &Workspace, path: &Path) -> Result<Journal, Failure> {
    let bytes = fs::read(path)?.unwrap_or_default();
    let journal = serde_json::from_slice::<Journal>(&bytes).ok();
    let journal = journal.filter(|journal| journal.version == VERSION);
    journal.ok_or_else(|| Failure::Journal {
        path: workspace.shown(path),
    })
}

/// Saves what a failed command had begun to write; only the last attempt's is of any interest.
fn save_partial(workspace: &Workspace, out: &AnyPath, from: &Path) -> Result<(), fs::Error> {
    let to = workspace.state("partial").join(keep::flat_name(out));
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
        keep::keep(workspace, &place, out)?;
    }
    Ok(place)
}
