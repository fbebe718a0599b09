//! What a cache gives to a remote and takes from one. Nothing leaves it, and nothing enters it, whose
//! bytes are not what the name says.

use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use rayon::prelude::*;

use crate::base::digest::Digest;
use crate::base::fs::{AtomicFile, failed};
use crate::store::cache::Cache;
use crate::store::error::Error;
use crate::store::pack::{self, PackWriter, Slot};
use crate::store::storing::{FEW, PACK_SIZE};

/// Where the cache has an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Holding {
    /// In a file of its own.
    Loose,
    /// In the pack of this name.
    Packed(Digest),
}

/// A pack that was read whole and is what its name says.
pub(crate) struct WholePack {
    /// All its bytes.
    pub(crate) bytes: Vec<u8>,
    /// Its objects.
    pub(crate) slots: Vec<Slot>,
}

impl Cache {
    /// Returns where an object of this size is; `None` if it is not there.
    pub(crate) fn holding(&self, digest: Digest, size: u64) -> Result<Option<Holding>, Error> {
        if let Some((pack, length)) = self.packs.find(digest)?
            && length == size
        {
            return Ok(Some(Holding::Packed(pack)));
        }
        Ok(self.loose.has(digest, size).then_some(Holding::Loose))
    }

    /// Returns the size of an object, whatever it is; `None` if it is not there.
    pub(crate) fn size_of(&self, digest: Digest) -> Result<Option<u64>, Error> {
        Ok(match self.packs.length(digest)? {
            Some(length) => Some(length),
            None => self.loose.size(digest),
        })
    }

    /// Returns the size of the file of a pack.
    pub(crate) fn pack_size(&self, name: Digest) -> Option<u64> {
        self.packs.size(name)
    }

    /// Returns the file of an object that is one of its own, once its bytes have been checked; `None`
    /// if it was corrupt.
    pub(crate) fn checked_file(&self, digest: Digest) -> Result<Option<PathBuf>, Error> {
        match self.loose.check(digest)? {
            Some(true) => Ok(Some(self.loose.path(digest))),
            Some(false) => {
                self.quarantine(digest)?;
                Ok(None)
            }
            None => Ok(None),
        }
    }

    /// Reads a pack; `None` if it is gone, or anything in it is wrong.
    pub(crate) fn whole_pack(&self, name: Digest) -> Result<Option<WholePack>, Error> {
        let path = pack::path_of(self.packs.folder(), name);
        let Some(bytes) = crate::base::fs::read(&path)? else {
            return Ok(None);
        };
        Ok(check_pack(&bytes, name).map(|slots| WholePack { bytes, slots }))
    }

    /// Takes in a pack that came from elsewhere; false if anything in it is wrong.
    pub(crate) fn admit_pack(&self, name: Digest, bytes: &[u8]) -> Result<bool, Error> {
        let Some(slots) = check_pack(bytes, name) else {
            return Ok(false);
        };
        self.begin_use()?;
        if self.linker.needs_loose() {
            slots.par_iter().try_for_each(|slot| {
                let object = slice(bytes, slot).unwrap_or_default();
                self.loose.add(slot.digest, object)
            })?;
            return Ok(true);
        }
        let path = pack::path_of(self.packs.folder(), name);
        let mut file = AtomicFile::begin(&self.unfinished())?;
        let written = file.file().write_all(bytes);
        written.map_err(failed("cannot write", &path))?;
        let mode = std::fs::Permissions::from_mode(0o444);
        let read_only = file.file().set_permissions(mode);
        read_only.map_err(failed("cannot write", &path))?;
        file.commit_as(&path)?;
        self.packs.add(name, slots);
        Ok(true)
    }

    /// Takes in small objects whose digests have just been computed.
    pub(crate) fn admit_small(&self, objects: &[(Digest, Vec<u8>)]) -> Result<(), Error> {
        self.begin_use()?;
        if objects.len() < FEW || self.linker.needs_loose() {
            let mut objects = objects.iter();
            return objects.try_for_each(|(digest, bytes)| self.loose.add(*digest, bytes));
        }
        let mut rest = objects;
        while !rest.is_empty() {
            let mut writer = PackWriter::begin(&self.unfinished())?;
            let mut size = 0;
            let mut count = 0;
            for (digest, bytes) in rest {
                writer.push(*digest, bytes)?;
                count += 1;
                size += bytes.len() as u64;
                if size >= PACK_SIZE {
                    break;
                }
            }
            if let Some((name, slots)) = writer.finish(self.packs.folder())? {
                self.packs.add(name, slots);
            }
            rest = &rest[count..];
        }
        Ok(())
    }

    /// Begins a file for an object that comes from elsewhere.
    pub(crate) fn begin_object(&self) -> Result<AtomicFile, Error> {
        self.begin_use()?;
        Ok(AtomicFile::begin(&self.unfinished())?)
    }

    /// Takes in such a file, whose digest has just been computed from what is in it.
    pub(crate) fn admit_file(&self, mut file: AtomicFile, digest: Digest) -> Result<(), Error> {
        let path = self.loose.path(digest);
        let mode = std::fs::Permissions::from_mode(0o444);
        let read_only = file.file().set_permissions(mode);
        read_only.map_err(failed("cannot write", &path))?;
        Ok(file.commit_as_object(&path)?)
    }
}

/// Puts objects into a pack in memory; returns its name and what is in it.
pub(crate) fn assemble(objects: &[(Digest, Vec<u8>)]) -> (Digest, WholePack) {
    let mut bytes = pack::HEADER.to_vec();
    let mut slots = Vec::with_capacity(objects.len());
    for (digest, object) in objects {
        slots.push(Slot {
            digest: *digest,
            offset: bytes.len() as u64,
            length: u32::try_from(object.len()).expect("invariant: objects in packs are small"),
        });
        bytes.extend(object);
    }
    let directory = pack::directory_bytes(&slots);
    let name = Digest::of(&directory);
    bytes.extend(directory);
    let count = u32::try_from(slots.len()).expect("invariant: so many do not fit into memory");
    bytes.extend(count.to_le_bytes());
    bytes.extend(pack::END);
    (name, WholePack { bytes, slots })
}

/// Checks every byte of a pack; returns its objects, or `None` if anything is wrong.
pub(crate) fn check_pack(bytes: &[u8], name: Digest) -> Option<Vec<Slot>> {
    let slots = pack::directory_of(bytes, name)?;
    let is_sound = |slot: &Slot| slice(bytes, slot).map(Digest::of) == Some(slot.digest);
    slots.par_iter().all(is_sound).then_some(slots)
}

/// Returns how many bytes at the end of a pack say what is in it, by its last bytes; `None` if it is
/// no pack.
pub(crate) fn length_of_end(tail: &[u8]) -> Option<u64> {
    pack::length_of_end(tail)
}

/// Reads in those bytes what is in a pack of `size` bytes; `None` if they are not what its name says.
pub(crate) fn objects_at_end(end: &[u8], size: u64, name: Digest) -> Option<Vec<Slot>> {
    pack::directory_at_end(end, size, name)
}

/// Returns these slots if they are all that is in a pack, in its order, which its name tells.
pub(crate) fn all_of_pack(slots: Vec<Slot>, name: Digest) -> Option<Vec<Slot>> {
    (Digest::of(&pack::directory_bytes(&slots)) == name).then_some(slots)
}

/// Returns those of a damaged pack's objects that are good.
pub(crate) fn sound_objects(bytes: &[u8], slots: &[Slot]) -> Vec<(Digest, Vec<u8>)> {
    let sound = slots.iter().filter_map(|slot| {
        let object = slice(bytes, slot)?;
        (Digest::of(object) == slot.digest).then(|| (slot.digest, object.to_vec()))
    });
    sound.collect()
}

/// Returns the bytes of an object in a pack.
fn slice<'b>(bytes: &'b [u8], slot: &Slot) -> Option<&'b [u8]> {
    let start = usize::try_from(slot.offset).ok()?;
    bytes.get(start..start.checked_add(usize::try_from(slot.length).ok()?)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn objects(count: u8) -> Vec<(Digest, Vec<u8>)> {
        let one = |number: u8| vec![number; usize::from(number)];
        (0..count)
            .map(|number| (Digest::of(&one(number)), one(number)))
            .collect()
    }

    #[test]
    fn a_pack_made_in_memory_is_one_of_the_caches_and_no_damage_enters_it() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let cache = Cache::of_copies(folder.path().join("cache"));
        let objects = objects(20);
        let (name, pack) = assemble(&objects);
        for at in (0..pack.bytes.len()).step_by(7) {
            let mut bytes = pack.bytes.clone();
            bytes[at] ^= 1;
            assert!(
                !cache.admit_pack(name, &bytes).expect("answers"),
                "byte {at}"
            );
            assert!(!cache.admit_pack(name, &bytes[..at]).expect("answers"));
        }
        assert!(cache.admit_pack(name, &pack.bytes).expect("takes it in"));
        for (digest, bytes) in &objects {
            assert_eq!(cache.read(*digest).expect("reads").as_ref(), Some(bytes));
        }
        let again = cache.whole_pack(name).expect("reads").expect("is there");
        assert_eq!(again.bytes, pack.bytes);
        assert_eq!(again.slots, pack.slots);
    }

    #[test]
    fn the_end_of_a_pack_says_what_is_in_it_and_no_damage_is_believed() {
        let objects = objects(20);
        let (name, WholePack { bytes, slots }) = assemble(&objects);
        let size = bytes.len() as u64;
        let length = length_of_end(&bytes[bytes.len() - 40..]).expect("a pack");
        let start = bytes.len() - usize::try_from(length).expect("fits");
        assert_eq!(objects_at_end(&bytes[start..], size, name), Some(slots));
        for at in start..bytes.len() - 16 {
            let mut end = bytes[start..].to_vec();
            end[at - start] ^= 1;
            assert_eq!(objects_at_end(&end, size, name), None, "byte {at}");
        }
        assert_eq!(objects_at_end(&bytes[start..], size + 1, name), None);
        assert_eq!(length_of_end(&bytes[..bytes.len() - 1]), None);
    }

    #[test]
    fn small_objects_are_taken_in_whether_few_or_many() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let cache = Cache::of_copies(folder.path().join("cache"));
        for count in [3, 40] {
            let objects = objects(count);
            cache.admit_small(&objects).expect("takes them in");
            for (digest, bytes) in &objects {
                assert_eq!(cache.read(*digest).expect("reads").as_ref(), Some(bytes));
                let size = cache.size_of(*digest).expect("answers");
                assert_eq!(size, Some(bytes.len() as u64));
            }
        }
    }
}
