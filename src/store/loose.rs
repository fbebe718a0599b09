//! `Loose`: the objects that are files of their own, `<two digits>/<the other 62>`.

use std::fs::{File, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::{Stat, ioctl_ficlone};

use crate::base::digest::{Digest, Hasher, block_for};
use crate::base::folder::Folder;
use crate::base::fs::{self, AtomicFile, failed};
use crate::store::copying::{Outlook, copy_hashing};
use crate::store::error::Error;
use crate::store::index::Index;
use crate::store::meter::Meter;
use crate::store::scan::inner_name;
use crate::store::stamp::Stamp;

/// The folder of these objects.
pub(super) struct Loose {
    objects: Folder,
    /// Where objects are while they are unfinished; on the same file system.
    unfinished: PathBuf,
}

/// The path of an object in the folder of the objects: `<two digits>/<the other 62>`.
pub(super) struct ObjectName(String);

impl ObjectName {
    /// Returns the path of an object.
    pub(super) fn of(digest: Digest) -> Self {
        let mut name = String::with_capacity(65);
        digest.push_to(&mut name);
        name.insert(2, '/');
        Self(name)
    }

    /// Returns it as text.
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the folder that it lies in.
    pub(super) fn folder(&self) -> &str {
        &self.0[..2]
    }

    /// Returns its name there.
    pub(super) fn in_folder(&self) -> &str {
        &self.0[3..]
    }
}

impl Loose {
    /// Names the folder, which need not be there yet.
    pub(super) fn new(folder: PathBuf, unfinished: PathBuf) -> Self {
        Self {
            objects: Folder::new(folder),
            unfinished,
        }
    }

    /// Returns where the objects are.
    pub(super) fn folder(&self) -> &Path {
        self.objects.path()
    }

    /// Returns where an object is, or would be.
    pub(super) fn path(&self, digest: Digest) -> PathBuf {
        self.objects.path().join(ObjectName::of(digest).as_str())
    }

    /// Returns whether the object is there. A truncated one has another size, so most damage is seen
    /// without reading.
    pub(super) fn has(&self, digest: Digest, size: u64) -> bool {
        self.size(digest) == Some(size)
    }

    /// Returns the size of the object, if it is there.
    pub(super) fn size(&self, digest: Digest) -> Option<u64> {
        let found = self.objects.stat(ObjectName::of(digest).as_str())?;
        u64::try_from(found.st_size).ok()
    }

    /// Returns the stat of the object, if it is there.
    pub(super) fn stat(&self, name: &ObjectName) -> Result<Option<Stat>, fs::Error> {
        let found = fs::absent_as_none(self.objects.look(name.as_str()));
        found.map_err(|error| self.unreadable(name)(error))
    }

    /// Opens the object, to read it, if it is there.
    pub(super) fn open(&self, name: &ObjectName) -> Result<Option<File>, fs::Error> {
        let opened = fs::absent_as_none(self.objects.open(name.as_str()));
        opened.map_err(|error| self.unreadable(name)(error))
    }

    /// Says that an object cannot be read.
    pub(super) fn unreadable(&self, name: &ObjectName) -> impl FnOnce(io::Error) -> fs::Error {
        failed("cannot read", &self.objects.path().join(name.as_str()))
    }

    /// Gives the object a second name, `inner` in `folder`.
    pub(super) fn link(&self, name: &ObjectName, folder: &Folder, inner: &str) -> io::Result<()> {
        self.objects.link(name.as_str(), folder, inner)
    }

    /// Returns how the index calls the object.
    pub(super) fn name_in(&self, index: &Index, name: &ObjectName) -> Option<String> {
        let folder = index.name_of(self.folder())?;
        Some(inner_name(folder, name.as_str()))
    }

    /// Reads an object, whatever it is.
    pub(super) fn read(&self, digest: Digest) -> Result<Option<Vec<u8>>, fs::Error> {
        fs::read(&self.path(digest))
    }

    /// Returns whether the object is there and what its name says; `None` if it is not there.
    pub(super) fn check(&self, digest: Digest) -> Result<Option<bool>, fs::Error> {
        let path = self.path(digest);
        let found = fs::absent_as_none(Digest::of_file(&path));
        let found = found.map_err(failed("cannot read", &path))?;
        Ok(found.map(|(found, _)| found == digest))
    }

    /// Keeps these bytes, whose digest is known.
    pub(super) fn add(&self, digest: Digest, bytes: &[u8]) -> Result<(), Error> {
        if self.is_sound(digest, bytes.len() as u64)? {
            return Ok(());
        }
        let mut object = AtomicFile::begin(&self.unfinished)?;
        let written = object.file().write_all(bytes);
        written.map_err(failed("cannot write", &self.unfinished))?;
        self.name(object, digest)
    }

    /// Copies the file at `path` in one pass of reading, hashing and writing; returns its digest. Its
    /// stat has been `stamp`, and still must be when it has been read. With `reflink` no bytes are
    /// written where the file system can share them.
    pub(super) fn add_file(
        &self,
        path: &Path,
        stamp: &Stamp,
        reflink: bool,
        meter: &Meter,
    ) -> Result<Digest, Error> {
        let mut object = AtomicFile::begin(&self.unfinished)?;
        let mut source = File::open(path).map_err(failed("cannot read", path))?;
        let (digest, size) = if reflink && ioctl_ficlone(object.file(), &source).is_ok() {
            // The clone is ours alone, so that nobody changes it while it is hashed.
            let mut clone = File::open(object.unfinished())
                .map_err(failed("cannot read", object.unfinished()))?;
            let hashed = hash(&mut clone, stamp.size, meter);
            hashed.map_err(failed("cannot read", path))?
        } else {
            copy_hashing(
                (&mut source, path),
                &mut object,
                stamp.size,
                Outlook::Stored,
                meter,
            )?
        };
        let now = source.metadata().map_err(failed("cannot read", path))?;
        if size != stamp.size || Stamp::of(&now) != *stamp {
            return Err(Error::Changed {
                path: path.to_owned(),
            });
        }
        if !self.is_sound(digest, size)? {
            self.name(object, digest)?;
            meter.add_object();
        }
        Ok(digest)
    }

    /// Moves a corrupt object out of the way, to `to`; its bytes may still help somebody.
    pub(super) fn set_aside(&self, digest: Digest, to: &Path) -> Result<(), fs::Error> {
        fs::rename(&self.path(digest), to)
    }

    /// Deletes the unfinished names that a killed process has left among the objects.
    pub(super) fn remove_litter(&self) -> Result<(), fs::Error> {
        let folder = self.folder();
        let entries = fs::absent_as_none(std::fs::read_dir(folder));
        let entries = entries.map_err(failed("cannot read", folder))?;
        for entry in entries.into_iter().flatten() {
            let entry = entry.map_err(failed("cannot read", folder))?;
            fs::remove_litter(&entry.path())?;
        }
        Ok(())
    }

    /// The right size is no proof: an object that is there must also be what its name says.
    pub(super) fn is_sound(&self, digest: Digest, size: u64) -> Result<bool, fs::Error> {
        Ok(self.has(digest, size) && self.check(digest)? == Some(true))
    }

    pub(super) fn name(&self, mut object: AtomicFile, digest: Digest) -> Result<(), Error> {
        let path = self.path(digest);
        let read_only = object.file().set_permissions(Permissions::from_mode(0o444));
        read_only.map_err(failed("cannot write", &path))?;
        Ok(object.commit_as_object(&path)?)
    }
}

fn hash(file: &mut File, size: u64, meter: &Meter) -> io::Result<(Digest, u64)> {
    let mut hasher = Hasher::default();
    let mut block = vec![0; block_for(size)];
    let mut total = 0;
    loop {
        let count = file.read(&mut block)?;
        if count == 0 {
            return Ok((hasher.digest(), total));
        }
        hasher.update(&block[..count]);
        total += count as u64;
        meter.add_bytes(count as u64);
    }
}
