//! `Claim`: the right to run a stage's command, which no process of an earlier run still has.

use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use crate::base::digest::Digest;
use crate::base::fs;
use crate::base::lockfile::FileLock;
use crate::base::process;
use crate::engine::error::Failure;
use crate::engine::event::Event;
use crate::pipeline::StageName;
use crate::workspace::Workspace;

/// How long killed processes get to vanish.
const PATIENCE: Duration = Duration::from_secs(10);

/// Held while a stage's command runs. The command inherits the lock as its standard input, so that
/// it is held as long as the command lives, even if mlpipe is killed.
pub(crate) struct Claim {
    lock: FileLock,
    /// Says which process group runs the command; there only while it does.
    note: PathBuf,
}

impl Claim {
    /// Takes the claim. What a killed run has left at work is ended first: nobody would record
    /// what it makes, and it would write over what others make.
    pub(crate) fn take(
        workspace: &Workspace,
        stage: &StageName,
        tell: &dyn Fn(Event),
    ) -> Result<Self, Failure> {
        let name = Digest::of(stage.as_str().as_bytes());
        let path = workspace.state(&format!("running/{name}.lock"));
        let note = workspace.state(&format!("running/{name}.group"));
        let identity = fs::read(&note)?.and_then(|bytes| String::from_utf8(bytes).ok());
        if let Some(identity) = identity
            && process::kill_identified(&identity)
        {
            tell(Event::Orphaned {
                stage: stage.clone(),
            });
        }
        fs::remove(&note)?;
        let lock = FileLock::acquire_within(&path, PATIENCE)?;
        let lock = lock.ok_or_else(|| Failure::Orphan {
            path: workspace.shown(&path),
        })?;
        Ok(Self { lock, note })
    }

    /// Returns what the command reads from: nothing, through the lock.
    pub(crate) fn input(&self) -> io::Result<File> {
        self.lock.share()
    }

    /// Notes which process group runs the command.
    pub(crate) fn note(&self, group: u32) -> Result<(), fs::Error> {
        fs::write_note(&self.note, &process::identify(group))
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        // A note that stays names a group that is gone, which the next claim finds out.
        let _stays = fs::remove(&self.note);
    }
}
