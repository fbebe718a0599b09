//! Linking: files of the workspace that are names of objects, or links to them.

use std::fs::{File, Metadata, Permissions};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use rustix::fs::fstat;
use walkdir::WalkDir;

use crate::base::digest::Digest;
use crate::base::folder::Folder;
use crate::base::fs::{self, failed};
use crate::pipeline::Content;
use crate::store::cache::{Cache, Lack};
use crate::store::error::Error;
use crate::store::index::Index;
use crate::store::linker::Way;
use crate::store::live::Live;
use crate::store::loose::ObjectName;
use crate::store::meter::Meter;
use crate::store::placed::Placed;
use crate::store::presence::Presence;
use crate::store::restoring::{Restored, remove_folder};
use crate::store::stamp::Stamp;
use crate::store::storing::PACKED_MAX;
use crate::store::tree::FileContent;

/// A file that is to be made a link to its object.
pub(super) struct Replacement {
    path: PathBuf,
    /// Its stat when it was taken in.
    stamp: Stamp,
    object: PathBuf,
    way: Way,
}

/// An object that is what it should be.
struct Vouched {
    /// Opened, if it was read to see that.
    opened: Option<File>,
    /// Its stamp, if that stands for its bytes.
    stamp: Option<Stamp>,
}

impl Replacement {
    /// Puts the link in place, unless the file was changed meanwhile.
    fn carry_out(&self) -> Result<(), Error> {
        let found = self.path.symlink_metadata();
        let found = found.map_err(failed("cannot read", &self.path))?;
        if !Stamp::of(&found).is_of_same_content(&self.stamp) {
            return Err(Error::Changed {
                path: self.path.clone(),
            });
        }
        replace(self.way, &self.object, &self.path)
    }
}

impl Cache {
    /// Takes the file at `path` in, whose stat has been `stamp`; what makes it a link to its object is
    /// left to [`Self::replace_all`].
    pub(super) fn store_linked(
        &self,
        path: &Path,
        stamp: &Stamp,
        way: Way,
        meter: &Meter,
    ) -> Result<(Digest, Option<Replacement>), Error> {
        let own = path
            .symlink_metadata()
            .map_err(failed("cannot read", path))?;
        let unchanged = |digest: Digest| way.is_made(&self.loose.path(digest), path, &own);
        let mut file = File::open(path).map_err(failed("cannot read", path))?;
        let hashed = Digest::of_opened(&mut file);
        let (digest, size) = hashed.map_err(failed("cannot read", path))?;
        let now = file.metadata().map_err(failed("cannot read", path))?;
        // Another thread may be taking in another name of the file, or give it one.
        if size != stamp.size || !Stamp::of(&now).is_of_same_content(stamp) {
            return Err(Error::Changed {
                path: path.to_owned(),
            });
        }
        meter.add_bytes(size);
        if unchanged(digest) {
            return Ok((digest, None));
        }
        let object = self.loose.path(digest);
        if !self.loose.is_sound(digest, size)? {
            if !self.take_in(path, digest, stamp, &own)? {
                self.copy_in(path, (digest, size), stamp)?;
            }
            meter.add_object();
        }
        // A link of the user's own stays what it is.
        let is_wanted = own.is_file() && !way.is_made(&object, path, &own);
        let replacement = is_wanted.then(|| Replacement {
            path: path.to_owned(),
            stamp: Stamp::of(&own),
            object,
            way,
        });
        Ok((digest, replacement))
    }

    /// Copies a file in that could not be taken in, unless another thread or process has just taken in
    /// an equal one. Trying it has left the file another change time.
    fn copy_in(
        &self,
        path: &Path,
        (digest, size): (Digest, u64),
        stamp: &Stamp,
    ) -> Result<(), Error> {
        if self.loose.is_sound(digest, size)? {
            return Ok(());
        }
        let changed = || Error::Changed {
            path: path.to_owned(),
        };
        let now = Stamp::of(&path.metadata().map_err(failed("cannot read", path))?);
        if !now.is_of_same_content(stamp) {
            return Err(changed());
        }
        match self.loose.add_file(path, &now, false, &Meter::default()) {
            Ok(added) if added == digest => Ok(()),
            // What was hashed before is what the caller records.
            Ok(_) => Err(changed()),
            // Its other name was taken in meanwhile.
            Err(Error::Changed { .. }) if self.loose.is_sound(digest, size)? => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Makes files links to their objects, which are on disk before the first file is given up for
    /// one, whoever has written them and when.
    pub(super) fn replace_all(&self, replacements: &[&Replacement]) -> Result<(), Error> {
        if replacements.is_empty() {
            return Ok(());
        }
        self.settle()?;
        replacements
            .par_iter()
            .try_for_each(|replacement| replacement.carry_out())
    }

    /// Puts a link to an object at `inner` in `folder`, in place of what is there, once the object has
    /// been seen to be what it should.
    pub(super) fn restore_linked(
        &self,
        file: FileContent,
        (folder, inner): (&Folder, &str),
        way: Way,
        index: &Index,
        meter: &Meter,
    ) -> Result<Result<Placed, Lack>, Error> {
        let name = ObjectName::of(file.digest);
        let vouched = match self.vouch_for(file, &name, index)? {
            Ok(vouched) => vouched,
            Err(lack) => return Ok(Err(lack)),
        };
        // In a new folder nothing is in the way.
        let is_linked = self.link(&vouched, &name, way, (folder, inner)).is_ok();
        if !is_linked {
            let path = folder.path().join(inner);
            remove_folder(&path, index)?;
            replace(way, &self.loose.path(file.digest), &path)?;
        }
        meter.add_file();
        meter.add_bytes(file.size);
        let now = match &vouched.opened {
            Some(opened) if is_linked => fstat(opened).ok(),
            _ => folder.stat(inner),
        };
        let now = now.as_ref().and_then(Stamp::of_stat);
        Ok(Ok(match now.zip(vouched.stamp) {
            Some((now, before)) if now.is_of_same_content(&before) => Placed::Linked(now),
            _ => Placed::Unknown,
        }))
    }

    /// Makes sure that the object of a file lies by itself, is what it should be and is read-only. An
    /// object that was seen so before, and whose stat is the same, is not opened: that would be most of
    /// the work.
    fn vouch_for(
        &self,
        file: FileContent,
        name: &ObjectName,
        index: &Index,
    ) -> Result<Result<Vouched, Lack>, Error> {
        let mut stat = self.loose.stat(name)?;
        if stat.is_none() {
            match self.packed(file.digest)? {
                Ok(bytes) => self.loose.add(file.digest, &bytes)?,
                Err(lack) => return Ok(Err(lack)),
            }
            stat = self.loose.stat(name)?;
        }
        let stamped = stat.and_then(|stat| Some((stat.st_mode, Stamp::of_stat(&stat)?)));
        let Some((mode, stamp)) = stamped else {
            return Ok(Err(Lack::Missing));
        };
        let known = self.loose.name_in(index, name);
        let recalled = known.and_then(|known| index.find(&known, stamp));
        let vouched = if recalled == Some(file.digest) {
            let (opened, stamp) = (None, Some(stamp));
            Vouched { opened, stamp }
        } else {
            match self.vouch_by_reading(file.digest, name, stamp)? {
                Ok(vouched) => vouched,
                Err(lack) => return Ok(Err(lack)),
            }
        };
        if stamp.size != file.size {
            return Ok(Err(Lack::Missing));
        }
        // Through a link its mode may have been changed.
        if mode & 0o777 != 0o444 {
            let object = self.loose.path(file.digest);
            let outcome = std::fs::set_permissions(&object, Permissions::from_mode(0o444));
            outcome.map_err(failed("cannot write", &object))?;
        }
        Ok(Ok(vouched))
    }

    /// Reads an object whose stat has been `stamp` a moment ago.
    fn vouch_by_reading(
        &self,
        digest: Digest,
        name: &ObjectName,
        stamp: Stamp,
    ) -> Result<Result<Vouched, Lack>, Error> {
        let Some(mut opened) = self.loose.open(name)? else {
            return Ok(Err(Lack::Missing));
        };
        // Judged before it is read, which may take long.
        let is_fresh = stamp.has_fresh_content();
        let read = digest_of(&mut opened, stamp.size);
        if read.map_err(|error| self.loose.unreadable(name)(error))? != digest {
            self.quarantine(digest)?;
            return Ok(Err(Lack::Corrupt(digest)));
        }
        Ok(Ok(Vouched {
            opened: Some(opened),
            stamp: (!is_fresh).then_some(stamp),
        }))
    }

    fn link(
        &self,
        vouched: &Vouched,
        object: &ObjectName,
        way: Way,
        (folder, inner): (&Folder, &str),
    ) -> io::Result<()> {
        match (way, &vouched.opened) {
            // The file that was read, not what may be at its place by now.
            (Way::Hardlink, Some(opened)) => folder
                .link_opened(opened, inner)
                .or_else(|_| self.loose.link(object, folder, inner)),
            (Way::Hardlink, None) => self.loose.link(object, folder, inner),
            (way, _) => {
                let object = self.loose.folder().join(object.as_str());
                way.link(&object, &folder.path().join(inner))
            }
        }
    }

    /// Gives the file at `path` a second name as an object; false where that cannot be, or where
    /// another process has just done so with an equal file, which then has a link to its own.
    fn take_in(
        &self,
        path: &Path,
        digest: Digest,
        stamp: &Stamp,
        own: &Metadata,
    ) -> Result<bool, Error> {
        // Through another name that a file has it could be written to.
        if !own.is_file() || own.nlink() > 1 {
            return Ok(false);
        }
        let object = self.loose.path(digest);
        fs::make_folder(fs::parent(&object))?;
        if self.loose.check(digest)? == Some(false) {
            self.quarantine(digest)?;
        }
        let mut is_same = true;
        // It gets its name when it is known to be the file that was hashed, and read-only.
        let outcome = fs::put_where_nothing_is(&object, |unfinished| {
            fs::hard_link(path, unfinished)?;
            is_same = Stamp::of(&unfinished.metadata()?).is_of_same_content(stamp);
            if !is_same {
                return Err(io::ErrorKind::Interrupted.into());
            }
            std::fs::set_permissions(unfinished, Permissions::from_mode(0o444))
        });
        match outcome {
            Ok(()) => Ok(true),
            Err(_) if !is_same => Err(Error::Changed {
                path: path.to_owned(),
            }),
            Err(error) if error.source.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            Err(error) if cannot_link(&error.source) => Ok(false),
            Err(error) => Err(error.into()),
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
                    let is_here = |inner: &str| !leads_elsewhere(path, inner);
                    let files = tree.files().filter(|(inner, _)| is_here(inner));
                    files
                        .map(|(inner, file)| (path.join(inner), file))
                        .collect()
                }
                Err(lack) => return Ok(lack.into()),
            },
        };
        let wanted = |(path, file): (PathBuf, FileContent)| {
            let is_wanted = self.is_to_be_relinked(file, &path);
            is_wanted
                .map(|is_wanted| is_wanted.then_some((path, file)))
                .transpose()
        };
        let wanted = files.into_par_iter().filter_map(wanted);
        let wanted: Vec<(PathBuf, FileContent)> = wanted.collect::<Result<_, Error>>()?;
        if wanted.is_empty() {
            return Ok(Restored::Done);
        }
        // The files may be all that there is on disk yet of what was stored a moment ago.
        self.settle()?;
        let relink =
            |(path, file): &(PathBuf, FileContent)| self.restore_visible(*file, path, index, meter);
        let relinked = wanted.par_iter().map(relink);
        let outcomes: Vec<Restored> = relinked.collect::<Result<_, Error>>()?;
        // What one of them lacks, all lack.
        let lack = outcomes.into_iter().find(|one| *one != Restored::Done);
        Ok(lack.unwrap_or(Restored::Done))
    }

    fn is_to_be_relinked(&self, file: FileContent, path: &Path) -> Result<bool, Error> {
        let way = self.linker.way().for_file(file.size, file.executable);
        let found = path
            .symlink_metadata()
            .map_err(failed("cannot read", path))?;
        let is_made = way.is_made(&self.loose.path(file.digest), path, &found);
        // A link of the user's own stays what it is, and what it leads to.
        Ok(!is_made && (!found.is_symlink() || self.leads_here(path)))
    }

    /// Finds the objects that symbolic links at `path` and below it lead to.
    pub(crate) fn pin_linked(&self, path: &Path, live: &mut Live) {
        // What cannot be looked at is nobody's to use.
        for entry in WalkDir::new(path).into_iter().flatten() {
            if entry.path_is_symlink() && self.leads_here(entry.path()) {
                let target = entry.path().read_link().unwrap_or_default();
                let parts = [
                    target.parent().and_then(Path::file_name),
                    target.file_name(),
                ];
                let name: String = parts
                    .into_iter()
                    .flatten()
                    .map(|part| part.to_string_lossy())
                    .collect();
                if let Ok(digest) = name.parse() {
                    live.pin(digest);
                }
            }
        }
    }

    /// Returns whether a link leads to an object at once, by whatever name of the cache's folder.
    fn leads_here(&self, link: &Path) -> bool {
        let objects = self.loose.folder();
        let Ok(target) = link.read_link() else {
            return false;
        };
        let real = |path: &Path| path.canonicalize().ok();
        let folder = real(fs::parent(&fs::parent(link).join(&target)));
        let is_real = folder.zip(real(objects));
        target.starts_with(objects)
            || is_real.is_some_and(|(folder, objects)| folder.starts_with(objects))
    }

    /// Returns whether the object of a file has been written to through a link, so that its bytes are
    /// lost; it is quarantined then. Only objects are read that could be.
    pub(crate) fn is_written_over(&self, file: &Content) -> Result<bool, Error> {
        let object = self.loose.path(file.sha256);
        let found = fs::absent_as_none(object.metadata());
        let Some(found) = found.map_err(failed("cannot read", &object))? else {
            return Ok(false);
        };
        let is_in_reach =
            self.linker.needs_loose() || found.nlink() > 1 || found.mode() & 0o222 != 0;
        Ok(is_in_reach && self.verify(file)? == Presence::Missing)
    }

    /// Makes writable copies of all links to objects at `path` and below it; returns how many there
    /// were.
    pub(crate) fn unprotect(&self, path: &Path) -> Result<u64, Error> {
        let mut count = 0;
        for entry in WalkDir::new(path) {
            let unreadable = |error: walkdir::Error| failed("cannot read", path)(error.into());
            let entry = entry.map_err(unreadable)?;
            let found = entry.metadata().map_err(unreadable)?;
            let is_link = found.is_symlink() && self.leads_here(entry.path());
            let is_name = found.is_file() && found.nlink() > 1;
            if is_link || is_name {
                copy_in_place(entry.path())?;
                count += 1;
            }
        }
        Ok(count)
    }
}

/// Returns the digest of a file that had this size a moment ago; a small one is read at once.
fn digest_of(file: &mut File, size: u64) -> io::Result<Digest> {
    if size > PACKED_MAX {
        return Ok(Digest::of_opened(file)?.0);
    }
    let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or_default());
    file.take(size).read_to_end(&mut bytes)?;
    Ok(Digest::of(&bytes))
}

/// Whether a file's way from the folder leads over a link to another folder.
pub(crate) fn leads_elsewhere(folder: &Path, file: &str) -> bool {
    let ends = file.match_indices('/').map(|(end, _)| end);
    let mut above = ends.map(|end| folder.join(&file[..end]));
    folder.is_symlink() || above.any(|above| above.is_symlink())
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
