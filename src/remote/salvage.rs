//! What can be known of a remote without its indexes: a pack has at its end what is in it, and a bigger
//! object is named by what it is.

use std::collections::HashSet;

use crate::base::digest::Digest;
use crate::remote::backend::{Backend, Depth, Found};
use crate::remote::catalog::Catalog;
use crate::remote::error::Error;
use crate::remote::index::{Index, PackEntry};
use crate::remote::layout::{OBJECTS, PACKS};
use crate::remote::listing::digest_in;
use crate::remote::parallel::in_parallel;
use crate::store::{Slot, length_of_end, objects_at_end};

/// So many bytes at the end of a pack are read first: what is in most packs is said in fewer.
const END: u64 = 64 * 1024;

/// What was found in files that no readable index names.
pub(super) struct Salvage {
    /// The objects, and where they are. It is of no project.
    pub(super) index: Index,
    /// Whether each such file could be read.
    pub(super) is_complete: bool,
}

/// Returns what an index belongs to of which nobody knows whose it is.
pub(super) fn nobody() -> Digest {
    Digest::of(b"nobody")
}

/// Reads in the packs themselves what the indexes of a catalog do not say.
pub(super) fn salvage(backend: &Backend, catalog: &Catalog) -> Result<Salvage, Error> {
    let named: HashSet<String> = catalog.files().map(|file| file.path).collect();
    let is_unnamed = |found: &Found| !named.contains(&found.path);
    let list = |folder| backend.list(folder, Depth::Flat);
    // An index that is left may name a part of a pack, and a lost one the rest.
    let packs = list(PACKS)?;
    let read = |found: &Found| read_pack(backend, found);
    let mut read = in_parallel(backend.jobs(), &packs, backend.cancel(), read)?;
    let is_complete = read.iter().all(Option::is_some);
    let slots = named_slots(catalog);
    for pack in read.iter_mut().flatten() {
        let name = pack.name;
        let is_new = |slot: &Slot| !slots.contains(&(name, slot.digest));
        pack.slots.retain(is_new);
    }
    let packs = read.into_iter().flatten();
    let packs = packs.filter(|pack| !pack.slots.is_empty());
    let objects = list(OBJECTS)?.into_iter().filter(is_unnamed);
    let objects = objects.filter_map(|found| Some((digest_in(&found.path)?, found.size)));
    let index = Index {
        project: nobody(),
        packs: packs.collect(),
        objects: objects.collect(),
    };
    Ok(Salvage { index, is_complete })
}

/// Returns the packs with the objects in them that indexes name.
fn named_slots(catalog: &Catalog) -> HashSet<(Digest, Digest)> {
    let indexes = catalog.indexes.iter();
    let packs = indexes.flat_map(|(_, index)| &index.packs);
    let slots = packs.flat_map(|pack| pack.slots.iter().map(|slot| (pack.name, slot.digest)));
    slots.collect()
}

/// Reads at the end of a pack what is in it; `None` if it is damaged there.
pub(super) fn read_pack(backend: &Backend, found: &Found) -> Result<Option<PackEntry>, Error> {
    let Some(name) = digest_in(&found.path) else {
        return Ok(None);
    };
    let size = found.size;
    let read_end = |length: u64| {
        let length = length.min(size);
        let bytes = backend.read_range(&found.path, size - length, length);
        bytes.map_or_else(
            |error| backend.fault(&found.path, size, error).map(|_| None),
            |bytes| Ok(Some(bytes)),
        )
    };
    let Some(mut end) = read_end(END)? else {
        return Ok(None);
    };
    let Some(length) = length_of_end(&end).filter(|length| *length <= size) else {
        return Ok(None);
    };
    if length > end.len() as u64 {
        let Some(longer) = read_end(length)? else {
            return Ok(None);
        };
        end = longer;
    }
    let start = end.len() - usize::try_from(length).unwrap_or(end.len());
    let slots = objects_at_end(&end[start..], size, name);
    Ok(slots.map(|slots| PackEntry { name, size, slots }))
}
