//! Mending damaged indexes: with the good one if it is kept here, else with what the packs say.

use std::collections::HashMap;

use crate::base::digest::Digest;
use crate::remote::catalog::Catalog;
use crate::remote::depot::Depot;
use crate::remote::error::Error;
use crate::remote::index::Index;
use crate::remote::kept_index::{INDEX, LONGEST, Wreck, index_path};
use crate::remote::publish::merge;
use crate::remote::salvage::nobody;

impl Depot {
    /// Mends what is damaged of the indexes; returns how many were mended.
    pub(super) fn mend(&self, catalog: &Catalog) -> Result<usize, Error> {
        let mut mended = 0;
        for wreck in &catalog.wrecks {
            if let Some(good) = &wreck.good {
                self.backend.write(&index_path(wreck.name), good.clone())?;
                mended += 1;
            }
        }
        let lost: Vec<&Wreck> = catalog
            .wrecks
            .iter()
            .filter(|one| one.good.is_none())
            .collect();
        if !lost.is_empty() && self.rebuild(catalog, &lost)? {
            mended += lost.len();
        }
        Ok(mended)
    }

    /// Writes an index in the place of lost ones; returns whether they could make way for it.
    ///
    /// It names all that is there, also what other indexes do: what a lost one said of whose need that
    /// was cannot be known, and nobody may sweep it away.
    fn rebuild(&self, catalog: &Catalog, lost: &[&Wreck]) -> Result<bool, Error> {
        let Some(salvage) = &catalog.salvage else {
            return Ok(false);
        };
        if self.is_sound_after_all(lost) {
            return Ok(false);
        }
        let owner = match lost {
            [only] => only.project.unwrap_or_else(nobody),
            _ => nobody(),
        };
        let all = catalog.indexes.iter().map(|(_, index)| index);
        let whole = merge(owner, all.chain([&salvage.index]));
        let whole = self.only_there(&whole)?;
        let mut lost: Vec<Digest> = lost.iter().map(|wreck| wreck.name).collect();
        if !whole.is_empty() {
            let name = self.write_index(&whole)?;
            // It may be word for word the one that was lost.
            lost.retain(|old| *old != name);
        }
        if !salvage.is_complete {
            // Who has a lost index may still know what is in a pack that is damaged at its end.
            self.write_names(INDEX, &lost)?;
            return Ok(false);
        }
        match self.retire(INDEX, &lost) {
            Ok(()) => Ok(true),
            // Who may not delete can push all the same.
            Err(Error::Denied { .. }) => self.write_names(INDEX, &[]).map(|()| false),
            Err(error) => Err(error),
        }
    }

    /// Returns whether one of these was only damaged on its way here.
    fn is_sound_after_all(&self, lost: &[&Wreck]) -> bool {
        lost.iter().any(|wreck| {
            let read = self.backend.read(&index_path(wreck.name), LONGEST);
            matches!(read, Ok(Some(bytes)) if Digest::of(&bytes) == wreck.name)
        })
    }

    /// Leaves out of an index what is not there.
    pub(super) fn only_there(&self, index: &Index) -> Result<Index, Error> {
        let packs = if index.packs.is_empty() {
            HashMap::new()
        } else {
            self.packs()?
        };
        let objects = self.present_objects(&index.objects)?;
        let mut kept = index.clone();
        kept.packs
            .retain(|pack| packs.get(&pack.name) == Some(&pack.size));
        kept.objects.retain(|object| objects.contains(object));
        Ok(kept)
    }
}
