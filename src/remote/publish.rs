//! Saying in an index what there is, so that others find it; and putting many indexes into one.

use std::collections::{BTreeMap, HashSet};

use crate::base::digest::Digest;
use crate::remote::depot::Depot;
use crate::remote::error::Error;
use crate::remote::index::{Index, PackEntry};
use crate::remote::kept_index::{INDEX, KeptIndexes, index_path};
use crate::remote::listing::Listing;
use crate::store::{Meter, Slot};

/// More indexes than these of one project are put into one.
pub(super) const MOST_INDEXES: usize = 16;

/// How often it is tried again where somebody deletes meanwhile.
const LOOKS: usize = 4;

impl Depot {
    /// Writes an index, and keeps it here; returns its name.
    pub(super) fn write_index(&self, index: &Index) -> Result<Digest, Error> {
        let text = index.to_text();
        let name = Digest::of(text.as_bytes());
        KeptIndexes::open(self.index_folder())?.keep(name, text.as_bytes())?;
        self.backend.write(&index_path(name), text.into_bytes())?;
        Ok(name)
    }

    /// Puts the indexes of our project into one, without what is not there any more.
    pub(super) fn consolidate(&self, meter: &Meter) -> Result<(), Error> {
        for _ in 0..LOOKS {
            let catalog = self.catalog()?;
            let old: Vec<&(Digest, Index)> = catalog.of_project(self.project).collect();
            let whole = merge(self.project, old.iter().map(|(_, index)| index));
            let whole = self.only_there(&whole)?;
            let mut going: Vec<Digest> = old.iter().map(|(name, _)| *name).collect();
            let mut staying = None;
            if !whole.is_empty() {
                let name = self.write_index(&whole)?;
                going.retain(|old| *old != name);
                staying = Some(name);
            }
            self.tidy(INDEX, &going)?;
            // A sweep that was under way did not know of this index.
            let was_swept = self.await_sweeps(meter)?;
            if !was_swept
                && self.has_indexes(staying.as_slice())?
                && self.only_there(&whole)? == whole
            {
                return Ok(());
            }
        }
        Err(self.unsettled())
    }

    /// Makes the error of a remote where nothing lasts.
    pub(super) fn unsettled(&self) -> Error {
        Error::Refused {
            message: format!(
                "what is pushed to `{}` goes away again and again",
                self.url()
            ),
            help: "somebody deletes there; `mlpipe fsck --cloud` says what is left".to_owned(),
        }
    }

    /// Returns whether these indexes are still there: a whole sweep may have run, or another client may
    /// have put them into one.
    pub(super) fn has_indexes(&self, names: &[Digest]) -> Result<bool, Error> {
        let files = Listing::read(&self.backend, INDEX)?.files;
        Ok(names.iter().all(|name| files.contains_key(name)))
    }
}

/// Puts indexes into one.
pub(super) fn merge<'i>(project: Digest, indexes: impl Iterator<Item = &'i Index>) -> Index {
    let mut packs: BTreeMap<(Digest, u64), PackEntry> = BTreeMap::new();
    let mut whole = Index::new(project);
    for index in indexes {
        for pack in &index.packs {
            let key = (pack.name, pack.size);
            let entry = packs.entry(key).or_insert_with(|| PackEntry {
                slots: Vec::new(),
                ..pack.clone()
            });
            let known: HashSet<Digest> = entry.slots.iter().map(|slot| slot.digest).collect();
            let is_new = |slot: &&Slot| !known.contains(&slot.digest);
            let new: Vec<Slot> = pack.slots.iter().filter(is_new).copied().collect();
            entry.slots.extend(new);
        }
        whole.objects.extend(index.objects.iter().copied());
    }
    whole.packs = packs.into_values().collect();
    whole.objects.sort_unstable();
    whole.objects.dedup();
    whole
}
