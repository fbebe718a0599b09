//! The plain layout: each object is a file of its own under its digest, for whoever reads the place
//! with other tools. A folder's manifest comes last, so that one that is there is whole.

use std::collections::HashSet;

use crate::base::digest::Digest;
use crate::remote::depot::{Depot, Want};
use crate::remote::error::Error;
use crate::remote::parallel::in_parallel;
use crate::remote::push::Pushed;
use crate::store::{Cache, Meter};

impl Depot {
    pub(super) fn push_plain(
        &self,
        wants: &[Want],
        cache: &Cache,
        meter: &Meter,
    ) -> Result<Pushed, Error> {
        let mut pushed = Pushed::default();
        let there = self.present_plain(wants, cache)?;
        let mut seen = HashSet::new();
        let (mut files, mut manifests) = (Vec::new(), Vec::new());
        let missing = wants.iter().filter(|want| !there.contains(&want.digest));
        for want in missing.filter(|want| seen.insert(want.digest)) {
            let size = match want.size {
                Some(size) => cache.holding(want.digest, size)?.map(|_| size),
                None => cache.size_of(want.digest)?,
            };
            match size {
                Some(size) if want.size.is_some() => files.push((want.digest, size)),
                Some(size) => manifests.push((want.digest, size)),
                None => pushed.lacking.push(want.digest),
            }
        }
        let all = files.iter().chain(&manifests);
        meter.expect(
            (files.len() + manifests.len()) as u64,
            all.map(|(_, size)| size).sum(),
        );
        for (objects, later) in [(&files, &manifests[..]), (&manifests, &[])] {
            for ((digest, size), is_good) in self.upload_big(objects, cache, meter)? {
                if is_good {
                    pushed.objects += 1;
                    pushed.bytes += size;
                } else {
                    pushed.lacking.push(digest);
                }
            }
            if !pushed.lacking.is_empty() {
                // A manifest says that all its files are there.
                pushed
                    .lacking
                    .extend(later.iter().map(|(digest, _)| *digest));
                break;
            }
        }
        Ok(pushed)
    }

    /// Returns which of these objects are there. The size of a folder's manifest is known if the
    /// cache has it; else whatever is there is believed until it is fetched.
    pub(super) fn present_plain(
        &self,
        wants: &[Want],
        cache: &Cache,
    ) -> Result<HashSet<Digest>, Error> {
        let (mut sized, mut unsized_ones) = (Vec::new(), Vec::new());
        for want in wants {
            let known = match want.size {
                Some(size) => Some(size),
                None => cache.size_of(want.digest)?,
            };
            match known {
                Some(size) => sized.push((want.digest, size)),
                None => unsized_ones.push(want.digest),
            }
        }
        let there = self.present_objects(&sized)?;
        let ask = |digest: &Digest| {
            let found = self.backend.stat(&self.layout.path_of(*digest))?;
            Ok(found.map(|_| *digest))
        };
        let found = in_parallel(self.backend.jobs(), &unsized_ones, self.cancel(), ask)?;
        let there = there.into_iter().map(|(digest, _)| digest);
        Ok(there.chain(found.into_iter().flatten()).collect())
    }
}
