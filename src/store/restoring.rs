//! Taking files and folders out of the cache, verified. A folder that is there already is changed
//! only where it differs.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::thread;
use std::time::Duration;

use rayon::prelude::*;
use rustix::fs::{fstat, ioctl_ficlone};

use crate::base::digest::Digest;
use crate::base::folder::Folder;
use crate::base::fs::{self, AtomicFile, failed};
use crate::pipeline::Content;
use crate::store::cache::{Cache, Lack};
use crate::store::copying::{Outlook, copy_hashing};
use crate::store::error::Error;
use crate::store::index::Index;
use crate::store::linker::Way;
use crate::store::measure::{Present, present};
use crate::store::meter::Meter;
use crate::store::placed::{Placed, PlacedFile, clock_of, restamp};
use crate::store::scan::has_uncounted;
use crate::store::stamp::Stamp;
use crate::store::storing::PACKED_MAX;
use crate::store::tree::{Entry, EntryKind, FileContent, Tree, folders_of, is_within};

/// A file of this size takes longer to read than [`TICK`].
const SLOW_TO_READ: u64 = 64 * 1024 * 1024;

/// File systems write down times to this precision or a better one, but for those few whose times are
/// whole seconds.
const TICK: Duration = Duration::from_millis(10);

/// What became of an attempt to restore content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Restored {
    /// It is in place.
    Done,
    /// An object is missing; nothing was changed.
    Missing,
    /// An object was corrupt and has been quarantined; nothing was changed.
    Corrupt(Digest),
}

/// A place where content is to be put, and what is known of it.
#[derive(Clone, Copy)]
pub(crate) struct Spot<'a> {
    /// Paths in a folder that stay as they are, with all that is below them.
    pub(crate) held: &'a [String],
    /// What is in the folder that is there, if somebody has just looked.
    pub(crate) there: Option<&'a Present>,
}

impl From<Lack> for Restored {
    fn from(lack: Lack) -> Self {
        match lack {
            Lack::Missing => Self::Missing,
            Lack::Corrupt(digest) => Self::Corrupt(digest),
        }
    }
}

impl Cache {
    /// Puts `content` to `path`, replacing what is there. The caller has saved that.
    pub(crate) fn restore(
        &self,
        content: &Content,
        path: &Path,
        index: &Index,
        meter: &Meter,
    ) -> Result<Restored, Error> {
        let spot = Spot {
            held: &[],
            there: None,
        };
        self.restore_around(content, (path, spot), index, meter)
    }

    /// Like [`Self::restore`]; but what is held at the spot stays as it is.
    pub(crate) fn restore_around(
        &self,
        content: &Content,
        (path, spot): (&Path, Spot<'_>),
        index: &Index,
        meter: &Meter,
    ) -> Result<Restored, Error> {
        self.begin_reading()?;
        if content.files.is_none() {
            meter.expect(1, content.size);
            return self.restore_visible(content.into(), path, index, meter);
        }
        match self.tree(content.sha256)? {
            // A record whose sizes are not those of the folder is not believed.
            Ok(tree) if !tree.adds_up_to(content) => Ok(Restored::Missing),
            Ok(tree) => self.restore_tree(&tree, (path, spot), index, meter),
            Err(lack) => Ok(lack.into()),
        }
    }

    /// Puts a file to `path`, where others see it.
    pub(super) fn restore_visible(
        &self,
        file: FileContent,
        path: &Path,
        index: &Index,
        meter: &Meter,
    ) -> Result<Restored, Error> {
        let parent = fs::parent(path);
        fs::make_folder(parent)?;
        let folder = Folder::new(parent.to_owned());
        let name = path.file_name().and_then(OsStr::to_str);
        let Some(name) = name else {
            let source = io::ErrorKind::InvalidInput.into();
            return Err(failed("cannot write", path)(source).into());
        };
        match self.restore_file(file, (&folder, name), index, meter)? {
            Ok(placed) => {
                let clock = placed.clock();
                self.teach(index, parent, &[(name, file.digest, placed)], clock);
                Ok(Restored::Done)
            }
            Err(lack) => Ok(lack.into()),
        }
    }

    /// Puts a file to `inner` in `folder`, in place of what is there.
    fn restore_file(
        &self,
        file: FileContent,
        (folder, inner): (&Folder, &str),
        index: &Index,
        meter: &Meter,
    ) -> Result<Result<Placed, Lack>, Error> {
        let reflink = match self.linker.way().for_file(file.size, file.executable) {
            Way::Copy { reflink } => reflink,
            way => return self.restore_linked(file, (folder, inner), way, index, meter),
        };
        let path = folder.path().join(inner);
        let mut copy = AtomicFile::begin(&path)?;
        if let Err(lack) = self.write_object(file, &mut copy, reflink, meter)? {
            return Ok(Err(lack));
        }
        if file.executable {
            copy.make_executable()?;
        }
        if file.size >= SLOW_TO_READ {
            thread::sleep(TICK);
        }
        let before = copy
            .file()
            .metadata()
            .map_err(failed("cannot read", &path))?;
        remove_folder(&path, index)?;
        copy.commit_as_object(&path)?;
        let now = folder.stat(inner).as_ref().and_then(Stamp::of_stat);
        Ok(Ok(Placed::Written(Stamp::of(&before)).restamped(now)))
    }

    /// Gathers what is wanted beside its place, and puts it there when it is whole.
    fn restore_tree(
        &self,
        tree: &Tree,
        (path, Spot { held, there }): (&Path, Spot<'_>),
        index: &Index,
        meter: &Meter,
    ) -> Result<Restored, Error> {
        let parent = fs::parent(path);
        fs::make_folder(parent)?;
        let seen;
        let present = match there {
            _ if path.is_symlink() => None,
            Some(there) => Some(there),
            None => {
                seen = present(path, index)?;
                seen.as_ref()
            }
        };
        let held = held.iter().map(String::as_str).collect();
        let plan = Plan::new(tree, present, &held);
        if present.is_some() {
            plan.refuse_what_is_in_the_way(path, index)?;
        }
        let building = tempfile::Builder::new()
            .prefix(fs::LITTER)
            .tempdir_in(parent);
        let building = building.map_err(failed("cannot write", path))?;
        let folder = Folder::new(building.path().join("new"));
        fs::make_folder(folder.path())?;
        let mut files = match self.gather(&plan.wanted, &folder, index, meter)? {
            Ok(files) => files,
            Err(lack) => return Ok(lack.into()),
        };
        let clock = clock_of(&files);
        if present.is_some() {
            plan.apply(&folder, path)?;
            restamp(&mut files, path);
        } else {
            if fs::exists(path)? {
                fs::rename_quickly(path, &building.path().join("old"))?;
            }
            // What is in the files is not on disk either: all of it can be had again.
            fs::rename_quickly(folder.path(), path)?;
        }
        self.teach(index, path, &files, clock);
        Ok(Restored::Done)
    }

    /// Makes these entries in a new folder; returns the files. All are made; what one of them lacks,
    /// all lack.
    fn gather<'e>(
        &self,
        entries: &[&'e Entry],
        folder: &Folder,
        index: &Index,
        meter: &Meter,
    ) -> Result<Result<Vec<PlacedFile<'e>>, Lack>, Error> {
        let mut parents: BTreeSet<&str> = BTreeSet::new();
        for entry in entries {
            parents.extend(entry.path.rsplit_once('/').map(|(parent, _)| parent));
            if let EntryKind::File(file) = &entry.kind {
                meter.expect(1, file.size);
            }
        }
        for parent in parents {
            fs::make_folder(&folder.path().join(parent))?;
        }
        let make = |entry: &&'e Entry| {
            let path = || folder.path().join(&entry.path);
            match &entry.kind {
                EntryKind::File(file) => {
                    let placed = self.make_file(*file, (folder, &entry.path), index, meter)?;
                    return Ok(placed.map(|placed| Some((&*entry.path, file.digest, placed))));
                }
                EntryKind::Link(target) => fs::link_to(target, &path())?,
                EntryKind::EmptyFolder => fs::make_folder(&path())?,
            }
            Ok(Ok(None))
        };
        let made: Result<Vec<Result<_, Lack>>, Error> = entries.par_iter().map(make).collect();
        let made: Result<Vec<Option<PlacedFile<'e>>>, Lack> = made?.into_iter().collect();
        Ok(made.map(|made| made.into_iter().flatten().collect()))
    }

    /// Makes a file that nobody sees yet.
    fn make_file(
        &self,
        file: FileContent,
        (folder, inner): (&Folder, &str),
        index: &Index,
        meter: &Meter,
    ) -> Result<Result<Placed, Lack>, Error> {
        if file.size > PACKED_MAX || self.linker.needs_loose() {
            return self.restore_file(file, (folder, inner), index, meter);
        }
        let bytes = match self.small(file.digest)? {
            Ok(bytes) if bytes.len() as u64 == file.size => bytes,
            Ok(_) => return Ok(Err(Lack::Missing)),
            Err(lack) => return Ok(Err(lack)),
        };
        let write = || {
            let mut made = folder.create_new(inner, file.executable)?;
            made.write_all(&bytes)?;
            fstat(&made).map_err(io::Error::from)
        };
        let stat =
            write().map_err(|error| failed("cannot write", &folder.path().join(inner))(error))?;
        meter.add_file();
        meter.add_bytes(file.size);
        Ok(Ok(
            Stamp::of_stat(&stat).map_or(Placed::Unknown, Placed::Written)
        ))
    }

    /// Reads a small object, which most likely is packed.
    fn small(&self, digest: Digest) -> Result<Result<Vec<u8>, Lack>, Error> {
        // What is only loose need not be looked for in packs that others may have written since.
        if self.packs.length(digest)?.is_none() && self.loose.size(digest).is_some() {
            return self.verified(digest);
        }
        match self.packed(digest)? {
            Ok(bytes) => Ok(Ok(bytes)),
            Err(lack) => match self.verified(digest)? {
                Ok(bytes) => Ok(Ok(bytes)),
                Err(Lack::Missing) => Ok(Err(lack)),
                Err(worse) => Ok(Err(worse)),
            },
        }
    }

    /// Writes an object into a new file, and looks whether it is what it should be.
    fn write_object(
        &self,
        file: FileContent,
        copy: &mut AtomicFile,
        reflink: bool,
        meter: &Meter,
    ) -> Result<Result<(), Lack>, Error> {
        let path = self.loose.path(file.digest);
        let opened = fs::absent_as_none(File::open(&path)).map_err(failed("cannot read", &path))?;
        let Some(mut object) = opened else {
            let bytes = match self.packed(file.digest)? {
                Ok(bytes) if bytes.len() as u64 == file.size => bytes,
                Ok(_) => return Ok(Err(Lack::Missing)),
                Err(lack) => return Ok(Err(lack)),
            };
            let target = copy.unfinished().to_owned();
            let written = copy.file().write_all(&bytes);
            written.map_err(failed("cannot write", &target))?;
            meter.add_file();
            meter.add_bytes(file.size);
            return Ok(Ok(()));
        };
        let (digest, size) = if reflink && ioctl_ficlone(copy.file(), &object).is_ok() {
            Digest::of_opened(&mut object).map_err(failed("cannot read", &path))?
        } else {
            copy_hashing((&mut object, &path), copy, file.size, Outlook::Used, meter)?
        };
        if digest != file.digest {
            self.quarantine(file.digest)?;
            return Ok(Err(Lack::Corrupt(file.digest)));
        }
        if size != file.size {
            return Ok(Err(Lack::Missing));
        }
        meter.add_file();
        Ok(Ok(()))
    }

    /// Waits until what the cache has got lately is on disk: before the only other copy goes.
    pub(crate) fn settle(&self) -> Result<(), Error> {
        Ok(fs::sync_file_system(&self.path(""))?)
    }
}

/// What has to be done to a folder that is there.
struct Plan<'a> {
    /// The entries that it lacks, or has otherwise.
    wanted: Vec<&'a Entry>,
    /// The paths of files and links that have to go.
    unwanted: Vec<&'a str>,
    /// The paths of empty folders that have to go.
    unwanted_folders: Vec<&'a str>,
}

impl<'a> Plan<'a> {
    /// What is at a path that is `held`, or below it, is nobody's business.
    fn new(tree: &'a Tree, present: Option<&'a Present>, held: &BTreeSet<&str>) -> Self {
        let is_held = |inner: &str| is_within(inner, held);
        let mut unwanted = Vec::new();
        let mut entries: BTreeMap<&str, &Entry> = BTreeMap::new();
        if let Some(Present { tree: there, links }) = present {
            entries.extend(there.entries().iter().map(|entry| (&*entry.path, entry)));
            entries.retain(|path, _| !is_held(path));
            // What a link leads to is not touched: the link goes, and what is wanted takes its place.
            // One that leads to just that stays.
            let is_other = |link: &&String| !there.part(link).eq(tree.part(link));
            for link in links.iter().filter(|link| !is_held(link)).filter(is_other) {
                entries.retain(|path, _| !is_below(path, link));
                unwanted.push(link.as_str());
            }
        }
        let is_missing = |entry: &&Entry| entries.get(&*entry.path) != Some(entry);
        let is_free = |entry: &&Entry| {
            !is_held(&entry.path) && !held.iter().any(|held| is_below(held, &entry.path))
        };
        let wanted = tree.entries().iter().filter(is_missing).filter(is_free);
        let wanted: Vec<&Entry> = wanted.collect();
        let mut plan = Self {
            wanted,
            unwanted,
            unwanted_folders: Vec::new(),
        };
        plan.add_unwanted(tree, entries);
        plan
    }

    /// Adds those of the `entries` that are there, sorted by their paths, that have to go.
    fn add_unwanted(&mut self, tree: &Tree, entries: BTreeMap<&'a str, &Entry>) {
        let mut recorded = tree.entries().iter().peekable();
        for (path, entry) in entries {
            while recorded
                .next_if(|recorded| *recorded.path < *path)
                .is_some()
            {}
            // A file takes the place of what is there; a folder can only be made where nothing is.
            let takes_its_place = |recorded: &&Entry| {
                recorded.path == path
                    && (recorded.kind != EntryKind::EmptyFolder || recorded.kind == entry.kind)
            };
            if recorded.peek().is_some_and(takes_its_place) {
                continue;
            }
            if entry.kind == EntryKind::EmptyFolder {
                self.unwanted_folders.push(path);
            } else {
                self.unwanted.push(path);
            }
        }
    }

    /// Refuses to begin where a file is wanted in place of a folder that would not be empty, or a
    /// folder where something stands that does not go: that is no data.
    fn refuse_what_is_in_the_way(&self, path: &Path, index: &Index) -> Result<(), Error> {
        let gone: BTreeSet<&str> = self.unwanted.iter().copied().collect();
        let goes = |inner: &str| is_within(inner, &gone);
        for inner in folders_of(self.wanted.iter().copied()) {
            let place = path.join(inner);
            if !goes(inner) && !is_folder(&place) && fs::exists(&place)? {
                return Err(Error::Occupied { path: place });
            }
        }
        for entry in &self.wanted {
            let place = path.join(&entry.path);
            let is_file = entry.kind != EntryKind::EmptyFolder;
            if is_file && is_folder(&place) && has_uncounted(&place, index)? {
                return Err(Error::Occupied { path: place });
            }
        }
        Ok(())
    }

    /// Changes the folder at `path`: what is wanted has been made in `made`. Each file is the old or
    /// the new one at any time; a kill leaves some of either.
    fn apply(&self, made: &Folder, path: &Path) -> Result<(), fs::Error> {
        for unwanted in &self.unwanted {
            fs::remove_file(&path.join(unwanted))?;
            remove_empty_above(path, unwanted)?;
        }
        for unwanted in &self.unwanted_folders {
            fs::remove_empty_folder(&path.join(unwanted))?;
            remove_empty_above(path, unwanted)?;
        }
        for inner in folders_of(self.wanted.iter().copied()) {
            fs::make_folder(&path.join(inner))?;
        }
        let folder = Folder::new(path.to_owned());
        let wanted = self.wanted.par_iter();
        let wanted = wanted.filter(|entry| entry.kind != EntryKind::EmptyFolder);
        wanted
            .map(|entry| put(made, &entry.path, &folder))
            .collect()
    }
}

/// Moves what is at `inner` in one folder to the same path in another.
fn put(made: &Folder, inner: &str, folder: &Folder) -> Result<(), fs::Error> {
    let outcome = made.rename(inner, folder, inner);
    if outcome.is_ok() {
        return Ok(());
    }
    // Nothing that counts is in a folder that stands in the way.
    let place = folder.path().join(inner);
    if is_folder(&place) {
        fs::remove_empty_folder(&place)?;
    }
    fs::rename_quickly(&made.path().join(inner), &place)
}

/// Deletes a folder that is in the way of a file, with all data in it; the caller has saved that.
pub(super) fn remove_folder(path: &Path, index: &Index) -> Result<(), Error> {
    if !is_folder(path) {
        return Ok(());
    }
    if has_uncounted(path, index)? {
        let path = path.to_owned();
        return Err(Error::Occupied { path });
    }
    Ok(fs::remove(path)?)
}

fn is_folder(path: &Path) -> bool {
    path.is_dir() && !path.is_symlink()
}

/// Deletes the folders around something that is gone, as far as nothing else is in them.
fn remove_empty_above(top: &Path, inner: &str) -> Result<(), fs::Error> {
    let mut rest = inner;
    while let Some((above, _)) = rest.rsplit_once('/') {
        if !fs::remove_empty_folder(&top.join(above))? {
            break;
        }
        rest = above;
    }
    Ok(())
}

fn is_below(path: &str, folder: &str) -> bool {
    let rest = path.strip_prefix(folder);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
