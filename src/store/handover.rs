//! Takes objects over from another cache, verified on the way.

use std::collections::BTreeSet;

use rayon::prelude::*;

use crate::store::cache::Cache;
use crate::store::error::Error;
use crate::store::incoming::Bundle;
use crate::store::loose::ObjectName;
use crate::store::meter::Meter;
use crate::store::tree::FileContent;

/// So many small objects go into one pack at most.
const BUNDLE: usize = 4096;

impl Cache {
    /// Takes over files from another cache; returns those that it does not have whole.
    pub(crate) fn take_over(
        &self,
        other: &Self,
        files: &[FileContent],
        meter: &Meter,
    ) -> Result<Vec<FileContent>, Error> {
        let mut known = BTreeSet::new();
        let mut wanted = Vec::new();
        for file in files {
            if known.insert(file.digest) && !self.has_object(file.digest, file.size)? {
                wanted.push(*file);
            }
        }
        meter.expect(
            wanted.len() as u64,
            wanted.iter().map(|file| file.size).sum(),
        );
        let (small, big): (Vec<FileContent>, Vec<FileContent>) = wanted
            .into_iter()
            .partition(|file| file.size <= Bundle::LARGEST);
        let mut lacking = Vec::new();
        for share in small.chunks(BUNDLE) {
            let mut bundle = self.bundle(share.len(), meter)?;
            for file in share {
                match other.read(file.digest)? {
                    Some(bytes) => drop(bundle.push(&bytes)?),
                    None => lacking.push(*file),
                }
            }
            bundle.finish()?;
        }
        let copied: Result<Vec<bool>, Error> = big
            .par_iter()
            .map(|file| self.copy_object(other, file, meter))
            .collect();
        let copied = big.iter().zip(copied?);
        lacking.extend(
            copied
                .filter(|(_, is_there)| !is_there)
                .map(|(file, _)| *file),
        );
        Ok(lacking)
    }

    /// Copies an object of the other cache's; returns whether it was there and what its name says.
    fn copy_object(&self, other: &Self, file: &FileContent, meter: &Meter) -> Result<bool, Error> {
        if !other.loose.has(file.digest, file.size) {
            return Ok(false);
        }
        let path = other.loose.path(file.digest);
        let Some(mut source) = other.loose.open(&ObjectName::of(file.digest))? else {
            return Ok(false);
        };
        let mut incoming = self.incoming(meter)?;
        incoming.read_from(&mut source, &path)?;
        if incoming.digest() != file.digest {
            return Ok(false);
        }
        incoming.keep()?;
        Ok(true)
    }
}
