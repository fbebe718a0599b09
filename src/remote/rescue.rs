//! What was marked to go and is needed after all: when it was marked, nobody here knew yet who would.

use std::collections::HashSet;

use crate::base::digest::Digest;
use crate::remote::depot::Depot;
use crate::remote::error::Error;
use crate::remote::index::Index;
use crate::remote::kept_index::INDEX;
use crate::remote::layout::PACKS;
use crate::remote::listing::digest_in;
use crate::remote::parallel::in_parallel;
use crate::remote::salvage::read_pack;

impl Depot {
    /// Returns what is live in these files, which no index names: a commit that needs it may have come
    /// since they were marked.
    pub(super) fn live_in(
        &self,
        files: impl Iterator<Item = String>,
        live: &HashSet<Digest>,
    ) -> Result<Index, Error> {
        let (packs, objects): (Vec<String>, Vec<String>) =
            files.partition(|path| path.starts_with(PACKS));
        let is_live = |path: &String| digest_in(path).is_some_and(|name| live.contains(&name));
        let objects: Vec<String> = objects.into_iter().filter(is_live).collect();
        let (jobs, cancel) = (self.backend.jobs(), self.cancel());
        let stat = |path: &String| self.backend.stat(path);
        let read = |path: &String| match self.backend.stat(path)? {
            Some(found) => read_pack(&self.backend, &found),
            None => Ok(None),
        };
        let mut index = Index::new(self.project);
        for mut pack in in_parallel(jobs, &packs, cancel, read)?
            .into_iter()
            .flatten()
        {
            pack.slots.retain(|slot| live.contains(&slot.digest));
            if !pack.slots.is_empty() {
                index.packs.push(pack);
            }
        }
        let found = in_parallel(jobs, &objects, cancel, stat)?;
        let found = found.into_iter().flatten();
        let objects = found.filter_map(|found| Some((digest_in(&found.path)?, found.size)));
        index.objects = objects.collect();
        Ok(index)
    }

    /// Says in an index that our project needs this.
    pub(super) fn claim(&self, index: &Index) -> Result<(), Error> {
        if index.is_empty() {
            return Ok(());
        }
        self.write_index(index)?;
        self.write_names(INDEX, &[])
    }
}
