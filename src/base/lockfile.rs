//! `FileLock`: one process at a time, with the name of who holds it for those who wait.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use crate::base::cancel::CancelToken;
use crate::base::fs::{self, failed};

/// Waiting for another process is for minutes, looking at a lock takes microseconds.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// An exclusive lock; the operating system frees it when its holder ends, however it ends.
pub(crate) struct FileLock {
    file: File,
    /// Whether the last holder ended without letting go, as a killed process does.
    pub(crate) was_abandoned: bool,
}

/// Why a lock was not taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The user cancelled while waiting.
    #[error("cancelled while waiting for another mlpipe")]
    Cancelled,
    /// The lock file cannot be used.
    #[error(transparent)]
    File(#[from] fs::Error),
}

impl FileLock {
    /// Takes the lock at `path` and writes `holder` into it, waiting while another has it.
    ///
    /// `waiting` is told the other's name whenever that changes.
    pub(crate) fn acquire(
        path: &Path,
        holder: &str,
        cancel: &CancelToken,
        mut waiting: impl FnMut(&str),
    ) -> Result<Self, Error> {
        let mut file = open(path)?;
        let mut told = None;
        while !try_lock(&file).map_err(failed("cannot lock", path))? {
            if cancel.is_cancelled() {
                return Err(Error::Cancelled);
            }
            let other = read_holder(&mut file).map_err(failed("cannot read", path))?;
            if told.as_ref() != Some(&other) {
                waiting(&other);
                told = Some(other);
            }
            thread::sleep(LOOK_AGAIN);
        }
        let was_abandoned = !read_holder(&mut file)
            .map_err(failed("cannot read", path))?
            .is_empty();
        let mut lock = Self {
            file,
            was_abandoned,
        };
        lock.write_holder(holder)
            .map_err(failed("cannot write", path))?;
        Ok(lock)
    }

    /// Takes the lock at `path` if it is free, without leaving a name.
    pub(crate) fn try_acquire(path: &Path) -> Result<Option<Self>, fs::Error> {
        let file = open(path)?;
        let taken = try_lock(&file).map_err(failed("cannot lock", path))?;
        Ok(taken.then_some(Self {
            file,
            was_abandoned: false,
        }))
    }

    /// Like [`Self::try_acquire`], but waits up to `patience` for the lock to become free.
    pub(crate) fn acquire_within(
        path: &Path,
        patience: Duration,
    ) -> Result<Option<Self>, fs::Error> {
        let deadline = Instant::now() + patience;
        loop {
            let lock = Self::try_acquire(path)?;
            if lock.is_some() || Instant::now() > deadline {
                return Ok(lock);
            }
            thread::sleep(LOOK_AGAIN);
        }
    }

    /// Returns a handle that shares the lock: it is free only when all handles are closed, be it
    /// in another process.
    pub(crate) fn share(&self) -> io::Result<File> {
        self.file.try_clone()
    }

    fn write_holder(&mut self, holder: &str) -> io::Result<()> {
        self.file.set_len(0)?;
        self.file.rewind()?;
        self.file.write_all(holder.as_bytes())
    }
}

impl Drop for FileLock {
    fn drop(&mut self) {
        // Failing only makes the next holder look for traces of a crash that was none.
        let _ignored = self.file.set_len(0);
    }
}

fn open(path: &Path) -> Result<File, fs::Error> {
    fs::make_folder(fs::parent(path))?;
    let mut options = OpenOptions::new();
    let options = options.read(true).write(true).create(true).truncate(false);
    options
        .open(path)
        .map_err(failed("cannot open the lock", path))
}

fn try_lock(file: &File) -> io::Result<bool> {
    match file.try_lock() {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

fn read_holder(file: &mut File) -> io::Result<String> {
    let mut holder = String::new();
    file.rewind()?;
    file.read_to_string(&mut holder)?;
    Ok(holder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_taker_hears_who_holds_it_and_can_give_up() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("lock");
        let cancel = CancelToken::default();
        let first = FileLock::acquire(&path, "pid 1", &cancel, |_| {}).expect("free");
        let mut heard = String::new();
        let second = FileLock::acquire(&path, "pid 2", &cancel, |holder| {
            holder.clone_into(&mut heard);
            cancel.escalate();
        });
        assert!(matches!(second, Err(Error::Cancelled)));
        assert_eq!(heard, "pid 1");
        drop(first);
        let third = FileLock::acquire(&path, "pid 3", &CancelToken::default(), |_| {});
        assert!(!third.expect("free again").was_abandoned);
    }
}
