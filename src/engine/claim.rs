//! `Claim`: the right to do something to a stage, which nobody else has meanwhile: no process that
//! is at work beside this one, and no command that a killed one has left running.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::process;
use std::thread;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::base::any_path::AnyPath;
use crate::base::cancel::CancelToken;
use crate::base::digest::Digest;
use crate::base::fs::{self, failed};
use crate::base::lockfile::{FileLock, LOOK_AGAIN};
use crate::base::process::{identify, is_running, kill_identified};
use crate::engine::aside::Aside;
use crate::engine::error::Failure;
use crate::engine::event::Event;
use crate::pipeline::{Dep, Stage, StageName};
use crate::workspace::{Ledger, Workspace};

/// How long killed processes get to vanish.
const PATIENCE: Duration = Duration::from_secs(10);

/// Gives out claims to the workers of one run.
pub(crate) struct Claims<'a> {
    workspace: &'a Workspace,
    ledger: &'a Ledger<'a>,
    /// Identifies this process.
    owner: String,
}

/// Held while a stage is worked on. Its command inherits the lock as its standard input, so that
/// the lock is held as long as the command lives, even if mlpipe is killed.
pub(crate) struct Claim {
    lock: FileLock,
    path: PathBuf,
    note: Note,
}

/// Lies in `.mlpipe/running` while the claim is held.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Note {
    owner: String,
    pid: u32,
    stage: StageName,
    /// Identifies the process group of the command, once that runs.
    group: Option<String>,
    reads: Vec<AnyPath>,
    writes: Vec<AnyPath>,
}

impl<'a> Claims<'a> {
    /// Prepares to give out claims; what was recorded by killed runs is in `ledger`.
    pub(crate) fn new(workspace: &'a Workspace, ledger: &'a Ledger<'a>) -> Self {
        Self {
            workspace,
            ledger,
            owner: identify(process::id()),
        }
    }

    /// Takes the claim, waiting while another process works on something that the stage reads or
    /// writes; `None` if the user cancelled meanwhile.
    pub(crate) fn take(
        &self,
        stage: &Stage,
        cancel: &CancelToken,
        tell: &dyn Fn(Event),
    ) -> Result<Option<Claim>, Failure> {
        let note = self.note(stage);
        let mut told = None;
        loop {
            let holder = {
                let _guard = self.workspace.guard()?;
                match self.find_conflict(&note, tell)? {
                    None => return self.hold(note).map(Some),
                    Some(holder) => holder,
                }
            };
            if cancel.is_cancelled() {
                return Ok(None);
            }
            let holder = format!("pid {}, stage {}", holder.pid, holder.stage);
            if told.as_ref() != Some(&holder) {
                tell(Event::Blocked {
                    stage: stage.name.clone(),
                    holder: holder.clone(),
                });
                told = Some(holder);
            }
            thread::sleep(LOOK_AGAIN);
        }
    }

    /// Ends the commands that killed runs have left at work and undoes what they had begun: nobody
    /// would record what they make, and they would write over what others make. For whoever is
    /// alone in the project.
    pub(crate) fn recover(&self, tell: &dyn Fn(Event)) -> Result<(), Failure> {
        let _guard = self.workspace.guard()?;
        for (path, note) in read_notes(self.workspace)? {
            if !is_running(&note.owner) {
                self.end_orphan(&path, &note, tell)?;
            }
        }
        // A note may be lost where the power went; what was set aside is not forgotten by that.
        for stage in Aside::stages(self.workspace)? {
            self.undo(&stage, tell)?;
        }
        Ok(())
    }

    fn note(&self, stage: &Stage) -> Note {
        let deps = stage.deps.iter().filter_map(|dep| match dep {
            Dep::Path { path, .. } => Some(path.clone()),
            Dep::Glob { pattern, .. } => Some(pattern.prefix().clone().into()),
            Dep::Command { .. } => None,
        });
        let params = stage
            .params
            .iter()
            .map(|reference| AnyPath::from(reference.file.clone()));
        Note {
            owner: self.owner.clone(),
            pid: process::id(),
            stage: stage.name.clone(),
            group: None,
            reads: deps.chain(params).collect(),
            writes: stage.outs.iter().map(|out| out.path.clone()).collect(),
        }
    }

    /// Returns who is in the way. Those who are no more get out of it.
    fn find_conflict(&self, own: &Note, tell: &dyn Fn(Event)) -> Result<Option<Note>, Failure> {
        for (path, note) in read_notes(self.workspace)? {
            // The scheduler keeps stages of one run apart.
            if note.owner == self.owner || !own.conflicts_with(&note, self.workspace.root()) {
                continue;
            }
            if is_running(&note.owner) {
                return Ok(Some(note));
            }
            self.end_orphan(&path, &note, tell)?;
        }
        Ok(None)
    }

    fn hold(&self, note: Note) -> Result<Claim, Failure> {
        let lock_path = lock_path(self.workspace, &note.stage);
        let lock = FileLock::acquire_within(&lock_path, PATIENCE)?;
        let lock = lock.ok_or_else(|| Failure::Orphan {
            path: self.workspace.shown(&lock_path),
        })?;
        let name = Digest::of(note.stage.as_str().as_bytes());
        let path = self.workspace.state(&format!("running/{name}.json"));
        write_note(&path, &note)?;
        Ok(Claim { lock, path, note })
    }

    fn end_orphan(&self, path: &Path, note: &Note, tell: &dyn Fn(Event)) -> Result<(), Failure> {
        let stage = &note.stage;
        if note.group.as_deref().is_some_and(kill_identified) {
            tell(Event::Orphaned {
                stage: stage.clone(),
            });
        }
        let lock_path = lock_path(self.workspace, stage);
        if FileLock::acquire_within(&lock_path, PATIENCE)?.is_none() {
            let path = self.workspace.shown(&lock_path);
            return Err(Failure::Orphan { path });
        }
        self.undo(stage, tell)?;
        Ok(fs::remove(path)?)
    }

    fn undo(&self, stage: &StageName, tell: &dyn Fn(Event)) -> Result<(), Failure> {
        let recorded = self.ledger.latest(stage)?;
        Aside::recover(self.workspace, stage, recorded.as_ref(), tell)
    }
}

impl Claim {
    /// Returns what the command reads from: nothing, through the lock.
    pub(crate) fn input(&self) -> io::Result<File> {
        self.lock.share()
    }

    /// Notes which process group runs the command.
    pub(crate) fn note_group(&mut self, group: u32) -> Result<(), fs::Error> {
        self.note.group = Some(identify(group));
        write_note(&self.path, &self.note)
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        // A note that stays names a process that is gone, which the next claim finds out.
        let _stays = fs::remove(&self.path);
    }
}

impl Note {
    /// Whether one writes what the other reads or writes in the project at `root` and outside of it.
    fn conflicts_with(&self, other: &Self, root: &Path) -> bool {
        let meet = |some: &[AnyPath], others: &[AnyPath]| {
            some.iter()
                .any(|path| others.iter().any(|other| path.overlaps(other, root)))
        };
        self.stage == other.stage
            || meet(&self.writes, &other.writes)
            || meet(&self.writes, &other.reads)
            || meet(&self.reads, &other.writes)
    }
}

fn lock_path(workspace: &Workspace, stage: &StageName) -> PathBuf {
    let name = Digest::of(stage.as_str().as_bytes());
    workspace.state(&format!("claims/{name}.lock"))
}

fn write_note(path: &Path, note: &Note) -> Result<(), fs::Error> {
    let text = serde_json::to_vec(note).expect("invariant: paths of ours are UTF-8");
    fs::write_replaceable(path, &text)
}

/// Reads all notes; one that cannot be read is of a stage that was not yet begun.
fn read_notes(workspace: &Workspace) -> Result<Vec<(PathBuf, Note)>, fs::Error> {
    let folder = workspace.state("running");
    let Some(entries) =
        fs::absent_as_none(std::fs::read_dir(&folder)).map_err(failed("cannot read", &folder))?
    else {
        return Ok(Vec::new());
    };
    let mut notes = Vec::new();
    for entry in entries {
        let path = entry.map_err(failed("cannot read", &folder))?.path();
        let bytes = fs::read(&path)?.unwrap_or_default();
        notes.extend(serde_json::from_slice(&bytes).ok().map(|note| (path, note)));
    }
    Ok(notes)
}
