//! Writes objects into new packs, wherever there is a good copy of each.

use std::collections::HashMap;
use std::fs::File;

use rayon::prelude::*;

use crate::base::digest::Digest;
use crate::base::fs::failed;
use crate::store::cache::Cache;
use crate::store::error::Error;
use crate::store::live::Live;
use crate::store::meter::Meter;
use crate::store::pack::{self, PackWriter, Slot};
use crate::store::storing::PACK_SIZE;

/// So many packs are kept open by each worker.
const KEPT_OPEN: usize = 16;

/// So many objects are checked by a worker at once.
const CHECKED_TOGETHER: usize = 512;

/// Where a copy of an object is.
#[derive(Clone, Copy)]
enum Source {
    /// In a file of its own.
    Loose,
    /// In the pack of this name.
    Packed(Digest, Slot),
}

/// The objects to be packed, and what stays packed.
#[derive(Default)]
pub(super) struct Copies {
    /// Objects with a copy in a pack that stays.
    homes: HashMap<Digest, (Digest, Slot)>,
    /// Objects of which copies go, with those.
    going: HashMap<Digest, Item>,
    items: Vec<Item>,
}

/// An object and the copies of it that go.
struct Item {
    digest: Digest,
    size: u64,
    sources: Vec<Source>,
}

/// What has been written.
#[derive(Default)]
pub(super) struct Repacked {
    /// The names of the new packs.
    pub(super) names: Vec<Digest>,
    /// The objects of which no copy was good. Their bytes are in the quarantine.
    pub(super) lost: Vec<Digest>,
}

impl Copies {
    /// Adds an object in a pack that stays; returns whether it is the first copy of it.
    pub(super) fn add_home(&mut self, pack: Digest, slot: Slot) -> bool {
        self.homes.insert(slot.digest, (pack, slot)).is_none()
    }

    /// Adds an object in a pack that goes; returns whether it is the first copy of it.
    pub(super) fn add_packed(&mut self, pack: Digest, slot: Slot) -> bool {
        self.add(slot.digest, slot.length.into(), Source::Packed(pack, slot))
    }

    /// Adds an object in a file of its own that goes; returns whether it is the first copy of it.
    pub(super) fn add_loose(&mut self, digest: Digest, size: u64) -> bool {
        self.add(digest, size, Source::Loose)
    }

    fn add(&mut self, digest: Digest, size: u64, source: Source) -> bool {
        let is_first = !self.homes.contains_key(&digest) && !self.going.contains_key(&digest);
        let item = self.going.entry(digest).or_insert(Item {
            digest,
            size,
            sources: Vec::new(),
        });
        item.sources.push(source);
        is_first
    }

    /// Brings the objects into the order in which they are to lie in packs.
    pub(super) fn sort(&mut self, live: &Live) {
        self.items = std::mem::take(&mut self.going).into_values().collect();
        self.items.sort_by_key(|item| live.place(item.digest));
    }

    /// Returns how many packs there will be of what has no copy that stays.
    pub(super) fn packs_to_write(&self) -> usize {
        let is_homeless = |item: &&Item| !self.homes.contains_key(&item.digest);
        shares(self.items.iter().filter(is_homeless).map(|item| item.size)).len()
    }
}

/// Returns how many of objects of these sizes go into each pack.
fn shares(sizes: impl Iterator<Item = u64> + Clone) -> Vec<usize> {
    let total: u64 = sizes.clone().sum();
    let share = total.div_ceil(total.div_ceil(PACK_SIZE).max(1)).max(1);
    let mut counts = Vec::new();
    let (mut count, mut reached) = (0, 0);
    for size in sizes {
        count += 1;
        reached += size;
        if reached >= share {
            counts.push(count);
            (count, reached) = (0, 0);
        }
    }
    counts.extend((count > 0).then_some(count));
    counts
}

impl Cache {
    /// Writes new packs of the objects that have no good copy in a pack that stays. The old copies
    /// may go then.
    pub(super) fn repack(&self, copies: Copies, meter: &Meter) -> Result<Repacked, Error> {
        let Copies { homes, items, .. } = copies;
        let (settled, mut homeless): (Vec<Item>, Vec<Item>) = items
            .into_iter()
            .partition(|item| homes.contains_key(&item.digest));
        let verdicts: Result<Vec<Vec<bool>>, Error> = settled
            .par_chunks(CHECKED_TOGETHER)
            .map(|items| self.check_homes(items, &homes))
            .collect();
        let verdicts = verdicts?.into_iter().flatten();
        let mut bad_packs = Vec::new();
        for (item, is_good) in settled.into_iter().zip(verdicts) {
            if !is_good {
                bad_packs.push(homes[&item.digest].0);
                homeless.push(item);
            }
        }
        meter.expect(
            homeless.len() as u64,
            homeless.iter().map(|item| item.size).sum(),
        );
        let mut repacked = self.write_packs(&homeless, meter)?;
        bad_packs.sort_unstable();
        bad_packs.dedup();
        for name in bad_packs {
            self.salvage(name)?;
        }
        repacked.lost.sort_unstable();
        Ok(repacked)
    }

    /// Returns which of these have a good copy in a pack that stays.
    fn check_homes(
        &self,
        items: &[Item],
        homes: &HashMap<Digest, (Digest, Slot)>,
    ) -> Result<Vec<bool>, Error> {
        let mut reader = Reader::new(self);
        let check = |item: &Item| {
            let (pack, slot) = homes[&item.digest];
            Ok(reader.read_packed(pack, &slot)?.is_some())
        };
        items.iter().map(check).collect()
    }

    fn write_packs(&self, items: &[Item], meter: &Meter) -> Result<Repacked, Error> {
        let mut rest = items;
        let mut parts = Vec::new();
        for count in shares(items.iter().map(|item| item.size)) {
            let (part, behind) = rest.split_at(count);
            parts.push(part);
            rest = behind;
        }
        let write = |part: &&[Item]| self.write_pack(part, meter);
        let written: Result<Vec<Repacked>, Error> = parts.par_iter().map(write).collect();
        let mut all = Repacked::default();
        for one in written? {
            all.names.extend(one.names);
            all.lost.extend(one.lost);
        }
        Ok(all)
    }

    fn write_pack(&self, items: &[Item], meter: &Meter) -> Result<Repacked, Error> {
        let mut repacked = Repacked::default();
        let mut writer = PackWriter::begin(&self.unfinished())?;
        let mut reader = Reader::new(self);
        for item in items {
            match reader.read(item)? {
                Some(bytes) => writer.push(item.digest, &bytes)?,
                None => repacked.lost.push(item.digest),
            }
            meter.add_file();
            meter.add_bytes(item.size);
        }
        let finished = writer.finish(self.packs.folder())?;
        repacked.names.extend(finished.map(|(name, _)| name));
        Ok(repacked)
    }
}

/// Reads objects from packs that are kept open, for neighbours come one after the other.
struct Reader<'c> {
    cache: &'c Cache,
    opened: HashMap<Digest, File>,
}

impl<'c> Reader<'c> {
    fn new(cache: &'c Cache) -> Self {
        let opened = HashMap::new();
        Self { cache, opened }
    }

    /// Reads an object from the first good copy; the bad ones go to the quarantine.
    fn read(&mut self, item: &Item) -> Result<Option<Vec<u8>>, Error> {
        for source in &item.sources {
            let found = match source {
                Source::Loose => self.read_loose(item.digest)?,
                Source::Packed(pack, slot) => self.read_from_old(*pack, slot)?,
            };
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    fn read_loose(&self, digest: Digest) -> Result<Option<Vec<u8>>, Error> {
        let bytes = self.cache.loose.read(digest)?;
        let Some(bytes) = bytes else {
            return Ok(None);
        };
        if Digest::of(&bytes) == digest {
            return Ok(Some(bytes));
        }
        self.cache.quarantine(digest)?;
        Ok(None)
    }

    fn read_from_old(&mut self, pack: Digest, slot: &Slot) -> Result<Option<Vec<u8>>, Error> {
        let bytes = self.read_packed(pack, slot)?;
        if bytes.is_none()
            && let Some(file) = self.opened.get(&pack)
        {
            self.cache.keep_bytes(file, slot)?;
        }
        Ok(bytes)
    }

    fn read_packed(&mut self, pack: Digest, slot: &Slot) -> Result<Option<Vec<u8>>, Error> {
        let path = pack::path_of(self.cache.packs.folder(), pack);
        if !self.opened.contains_key(&pack) {
            if self.opened.len() == KEPT_OPEN {
                self.opened.clear();
            }
            let file = File::open(&path).map_err(failed("cannot read", &path))?;
            self.opened.insert(pack, file);
        }
        let bytes = pack::read_slot(&self.opened[&pack], slot);
        Ok(bytes.map_err(failed("cannot read", &path))?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packs_are_filled_evenly_and_none_is_empty() {
        let of = |sizes: &[u64]| shares(sizes.iter().copied());
        assert!(of(&[]).is_empty());
        assert_eq!(of(&[0, 0]), [2]);
        assert_eq!(of(&[1, 2, 3]), [3]);
        let big = PACK_SIZE / 2 + 1;
        assert_eq!(of(&[big; 4]), [2, 2]);
    }
}
