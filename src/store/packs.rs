//! `Packs`: the packs of a cache, and in which of them an object lies.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock, PoisonError, RwLock, RwLockWriteGuard};
use std::thread::{self, ScopedJoinHandle};

use crate::base::digest::Digest;
use crate::base::fs::{self, absent_as_none, failed};
use crate::store::pack::{self, Directory, Slot};
use crate::store::stamp::Stamp;

/// So many packs are kept open; a process may not have many more files open than that.
const KEPT_OPEN: usize = 256;

/// Reading the directories of fewer packs takes less than another thread does.
const FEW: usize = 8;

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
    /// The same, be it that later changes may leave it as it is.
    found: Option<Stamp>,
    /// The names that were in the folder then, sorted.
    names: Vec<Digest>,
    packs: Vec<Pack>,
    /// The objects by their digests, as the packs on disk say.
    sorted: Vec<Place>,
    /// Those that have been packed since.
    recent: HashMap<Digest, Place>,
    /// The first pack that cannot be read: what is in no other may be in it.
    unreadable: Option<Unreadable>,
}

/// A pack that the system does not let us read.
struct Unreadable {
    path: PathBuf,
    /// Why, as an error of the system that can be told more than once.
    source: (io::ErrorKind, Option<i32>),
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

/// What became of an attempt to read an object, by what is known of the packs.
enum Attempt {
    /// The pack that has it was read.
    Found(Packed),
    /// No pack has it that was there when the folder's stat was this one.
    Absent { seen: Option<Stamp> },
    /// The pack that had it is gone.
    PackGone,
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
        self.look(|table| {
            let Some(Place { pack, slot }) = table.find(digest) else {
                return table.refuse_unreadable().map(|()| None);
            };
            Ok(Some((table.packs[pack as usize].name, slot.length.into())))
        })?
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
            Attempt::Absent { seen } if self.has_changed_since(seen) => self.catch_up()?,
            // Another process has put its objects into another one.
            Attempt::PackGone => self.reload()?,
            Attempt::Absent { .. } => return Ok(Packed::Missing),
            Attempt::Found(packed) => return Ok(packed),
        }
        match self.try_read(digest)? {
            Attempt::Found(packed) => Ok(packed),
            Attempt::Absent { .. } | Attempt::PackGone => Ok(Packed::Missing),
        }
    }

    fn try_read(&self, digest: Digest) -> Result<Attempt, fs::Error> {
        let opened = self.look(|table| {
            let Some(place) = table.find(digest) else {
                table.refuse_unreadable()?;
                return Ok(Err(Attempt::Absent { seen: table.seen }));
            };
            let pack = &table.packs[place.pack as usize];
            let path = pack::path_of(&self.folder, pack.name);
            let opened = pack.open(&path, (place.pack as usize) < KEPT_OPEN);
            Ok::<_, fs::Error>(Ok((pack.name, place.slot, path, opened)))
        })??;
        let (name, slot, path, opened) = match opened {
            Ok(opened) => opened,
            Err(absent) => return Ok(absent),
        };
        let Some(file) = absent_as_none(opened).map_err(failed("cannot read", &path))? else {
            return Ok(Attempt::PackGone);
        };
        let bytes = pack::read_slot(&file, &slot).map_err(failed("cannot read", &path))?;
        let packed = bytes.map_or(Packed::Corrupt(name), Packed::Whole);
        Ok(Attempt::Found(packed))
    }

    /// Takes in a pack that has just been written.
    pub(super) fn add(&self, name: Digest, slots: Vec<Slot>) {
        let mut table = self.write();
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

    /// Looks the packs through again, which have changed.
    ///
    /// All else waits meanwhile: a pack that another thread adds is either found or taken in then.
    pub(super) fn reload(&self) -> Result<(), fs::Error> {
        // Before they are looked through, which in one assignment would be done first.
        let mut table = self.write();
        *table = Some(Table::load(&self.folder)?);
        Ok(())
    }

    /// Looks the packs through again, unless another thread has just done so.
    fn catch_up(&self) -> Result<(), fs::Error> {
        let mut table = self.write();
        let is_current = match &mut *table {
            Some(table) => table.is_current(&self.folder)?,
            None => false,
        };
        if !is_current {
            *table = Some(Table::load(&self.folder)?);
        }
        Ok(())
    }

    /// Forgets what it knows of the packs if another process may have changed them.
    pub(super) fn refresh(&self) {
        let mut table = self.write();
        if table
            .as_ref()
            .is_some_and(|table| self.has_changed_since(table.seen))
        {
            *table = None;
        }
    }

    /// Returns whether packs may have come or gone since the folder's stat was `seen`.
    fn has_changed_since(&self, seen: Option<Stamp>) -> bool {
        seen != stamp_of(&self.folder)
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

    /// Looks at the table, which is there as long as that takes, whatever other threads do.
    fn look<T>(&self, look: impl FnOnce(&Table) -> T) -> Result<T, fs::Error> {
        if let Some(table) = &*self.table.read().unwrap_or_else(PoisonError::into_inner) {
            return Ok(look(table));
        }
        let mut table = self.write();
        let table = match &mut *table {
            Some(table) => table,
            // Another thread may forget it again before this one could ask for it.
            none => none.insert(Table::load(&self.folder)?),
        };
        Ok(look(table))
    }

    fn write(&self) -> RwLockWriteGuard<'_, Option<Table>> {
        self.table.write().unwrap_or_else(PoisonError::into_inner)
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

/// What some of the packs hold.
#[derive(Default)]
struct Part {
    /// Sorted by digest.
    places: Vec<Place>,
    /// The first of them that cannot be read.
    unreadable: Option<Unreadable>,
}

impl Part {
    /// Reads the directories of packs with their numbers.
    fn read(folder: &Path, packs: &[(u32, Digest)]) -> Self {
        let mut part = Self::default();
        for (pack, name) in packs {
            let path = pack::path_of(folder, *name);
            let directory = File::open(&path).and_then(|file| pack::read_directory(&file, *name));
            match absent_as_none(directory) {
                Ok(Some(directory)) if directory.is_sound => {
                    let slots = directory.slots.into_iter();
                    part.places
                        .extend(slots.map(|slot| Place { pack: *pack, slot }));
                }
                Ok(_) => {}
                Err(error) => {
                    let source = (error.kind(), error.raw_os_error());
                    part.unreadable.get_or_insert(Unreadable { path, source });
                }
            }
        }
        part.places.sort_unstable_by_key(|place| place.slot.digest);
        part
    }
}

impl Table {
    /// Reads the directories of all packs. A pack whose directory is not sound is left out: what it
    /// holds counts as missing until `fsck` has salvaged it. One that cannot be read is left out as
    /// well, but then nothing counts as missing.
    ///
    /// On threads of its own: it is done under the lock that the pool's threads may be waiting for, and
    /// one that waits for the pool takes up other work, which may want the lock as well.
    fn load(folder: &Path) -> Result<Self, fs::Error> {
        // Taken first: what changes from here on is seen.
        let found = stamp_of(folder);
        let seen = found.filter(|seen| !seen.is_fresh());
        let names = names(folder)?;
        let numbered: Vec<(u32, Digest)> = (0..).zip(names.iter().copied()).collect();
        let cores = thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let share = numbered.len().div_ceil(cores).max(FEW);
        let parts = thread::scope(|scope| {
            let mut parts = numbered.chunks(share);
            let own = parts.next().unwrap_or_default();
            let others = parts.map(|part| scope.spawn(|| Part::read(folder, part)));
            let others: Vec<_> = others.collect();
            let mut parts = vec![Part::read(folder, own)];
            let joined = others.into_iter().map(ScopedJoinHandle::join);
            parts.extend(joined.map(|part| part.expect("invariant: reading does not panic")));
            parts
        });
        let mut table = Self {
            seen,
            found,
            packs: names.iter().copied().map(Pack::new).collect(),
            names,
            ..Self::default()
        };
        for part in parts {
            table.sorted.extend(part.places);
            table.unreadable = table.unreadable.or(part.unreadable);
        }
        // Parts that are sorted by themselves are only merged by this.
        table.sorted.sort_by_key(|place| place.slot.digest);
        Ok(table)
    }

    /// Returns whether the folder is as it was when it was looked through. What has just changed, or has
    /// a time in the future, may change again under the same stat: then the names tell, for a pack of
    /// one name has always the same bytes.
    fn is_current(&mut self, folder: &Path) -> Result<bool, fs::Error> {
        let now = stamp_of(folder);
        if now == self.seen {
            return Ok(true);
        }
        if now != self.found || names(folder)? != self.names {
            return Ok(false);
        }
        self.seen = now.filter(|now| !now.is_fresh());
        Ok(true)
    }

    /// Refuses to call anything missing while a pack cannot be read.
    fn refuse_unreadable(&self) -> Result<(), fs::Error> {
        let Some(Unreadable { path, source }) = &self.unreadable else {
            return Ok(());
        };
        let (kind, code) = *source;
        let source = code.map_or_else(|| kind.into(), io::Error::from_raw_os_error);
        Err(failed("cannot read", path)(source))
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

#[cfg(test)]
#[expect(
    clippy::disallowed_methods,
    reason = "tests change folders as others do"
)]
mod tests {
    use std::fs as disk;
    use std::thread;

    use super::*;
    use crate::store::pack::PackWriter;

    fn write(folder: &Path, object: &[u8]) -> (Digest, Vec<Slot>) {
        let mut writer = PackWriter::begin(&folder.with_extension("new")).expect("begins");
        writer.push(Digest::of(object), object).expect("adds");
        let finished = writer.finish(folder).expect("finishes");
        finished.expect("has one")
    }

    #[test]
    fn what_is_packed_is_there_whenever_another_thread_looks_the_packs_through() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let folder = folder.path().join("packs");
        write(&folder, b"some");
        let packs = Packs::new(folder.clone());
        let digest = Digest::of(b"some");
        let is_found = || {
            let length = packs.length(digest).expect("answers");
            let read = packs.read(digest).expect("answers");
            length == Some(4) && matches!(read, Packed::Whole(_))
        };
        thread::scope(|scope| {
            let other = scope.spawn(|| {
                for _ in 0..5000 {
                    disk::write(folder.join("stray"), "").expect("writes");
                    disk::remove_file(folder.join("stray")).expect("removes");
                    packs.refresh();
                }
            });
            let mut misses = 0;
            while !other.is_finished() {
                misses += usize::from(!is_found());
            }
            assert_eq!(misses, 0);
        });
    }

    #[test]
    fn what_is_packed_while_another_thread_looks_the_packs_through_is_found() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let folder = folder.path().join("packs");
        write(&folder, b"some");
        let packs = Packs::new(folder.clone());
        packs.reload().expect("loads");
        thread::scope(|scope| {
            let other = scope.spawn(|| {
                let add = |number: u32| {
                    let object = number.to_le_bytes();
                    let (name, slots) = write(&folder, &object);
                    packs.add(name, slots);
                    packs.length(Digest::of(&object)).expect("answers")
                };
                (0..100).filter(|number| add(*number) != Some(4)).count()
            });
            while !other.is_finished() {
                packs.reload().expect("loads");
            }
            assert_eq!(other.join().expect("ends"), 0);
        });
    }
}
