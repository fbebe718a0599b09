//! Locks on files. The operating system frees them when their holders end, however they end.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use crate::base::cancel::CancelToken;
use crate::base::fs::{self, failed};

/// Waiting for another process is for minutes, looking at a lock takes microseconds.
pub(crate) const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// Who waits for longer says so.
const LONG: Duration = Duration::from_secs(1);

/// How a line begins that says who left.
const LEFT: &str = "left: ";

/// An exclusive lock.
pub(crate) struct FileLock(File);

impl FileLock {
    /// Takes the lock at `path`, which everybody holds for moments only.
    pub(crate) fn hold(path: &Path) -> Result<Self, fs::Error> {
        let file = open(path)?;
        loop {
            match file.lock() {
                Ok(()) => return Ok(Self(file)),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(failed("cannot lock", path)(error)),
            }
        }
    }

    /// Takes the lock at `path` if it is free.
    pub(crate) fn try_acquire(path: &Path) -> Result<Option<Self>, fs::Error> {
        let file = open(path)?;
        let taken = is_taken(file.try_lock()).map_err(failed("cannot lock", path))?;
        Ok(taken.then_some(Self(file)))
    }

    /// Takes the lock at `path` together with all who join it; waits while somebody has it alone.
    /// `waiting` is told if that takes longer than a second, with the pids of those, as far as the
    /// system knows them. Returns `None` where the lock is not there and cannot be made: nobody can
    /// have it, then.
    pub(crate) fn join(
        path: &Path,
        waiting: impl FnOnce(&[u32]),
    ) -> Result<Option<Self>, fs::Error> {
        let Some(file) = open_any(path)? else {
            return Ok(None);
        };
        let (begin, mut waiting) = (Instant::now(), Some(waiting));
        loop {
            if is_taken(file.try_lock_shared()).map_err(failed("cannot lock", path))? {
                return Ok(Some(Self(file)));
            }
            if begin.elapsed() >= LONG
                && let Some(waiting) = waiting.take()
            {
                waiting(&holders_of(&file));
            }
            thread::sleep(LOOK_AGAIN);
        }
    }

    /// Takes the lock at `path` once nobody else has it or has joined it; `waiting` is told if that
    /// takes a while, with the pids of those, as far as the system knows them.
    pub(crate) fn hold_alone(
        path: &Path,
        cancel: &CancelToken,
        waiting: impl FnOnce(&[u32]),
    ) -> Result<Self, Error> {
        let file = match open_any(path)? {
            Some(file) => file,
            None => open(path)?,
        };
        let mut waiting = Some(waiting);
        loop {
            if is_taken(file.try_lock()).map_err(failed("cannot lock", path))? {
                return Ok(Self(file));
            }
            if cancel.is_cancelled() {
                return Err(Error::Cancelled);
            }
            if let Some(waiting) = waiting.take() {
                waiting(&holders_of(&file));
            }
            thread::sleep(LOOK_AGAIN);
        }
    }

    /// Returns a handle that shares the lock: it is free only when all handles are closed, be it
    /// in another process.
    pub(crate) fn share(&self) -> io::Result<File> {
        self.0.try_clone()
    }
}

/// That this process is at work somewhere, beside others that are or alone.
///
/// The file names who came and who left. Names that nobody stands for are of processes that were
/// killed.
pub(crate) struct Presence {
    file: File,
    path: PathBuf,
    is_alone: bool,
    holder: String,
    /// Whether others ended without leaving, as killed processes do, and nobody has cleaned up since.
    pub(crate) was_abandoned: bool,
}

/// Why a process did not get in.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The user cancelled while waiting.
    #[error("cancelled while waiting for another mlpipe")]
    Cancelled,
    /// The lock file cannot be used.
    #[error(transparent)]
    File(#[from] fs::Error),
}

impl Presence {
    /// Enters under the name `holder`: alone if nobody is in, else beside the others; waits while
    /// one of them wants to be alone. `waiting` is told their names whenever those change.
    pub(crate) fn enter(
        path: &Path,
        holder: &str,
        cancel: &CancelToken,
        waiting: impl FnMut(&str),
    ) -> Result<Self, Error> {
        Self::enter_by(path, holder, cancel, waiting, |file| {
            if is_taken(file.try_lock())? {
                return Ok(Some(true));
            }
            Ok(is_taken(file.try_lock_shared())?.then_some(false))
        })
    }

    /// Like [`Self::enter`], but waits until nobody else is in.
    pub(crate) fn enter_alone(
        path: &Path,
        holder: &str,
        cancel: &CancelToken,
        waiting: impl FnMut(&str),
    ) -> Result<Self, Error> {
        Self::enter_by(path, holder, cancel, waiting, |file| {
            Ok(is_taken(file.try_lock())?.then_some(true))
        })
    }

    fn enter_by(
        path: &Path,
        holder: &str,
        cancel: &CancelToken,
        mut waiting: impl FnMut(&str),
        attempt: impl Fn(&File) -> io::Result<Option<bool>>,
    ) -> Result<Self, Error> {
        let mut file = open(path)?;
        let mut told = None;
        let is_alone = loop {
            if let Some(is_alone) = attempt(&file).map_err(failed("cannot lock", path))? {
                break is_alone;
            }
            if cancel.is_cancelled() {
                return Err(Error::Cancelled);
            }
            let others = read_holders(&mut file).map_err(failed("cannot read", path))?;
            if told.as_ref() != Some(&others) {
                waiting(&others);
                told = Some(others);
            }
            thread::sleep(LOOK_AGAIN);
        };
        let others = read_holders(&mut file).map_err(failed("cannot read", path))?;
        let mut presence = Self {
            file,
            path: path.to_owned(),
            holder: holder.to_owned(),
            is_alone,
            was_abandoned: is_alone && !others.is_empty(),
        };
        match presence.write_holder() {
            // The lock counts without a name as well, and room may be what its holder is about to make.
            Err(error) if error.kind() == io::ErrorKind::StorageFull => {}
            outcome => outcome.map_err(failed("cannot write", path))?,
        }
        Ok(presence)
    }

    /// Returns whether nobody else is in, nor gets in.
    pub(crate) fn is_alone(&self) -> bool {
        self.is_alone
    }

    /// Lets others in.
    pub(crate) fn welcome(&mut self) -> Result<(), fs::Error> {
        self.is_alone = false;
        self.file
            .lock_shared()
            .map_err(failed("cannot lock", &self.path))
    }

    /// Keeps others out if nobody else is in; returns whether that is so.
    pub(crate) fn try_be_alone(&mut self) -> Result<bool, fs::Error> {
        let taken = is_taken(self.file.try_lock());
        self.is_alone = taken.map_err(failed("cannot lock", &self.path))?;
        if !self.is_alone {
            // Asking for more may have cost the shared lock.
            self.welcome()?;
        }
        Ok(self.is_alone)
    }

    fn write_holder(&mut self) -> io::Result<()> {
        let line = format!("{}\n", self.holder);
        self.file.seek(io::SeekFrom::End(0))?;
        self.file.write_all(line.as_bytes())
    }

    /// The last one out wipes the names, unless some are of processes that were killed and nobody
    /// has cleaned up.
    fn leave(&mut self) -> io::Result<()> {
        let is_last = self.is_alone || self.file.try_lock().is_ok();
        let line = format!("{LEFT}{}\n", self.holder);
        self.file.seek(io::SeekFrom::End(0))?;
        self.file.write_all(line.as_bytes())?;
        if is_last && !self.was_abandoned && read_holders(&mut self.file)?.is_empty() {
            self.file.set_len(0)?;
        }
        Ok(())
    }

    /// Notes that the traces of killed processes have been cleaned up. For whoever is alone.
    pub(crate) fn forget_abandoned(&mut self) -> Result<(), fs::Error> {
        self.was_abandoned = false;
        let cut = self.file.set_len(0).and_then(|()| self.write_holder());
        cut.map_err(failed("cannot write", &self.path))
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        // Failing only makes the next one in look for traces of a crash that was none.
        let _ignored = self.leave();
    }
}

fn open(path: &Path) -> Result<File, fs::Error> {
    let mut options = OpenOptions::new();
    let options = options.read(true).write(true).create(true).truncate(false);
    let file = match options.open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            fs::make_folder(fs::parent(path))?;
            options.open(path)
        }
        outcome => outcome,
    };
    file.map_err(failed("cannot open the lock", path))
}

/// Opens a lock that may be another user's, who lets us read it only; that is enough.
fn open_any(path: &Path) -> Result<Option<File>, fs::Error> {
    use io::ErrorKind::{PermissionDenied, ReadOnlyFilesystem};
    match open(path) {
        Err(error) if matches!(error.source.kind(), PermissionDenied | ReadOnlyFilesystem) => {
            let opened = fs::absent_as_none(File::open(path));
            opened.map_err(failed("cannot open the lock", path))
        }
        outcome => outcome.map(Some),
    }
}

/// Returns the pids of the processes that have locked this file, sorted, where the system tells: Linux
/// lists all locks in `/proc/locks`, by device and inode.
fn holders_of(file: &File) -> Vec<u32> {
    use std::os::unix::fs::MetadataExt;
    let (Ok(metadata), Ok(locks)) = (file.metadata(), fs::read(Path::new("/proc/locks"))) else {
        return Vec::new();
    };
    let locks = locks.unwrap_or_default();
    let mut pids = pids_in(&String::from_utf8_lossy(&locks), metadata.ino());
    pids.sort_unstable();
    pids.dedup();
    pids
}

/// Reads lines as `1: FLOCK  ADVISORY  READ 4711 fe:00:1234 0 EOF`. The device is not compared: some
/// file systems call it otherwise there than in a stat.
fn pids_in(locks: &str, inode: u64) -> Vec<u32> {
    let pid = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [_, "FLOCK", _, _, pid, place, ..] = words[..] else {
            return None;
        };
        let is_it = place.rsplit(':').next()?.parse() == Ok(inode);
        // A process of another container has no pid here.
        pid.parse().ok().filter(|pid| is_it && *pid > 0)
    };
    locks.lines().filter_map(pid).collect()
}

fn is_taken(outcome: Result<(), TryLockError>) -> io::Result<bool> {
    match outcome {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// Returns the names of those who came and did not leave, as one text.
fn read_holders(file: &mut File) -> io::Result<String> {
    let mut bytes = Vec::new();
    file.rewind()?;
    file.read_to_end(&mut bytes)?;
    // A crash of the machine may have left anything there, which must not keep everybody out.
    let holders = String::from_utf8_lossy(&bytes);
    let mut names: Vec<&str> = Vec::new();
    for line in holders.lines() {
        match line.strip_prefix(LEFT) {
            Some(gone) => names.retain(|name| *name != gone),
            None if names.contains(&line) => {}
            None => names.push(line),
        }
    }
    Ok(names.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixture(tempfile::TempDir);

    impl Fixture {
        fn enter(&self, holder: &str) -> Presence {
            let cancel = CancelToken::default();
            Presence::enter(&self.path(), holder, &cancel, |_| {}).expect("enters")
        }

        fn path(&self) -> PathBuf {
            self.0.path().join("lock")
        }
    }

    #[test]
    fn who_wants_to_be_alone_hears_who_is_in_and_can_give_up() {
        let fixture = Fixture(tempfile::tempdir().expect("a temporary folder"));
        let mut first = fixture.enter("pid 1");
        assert!(first.is_alone());
        first.welcome().expect("lets in");
        let second = fixture.enter("pid 2");
        assert!(!second.is_alone());
        let cancel = CancelToken::default();
        let mut heard = String::new();
        let third = Presence::enter_alone(&fixture.path(), "pid 3", &cancel, |holders| {
            holders.clone_into(&mut heard);
            cancel.escalate();
        });
        assert!(matches!(third, Err(Error::Cancelled)));
        assert_eq!(heard, "pid 1, pid 2");
        drop(first);
        drop(second);
        let fourth = fixture.enter("pid 4");
        assert!(fourth.is_alone() && !fourth.was_abandoned);
    }

    #[test]
    fn a_name_that_nobody_stands_for_is_of_one_that_was_killed() {
        let fixture = Fixture(tempfile::tempdir().expect("a temporary folder"));
        fs::write_replaceable(&fixture.path(), b"pid 1\n").expect("writes");
        let mut second = fixture.enter("pid 2");
        assert!(second.was_abandoned);
        second.forget_abandoned().expect("writes");
        drop(second);
        assert!(!fixture.enter("pid 3").was_abandoned);
    }

    #[test]
    fn traces_are_remembered_until_they_are_cleaned_up() {
        let fixture = Fixture(tempfile::tempdir().expect("a temporary folder"));
        let mut first = fixture.enter("pid 1");
        first.welcome().expect("lets in");
        let killed = fixture.enter("pid 2");
        // It ends without leaving, beside one that goes on.
        let Presence { file, .. } = &killed;
        drop(file.try_clone().expect("shares").unlock());
        std::mem::forget(killed);
        drop(first);
        assert!(fixture.enter("pid 3").was_abandoned);
        let mut fourth = fixture.enter("pid 4");
        assert!(fourth.was_abandoned, "nobody has cleaned up");
        fourth.forget_abandoned().expect("writes");
        drop(fourth);
        assert!(!fixture.enter("pid 5").was_abandoned);
    }

    #[test]
    fn who_wants_a_lock_alone_waits_for_all_who_have_joined() {
        let fixture = Fixture(tempfile::tempdir().expect("a temporary folder"));
        let join = || {
            FileLock::join(&fixture.path(), |_| {})
                .expect("joins")
                .expect("a lock")
        };
        let (one, other) = (join(), join());
        let cancel = CancelToken::default();
        let mut is_told = false;
        let alone = FileLock::hold_alone(&fixture.path(), &cancel, |_| {
            is_told = true;
            cancel.escalate();
        });
        assert!(matches!(alone, Err(Error::Cancelled)) && is_told);
        drop((one, other));
        let cancel = CancelToken::default();
        let alone = FileLock::hold_alone(&fixture.path(), &cancel, |_| unreachable!());
        assert!(alone.is_ok());
    }

    #[test]
    fn the_pids_of_a_file_are_told_from_others() {
        let locks = "1: FLOCK  ADVISORY  READ 12 fe:00:99 0 EOF\n\
                     1: -> FLOCK  ADVISORY  WRITE 13 fe:00:99 0 EOF\n\
                     2: POSIX  ADVISORY  WRITE 14 fe:00:99 0 EOF\n\
                     3: FLOCK  ADVISORY  WRITE 15 fe:00:98 0 EOF\n\
                     4: FLOCK  ADVISORY  READ 0 fe:00:99 0 EOF\n";
        assert_eq!(pids_in(locks, 99), [12]);
    }

    #[test]
    fn the_last_one_can_be_alone_again() {
        let fixture = Fixture(tempfile::tempdir().expect("a temporary folder"));
        let mut first = fixture.enter("pid 1");
        first.welcome().expect("lets in");
        let mut second = fixture.enter("pid 2");
        assert!(!second.try_be_alone().expect("asks"));
        drop(first);
        assert!(second.try_be_alone().expect("asks"));
    }
}
