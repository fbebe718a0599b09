//! The only writer of files: whole or not at all, and on disk when the call returns.

use std::fs;
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use tempfile::{Builder, NamedTempFile, PersistError};

/// How the names of unfinished files and folders begin.
pub(crate) const LITTER: &str = ".mlpipe-new-";

/// Something failed on a path.
#[derive(Debug, thiserror::Error)]
#[error("{action} `{}`", path.display())]
pub(crate) struct Error {
    /// What was tried, as in "cannot write".
    pub(crate) action: &'static str,
    /// On what.
    pub(crate) path: PathBuf,
    /// Why it failed.
    pub(crate) source: io::Error,
}

/// Turns an I/O error into ours, as in `.map_err(failed("cannot read", path))`.
pub(crate) fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error + use<> {
    let path = path.to_owned();
    move |source| Error {
        action,
        path,
        source,
    }
}

/// Reads the whole file at `path`; `None` where there is none.
pub(crate) fn read(path: &Path) -> Result<Option<Vec<u8>>, Error> {
    absent_as_none(fs::read(path)).map_err(failed("cannot read", path))
}

/// Reads the whole file at `path` likewise, but nothing else: a pipe may never end, and a folder is told
/// as one.
pub(crate) fn read_regular(path: &Path) -> Result<Option<Vec<u8>>, Error> {
    absent_as_none(try_read_regular(path)).map_err(failed("cannot read", path))
}

fn try_read_regular(path: &Path) -> io::Result<Vec<u8>> {
    use rustix::fs::{Mode, OFlags};
    // Opening a pipe would wait for somebody who writes.
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let mut file = fs::File::from(rustix::fs::open(path, flags, Mode::empty())?);
    let about = file.metadata()?;
    if about.is_dir() {
        return Err(io::Error::new(ErrorKind::IsADirectory, "it is a folder"));
    }
    if !about.is_file() {
        let what = "it is a pipe, a socket or a device";
        return Err(io::Error::new(ErrorKind::InvalidInput, what));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(about.len()).unwrap_or(0));
    file.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Turns "not found" into `None`.
pub(crate) fn absent_as_none<T>(outcome: io::Result<T>) -> io::Result<Option<T>> {
    match outcome {
        Ok(value) => Ok(Some(value)),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// Makes the folder `path` and the folders above it where they are missing.
pub(crate) fn make_folder(path: &Path) -> Result<(), Error> {
    fs::create_dir_all(path).map_err(failed("cannot make the folder", path))
}

/// Returns the folder that holds `path`.
pub(crate) fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// A file that appears under its name only when it is whole.
pub(crate) struct AtomicFile {
    temporary: NamedTempFile,
    path: PathBuf,
}

impl AtomicFile {
    /// Begins the file `path`, making its folder where that is missing.
    pub(crate) fn begin(path: &Path) -> Result<Self, Error> {
        let temporary = in_folder(path, || {
            Builder::new()
                .prefix(LITTER)
                .permissions(default_permissions())
                .tempfile_in(parent(path))
        })?;
        Ok(Self {
            temporary,
            path: path.to_owned(),
        })
    }

    /// Returns the file to write to.
    pub(crate) fn file(&mut self) -> &mut fs::File {
        self.temporary.as_file_mut()
    }

    /// Returns where the unfinished file is, for programs that write to a path.
    pub(crate) fn unfinished(&self) -> &Path {
        self.temporary.path()
    }

    /// Takes what another program has put in the place of the unfinished file, with the mode that
    /// the file has.
    #[cfg(feature = "ml")]
    pub(crate) fn retake(&mut self) -> Result<(), Error> {
        let unfinished = self.unfinished().to_owned();
        let outcome = self.temporary.as_file().metadata().and_then(|metadata| {
            let file = fs::File::open(unfinished)?;
            file.set_permissions(metadata.permissions())?;
            *self.temporary.as_file_mut() = file;
            Ok(())
        });
        outcome.map_err(failed("cannot write", &self.path))
    }

    /// Lets everybody execute the file who may read it.
    pub(crate) fn make_executable(&mut self) -> Result<(), Error> {
        let outcome = self.temporary.as_file().metadata().and_then(|metadata| {
            let mode = metadata.permissions().mode();
            let permissions = fs::Permissions::from_mode(mode | (mode & 0o444) >> 2);
            self.temporary.as_file().set_permissions(permissions)
        });
        outcome.map_err(failed("cannot write", &self.path))
    }

    /// Gives the file the name `path` without waiting for the disk: for content that is verified
    /// against its digest before anybody believes it, so that a power cut cannot do harm.
    pub(crate) fn commit_as_object(self, path: &Path) -> Result<(), Error> {
        match self.temporary.persist(path) {
            Ok(_file) => Ok(()),
            Err(PersistError { error, file }) if error.kind() == ErrorKind::NotFound => {
                make_folder(parent(path))?;
                let outcome = file.persist(path).map(drop);
                outcome.map_err(|error| failed("cannot write", path)(error.error))
            }
            Err(error) => Err(failed("cannot write", path)(error.error)),
        }
    }

    /// Like [`Self::commit`], for a file that gets its name only now that its content is known.
    pub(crate) fn commit_as(self, path: &Path) -> Result<(), Error> {
        make_folder(parent(path))?;
        let Self { temporary, .. } = self;
        let path = path.to_owned();
        Self { temporary, path }.commit()
    }

    /// Syncs the content and gives the file its name, replacing what was there.
    pub(crate) fn commit(self) -> Result<(), Error> {
        let Self { temporary, path } = self;
        let synced = temporary.as_file().sync_all();
        synced.map_err(failed("cannot write", &path))?;
        match temporary.persist(&path) {
            Ok(_file) => sync_folder(parent(&path)),
            Err(error) => Err(failed("cannot write", &path)(error.error)),
        }
    }
}

/// Writes `bytes` to `path`: afterwards the old or the new content is there, never a part.
pub(crate) fn write_atomic(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let mut file = AtomicFile::begin(path)?;
    file.file()
        .write_all(bytes)
        .map_err(failed("cannot write", path))?;
    file.commit()
}

/// Like [`write_atomic`], but does not wait for the disk: for what may be lost in a power cut.
pub(crate) fn write_replaceable(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let mut file = AtomicFile::begin(path)?;
    file.file()
        .write_all(bytes)
        .map_err(failed("cannot write", path))?;
    file.commit_as_object(path)
}

/// Like [`write_atomic`], but leaves a file alone that has this content already.
pub(crate) fn write_if_changed(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    if read(path)?.as_deref() == Some(bytes) {
        Ok(())
    } else {
        write_atomic(path, bytes)
    }
}

/// Like [`write_if_changed`], for a file of the user's: it keeps its mode, and a link to it stays one.
pub(crate) fn rewrite(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    begin_rewrite(path, bytes)?.map_or(Ok(()), AtomicFile::commit)
}

/// Does all of [`rewrite`] that fails at times, but does not put the new content in place; `None`
/// where it is there already.
pub(crate) fn begin_rewrite(path: &Path, bytes: &[u8]) -> Result<Option<AtomicFile>, Error> {
    let target = absent_as_none(path.canonicalize()).map_err(failed("cannot read", path))?;
    if let Some(target) = &target
        && read(target)?.as_deref() == Some(bytes)
    {
        return Ok(None);
    }
    let mut file = AtomicFile::begin(target.as_deref().unwrap_or(path))?;
    if let Some(target) = target {
        let mode = fs::metadata(&target).map(|metadata| metadata.permissions());
        mode.and_then(|mode| file.file().set_permissions(mode))
            .map_err(failed("cannot write", path))?;
    }
    let written = file.file().write_all(bytes);
    written.map_err(failed("cannot write", path))?;
    Ok(Some(file))
}

/// Begins an empty file that grows while somebody may read it, as a log does.
pub(crate) fn create_log(path: &Path) -> Result<fs::File, Error> {
    #[expect(
        clippy::disallowed_methods,
        reason = "a log is useful before it is whole"
    )]
    in_folder(path, || fs::File::create(path))
}

/// Makes something at `path`, and the folder that it lies in where that is missing.
fn in_folder<T>(path: &Path, make: impl Fn() -> io::Result<T>) -> Result<T, Error> {
    let outcome = match make() {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            make_folder(parent(path))?;
            make()
        }
        outcome => outcome,
    };
    outcome.map_err(failed("cannot write", path))
}

/// Waits until the content of an open file, and its name, are on disk.
pub(crate) fn sync(file: &fs::File, path: &Path) -> Result<(), Error> {
    file.sync_all().map_err(failed("cannot write", path))?;
    sync_folder(parent(path))
}

/// Adds a few bytes to the end of a file of the user's, which keeps its mode and its links.
pub(crate) fn append(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let mut file = open_to_append(path)?;
    file.write_all(bytes).map_err(failed("cannot write", path))
}

/// Opens a file that only grows, to read it too, making it where it is missing.
pub(crate) fn open_to_append(path: &Path) -> Result<fs::File, Error> {
    let mut options = fs::OpenOptions::new();
    options.create(true).append(true).read(true);
    in_folder(path, || options.open(path))
}

/// Opens a file to read it; `None` where there is none.
pub(crate) fn open(path: &Path) -> Result<Option<fs::File>, Error> {
    absent_as_none(fs::File::open(path)).map_err(failed("cannot read", path))
}

/// Renames `from` to `to` on the same file system, making `to`'s folder where it is missing.
pub(crate) fn rename(from: &Path, to: &Path) -> Result<(), Error> {
    make_folder(parent(to))?;
    #[expect(
        clippy::disallowed_methods,
        reason = "this is where renames go through"
    )]
    fs::rename(from, to).map_err(failed("cannot move", from))?;
    sync_folder(parent(to))?;
    sync_folder(parent(from))
}

/// Renames `from` to `to` without waiting for the disk: for what can be had again.
pub(crate) fn rename_quickly(from: &Path, to: &Path) -> Result<(), Error> {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is where renames go through"
    )]
    fs::rename(from, to).map_err(failed("cannot move", from))
}

/// Makes a symbolic link at `path` that leads to `target`.
pub(crate) fn link_to(target: &str, path: &Path) -> Result<(), Error> {
    std::os::unix::fs::symlink(target, path).map_err(failed("cannot write", path))
}

/// Gives the file `from` a second name.
pub(crate) fn hard_link(from: &Path, to: &Path) -> io::Result<()> {
    fs::hard_link(from, to)
}

/// Copies the bytes and the mode of a file.
pub(crate) fn copy(from: &Path, to: &Path) -> io::Result<()> {
    #[expect(clippy::disallowed_methods, reason = "this is where copies go through")]
    fs::copy(from, to).map(drop)
}

/// Lets `make` make something under a new name, and puts it in place of what is at `path`.
pub(crate) fn put_in_place(
    path: &Path,
    make: impl FnMut(&Path) -> io::Result<()>,
) -> Result<(), Error> {
    let made = make_beside(path, make)?;
    let name = made.path().to_owned();
    let placed = made.persist(path);
    placed.map_err(|error| failed("cannot write", path)(error.error))?;
    // Two names of one file both stay where one is to take the other's place.
    remove(&name)
}

/// Like [`put_in_place`], but fails with [`ErrorKind::AlreadyExists`] where something is there.
pub(crate) fn put_where_nothing_is(
    path: &Path,
    make: impl FnMut(&Path) -> io::Result<()>,
) -> Result<(), Error> {
    let made = make_beside(path, make)?;
    let placed = made.persist_noclobber(path);
    placed.map_err(|error| failed("cannot write", path)(error.error))
}

/// Lets `make` make something under a new name beside `path`; what it began and did not finish goes.
fn make_beside(
    path: &Path,
    mut make: impl FnMut(&Path) -> io::Result<()>,
) -> Result<NamedTempFile<()>, Error> {
    let make = |name: &Path| {
        make(name).inspect_err(|error| {
            // A name that others had first is theirs.
            if error.kind() != ErrorKind::AlreadyExists {
                let _gone = remove_file(name);
            }
        })
    };
    let made = Builder::new().prefix(LITTER).make_in(parent(path), make);
    made.map_err(failed("cannot write", path))
}

/// Returns whether files in the two folders can share blocks, by trying it.
pub(crate) fn can_share_blocks(one: &Path, other: &Path) -> Result<bool, Error> {
    make_folder(one)?;
    let probe = |folder: &Path| {
        let file = Builder::new().prefix(LITTER).tempfile_in(folder);
        file.map_err(failed("cannot write", folder))
    };
    let (mut one, other) = (probe(one)?, probe(other)?);
    let written = one.write_all(b"shared");
    written.map_err(failed("cannot write", one.path()))?;
    Ok(rustix::fs::ioctl_ficlone(other.as_file(), one.as_file()).is_ok())
}

/// Deletes the file or link at `path`; nothing there is fine, and a folder is an error.
pub(crate) fn remove_file(path: &Path) -> Result<(), Error> {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is where deleting goes through"
    )]
    let outcome = fs::remove_file(path);
    absent_as_none(outcome)
        .map(drop)
        .map_err(failed("cannot delete", path))
}

/// Waits until everything on the file system of `folder` is on disk; a folder that is not there has
/// nothing to wait for.
pub(crate) fn sync_file_system(folder: &Path) -> Result<(), Error> {
    let opened = absent_as_none(fs::File::open(folder)).map_err(failed("cannot read", folder))?;
    match opened {
        Some(opened) => rustix::fs::syncfs(&opened)
            .map_err(|error| failed("cannot write", folder)(error.into())),
        None => Ok(()),
    }
}

/// Deletes the folder at `path` if there is nothing in it; returns whether it is gone.
pub(crate) fn remove_empty_folder(path: &Path) -> Result<bool, Error> {
    let outcome = fs::remove_dir(path);
    match outcome {
        Err(error) if error.kind() == ErrorKind::DirectoryNotEmpty => Ok(false),
        outcome => absent_as_none(outcome)
            .map(|_| true)
            .map_err(failed("cannot delete", path)),
    }
}

/// Like [`rename`]; returns false, and changes nothing, where `to` is on another file system. Only
/// trying tells: mounts of one device look alike.
pub(crate) fn try_rename(from: &Path, to: &Path) -> Result<bool, Error> {
    match rename(from, to) {
        Ok(()) => Ok(true),
        Err(error) if error.source.kind() == ErrorKind::CrossesDevices => Ok(false),
        Err(error) => Err(error),
    }
}

/// Deletes the file or folder at `path`; nothing there is fine.
pub(crate) fn remove(path: &Path) -> Result<(), Error> {
    let metadata = absent_as_none(fs::symlink_metadata(path));
    #[expect(
        clippy::disallowed_methods,
        reason = "this is where deleting goes through"
    )]
    let outcome = match metadata.map_err(failed("cannot delete", path))? {
        None => return Ok(()),
        Some(metadata) if metadata.is_dir() => fs::remove_dir_all(path),
        Some(_) => fs::remove_file(path),
    };
    absent_as_none(outcome)
        .map(drop)
        .map_err(failed("cannot delete", path))
}

/// Returns whether anything is at `path`, be it a dangling link.
pub(crate) fn exists(path: &Path) -> Result<bool, Error> {
    let metadata = absent_as_none(fs::symlink_metadata(path));
    Ok(metadata.map_err(failed("cannot read", path))?.is_some())
}

/// Returns whether a rename from one folder to the other would work: not from one mount to another,
/// be they of the same device, as folders that a container is given.
pub(crate) fn same_device(one: &Path, other: &Path) -> Result<bool, Error> {
    let place = |path: &Path| Ok::<_, io::Error>((fs::metadata(path)?.dev(), mount_of(path)));
    let one = place(one).map_err(failed("cannot read", one))?;
    Ok(one == place(other).map_err(failed("cannot read", other))?)
}

/// Returns the mount that a folder lies on, where the system tells.
#[cfg(target_os = "linux")]
fn mount_of(path: &Path) -> Option<u64> {
    use rustix::fs::{AtFlags, CWD, StatxFlags, statx};
    let found = statx(CWD, path, AtFlags::empty(), StatxFlags::MNT_ID).ok()?;
    let is_told = found.stx_mask & StatxFlags::MNT_ID.bits() != 0;
    is_told.then_some(found.stx_mnt_id)
}

#[cfg(not(target_os = "linux"))]
fn mount_of(_: &Path) -> Option<u64> {
    None
}

/// Deletes unfinished files and folders that a killed process has left in `folder`.
pub(crate) fn remove_litter(folder: &Path) -> Result<(), Error> {
    let Some(entries) =
        absent_as_none(fs::read_dir(folder)).map_err(failed("cannot read", folder))?
    else {
        return Ok(());
    };
    for entry in entries {
        let entry = entry.map_err(failed("cannot read", folder))?;
        if entry.file_name().to_string_lossy().starts_with(LITTER) {
            remove(&entry.path())?;
        }
    }
    Ok(())
}

/// A rename is durable only when its folder is synced.
fn sync_folder(path: &Path) -> Result<(), Error> {
    let folder = fs::File::open(path).and_then(|folder| folder.sync_all());
    match folder {
        // Some file systems cannot sync folders; the rename itself has been done.
        Err(error) if error.kind() == ErrorKind::InvalidInput => Ok(()),
        outcome => outcome.map_err(failed("cannot write", path)),
    }
}

/// The permissions that a file made in the ordinary way gets (the umask is applied on top).
fn default_permissions() -> fs::Permissions {
    fs::Permissions::from_mode(0o666)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_abandoned_file_leaves_the_old_content_and_no_litter() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("kept");
        write_atomic(&path, b"old").expect("writes");
        let mut file = AtomicFile::begin(&path).expect("begins");
        file.file().write_all(b"half").expect("writes");
        drop(file);
        assert_eq!(read(&path).expect("reads"), Some(b"old".to_vec()));
        assert_eq!(fs::read_dir(folder.path()).expect("lists").count(), 1);
    }

    #[test]
    fn a_rewritten_file_keeps_its_mode_and_its_links() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (path, link) = (folder.path().join("a"), folder.path().join("b"));
        write_atomic(&path, b"old").expect("writes");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("sets");
        std::os::unix::fs::symlink("a", &link).expect("links");
        rewrite(&link, b"new").expect("writes");
        assert!(link.is_symlink());
        assert_eq!(read(&path).expect("reads"), Some(b"new".to_vec()));
        let mode = fs::metadata(&path).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn what_cannot_be_finished_leaves_nothing() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("a");
        let make = |name: &Path| {
            std::os::unix::fs::symlink("half", name)?;
            Err(ErrorKind::PermissionDenied.into())
        };
        assert!(put_in_place(&path, make).is_err());
        assert!(put_where_nothing_is(&path, make).is_err());
        assert_eq!(fs::read_dir(folder.path()).expect("lists").count(), 0);
    }

    #[test]
    fn absent_files_are_none_and_removing_them_is_fine() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("a/b");
        assert_eq!(read(&path).expect("reads"), None);
        remove(&path).expect("nothing to remove");
        assert!(!exists(&path).expect("looks"));
    }
}
