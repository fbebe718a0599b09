//! Objects that come from elsewhere: `Incoming` takes one in piece by piece, `Bundle` many small ones.
//! Whoever brings them decides whether they are what they should be; until then nothing of them is in
//! the cache.

use std::collections::HashSet;
use std::io::{Read, Write};
use std::path::Path;

use crate::base::digest::{Digest, Hasher};
use crate::base::fs::{AtomicFile, failed};
use crate::store::cache::Cache;
use crate::store::error::Error;
use crate::store::meter::Meter;
use crate::store::pack::PackWriter;
use crate::store::storing::{FEW, PACKED_MAX};

/// So much is read at once.
const BLOCK: usize = 256 * 1024;

/// An object in the making. Dropped, it leaves nothing.
pub(crate) struct Incoming<'c> {
    cache: &'c Cache,
    meter: &'c Meter,
    object: AtomicFile,
    hasher: Hasher,
    size: u64,
}

impl Incoming<'_> {
    /// Adds all that a reader gives; `shown` is what it reads.
    pub(crate) fn read_from(&mut self, reader: &mut impl Read, shown: &Path) -> Result<(), Error> {
        let mut block = vec![0; BLOCK];
        loop {
            match reader
                .read(&mut block)
                .map_err(failed("cannot read", shown))?
            {
                0 => return Ok(()),
                count => self.write(&block[..count])?,
            }
        }
    }

    /// Adds some of its bytes.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.hasher.update(bytes);
        self.size += bytes.len() as u64;
        let place = self.object.unfinished().to_owned();
        let written = self.object.file().write_all(bytes);
        written.map_err(failed("cannot write", &place))?;
        self.meter.add_bytes(bytes.len() as u64);
        Ok(())
    }

    /// Returns the digest of its bytes so far.
    pub(crate) fn digest(&self) -> Digest {
        self.hasher.digest()
    }

    /// Puts it into the cache; returns its digest and its size in bytes.
    pub(crate) fn keep(self) -> Result<(Digest, u64), Error> {
        let digest = self.hasher.digest();
        if !self.cache.loose.is_sound(digest, self.size)? {
            self.cache.loose.name(self.object, digest)?;
            self.meter.add_object();
        }
        self.meter.add_file();
        Ok((digest, self.size))
    }
}

/// Small objects on their way into one pack.
pub(crate) struct Bundle<'c> {
    cache: &'c Cache,
    meter: &'c Meter,
    /// `None` where each object is a file of its own, so that it can be linked to.
    pack: Option<PackWriter>,
    /// What is in the pack so far.
    digests: HashSet<Digest>,
}

impl Bundle<'_> {
    /// The size in bytes up to which an object may go into a bundle.
    pub(crate) const LARGEST: u64 = PACKED_MAX;

    /// Adds an object; returns its digest. It is in the cache once the bundle is finished.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Result<Digest, Error> {
        let digest = Digest::of(bytes);
        self.meter.add_bytes(bytes.len() as u64);
        self.meter.add_file();
        let cache = self.cache;
        let Some(pack) = &mut self.pack else {
            if !cache.loose.is_sound(digest, bytes.len() as u64)? {
                cache.loose.add(digest, bytes)?;
                self.meter.add_object();
            }
            return Ok(digest);
        };
        let is_packed = cache.packs.length(digest)?.is_some() && cache.packed(digest)?.is_ok();
        if !is_packed && !self.digests.contains(&digest) {
            pack.push(digest, bytes)?;
            self.digests.insert(digest);
            self.meter.add_object();
        }
        Ok(digest)
    }

    /// Puts all of it into the cache.
    pub(crate) fn finish(self) -> Result<(), Error> {
        if let Some(pack) = self.pack
            && let Some((name, slots)) = pack.finish(self.cache.packs.folder())?
        {
            self.cache.packs.add(name, slots);
        }
        Ok(())
    }
}

impl Cache {
    /// Begins an object that comes from elsewhere.
    pub(crate) fn incoming<'c>(&'c self, meter: &'c Meter) -> Result<Incoming<'c>, Error> {
        self.begin_use()?;
        Ok(Incoming {
            cache: self,
            meter,
            object: AtomicFile::begin(&self.unfinished())?,
            hasher: Hasher::default(),
            size: 0,
        })
    }

    /// Begins a bundle of about `count` small objects that come from elsewhere.
    pub(crate) fn bundle<'c>(
        &'c self,
        count: usize,
        meter: &'c Meter,
    ) -> Result<Bundle<'c>, Error> {
        self.begin_use()?;
        let pack = if count < FEW || self.linker.needs_loose() {
            None
        } else {
            Some(PackWriter::begin(&self.unfinished())?)
        };
        Ok(Bundle {
            cache: self,
            meter,
            pack,
            digests: HashSet::new(),
        })
    }
}
