//! Linking: files of the workspace that are names of objects, or links to them.

use std::fs::{File, Metadata, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use walkdir::WalkDir;

use crate::base::digest::Digest;
use crate::base::fs::{self, failed};
use crate::pipeline::Content;
use crate::store::cache::{Cache, Lack};
use crate::store::error::Error;
use crate::store::index::Index;
use crate::store::linker::Way;
use crate::store::meter::Meter;
use crate::store::restoring::Restored;
use crate::store::stamp::Stamp;
use crate::store::tree::FileContent;

impl Cache {
    /// Takes the file at `path` in, whose stat has been `stamp`, and makes it a link to its object.
    pub(super) fn store_linked(
        &self,
        path: &Path,
        stamp: &Stamp,
        way: Way,
        meter: &Meter,
    ) -> Result<Digest, Error> {
        let own = path
            .symlink_metadata()
            .map_err(failed("cannot read", path))?;
        let unchanged = |digest: Digest| way.is_made(&self.loose.path(digest), path, &own);
        let mut file = File::open(path).map_err(failed("cannot read", path))?;
        let hashed = Digest::of_opened(&mut file);
        let (digest, size) = hashed.map_err(failed("cannot read", path))?;
        let now = file.metadata().map_err(failed("cannot read", path))?;
        if size != stamp.size || Stamp::of(&now) != *stamp {
            return Err(Error::Changed {
                path: path.to_owned(),
            });
        }
        meter.add_bytes(size);
        if unchanged(digest) {
            return Ok(digest);
        }
        let object = self.loose.path(digest);
        if !self.loose.is_sound(digest, size)? {
            if !self.take_in(path, digest, &own)? {
                self.loose.add_file(path, stamp, false, &Meter::default())?;
                // The file is about to be given up for it.
                let copy = File::open(&object).map_err(failed("cannot read", &object))?;
                fs::sync(&copy, &object)?;
            }
            meter.add_object();
        }
        // A link of the user's own stays what it is.
        if own.is_file() && !way.is_made(&object, path, &own) {
            replace(way, &object, path)?;
        }
        Ok(digest)
    }

    /// Puts a link to an object in place of `path`, once the object has been seen to be what it
    /// should. An object that was seen so before, and whose stat is the same, is not read again.
    pub(super) fn restore_linked(
        &self,
        file: FileContent,
        path: &Path,
        way: Way,
        index: &Index,
        meter: &Meter,
    ) -> Result<Restored, Error> {
        let object = self.loose.path(file.digest);
        if !self.loose.has(file.digest, file.size) {
            match self.packed(file.digest)? {
                Ok(bytes) => self.loose.add(file.digest, &bytes)?,
                Err(Lack::Missing) => return Ok(Restored::Missing),
                Err(lack) => return Ok(lack.into()),
            }
        }
        let metadata = object.metadata().map_err(failed("cannot read", &object))?;
        let (digest, _) = index
            .digest(&object, &metadata)
            .map_err(failed("cannot read", &object))?;
        if digest != file.digest {
            self.quarantine(file.digest)?;
            return Ok(Restored::Corrupt(file.digest));
        }
        replace(way, &object, path)?;
        meter.add_file();
        meter.add_bytes(file.size);
        Ok(Restored::Done)
    }

    /// Gives the file at `path` a second name as an object; false where that cannot be.
    fn take_in(&self, path: &Path, digest: Digest, own: &Metadata) -> Result<bool, Error> {
        if !own.is_file() {
            return Ok(false);
        }
        let object = self.loose.path(digest);
        fs::make_folder(fs::parent(&object))?;
        if fs::exists(&object)? {
            // It has been seen not to be what its name says.
            self.quarantine(digest)?;
        }
        match fs::hard_link(path, &object) {
            Ok(()) => {
                let read_only = Permissions::from_mode(0o444);
                let outcome = std::fs::set_permissions(&object, read_only);
                outcome.map_err(failed("cannot write", &object))?;
                Ok(true)
            }
            Err(error) if cannot_link(&error) => Ok(false),
            Err(error) => Err(failed("cannot write", &object)(error).into()),
        }
    }

    /// Makes the files at `path`, which are those of `content`, anew of its objects, where they have
    /// been made in another way than they would be now.
    pub(crate) fn relink(
        &self,
        content: &Content,
        path: &Path,
        index: &Index,
        meter: &Meter,
    ) -> Result<Restored, Error> {
        let files: Vec<(PathBuf, FileContent)> = match content.files {
            None => vec![(path.to_owned(), content.into())],
            Some(_) => match self.tree(content.sha256)? {
                Ok(tree) => {
                    let files = tree.files();
                    files
                        .map(|(inner, file)| (path.join(inner), file))
                        .collect()
                }
                Err(lack) => return Ok(lack.into()),
            },
        };
        let outcomes: Result<Vec<Restored>, Error> = files
            .par_iter()
            .map(|(path, file)| self.relink_file(*file, path, index, meter))
            .collect();
        let mut outcomes = outcomes?.into_iter();
        let lack = outcomes.find(|outcome| *outcome != Restored::Done);
        Ok(lack.unwrap_or(Restored::Done))
    }

    fn relink_file(
        &self,
        file: FileContent,
        path: &Path,
        index: &Index,
        meter: &Meter,
    ) -> Result<Restored, Error> {
        let way = self.linker.way().for_file(file.size, file.executable);
        let found = path
            .symlink_metadata()
            .map_err(failed("cannot read", path))?;
        if way.is_made(&self.loose.path(file.digest), path, &found) {
            return Ok(Restored::Done);
        }
        self.restore_file(file, path, index, meter)
    }

    /// Makes writable copies of all links to objects at `path` and below it; returns how many there
    /// were.
    pub(crate) fn unprotect(&self, path: &Path) -> Result<u64, Error> {
        let mut count = 0;
        for entry in WalkDir::new(path) {
            let unreadable = |error: walkdir::Error| failed("cannot read", path)(error.into());
            let entry = entry.map_err(unreadable)?;
            let found = entry.metadata().map_err(unreadable)?;
            let is_link = found.is_symlink()
                && entry
                    .path()
                    .read_link()
                    .is_ok_and(|target| target.starts_with(self.loose.folder()));
            let is_name = found.is_file() && found.nlink() > 1 && found.mode() & 0o222 == 0;
            if is_link || is_name {
                copy_in_place(entry.path())?;
                count += 1;
            }
        }
        Ok(count)
    }
}

/// Another file system, too many names, or a file system without such links.
fn cannot_link(error: &io::Error) -> bool {
    use io::ErrorKind::{CrossesDevices, PermissionDenied, TooManyLinks, Unsupported};
    matches!(
        error.kind(),
        CrossesDevices | PermissionDenied | TooManyLinks | Unsupported
    )
}

/// Puts a link in place of what is at `path`, or a copy where an object has too many names.
fn replace(way: Way, object: &Path, path: &Path) -> Result<(), Error> {
    let outcome = fs::put_in_place(path, |link| way.link(object, link));
    match outcome {
        Err(error) if cannot_link(&error.source) => {
            let copy = fs::put_in_place(path, |copy| fs::copy(object, copy));
            Ok(copy?)
        }
        outcome => Ok(outcome?),
    }
}

fn copy_in_place(path: &Path) -> Result<(), Error> {
    let copied = fs::put_in_place(path, |copy| {
        fs::copy(path, copy)?;
        let mode = std::fs::metadata(copy)?.permissions().mode();
        std::fs::set_permissions(copy, Permissions::from_mode(mode | 0o200))
    });
    Ok(copied?)
}
