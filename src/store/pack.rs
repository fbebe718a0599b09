//! A pack: many small objects in one file that never changes. `docs/cache.md` has the format.
//!
//! A header; the bytes of the objects back to back; the directory, a record for each object with
//! its digest, where it begins and how long it is; how many these are, and an end mark. The pack's
//! name is the digest of the directory, which thereby vouches for every byte of the pack.

use std::fs::{File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::base::digest::Digest;
use crate::base::fs::{self, AtomicFile, failed};

pub(super) const HEADER: &[u8; 14] = b"mlpipe-pack 1\n";
pub(super) const END: &[u8; 12] = b"mlpipe-end\n\n";

/// The bytes of a record of the directory: digest, where it begins, length.
pub(super) const RECORD: usize = 32 + 8 + 4;

/// The bytes behind the directory: how many records it has, and the end mark.
pub(super) const FOOTER: usize = 4 + END.len();

/// What is gathered before it is written.
const BUFFER: usize = 1024 * 1024;

/// The ending of a pack's name.
const ENDING: &str = ".pack";

/// Where an object lies in a pack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Slot {
    /// The object.
    pub(crate) digest: Digest,
    /// Where its bytes begin.
    pub(crate) offset: u64,
    /// How many they are.
    pub(crate) length: u32,
}

/// A pack's directory, as far as it can be believed.
pub(super) struct Directory {
    /// The objects, in their order.
    pub(super) slots: Vec<Slot>,
    /// Whether it is the one that the pack's name vouches for, and nothing stands between the objects.
    pub(super) is_sound: bool,
}

/// A pack in the writing.
pub(super) struct PackWriter {
    file: AtomicFile,
    buffer: Vec<u8>,
    offset: u64,
    slots: Vec<Slot>,
}

impl PackWriter {
    /// Begins a pack as an unfinished file beside `path`.
    pub(super) fn begin(path: &Path) -> Result<Self, fs::Error> {
        Ok(Self {
            file: AtomicFile::begin(path)?,
            buffer: HEADER.to_vec(),
            offset: HEADER.len() as u64,
            slots: Vec::new(),
        })
    }

    /// Adds an object, whose digest has just been computed.
    pub(super) fn push(&mut self, digest: Digest, bytes: &[u8]) -> Result<(), fs::Error> {
        let length = u32::try_from(bytes.len()).map_err(|_| {
            let source = io::Error::new(io::ErrorKind::InvalidInput, "it is too big for a pack");
            failed("cannot write", self.file.unfinished())(source)
        })?;
        self.slots.push(Slot {
            digest,
            offset: self.offset,
            length,
        });
        self.offset += u64::from(length);
        self.buffer.extend(bytes);
        if self.buffer.len() >= BUFFER {
            self.flush()?;
        }
        Ok(())
    }

    /// Ends the pack and gives it its name in `folder`, once it is on disk; returns the name and the
    /// objects. Without objects there is no pack.
    pub(super) fn finish(
        mut self,
        folder: &Path,
    ) -> Result<Option<(Digest, Vec<Slot>)>, fs::Error> {
        let Ok(count) = u32::try_from(self.slots.len()) else {
            let source = io::Error::new(io::ErrorKind::InvalidInput, "too many objects");
            return Err(failed("cannot write", self.file.unfinished())(source));
        };
        if count == 0 {
            return Ok(None);
        }
        let directory = directory_bytes(&self.slots);
        let name = Digest::of(&directory);
        self.buffer.extend(directory);
        self.buffer.extend(count.to_le_bytes());
        self.buffer.extend(END);
        self.flush()?;
        let path = path_of(folder, name);
        let read_only = self
            .file
            .file()
            .set_permissions(Permissions::from_mode(0o444));
        read_only.map_err(failed("cannot write", &path))?;
        self.file.commit_as(&path)?;
        Ok(Some((name, self.slots)))
    }

    fn flush(&mut self) -> Result<(), fs::Error> {
        let path = self.file.unfinished().to_owned();
        let written = self.file.file().write_all(&self.buffer);
        written.map_err(failed("cannot write", &path))?;
        self.buffer.clear();
        Ok(())
    }
}

/// Writes the directory of these objects.
pub(super) fn directory_bytes(slots: &[Slot]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(slots.len() * RECORD);
    for slot in slots {
        bytes.extend(slot.digest.as_bytes());
        bytes.extend(slot.offset.to_le_bytes());
        bytes.extend(slot.length.to_le_bytes());
    }
    bytes
}

/// Returns where the pack with this name lies in the folder of the packs.
pub(super) fn path_of(folder: &Path, name: Digest) -> PathBuf {
    folder.join(format!("{name}{ENDING}"))
}

/// Returns the name of the pack whose file is called `file`.
pub(super) fn name_of(file: &str) -> Option<Digest> {
    file.strip_suffix(ENDING)?.parse().ok()
}

/// Reads the directory of the pack `name`. One that cannot be believed may still lead to objects,
/// each of which has its own digest.
pub(super) fn read_directory(file: &File, name: Digest) -> io::Result<Directory> {
    let nothing = Directory {
        slots: Vec::new(),
        is_sound: false,
    };
    let size = file.metadata()?.len();
    let Some(directory_end) = size.checked_sub(FOOTER as u64) else {
        return Ok(nothing);
    };
    let mut footer = [0; FOOTER];
    file.read_exact_at(&mut footer, directory_end)?;
    let (count, end) = footer.split_at(4);
    let count = u32::from_le_bytes([count[0], count[1], count[2], count[3]]);
    let length = u64::from(count) * RECORD as u64;
    let start = directory_end.checked_sub(length);
    let start = start.filter(|start| *start >= HEADER.len() as u64);
    let (Some(start), Ok(length)) = (start, usize::try_from(length)) else {
        return Ok(nothing);
    };
    let mut bytes = vec![0; length];
    file.read_exact_at(&mut bytes, start)?;
    let slots: Vec<Slot> = bytes.chunks_exact(RECORD).filter_map(slot).collect();
    let mut header = [0; HEADER.len()];
    file.read_exact_at(&mut header, 0)?;
    let is_sound = end == END
        && &header == HEADER
        && Digest::of(&bytes) == name
        && are_seamless(&slots, start);
    Ok(Directory { slots, is_sound })
}

/// Reads the directory of a pack in memory; `None` if it is not the one that the name vouches for.
pub(super) fn directory_of(bytes: &[u8], name: Digest) -> Option<Vec<Slot>> {
    let (rest, footer) = bytes.split_at_checked(bytes.len().checked_sub(FOOTER)?)?;
    let (count, end) = footer.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_le_bytes(*count))
        .ok()?
        .checked_mul(RECORD)?;
    let start = rest.len().checked_sub(length)?;
    let directory = &rest[start..];
    let slots: Vec<Slot> = directory.chunks_exact(RECORD).filter_map(slot).collect();
    let is_sound = end == END
        && rest.starts_with(HEADER)
        && start >= HEADER.len()
        && Digest::of(directory) == name
        && are_seamless(&slots, start as u64);
    is_sound.then_some(slots)
}

/// Returns how many bytes at the end of a pack are its directory and what follows, by its last bytes.
pub(super) fn length_of_end(tail: &[u8]) -> Option<u64> {
    let footer = tail.get(tail.len().checked_sub(FOOTER)?..)?;
    let (count, end) = footer.split_first_chunk::<4>()?;
    let records = u64::from(u32::from_le_bytes(*count)) * RECORD as u64;
    (end == END).then_some(records + FOOTER as u64)
}

/// Reads the directory of a pack of `size` bytes in what [`length_of_end`] says is its end.
pub(super) fn directory_at_end(end: &[u8], size: u64, name: Digest) -> Option<Vec<Slot>> {
    let directory = &end[..end.len().checked_sub(FOOTER)?];
    let start = size.checked_sub(end.len() as u64)?;
    let slots: Vec<Slot> = directory.chunks_exact(RECORD).filter_map(slot).collect();
    let is_sound = Digest::of(directory) == name && are_seamless(&slots, start);
    is_sound.then_some(slots)
}

/// Reads a record of the directory.
pub(super) fn slot(record: &[u8]) -> Option<Slot> {
    let (digest, rest) = record.split_first_chunk::<32>()?;
    let (offset, rest) = rest.split_first_chunk::<8>()?;
    Some(Slot {
        digest: Digest::from_bytes(*digest),
        offset: u64::from_le_bytes(*offset),
        length: u32::from_le_bytes(*rest.first_chunk::<4>()?),
    })
}

/// Returns whether the objects fill everything up to `end`.
fn are_seamless(slots: &[Slot], end: u64) -> bool {
    let mut at = HEADER.len() as u64;
    for slot in slots {
        if slot.offset != at {
            return false;
        }
        at += u64::from(slot.length);
    }
    at == end
}

/// Reads the bytes in a slot; `None` where they are not what the slot says.
pub(super) fn read_slot(file: &File, slot: &Slot) -> io::Result<Option<Vec<u8>>> {
    let size = file.metadata()?.len();
    let end = slot.offset.checked_add(u64::from(slot.length));
    let (Ok(length), true) = (
        usize::try_from(slot.length),
        end.is_some_and(|end| end <= size),
    ) else {
        return Ok(None);
    };
    let mut bytes = vec![0; length];
    file.read_exact_at(&mut bytes, slot.offset)?;
    Ok((Digest::of(&bytes) == slot.digest).then_some(bytes))
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests damage small files")]
mod tests {
    use std::fs as disk;

    use proptest::prelude::*;

    use super::*;

    fn write(folder: &Path, objects: &[Vec<u8>]) -> Option<(Digest, Vec<Slot>)> {
        let mut writer = PackWriter::begin(&folder.join("new")).expect("begins");
        for object in objects {
            writer.push(Digest::of(object), object).expect("adds");
        }
        writer.finish(folder).expect("finishes")
    }

    proptest! {
        #[test]
        fn each_object_is_read_again_and_no_damage_goes_unseen(
            objects in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..9), 1..6),
            damage in any::<prop::sample::Index>(),
            bit in 0..8_u8,
        ) {
            let folder = tempfile::tempdir().expect("a temporary folder");
            let (name, slots) = write(folder.path(), &objects).expect("has objects");
            let path = path_of(folder.path(), name);
            prop_assert_eq!(name_of(path.file_name().and_then(|name| name.to_str()).expect("a name")), Some(name));
            let file = File::open(&path).expect("opens");
            let directory = read_directory(&file, name).expect("reads");
            prop_assert!(directory.is_sound);
            prop_assert_eq!(&directory.slots, &slots);
            for (slot, object) in slots.iter().zip(&objects) {
                let bytes = read_slot(&file, slot).expect("reads");
                prop_assert_eq!(bytes.as_ref(), Some(object));
            }
            let mut bytes = disk::read(&path).expect("reads");
            let at = damage.index(bytes.len());
            bytes[at] ^= 1 << bit;
            disk::write(&path, &bytes).expect("writes");
            let file = File::open(&path).expect("opens");
            let directory = read_directory(&file, name).expect("reads");
            let read = |slot: &Slot| read_slot(&file, slot).expect("reads");
            let is_whole = directory.is_sound && directory.slots.iter().all(|slot| read(slot).is_some());
            prop_assert!(!is_whole);
            // Whatever was hit, all but one of the objects are still to be had, unless it was the end.
            let known = objects.iter().filter(|object| {
                directory.slots.iter().any(|slot| read(slot).as_ref() == Some(object))
            });
            let is_count = (bytes.len() - FOOTER..bytes.len() - END.len()).contains(&at);
            prop_assert!(known.count() + 1 >= objects.len() || is_count || objects.len() > slots.len());
        }
    }

    #[test]
    fn a_pack_without_objects_is_none_and_a_cut_off_one_is_unsound() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        assert!(write(folder.path(), &[]).is_none());
        let (name, _) = write(folder.path(), &[b"some".to_vec()]).expect("has one");
        let path = path_of(folder.path(), name);
        let bytes = disk::read(&path).expect("reads");
        for end in 0..bytes.len() {
            disk::write(&path, &bytes[..end]).expect("writes");
            let file = File::open(&path).expect("opens");
            let directory = read_directory(&file, name).expect("reads");
            assert!(!directory.is_sound);
        }
    }
}
