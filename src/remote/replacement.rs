//! Putting the right bytes in the place of corrupt ones. A file is named by what belongs in it, so
//! whoever has that may write it again, whoever else needs it.

use crate::base::digest::Digest;
use crate::remote::depot::Depot;
use crate::remote::error::Error;
use crate::remote::index::LARGEST;
use crate::remote::layout::pack_path;
use crate::store::{
    Cache, Meter, Slot, WholePack, all_of_pack, assemble, length_of_end, objects_at_end,
    sound_objects,
};

/// How far a corrupt file was put right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Replaced {
    /// It is what it should be.
    Whole,
    /// Some of it is, and some is corrupt yet.
    Part,
    /// It is as before: the cache has nothing better.
    Nothing,
}

impl Depot {
    /// Writes a corrupt object anew, if the cache has it.
    pub(super) fn replace_object(
        &self,
        path: &str,
        digest: Digest,
        cache: &Cache,
    ) -> Result<Replaced, Error> {
        let Some(size) = cache.size_of(digest)? else {
            return Ok(Replaced::Nothing);
        };
        let is_sent = self.send(path, (digest, size), cache, &Meter::default())?;
        Ok(if is_sent {
            Replaced::Whole
        } else {
            Replaced::Nothing
        })
    }

    /// Writes a corrupt pack anew: as the cache has it, else of what is good in it and of those of its
    /// objects that the cache has. `known` is what indexes say of it.
    pub(super) fn replace_pack(
        &self,
        name: Digest,
        known: &[Slot],
        cache: &Cache,
    ) -> Result<Replaced, Error> {
        let path = pack_path(name);
        if let Some(WholePack { bytes, .. }) = cache.whole_pack(name)? {
            self.backend.write(&path, bytes)?;
            return Ok(Replaced::Whole);
        }
        let damaged = self.backend.read(&path, LARGEST)?.unwrap_or_default();
        let Some(slots) = directory(&damaged, name, known) else {
            return Ok(Replaced::Nothing);
        };
        let (mut objects, mut lacking) = (Vec::with_capacity(slots.len()), 0);
        let mut is_better = false;
        for slot in &slots {
            if let Some(sound) = sound_objects(&damaged, &[*slot]).pop() {
                objects.push(sound);
            } else if let Some(bytes) = cache.read(slot.digest)? {
                objects.push((slot.digest, bytes));
                is_better = true;
            } else {
                objects.push((slot.digest, as_it_is(&damaged, slot)));
                lacking += 1;
            }
        }
        if lacking > 0 && !is_better {
            return Ok(Replaced::Nothing);
        }
        self.backend.write(&path, assemble(&objects).1.bytes)?;
        Ok(if lacking == 0 {
            Replaced::Whole
        } else {
            Replaced::Part
        })
    }
}

/// Returns what belongs in a pack, in its order: as it says at its end, or as indexes say who leave
/// nothing of it out.
fn directory(damaged: &[u8], name: Digest, known: &[Slot]) -> Option<Vec<Slot>> {
    let length = length_of_end(damaged).and_then(|length| usize::try_from(length).ok());
    let start = length.and_then(|length| damaged.len().checked_sub(length));
    let size = damaged.len() as u64;
    let written = start.and_then(|start| objects_at_end(&damaged[start..], size, name));
    written.or_else(|| {
        let mut slots = known.to_vec();
        // An empty object lies where the next one begins.
        slots.sort_by_key(|slot| (slot.offset, slot.length));
        slots.dedup();
        all_of_pack(slots, name)
    })
}

/// Returns the bytes where an object should be, with zeros for those that are not there.
fn as_it_is(damaged: &[u8], slot: &Slot) -> Vec<u8> {
    let length = usize::try_from(slot.length).unwrap_or_default();
    let start = usize::try_from(slot.offset).unwrap_or(usize::MAX);
    let end = start.saturating_add(length).min(damaged.len());
    let mut bytes = damaged.get(start..end).unwrap_or_default().to_vec();
    bytes.resize(length, 0);
    bytes
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::base::cancel::CancelToken;
    use crate::remote::backend::Backend;
    use crate::remote::layout::Layout;
    use crate::remote::place::{Options, Place};
    use crate::store::LinkType;

    fn depot(folder: &Path) -> Depot {
        let place = Place::parse("there", &Options::new(), folder).expect("a place");
        let backend = Backend::open(place, &CancelToken::default()).expect("opens");
        Depot::new(
            backend,
            Layout::Packs,
            Digest::of(b"us"),
            &folder.join("state"),
        )
    }

    /// Makes a cache that has these objects.
    fn cache(folder: &Path, name: &str, objects: &[(Digest, Vec<u8>)]) -> Cache {
        let root = folder.join(name);
        let roster = root.join("roster");
        let cache = Cache::open(root, vec![LinkType::Copy], folder.to_owned(), roster);
        cache.admit_small(objects).expect("takes them in");
        cache
    }

    fn pack() -> (Vec<(Digest, Vec<u8>)>, Digest, WholePack) {
        let bytes = (0..20_u8).map(|number| vec![number; usize::from(number)]);
        let objects: Vec<_> = bytes.map(|bytes| (Digest::of(&bytes), bytes)).collect();
        let (name, pack) = assemble(&objects);
        (objects, name, pack)
    }

    #[test]
    fn each_mends_what_it_has_until_the_pack_is_whole() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let depot = depot(folder.path());
        let (objects, name, pack) = pack();
        let mut damaged = pack.bytes.clone();
        for number in [7, 12] {
            let at = usize::try_from(pack.slots[number].offset).expect("fits");
            damaged[at] ^= 1;
        }
        let path = pack_path(name);
        depot.backend.write(&path, damaged.clone()).expect("writes");
        let now = || depot.backend.read(&path, LARGEST).expect("reads");
        let replace = |name_of_cache, has: &[usize]| {
            let has: Vec<_> = has.iter().map(|number| objects[*number].clone()).collect();
            let cache = cache(folder.path(), name_of_cache, &has);
            depot.replace_pack(name, &[], &cache).expect("answers")
        };
        assert_eq!(replace("neither", &[3, 4]), Replaced::Nothing);
        assert_eq!(now(), Some(damaged));
        assert_eq!(replace("one", &[7]), Replaced::Part);
        assert_eq!(replace("the other", &[12]), Replaced::Whole);
        assert_eq!(now(), Some(pack.bytes));
    }

    #[test]
    fn one_that_is_torn_is_made_of_what_the_indexes_say() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let depot = depot(folder.path());
        let (objects, name, pack) = pack();
        let path = pack_path(name);
        let torn = pack.bytes[..pack.bytes.len() / 8].to_vec();
        depot.backend.write(&path, torn).expect("writes");
        let cache = cache(folder.path(), "cache", &objects[2..]);
        let known: Vec<Slot> = pack.slots.iter().rev().copied().collect();
        for (known, replaced) in [
            (&known[1..], Replaced::Nothing),
            (&known[..], Replaced::Whole),
        ] {
            let outcome = depot.replace_pack(name, known, &cache).expect("answers");
            assert_eq!(outcome, replaced);
        }
        let now = depot.backend.read(&path, LARGEST).expect("reads");
        assert_eq!(now, Some(pack.bytes));
    }
}
