//! The bytes of the index on disk: folder after folder, their files sorted by name.
//!
//! A header; of each folder the lengths of what follows, its path, a record of fixed size for each
//! file, and the names; at the end the digest of all that, so that no damage goes unseen. Numbers
//! are little-endian.

use std::collections::BTreeMap;
use std::io::{self, BufWriter, Write};
use std::ops::{Bound, Range};

use crate::base::digest::{Digest, Hasher};
use crate::store::index::Known;
use crate::store::stamp::{Stamp, Time};

const HEADER: &[u8; 8] = b"mlpidx3\n";

/// The bytes in front of a folder: how long its path is, how many files it has, how long their
/// names are.
const LENGTHS: usize = 4 + 8 + 8;

/// The bytes of a file: where its name ends, size, two times, inode, names, digest.
const RECORD: usize = 4 + 8 + 12 + 12 + 8 + 4 + 32;

/// So much is written at once.
const BUFFER: usize = 256 * 1024;

/// The index as it was read.
#[derive(Default)]
pub(super) struct Saved {
    bytes: Vec<u8>,
    folders: BTreeMap<Box<str>, Block>,
}

/// Where a folder stands in the bytes.
struct Block {
    whole: Range<usize>,
    records: Range<usize>,
    names: Range<usize>,
}

/// One folder of the index.
#[derive(Clone, Copy)]
pub(super) struct SavedFolder<'a> {
    whole: &'a [u8],
    records: &'a [u8],
    names: &'a [u8],
}

impl Saved {
    /// Reads an index; one that is not as it was written is as good as none.
    pub(super) fn read(bytes: Vec<u8>) -> Self {
        match folders(&bytes) {
            Some(folders) => Self { bytes, folders },
            None => Self::default(),
        }
    }

    /// Returns the paths of the folders, sorted.
    pub(super) fn folders(&self) -> impl Iterator<Item = &str> {
        self.folders.keys().map(|path| &**path)
    }

    /// Returns the paths of the folders in a range of them, sorted.
    pub(super) fn folders_in(
        &self,
        (from, to): (Bound<&str>, Bound<&str>),
    ) -> impl Iterator<Item = &str> {
        let found = self.folders.range::<str, _>((from, to));
        found.map(|(path, _)| &**path)
    }

    /// Returns what is known of a folder.
    pub(super) fn folder(&self, path: &str) -> Option<SavedFolder<'_>> {
        let block = self.folders.get(path)?;
        Some(SavedFolder {
            whole: &self.bytes[block.whole.clone()],
            records: &self.bytes[block.records.clone()],
            names: &self.bytes[block.names.clone()],
        })
    }
}

impl<'a> SavedFolder<'a> {
    /// Returns how it is written.
    pub(super) fn text(self) -> &'a [u8] {
        self.whole
    }

    /// Returns how many files it has.
    pub(super) fn len(&self) -> usize {
        self.records.len() / RECORD
    }

    /// Returns the files by their names.
    pub(super) fn files(self) -> impl Iterator<Item = (&'a str, Known)> {
        (0..self.len()).filter_map(move |at| self.file(at))
    }

    /// Returns a file with its name; `None` if there are not so many.
    pub(super) fn file(&self, at: usize) -> Option<(&'a str, Known)> {
        let name = std::str::from_utf8(self.name(at)?).ok()?;
        Some((name, self.known(at)?))
    }

    /// Finds a file.
    pub(super) fn find(&self, name: &str) -> Option<Known> {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low.midpoint(high);
            if self.name(middle)? < name.as_bytes() {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        self.known_as(low, name)
    }

    /// Finds a file that is likely the one at `at`, or near behind it; moves `at` on.
    pub(super) fn find_from(&self, at: &mut usize, name: &str) -> Option<Known> {
        const NEAR: usize = 8;
        for next in *at..self.len().min(*at + NEAR) {
            if self.name(next)? >= name.as_bytes() {
                let known = self.known_as(next, name);
                *at = next + usize::from(known.is_some());
                return known;
            }
        }
        self.find(name)
    }

    fn known_as(&self, at: usize, name: &str) -> Option<Known> {
        (at < self.len() && self.name(at)? == name.as_bytes())
            .then(|| self.known(at))
            .flatten()
    }

    fn record(&self, at: usize) -> Option<&'a [u8]> {
        self.records.get(at * RECORD..(at + 1) * RECORD)
    }

    fn name_end(&self, at: usize) -> Option<usize> {
        usize::try_from(u32::from_le_bytes(take(&mut self.record(at)?)?)).ok()
    }

    /// Returns the name of a file.
    pub(super) fn name(&self, at: usize) -> Option<&'a [u8]> {
        let start = at.checked_sub(1).map_or(Some(0), |at| self.name_end(at))?;
        self.names.get(start..self.name_end(at)?)
    }

    /// Returns what is known of a file.
    pub(super) fn known(&self, at: usize) -> Option<Known> {
        let mut rest = &self.record(at)?[4..];
        let size = u64::from_le_bytes(take(&mut rest)?);
        let (modified, changed) = (take_time(&mut rest)?, take_time(&mut rest)?);
        let inode = u64::from_le_bytes(take(&mut rest)?);
        let links = u32::from_le_bytes(take(&mut rest)?);
        let digest = Digest::from_bytes(take(&mut rest)?);
        let stamp = Stamp {
            size,
            modified,
            changed,
            inode,
            links,
        };
        Some(Known { stamp, digest })
    }
}

/// Finds the folders; `None` if anything is not as [`write`] writes it.
fn folders(bytes: &[u8]) -> Option<BTreeMap<Box<str>, Block>> {
    let (content, digest) = bytes.split_last_chunk::<32>()?;
    if Digest::of(content).as_bytes() != digest || !content.starts_with(HEADER) {
        return None;
    }
    let mut folders = BTreeMap::new();
    let mut start = HEADER.len();
    while start < content.len() {
        let mut rest = &content[start..];
        let path = usize::try_from(u32::from_le_bytes(take(&mut rest)?)).ok()?;
        let files = usize::try_from(u64::from_le_bytes(take(&mut rest)?)).ok()?;
        let names = usize::try_from(u64::from_le_bytes(take(&mut rest)?)).ok()?;
        let records = start + LENGTHS + path;
        let names_start = records.checked_add(files.checked_mul(RECORD)?)?;
        let end = names_start.checked_add(names)?;
        let path = std::str::from_utf8(content.get(start + LENGTHS..records)?).ok()?;
        content.get(names_start..end)?;
        let block = Block {
            whole: start..end,
            records: records..names_start,
            names: names_start..end,
        };
        folders.insert(path.into(), block);
        start = end;
    }
    Some(folders)
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (chunk, after) = rest.split_first_chunk::<N>()?;
    *rest = after;
    Some(*chunk)
}

fn take_time(rest: &mut &[u8]) -> Option<Time> {
    let seconds = i64::from_le_bytes(take(rest)?);
    let nanoseconds = u32::from_le_bytes(take(rest)?);
    Some(Time {
        seconds,
        nanoseconds,
    })
}

/// Returns a folder as it is written, with its files sorted by name; nothing for one with so many that no
/// folder has them.
pub(super) fn folder<'a>(
    path: &str,
    files: impl ExactSizeIterator<Item = (&'a str, Known)>,
) -> Vec<u8> {
    let count = files.len();
    let mut records = Vec::with_capacity(count * RECORD);
    let mut names: Vec<u8> = Vec::new();
    for (name, Known { stamp, digest }) in files {
        names.extend(name.as_bytes());
        let Ok(end) = u32::try_from(names.len()) else {
            return Vec::new();
        };
        records.extend(end.to_le_bytes());
        records.extend(stamp.size.to_le_bytes());
        for time in [stamp.modified, stamp.changed] {
            records.extend(time.seconds.to_le_bytes());
            records.extend(time.nanoseconds.to_le_bytes());
        }
        records.extend(stamp.inode.to_le_bytes());
        records.extend(stamp.links.to_le_bytes());
        records.extend(digest.as_bytes());
    }
    let Ok(length) = u32::try_from(path.len()) else {
        return Vec::new();
    };
    [
        &length.to_le_bytes()[..],
        &(count as u64).to_le_bytes(),
        &(names.len() as u64).to_le_bytes(),
        path.as_bytes(),
        &records,
        &names,
    ]
    .concat()
}

/// Writes an index that has these folders, sorted by their paths.
pub(super) fn write(out: &mut impl Write, folders: &[impl AsRef<[u8]>]) -> io::Result<()> {
    let mut hasher = Hasher::default();
    let mut out = BufWriter::with_capacity(BUFFER, out);
    let folders = folders.iter().map(AsRef::as_ref);
    for part in [&HEADER[..]].into_iter().chain(folders) {
        hasher.update(part);
        out.write_all(part)?;
    }
    out.write_all(hasher.digest().as_bytes())?;
    out.flush()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_written_is_read_again_and_damage_is_seen(
            folders in prop::collection::btree_map(
                "\\PC{0,9}",
                prop::collection::btree_map("\\PC{0,9}", any::<(u64, i64, u32)>(), 0..20),
                0..4,
            ),
            damage in any::<prop::sample::Index>(),
        ) {
            let known = |(size, seconds, nanoseconds): &(u64, i64, u32)| {
                let time = Time { seconds: *seconds, nanoseconds: *nanoseconds };
                let stamp = Stamp { size: *size, modified: time, changed: time, inode: *size, links: *nanoseconds };
                Known { stamp, digest: Digest::of(&size.to_le_bytes()) }
            };
            let texts = folders.iter().map(|(path, files)| {
                folder(path, files.iter().map(|(name, numbers)| (&**name, known(numbers))))
            });
            let texts: Vec<Vec<u8>> = texts.collect();
            let mut bytes = Vec::new();
            write(&mut bytes, &texts).expect("memory takes all");
            let saved = Saved::read(bytes.clone());
            prop_assert_eq!(saved.folders().count(), folders.len());
            for (path, files) in &folders {
                let folder = saved.folder(path).expect("is there");
                let read: BTreeMap<&str, Known> = folder.files().collect();
                prop_assert_eq!(read.len(), files.len());
                let mut at = 0;
                for (index, (name, numbers)) in files.iter().enumerate() {
                    prop_assert_eq!(read[&**name], known(numbers));
                    prop_assert_eq!(folder.find(name), Some(known(numbers)));
                    prop_assert_eq!(folder.find(&format!("{name}!")).is_some(), files.contains_key(&format!("{name}!")));
                    if index % 3 != 0 {
                        prop_assert_eq!(folder.find_from(&mut at, name), Some(known(numbers)));
                    }
                }
            }
            let at = damage.index(bytes.len());
            bytes[at] ^= 0x10;
            prop_assert!(Saved::read(bytes).folders.is_empty());
        }
    }
}
