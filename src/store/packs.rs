//! `Packs`: the packs of a cache, and in which of them an object lies.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock, PoisonError, RwLock, RwLockReadGuard};

use crate::base::digest::Digest;
use crate::base::fs::{self, absent_as_none, failed};
use crate::store::pack::{self, Directory, Slot};
use crate::store::stamp::Stamp;

/// So many packs are kept open; a process may not have many more files open than that.
const KEPT_OPEN: usize = 256;

/// The folder of the packs. It is looked through when something is first looked up.
pub(super) struct Packs {
    folder: PathBuf,
    table: RwLock<Option<Table>>,
}

/// In which pack each object lies.
#[derive(Default)]
struct Table {
    /// The stat of the folder when it was looked through, if later changes do not leave it the same.
    seen: Option<Stamp>,
    packs: Vec<Pack>,
    /// The objects by their digests, as the packs on disk say.
    sorted: Vec<Place>,
    /// Those that have been packed since.
    recent: HashMap<Digest, Place>,
}

struct Pack {
    name: Digest,
    opened: OnceLock<Arc<File>>,
}

#[derive(Clone, Copy)]
struct Place {
    pack: u32,
    slot: Slot,
}

/// What became of an attempt to read an object from a pack.
pub(super) enum Packed {
    /// Its bytes, as its name says they are.
    Whole(Vec<u8>),
    /// What is there is something else; the pack with this name has it.
    Corrupt(Digest),
    /// No pack has it.
    Missing,
}

impl Packs {
    /// Names the folder of the packs, which need not be there yet.
    pub(super) fn new(folder: PathBuf) -> Self {
        Self {
            folder,
            table: RwLock::default(),
        }
    }

    /// Returns where they are.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Returns the length of a packed object.
    pub(super) fn length(&self, digest: Digest) -> Result<Option<u64>, fs::Error> {
        Ok(self.find(digest)?.map(|(_, length)| length))
    }

    /// Returns the pack that an object lies in, and the object's length.
    pub(super) fn find(&self, digest: Digest) -> Result<Option<(Digest, u64)>, fs::Error> {
        let table = self.table()?;
        Ok(table.as_ref().and_then(|table| {
            let Place { pack, slot } = table.find(digest)?;
            Some((table.packs[pack as usize].name, slot.length.into()))
        }))
    }

    /// Returns the size of a pack, if it is there.
    pub(super) fn size(&self, name: Digest) -> Option<u64> {
        let found = pack::path_of(&self.folder, name).metadata().ok()?;
        Some(found.len())
    }

    /// Reads an object.
    pub(super) fn read(&self, digest: Digest) -> Result<Packed, fs::Error> {
        match self.try_read(digest)? {
            // It may have been loose when others were looked for.
            Some(Packed::Missing) if self.has_changed() => {
                self.reload()?;
                Ok(self.try_read(digest)?.unwrap_or(Packed::Missing))
            }
            Some(packed) => Ok(packed),
            // The pack is gone: another process has put its objects into another one.
            None => {
                self.reload()?;
                Ok(self.try_read(digest)?.unwrap_or(Packed::Missing))
            }
        }
    }

    fn try_read(&self, digest: Digest) -> Result<Option<Packed>, fs::Error> {
        let (name, file, slot) = {
            let table = self.table()?;
            let Some(table) = &*table else {
                return Ok(Some(Packed::Missing));
            };
            let Some(place) = table.find(digest) else {
                return Ok(Some(Packed::Missing));
            };
            let pack = &table.packs[place.pack as usize];
            let path = pack::path_of(&self.folder, pack.name);
            let opened = pack.open(&path, (place.pack as usize) < KEPT_OPEN);
            let Some(file) = absent_as_none(opened).map_err(failed("cannot read", &path))? else {
                return Ok(None);
            };
            (pack.name, file, place.slot)
        };
        let bytes = pack::read_slot(&file, &slot);
        let bytes = bytes.map_err(failed("cannot read", &pack::path_of(&self.folder, name)))?;
        Ok(Some(bytes.map_or(Packed::Corrupt(name), Packed::Whole)))
    }

    /// Takes in a pack that has just been written.
    pub(super) fn add(&self, name: Digest, slots: Vec<Slot>) {
        let mut table = self.table.write().unwrap_or_else(PoisonError::into_inner);
        // Where nothing has been looked up yet, it will be found with the others.
        if let Some(table) = &mut *table
            && let Ok(pack) = u32::try_from(table.packs.len())
        {
            table.packs.push(Pack::new(name));
            let places = slots.into_iter();
            table
                .recent
                .extend(places.map(|slot| (slot.digest, Place { pack, slot })));
        }
    }

    /// Forgets what it knows of the packs, which have changed.
    pub(super) fn reload(&self) -> Result<(), fs::Error> {
        let fresh = Table::load(&self.folder)?;
        *self.table.write().unwrap_or_else(PoisonError::into_inner) = Some(fresh);
        Ok(())
    }

    /// Forgets what it knows of the packs if another process may have changed them.
    pub(super) fn refresh(&self) {
        if self.has_changed() {
            *self.table.write().unwrap_or_else(PoisonError::into_inner) = None;
        }
    }

    /// Returns whether packs may have come or gone since they were looked through.
    fn has_changed(&self) -> bool {
        let table = self.table.read().unwrap_or_else(PoisonError::into_inner);
        table
            .as_ref()
            .is_some_and(|table| table.seen != stamp_of(&self.folder))
    }

    /// Returns the packs' names, sorted.
    pub(super) fn names(&self) -> Result<Vec<Digest>, fs::Error> {
        names(&self.folder)
    }

    /// Opens a pack and reads its directory; `None` if it is gone.
    pub(super) fn open(&self, name: Digest) -> Result<Option<(File, Directory)>, fs::Error> {
        let path = pack::path_of(&self.folder, name);
        let opened = absent_as_none(File::open(&path)).map_err(failed("cannot read", &path))?;
        let Some(file) = opened else {
            return Ok(None);
        };
        let directory = pack::read_directory(&file, name).map_err(failed("cannot read", &path))?;
        Ok(Some((file, directory)))
    }

    fn table(&self) -> Result<RwLockReadGuard<'_, Option<Table>>, fs::Error> {
        let table = self.table.read().unwrap_or_else(PoisonError::into_inner);
        if table.is_some() {
            return Ok(table);
        }
        drop(table);
        let mut table = self.table.write().unwrap_or_else(PoisonError::into_inner);
        if table.is_none() {
            *table = Some(Table::load(&self.folder)?);
        }
        drop(table);
        Ok(self.table.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Pack {
    fn new(name: Digest) -> Self {
        Self {
            name,
            opened: OnceLock::new(),
        }
    }

    fn open(&self, path: &Path, is_kept: bool) -> io::Result<Arc<File>> {
        if let Some(file) = self.opened.get() {
            return Ok(Arc::clone(file));
        }
        let file = Arc::new(File::open(path)?);
        if is_kept {
            // Another thread may have been quicker, which comes to the same.
            return Ok(Arc::clone(self.opened.get_or_init(|| file)));
        }
        Ok(file)
    }
}

impl Table {
    /// Reads the directories of all packs. A pack whose directory is not sound is left out: what it
    /// holds counts as missing until `fsck` has salvaged it.
    ///
    /// On this thread alone: it is done under the lock that the pool's threads may be waiting for, and
    /// one that waits for the pool takes up other work, which may want the lock as well.
    fn load(folder: &Path) -> Result<Self, fs::Error> {
        // Taken first: what changes from here on is seen.
        let seen = stamp_of(folder).filter(|seen| !seen.is_fresh());
        let names = names(folder)?;
        let read = |name: &Digest| {
            let path = pack::path_of(folder, *name);
            let directory = File::open(&path).and_then(|file| pack::read_directory(&file, *name));
            let directory = absent_as_none(directory).map_err(failed("cannot read", &path))?;
            let directory = directory.filter(|directory| directory.is_sound);
            Ok(directory.map(|directory| (*name, directory.slots)))
        };
        let directories: Result<Vec<_>, fs::Error> = names.iter().map(read).collect();
        let mut table = Self {
            seen,
            ..Self::default()
        };
        for (name, slots) in directories?.into_iter().flatten() {
            let Ok(pack) = u32::try_from(table.packs.len()) else {
                break;
            };
            table.packs.push(Pack::new(name));
            let places = slots.into_iter().map(|slot| Place { pack, slot });
            table.sorted.extend(places);
        }
        table.sorted.sort_unstable_by_key(|place| place.slot.digest);
        Ok(table)
    }

    fn find(&self, digest: Digest) -> Option<Place> {
        if let Some(place) = self.recent.get(&digest) {
            return Some(*place);
        }
        let at = self
            .sorted
            .binary_search_by_key(&digest, |place| place.slot.digest);
        Some(self.sorted[at.ok()?])
    }
}

fn stamp_of(folder: &Path) -> Option<Stamp> {
    folder.metadata().ok().as_ref().map(Stamp::of)
}

fn names(folder: &Path) -> Result<Vec<Digest>, fs::Error> {
    let entries =
        absent_as_none(std::fs::read_dir(folder)).map_err(failed("cannot read", folder))?;
    let mut names = Vec::new();
    for entry in entries.into_iter().flatten() {
        let entry = entry.map_err(failed("cannot read", folder))?;
        names.extend(entry.file_name().to_str().and_then(pack::name_of));
    }
    names.sort_unstable();
    Ok(names)
}
