//! Putting files and folders into the cache. Each file is read once, on all cores: small ones go
//! into packs, in the order of their paths; what the index knows and the cache has is not read.

use std::collections::HashSet;
use std::fs::{File, Metadata};
use std::io::Read;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use rayon::prelude::*;

use crate::base::digest::Digest;
use crate::base::fs::failed;
use crate::pipeline::Content;
use crate::store::cache::Cache;
use crate::store::error::Error;
use crate::store::index::{Index, Known};
use crate::store::linker::Way;
use crate::store::linking::Replacement;
use crate::store::meter::Meter;
use crate::store::pack::PackWriter;
use crate::store::recognised::{Place, Reading, Recognised};
use crate::store::scan::{self, Found};
use crate::store::stamp::Stamp;
use crate::store::tree::{FileContent, Tree};

/// Bigger files are objects of their own, so that they can be linked and read in parts.
pub(crate) const PACKED_MAX: u64 = 64 * 1024;

/// Fewer new small files than these are objects of their own: a pack for each of many small changes
/// would only be in the way until the next `gc`.
pub(super) const FEW: usize = 16;

/// The size of a pack: large enough that the number of packs does not matter, small enough to be
/// fetched whole when most of it is wanted.
pub(crate) const PACK_SIZE: u64 = 16 * 1024 * 1024;

/// From this much on, small files are packed on all cores.
const WORTH_SHARING: u64 = 1024 * 1024;

/// Whether a file that was stored is given up for its object.
enum Replacing {
    /// It stays as it is.
    Never,
    /// It is a link by now, or is to become one; its stat changes.
    Linked(Option<Replacement>),
}

/// A file that was stored as an object of its own.
struct Stored {
    digest: Digest,
    /// Its stat before it was read.
    stamp: Stamp,
    /// Whether it may have changed since without its stat showing it.
    is_fresh: bool,
    replacing: Replacing,
}

impl Stored {
    /// Returns what is left to do.
    fn due(&self) -> Option<&Replacement> {
        match &self.replacing {
            Replacing::Never => None,
            Replacing::Linked(replacement) => replacement.as_ref(),
        }
    }

    /// Returns the file's stamp from now on, if that stands for its bytes: one that was taken in has
    /// another name now and is read-only, one that was replaced is another file.
    fn settled(&self, path: &Path) -> Result<Option<Stamp>, Error> {
        let now = match self.replacing {
            Replacing::Never => self.stamp,
            Replacing::Linked(_) => {
                let now = path.metadata().map_err(failed("cannot read", path))?;
                Stamp::of(&now)
            }
        };
        let is_settled = !self.is_fresh && now.is_of_same_content(&self.stamp);
        Ok(is_settled.then_some(now))
    }
}

impl Cache {
    /// Puts the file or folder at `path` into the cache; returns what it is, or `None` if nothing is
    /// there.
    pub(crate) fn store(
        &self,
        path: &Path,
        index: &Index,
        meter: &Meter,
    ) -> Result<Option<Content>, Error> {
        let stored = self.store_and_list(path, index, meter)?;
        Ok(stored.map(|(content, _)| content))
    }

    /// Like [`Self::store`]; also returns the manifest of a folder.
    pub(crate) fn store_and_list(
        &self,
        path: &Path,
        index: &Index,
        meter: &Meter,
    ) -> Result<Option<(Content, Option<Tree>)>, Error> {
        self.begin_use()?;
        let found = scan::find(path, index)?;
        if let Some(found) = &found {
            found.refuse_lost(path)?;
        }
        match found {
            None => Ok(None),
            Some(Found::File(metadata)) => {
                let file = self.store_file(path, &metadata, index, meter)?;
                Ok(Some((file.into(), None)))
            }
            Some(Found::Folder(folders)) => {
                let folders = Recognised::new(path, folders, index);
                let tree = self.store_folder(folders, meter)?;
                let content = self.store_manifest(&tree)?;
                Ok(Some((content, Some(tree))))
            }
        }
    }

    fn store_file(
        &self,
        path: &Path,
        metadata: &Metadata,
        index: &Index,
        meter: &Meter,
    ) -> Result<FileContent, Error> {
        let stamp = Stamp::of(metadata);
        let executable = scan::is_executable(metadata);
        let file = |digest| FileContent {
            digest,
            size: stamp.size,
            executable,
        };
        let name = index.name_of(path);
        if let Some(digest) = name.and_then(|name| index.find(name, stamp))
            && self.has_object(digest, stamp.size)?
        {
            return Ok(file(digest));
        }
        meter.expect(1, stamp.size);
        let stored = self.store_bytes_of(path, &stamp, executable, meter)?;
        meter.add_file();
        self.replace_all(&Vec::from_iter(stored.due()))?;
        if let Some((name, stamp)) = name.zip(stored.settled(path)?) {
            let digest = stored.digest;
            index.remember(name, Known { stamp, digest });
        }
        Ok(file(stored.digest))
    }

    fn store_folder(&self, mut folders: Recognised<'_>, meter: &Meter) -> Result<Tree, Error> {
        let wanted = self.new_files(&folders)?;
        let size = |place: &Place| folders.stamp(*place).size;
        meter.expect(wanted.len() as u64, wanted.iter().map(size).sum());
        let (small, big): (Vec<Place>, Vec<Place>) = wanted
            .into_iter()
            .partition(|place| size(place) <= PACKED_MAX);
        let (packed, single) = if small.len() >= FEW && !self.linker.needs_loose() {
            (small, big)
        } else {
            (Vec::new(), [small, big].concat())
        };
        let packed_readings = self.pack_all(&folders, &packed, meter)?;
        let add = |place: &Place| self.store_single(&folders, *place, meter);
        let single_readings: Result<Vec<_>, Error> = single.par_iter().map(add).collect();
        let stored: Vec<Stored> = single_readings?;
        self.replace_all(&stored.iter().filter_map(Stored::due).collect::<Vec<_>>())?;
        for (place, reading) in packed.into_iter().zip(packed_readings) {
            folders.set(place, reading);
        }
        let settled = single.par_iter().zip(&stored);
        let settled = settled.map(|(place, stored)| stored.settled(&folders.location(*place)));
        let settled: Vec<Option<Stamp>> = settled.collect::<Result<_, Error>>()?;
        for ((place, stored), settled) in single.into_iter().zip(stored).zip(settled) {
            let reading = Reading {
                digest: stored.digest,
                size: stored.stamp.size,
                is_settled: settled.is_some(),
            };
            folders.set(place, reading);
            if let Some(stamp) = settled {
                folders.restamp(place, stamp);
            }
        }
        Ok(folders.into_tree())
    }

    /// Returns the files that the index does not know or the cache does not have.
    fn new_files(&self, folders: &Recognised<'_>) -> Result<Vec<Place>, Error> {
        let failure = Mutex::new(None);
        let places = folders.select(|file| {
            let Some(reading) = file.reading else {
                return true;
            };
            match self.has_object(reading.digest, file.stamp.size) {
                Ok(is_there) => !is_there,
                Err(error) => {
                    let mut failure = failure.lock().unwrap_or_else(PoisonError::into_inner);
                    failure.get_or_insert(error);
                    false
                }
            }
        });
        let failure = failure.into_inner();
        match failure.unwrap_or_else(PoisonError::into_inner) {
            Some(error) => Err(error),
            None => Ok(places),
        }
    }

    fn store_single(
        &self,
        folders: &Recognised<'_>,
        place: Place,
        meter: &Meter,
    ) -> Result<Stored, Error> {
        let (path, stamp) = (folders.location(place), folders.stamp(place));
        // What lies elsewhere is not ours to make links of.
        let keeps_file = folders.is_executable(place) || folders.is_elsewhere(place);
        let stored = self.store_bytes_of(&path, &stamp, keeps_file, meter)?;
        meter.add_file();
        Ok(stored)
    }

    /// Puts a file into the cache as an object of its own; what makes it a link to that, if that is
    /// the way here and it is not to be kept as it is, is left to do.
    fn store_bytes_of(
        &self,
        path: &Path,
        stamp: &Stamp,
        keeps_file: bool,
        meter: &Meter,
    ) -> Result<Stored, Error> {
        match self.linker.way().for_file(stamp.size, keeps_file) {
            Way::Copy { reflink } => {
                // Judged before it is read, which may take long.
                let is_fresh = stamp.is_fresh();
                let digest = self.loose.add_file(path, stamp, reflink, meter)?;
                Ok(Stored {
                    digest,
                    stamp: *stamp,
                    is_fresh,
                    replacing: Replacing::Never,
                })
            }
            way => {
                let is_fresh = stamp.has_fresh_content();
                let (digest, replacement) = self.store_linked(path, stamp, way, meter)?;
                Ok(Stored {
                    digest,
                    stamp: *stamp,
                    is_fresh,
                    replacing: Replacing::Linked(replacement),
                })
            }
        }
    }

    /// Packs files; returns what was read of each, in the same order.
    fn pack_all(
        &self,
        folders: &Recognised<'_>,
        places: &[Place],
        meter: &Meter,
    ) -> Result<Vec<Reading>, Error> {
        let size = |place: &Place| folders.stamp(*place).size;
        let total: u64 = places.iter().map(size).sum();
        let workers = if total < WORTH_SHARING {
            1
        } else {
            (total / WORTH_SHARING).min(rayon::current_num_threads() as u64)
        };
        let share = total
            .div_ceil(total.div_ceil(PACK_SIZE).max(workers))
            .max(1);
        let mut reached = 0;
        // A new pack begins with the file that goes beyond a share.
        let shares = places.chunk_by(|one, _| {
            let before = reached / share;
            reached += size(one);
            reached / share == before
        });
        let shares: Vec<&[Place]> = shares.collect();
        let packed = Mutex::new(HashSet::new());
        let pack = |share: &&[Place]| self.pack_share(folders, share, &packed, meter);
        let readings: Result<Vec<Vec<Reading>>, Error> = shares.par_iter().map(pack).collect();
        Ok(readings?.into_iter().flatten().collect())
    }

    /// Packs files into one pack, but for those whose objects are in the cache or in `packed`.
    fn pack_share(
        &self,
        folders: &Recognised<'_>,
        places: &[Place],
        packed: &Mutex<HashSet<Digest>>,
        meter: &Meter,
    ) -> Result<Vec<Reading>, Error> {
        let mut pack = PackWriter::begin(&self.unfinished())?;
        let mut readings = Vec::with_capacity(places.len());
        let mut bytes = Vec::new();
        for place in places {
            let stamp = folders.stamp(*place);
            let is_settled = !stamp.is_fresh();
            read_small(&folders.location(*place), &stamp, &mut bytes)?;
            let digest = Digest::of(&bytes);
            let is_first = || {
                let mut packed = packed.lock().unwrap_or_else(PoisonError::into_inner);
                packed.insert(digest)
            };
            // One that is there but corrupt is replaced, now that its bytes are at hand.
            let is_there = self.packs.length(digest)?.is_some() && self.packed(digest)?.is_ok();
            if !is_there && is_first() {
                pack.push(digest, &bytes)?;
                meter.add_object();
            }
            meter.add_file();
            meter.add_bytes(stamp.size);
            readings.push(Reading {
                digest,
                size: stamp.size,
                is_settled,
            });
        }
        if let Some((name, slots)) = pack.finish(self.packs.folder())? {
            self.packs.add(name, slots);
        }
        Ok(readings)
    }
}

/// Reads a whole file, whose stat has been `stamp` and still must be when it has been read.
fn read_small(path: &Path, stamp: &Stamp, bytes: &mut Vec<u8>) -> Result<(), Error> {
    bytes.clear();
    let mut file = File::open(path).map_err(failed("cannot read", path))?;
    // One byte more than expected shows that there is no more.
    let limit = stamp.size + 1;
    let read = Read::by_ref(&mut file).take(limit).read_to_end(bytes);
    read.map_err(failed("cannot read", path))?;
    let now = file.metadata().map_err(failed("cannot read", path))?;
    if bytes.len() as u64 != stamp.size || Stamp::of(&now) != *stamp {
        return Err(Error::Changed {
            path: path.to_owned(),
        });
    }
    Ok(())
}
