//! `Users`: who uses a cache: the projects that are registered in it, and the processes that are at
//! work in it. A sweep has it alone.

use std::ffi::OsStr;
use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::base::cancel::CancelToken;
use crate::base::digest::Digest;
use crate::base::fs::{self, AtomicFile, absent_as_none, failed};
use crate::base::lockfile::{self, FileLock};
use crate::store::cache::Cache;
use crate::store::error::Error;

/// The folder of the registrations.
pub(super) const PROJECTS: &str = "projects";

/// The file that processes lock. It stays empty.
pub(super) const LOCK: &str = "lock";

/// Is told whom this process waits for.
pub(super) type Waiting = Box<dyn Fn(&str) + Send + Sync>;

/// This process as one of the users of a cache.
#[derive(Default)]
pub(super) struct Users {
    pub(super) waiting: Option<Waiting>,
    /// The project to be registered: its folder. None for a cache that lies in its project.
    project: Option<PathBuf>,
    turn: Mutex<Turn>,
}

/// Whether this process is at work in the cache.
#[derive(Default)]
enum Turn {
    #[default]
    Out,
    /// With the lock held, where there is one to hold.
    In(#[expect(dead_code, reason = "it is held, not used")] Option<FileLock>),
    /// Alone; the sweep has the lock.
    Sweeping,
}

/// A project that uses the cache.
pub(crate) struct Registration {
    /// The digest of the path.
    pub(crate) name: Digest,
    /// Its folder; `None` if the registration is damaged.
    pub(crate) path: Option<PathBuf>,
}

/// The right to delete what is in a cache: no other process is at work in it meanwhile.
pub(crate) struct Sweep<'c> {
    pub(super) cache: &'c Cache,
    _lock: FileLock,
}

impl Users {
    /// Makes the user that works for the project in this folder.
    pub(super) fn of(project: Option<PathBuf>) -> Self {
        Self {
            project,
            ..Self::default()
        }
    }

    /// Tells of these processes, one of which has the cache for itself.
    fn tell(&self, holders: &[u32]) {
        let pids: Vec<String> = holders.iter().map(|pid| format!("pid {pid}, ")).collect();
        if let Some(waiting) = &self.waiting {
            waiting(&format!("{}with the cache for itself", pids.concat()));
        }
    }

    fn turn(&self) -> MutexGuard<'_, Turn> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Cache {
    /// Says that this process is at work in the cache, from now to its end: nothing is swept away
    /// meanwhile. Registers the project.
    pub(crate) fn begin_use(&self) -> Result<(), Error> {
        let mut turn = self.users.turn();
        if matches!(*turn, Turn::Out) {
            if self.is_shared {
                self.open_to_group()?;
            }
            let tell = |holders: &[u32]| self.users.tell(holders);
            let lock = FileLock::join(&self.path(LOCK), tell)?;
            self.register()?;
            // What was looked up before may have been swept away since.
            self.packs.refresh();
            *turn = Turn::In(lock);
        }
        Ok(())
    }

    /// Like [`Self::begin_use`], for whoever only takes out: a cache that cannot be written to is
    /// fine, and one that is not there stays so.
    pub(crate) fn begin_reading(&self) -> Result<(), Error> {
        if !fs::exists(&self.path(""))? {
            return Ok(());
        }
        match self.begin_use() {
            Err(Error::File(error)) if is_forbidden(error.source.kind()) => Ok(()),
            outcome => outcome,
        }
    }

    /// Waits until no other process is at work in the cache, and keeps them out; `waiting` is told
    /// whom it waits for, as far as the system knows, if that takes a while.
    pub(crate) fn begin_sweep(
        &self,
        cancel: &CancelToken,
        waiting: impl FnOnce(&[u32]),
    ) -> Result<Sweep<'_>, lockfile::Error> {
        // A lock of our own would be in our way.
        *self.users.turn() = Turn::Out;
        let lock = FileLock::hold_alone(&self.path(LOCK), cancel, waiting)?;
        *self.users.turn() = Turn::Sweeping;
        self.packs.refresh();
        Ok(Sweep {
            cache: self,
            _lock: lock,
        })
    }

    /// Returns the projects that are registered.
    pub(crate) fn projects(&self) -> Result<Vec<Registration>, Error> {
        let folder = self.path(PROJECTS);
        let entries = absent_as_none(std::fs::read_dir(&folder));
        let entries = entries.map_err(failed("cannot read", &folder))?;
        let mut projects = Vec::new();
        for entry in entries.into_iter().flatten() {
            let entry = entry.map_err(failed("cannot read", &folder))?;
            let name = entry.file_name();
            let Some(name) = name.to_str().and_then(|name| name.parse().ok()) else {
                continue;
            };
            let bytes = fs::read(&entry.path())?.unwrap_or_default();
            let is_sound = Digest::of(&bytes) == name;
            let path = is_sound.then(|| PathBuf::from(OsStr::from_bytes(&bytes)));
            projects.push(Registration { name, path });
        }
        projects.sort_by_key(|project| project.name);
        Ok(projects)
    }

    /// Drops the registration with this name; returns whether there was one.
    pub(crate) fn forget_project(&self, name: Digest) -> Result<bool, Error> {
        let path = self.path(PROJECTS).join(name.to_string());
        let is_there = fs::exists(&path)?;
        fs::remove(&path)?;
        Ok(is_there)
    }

    fn register(&self) -> Result<(), Error> {
        let Some(project) = &self.users.project else {
            return Ok(());
        };
        let path = self.path(PROJECTS).join(project_name(project).to_string());
        if fs::exists(&path)? {
            return Ok(());
        }
        self.write_registration(&path, project.as_os_str().as_bytes())
    }

    /// Puts a registration in place, of which nobody ever sees a part.
    pub(super) fn write_registration(&self, path: &Path, bytes: &[u8]) -> Result<(), Error> {
        use std::io::Write;
        let mut file = AtomicFile::begin(&self.unfinished())?;
        let written = file.file().write_all(bytes);
        written.map_err(failed("cannot write", path))?;
        Ok(file.commit_as(path)?)
    }
}

impl Drop for Sweep<'_> {
    fn drop(&mut self) {
        *self.cache.users.turn() = Turn::Out;
    }
}

/// Returns the name that the project in this folder is registered by.
pub(crate) fn project_name(project: &Path) -> Digest {
    Digest::of(project.as_os_str().as_bytes())
}

fn is_forbidden(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sweep_waits_for_users_and_they_register_their_projects() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let open = |name: &str| {
            let project = (!name.is_empty()).then(|| PathBuf::from(name));
            Cache::of_copies(folder.path().join("cache")).used_by(project)
        };
        let (one, two, own) = (open("/a/one"), open("/a/two"), open(""));
        for cache in [&one, &two, &own] {
            cache.begin_use().expect("begins");
        }
        let cancel = CancelToken::default();
        let sweep = own.begin_sweep(&cancel, |holders| {
            // Locks of this process, of which there are three.
            assert!(!cfg!(target_os = "linux") || holders == [std::process::id()]);
            cancel.escalate();
        });
        assert!(matches!(sweep, Err(lockfile::Error::Cancelled)));
        drop((one, two));
        let sweep = own.begin_sweep(&CancelToken::default(), |_| unreachable!());
        // It is one of those at work itself.
        own.begin_use().expect("begins");
        drop(sweep);
        let projects = own.projects().expect("lists").into_iter();
        let mut paths: Vec<_> = projects.filter_map(|project| project.path).collect();
        paths.sort();
        assert_eq!(paths, [Path::new("/a/one"), Path::new("/a/two")]);
        let forget = || own.forget_project(project_name(Path::new("/a/one")));
        assert!(forget().expect("forgets"));
        assert!(!forget().expect("forgets"));
    }
}
