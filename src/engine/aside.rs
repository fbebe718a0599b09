//! `Aside`: outs that a stage is about to replace, set aside until it has succeeded.
//!
//! A journal is written before anything moves, so that a killed run can be undone: what had been
//! moved comes back, what the command had begun to write goes to `.mlpipe/partial`.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::base::digest::Digest;
use crate::base::fs::{self, failed};
use crate::base::path::RepoPath;
use crate::engine::decide::OutState;
use crate::pipeline::{Lock, StageName};
use crate::store::{self, Presence};
use crate::workspace::Workspace;

/// What lies aside for one stage.
pub(crate) struct Aside<'a> {
    workspace: &'a Workspace,
    journal: Journal,
}

/// Written to `.mlpipe/aside/<stage>.json`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Journal {
    stage: StageName,
    items: Vec<Item>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Item {
    out: RepoPath,
    /// Where it is kept meanwhile; `None` if there was nothing.
    place: Option<PathBuf>,
    /// Whether its content is recorded or in the cache, so that it need not be kept for good.
    expendable: bool,
}

/// A file of the user's that gave way to an out.
pub(crate) struct Kept {
    /// Where it was.
    pub(crate) path: RepoPath,
    /// Where it is, relative to the root.
    pub(crate) to: String,
}

impl<'a> Aside<'a> {
    /// Moves the outs of `stage` out of the way. Those that persist stay.
    pub(crate) fn take(
        workspace: &'a Workspace,
        stage: &StageName,
        outs: &[OutState],
    ) -> Result<Self, store::Error> {
        let mut items = Vec::new();
        for state in outs.iter().filter(|state| !state.out.persist) {
            let out = state.out.path.clone();
            let place = state
                .found
                .map(|_| aside_place(workspace, &out))
                .transpose()?;
            items.push(Item {
                out,
                place,
                expendable: is_expendable(workspace, state)?,
            });
        }
        let aside = Self {
            workspace,
            journal: Journal {
                stage: stage.clone(),
                items,
            },
        };
        aside.write_journal()?;
        for item in &aside.journal.items {
            if let Some(place) = &item.place {
                fs::rename(&workspace.locate(&item.out), place)?;
            }
        }
        Ok(aside)
    }

    /// Undoes it all: for a stage that failed, or was killed.
    pub(crate) fn put_back(self) -> Result<(), fs::Error> {
        for item in &self.journal.items {
            let out = self.workspace.locate(&item.out);
            let moved = match &item.place {
                Some(place) => fs::exists(place)?,
                None => true,
            };
            if moved && fs::exists(&out)? {
                self.save_partial(&item.out, &out)?;
            }
            if let (true, Some(place)) = (moved, &item.place) {
                fs::rename(place, &out)?;
            }
        }
        self.forget()
    }

    /// Lets go of it: for a stage that succeeded. What only the user had is kept for good.
    pub(crate) fn discard(self) -> Result<Vec<Kept>, fs::Error> {
        let mut kept = Vec::new();
        for item in &self.journal.items {
            let Some(place) = &item.place else { continue };
            if item.expendable {
                fs::remove(place)?;
            } else if fs::exists(place)? {
                kept.push(keep(self.workspace, place, &item.out)?);
            }
        }
        self.forget()?;
        Ok(kept)
    }

    /// Undoes what killed runs have left; returns their stages.
    pub(crate) fn recover(
        workspace: &'a Workspace,
        lock: &Lock,
    ) -> Result<Vec<StageName>, store::Error> {
        let folder = workspace.state("aside");
        let entries = fs::absent_as_none(std::fs::read_dir(&folder));
        let mut stages = Vec::new();
        for entry in entries
            .map_err(failed("cannot read", &folder))?
            .into_iter()
            .flatten()
        {
            let path = entry.map_err(failed("cannot read", &folder))?.path();
            if path.extension().is_none_or(|kind| kind != "json") {
                continue;
            }
            let bytes = fs::read(&path)?.unwrap_or_default();
            // A journal is whole or absent; one that is neither names nothing that could be undone.
            let Ok(journal) = serde_json::from_slice::<Journal>(&bytes) else {
                fs::remove(&path)?;
                continue;
            };
            let aside = Self { workspace, journal };
            stages.push(aside.journal.stage.clone());
            if aside.is_recorded(lock)? {
                drop(aside.discard()?);
            } else {
                aside.put_back()?;
            }
        }
        Ok(stages)
    }

    /// Whether the run got as far as the lock before it was killed.
    fn is_recorded(&self, lock: &Lock) -> Result<bool, store::Error> {
        let Some(entry) = lock.stages.get(&self.journal.stage) else {
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

    fn save_partial(&self, out: &RepoPath, from: &Path) -> Result<(), fs::Error> {
        let to = self.workspace.state("partial").join(out.as_str());
        fs::remove(&to)?;
        fs::make_folder(fs::parent(&to))?;
        if fs::same_device(fs::parent(&to), fs::parent(from))? {
            fs::rename(from, &to)
        } else {
            fs::remove(from)
        }
    }

    fn write_journal(&self) -> Result<(), fs::Error> {
        let text = serde_json::to_vec(&self.journal).expect("invariant: paths of ours are UTF-8");
        fs::write_atomic(&self.journal_path(), &text)
    }

    fn forget(&self) -> Result<(), fs::Error> {
        fs::remove(&self.journal_path())
    }

    fn journal_path(&self) -> PathBuf {
        let name = Digest::of(self.journal.stage.as_str().as_bytes()).short();
        self.workspace.state(&format!("aside/{name}.json"))
    }
}

/// Moves a file that only the user has to `.mlpipe/kept`, under a name of its own.
pub(crate) fn keep(workspace: &Workspace, from: &Path, path: &RepoPath) -> Result<Kept, fs::Error> {
    let kept = workspace.state("kept").join(path.as_str());
    fs::make_folder(fs::parent(&kept))?;
    let near = if fs::same_device(fs::parent(&kept), fs::parent(from))? {
        kept
    } else {
        workspace.locate(path).with_added_extension("kept")
    };
    let mut to = near.clone();
    let mut number = 0;
    while fs::exists(&to)? {
        number += 1;
        to = near.with_added_extension(number.to_string());
    }
    fs::rename(from, &to)?;
    Ok(Kept {
        path: path.clone(),
        to: workspace.shown(&to),
    })
}

/// Returns whether what is found at an out may be deleted: the lock or the cache has it.
pub(crate) fn is_expendable(workspace: &Workspace, state: &OutState) -> Result<bool, store::Error> {
    match &state.found {
        None => Ok(true),
        Some(found) if state.recorded.as_ref() == Some(found) => Ok(true),
        Some(found) => Ok(workspace.cache.presence(found)? == Presence::Whole),
    }
}

/// In `.mlpipe`, where no command deletes it; beside the out where that is another file system.
fn aside_place(workspace: &Workspace, out: &RepoPath) -> Result<PathBuf, fs::Error> {
    let folder = workspace.state("aside");
    fs::make_folder(&folder)?;
    let name = format!(
        ".mlpipe-aside-{}",
        Digest::of(out.as_str().as_bytes()).short()
    );
    let location = workspace.locate(out);
    let beside = fs::parent(&location);
    let folder = if fs::same_device(&folder, beside)? {
        folder.as_path()
    } else {
        beside
    };
    Ok(folder.join(name))
}
