//! `Slot`: a place for one stage at a time that a process works on, told to others by a note.
//!
//! A slot is two files in `.mlpipe/running`: an empty one, whose lock the stage's command inherits
//! as its standard input, and the note, a few lines of JSON. Both are used for stage after stage,
//! for making a file costs more than all else that is done about an unchanged folder.

use std::fs::File;
use std::io::{self, Seek, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::base::any_path::AnyPath;
use crate::base::fs::{self, failed};
use crate::base::lockfile::FileLock;
use crate::engine::aside::Journal;
use crate::engine::error::Failure;
use crate::pipeline::StageName;
use crate::workspace::Workspace;

/// Held by a process; free or with one stage in it.
pub(super) struct Slot {
    lock: FileLock,
    note: File,
    path: PathBuf,
}

/// A line of a note.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Line {
    /// The stage, and what it touches.
    Stage(Occupant),
    /// What of it lies aside.
    Aside(Journal),
    /// Identifies the process group of its command.
    Group(String),
}

/// The stage in a slot.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Occupant {
    /// Identifies the process that works on it.
    pub(super) owner: String,
    /// That process, as people know it.
    pub(super) pid: u32,
    pub(super) stage: StageName,
    pub(super) reads: Vec<AnyPath>,
    pub(super) writes: Vec<AnyPath>,
}

/// Whether a line must outlast a power cut.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Durability {
    Kill,
    PowerCut,
}

/// An occupied slot as another process finds it.
pub(super) struct Found {
    path: PathBuf,
    pub(super) occupant: Occupant,
    pub(super) aside: Option<Journal>,
    pub(super) group: Option<String>,
}

impl Slot {
    /// Makes a slot of this name.
    pub(super) fn open(workspace: &Workspace, name: &str) -> Result<Self, fs::Error> {
        let path = workspace.state("running").join(name);
        let lock_path = path.with_extension("lock");
        let lock = FileLock::try_acquire(&lock_path)?;
        let taken = || io::Error::other("another process has it");
        Ok(Self {
            lock: lock.ok_or_else(|| failed("cannot lock", &lock_path)(taken()))?,
            note: fs::create_log(&path.with_extension("note"))?,
            path,
        })
    }

    /// Adds a line to the note.
    pub(super) fn write(&mut self, line: &Line, durability: Durability) -> Result<(), fs::Error> {
        let mut text = serde_json::to_string(line).expect("invariant: paths of ours are UTF-8");
        text.push('\n');
        let written = self.note.write_all(text.as_bytes());
        let path = self.path.with_extension("note");
        written.map_err(failed("cannot write", &path))?;
        match durability {
            Durability::Kill => Ok(()),
            Durability::PowerCut => fs::sync(&self.note, &path),
        }
    }

    /// Makes the slot free.
    pub(super) fn clear(&mut self) -> io::Result<()> {
        self.note.set_len(0)?;
        self.note.rewind()
    }

    /// Returns what a command reads from: nothing, through the lock.
    pub(super) fn input(&self) -> io::Result<File> {
        self.lock.share()
    }

    /// Takes the slot away.
    pub(super) fn close(self) {
        // What stays is free, which the next process that looks finds out.
        let _stays = fs::remove(&self.path.with_extension("note"))
            .and_then(|()| fs::remove(&self.path.with_extension("lock")));
    }
}

impl Found {
    /// Returns whether nothing that has inherited the lock is at work any more.
    pub(super) fn is_over(&self) -> Result<bool, fs::Error> {
        Ok(FileLock::try_acquire(&self.lock_path())?.is_some())
    }

    /// Returns the file whose lock its command holds.
    pub(super) fn lock_path(&self) -> PathBuf {
        self.path.with_extension("lock")
    }

    /// Takes away what a dead process has left.
    pub(super) fn remove(&self) -> Result<(), fs::Error> {
        fs::remove(&self.path.with_extension("note"))?;
        fs::remove(&self.lock_path())
    }
}

/// Returns the occupied slots.
pub(super) fn find_occupied(workspace: &Workspace) -> Result<Vec<Found>, Failure> {
    let mut found = Vec::new();
    for path in files(workspace, "note")? {
        found.extend(read(workspace, &path)?);
    }
    Ok(found)
}

/// Takes away the slots that killed processes have left free. Nobody may make one meanwhile.
pub(super) fn remove_abandoned(workspace: &Workspace) -> Result<(), fs::Error> {
    for lock in files(workspace, "lock")? {
        let note = lock.with_extension("note");
        let is_free = fs::read(&note)?.is_none_or(|text| !text.contains(&b'\n'));
        if is_free && FileLock::try_acquire(&lock)?.is_some() {
            fs::remove(&note)?;
            fs::remove(&lock)?;
        }
    }
    Ok(())
}

/// Returns the files of slots that are of this kind.
fn files(workspace: &Workspace, kind: &str) -> Result<Vec<PathBuf>, fs::Error> {
    let folder = workspace.state("running");
    let entries = fs::absent_as_none(std::fs::read_dir(&folder));
    let entries = entries.map_err(failed("cannot read", &folder))?;
    let mut paths = Vec::new();
    for entry in entries.into_iter().flatten() {
        let path = entry.map_err(failed("cannot read", &folder))?.path();
        paths.extend(
            path.extension()
                .is_some_and(|found| found == kind)
                .then_some(path),
        );
    }
    Ok(paths)
}

/// Reads a note. A line that was cut short is of something that was not yet begun; one that cannot
/// be read is no reason to go on, for it may name the only copy of something.
fn read(workspace: &Workspace, path: &Path) -> Result<Option<Found>, Failure> {
    let text = fs::read(path)?.unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let (mut occupant, mut aside, mut group) = (None, None, None);
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    for line in whole.lines() {
        match serde_json::from_str(line) {
            Ok(Line::Stage(stage)) => occupant = Some(stage),
            Ok(Line::Aside(journal)) if journal.is_known() => aside = Some(journal),
            Ok(Line::Group(identity)) => group = Some(identity),
            Ok(Line::Aside(_)) | Err(_) => {
                let path = workspace.shown(path);
                return Err(Failure::Journal { path });
            }
        }
    }
    Ok(occupant.map(|occupant| Found {
        path: path.to_owned(),
        occupant,
        aside,
        group,
    }))
}
