//! Fetching: packs whole where most of one is wanted, parts of them by range where little is.
//! Whatever comes is hashed before it enters the cache.

use std::collections::{BTreeMap, HashSet};

use crate::base::digest::Digest;
use crate::remote::catalog::Catalog;
use crate::remote::depot::{Depot, Want};
use crate::remote::error::Error;
use crate::remote::fault::Fault;
use crate::remote::index::Spot;
use crate::remote::layout::{Layout, pack_path};
use crate::remote::parallel::{by_size, in_parallel};
use crate::store::{Cache, Meter, PACKED_MAX, Slot};

/// A smaller pack is fetched whole, whatever is wanted of it.
const SMALL_PACK: u64 = 1024 * 1024;

/// Unwanted bytes between wanted ones are fetched along if they are fewer than these.
const GAP: u64 = 128 * 1024;

/// So many small objects of the plain layout are taken in together, so that they come to lie in packs.
const TOGETHER: usize = 4096;

/// What came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Fetched {
    /// How many objects the cache did not have before.
    pub(crate) objects: usize,
    /// Their bytes.
    pub(crate) bytes: u64,
    /// Objects that the remote does not have.
    pub(crate) lacking: Vec<Digest>,
    /// Objects of which the remote has other bytes.
    pub(crate) damaged: Vec<Digest>,
}

/// An object and its bytes.
type Object = (Digest, Vec<u8>);

/// What was wrong with objects that did not come.
type Faults = Vec<(Digest, Fault)>;

/// What came of a pack.
#[derive(Default)]
struct Haul {
    objects: usize,
    bytes: u64,
    faults: Faults,
}

/// What is to be fetched.
struct Errands {
    packs: Vec<Errand>,
    own: Vec<(Digest, u64)>,
}

/// A pack, and what is wanted of it.
struct Errand {
    pack: Digest,
    size: u64,
    slots: Vec<Slot>,
}

impl Depot {
    /// Brings these objects into the cache, but for those that it has.
    pub(crate) fn fetch(
        &self,
        wants: &[Want],
        cache: &Cache,
        meter: &Meter,
    ) -> Result<Fetched, Error> {
        let mut seen = HashSet::new();
        let mut missing = Vec::new();
        for want in wants.iter().filter(|want| seen.insert(want.digest)) {
            if !want.is_in(cache)? {
                missing.push(*want);
            }
        }
        if missing.is_empty() {
            return Ok(Fetched::default());
        }
        if !self.check_marker()? {
            let lacking = missing.into_iter().map(|want| want.digest).collect();
            return Ok(Fetched {
                lacking,
                ..Fetched::default()
            });
        }
        match self.layout {
            Layout::Packs => self.fetch_packs(&missing, cache, meter),
            Layout::Plain => self.fetch_plain(&missing, cache, meter),
        }
    }

    fn fetch_packs(
        &self,
        missing: &[Want],
        cache: &Cache,
        meter: &Meter,
    ) -> Result<Fetched, Error> {
        let catalog = self.catalog()?;
        let (mut fetched, mut faults) = (Fetched::default(), Vec::new());
        let mut rest = missing.to_vec();
        // What is not where one index says may be where another one does.
        for turn in 0.. {
            let errands = Errands::of(&catalog, &rest, turn);
            if errands.is_empty() {
                break;
            }
            meter.expect(errands.count(), errands.cost());
            let failed = self.run_all(&errands, cache, meter, &mut fetched)?;
            let lost: HashSet<Digest> = failed.iter().map(|(digest, _)| *digest).collect();
            let here: HashSet<Digest> = errands.digests().collect();
            rest.retain(|want| lost.contains(&want.digest) || !here.contains(&want.digest));
            faults.extend(failed);
        }
        fetched.sort_out(rest.iter().map(|want| want.digest), &faults);
        Ok(fetched)
    }

    /// Fetches what it can; returns what was wrong with the rest.
    fn run_all(
        &self,
        errands: &Errands,
        cache: &Cache,
        meter: &Meter,
        fetched: &mut Fetched,
    ) -> Result<Faults, Error> {
        let run = |errand: &Errand| self.run_errand(errand, cache, meter);
        let mut failed = Vec::new();
        for haul in in_parallel(self.backend.jobs(), &errands.packs, self.cancel(), run)? {
            fetched.objects += haul.objects;
            fetched.bytes += haul.bytes;
            failed.extend(haul.faults);
        }
        failed.extend(self.fetch_own(&errands.own, cache, meter, fetched)?);
        Ok(failed)
    }

    /// Fetches what is wanted of a pack. A bad object does not keep its neighbours out.
    fn run_errand(&self, errand: &Errand, cache: &Cache, meter: &Meter) -> Result<Haul, Error> {
        let path = pack_path(errand.pack);
        if errand.is_whole() {
            match self.backend.read_range(&path, 0, errand.size) {
                Ok(pack) if cache.admit_pack(errand.pack, &pack)? => {
                    meter.add_bytes(errand.size);
                    return errand.found_in(cache);
                }
                Ok(_) => {}
                Err(error) => match self.backend.fault(&path, errand.size, error)? {
                    Fault::Missing => return Ok(errand.none(Fault::Missing)),
                    // It may still have what is wanted.
                    Fault::Corrupt => {}
                },
            }
        }
        let (mut objects, mut faults) = (Vec::with_capacity(errand.slots.len()), Vec::new());
        for range in ranges(&errand.slots) {
            self.read_slots(errand, range, &mut objects, &mut faults)?;
            let (start, end) = range_of(range);
            meter.add_bytes(end - start);
        }
        cache.admit_small(&objects)?;
        Ok(Haul {
            objects: objects.len(),
            bytes: objects.iter().map(|(_, bytes)| bytes.len() as u64).sum(),
            faults,
        })
    }

    /// Reads slots that lie close to each other, at once if that is possible.
    fn read_slots(
        &self,
        errand: &Errand,
        slots: &[Slot],
        objects: &mut Vec<Object>,
        faults: &mut Faults,
    ) -> Result<(), Error> {
        let path = pack_path(errand.pack);
        let (start, end) = range_of(slots);
        let bytes = match self.backend.read_range(&path, start, end - start) {
            Ok(bytes) => bytes,
            Err(error) => {
                let fault = self.backend.fault(&path, errand.size, error)?;
                if fault == Fault::Missing || slots.len() == 1 {
                    faults.extend(slots.iter().map(|slot| (slot.digest, fault)));
                    return Ok(());
                }
                // Of one that is too short the first ones are there.
                let mut each = slots.chunks(1);
                return each.try_for_each(|slot| self.read_slots(errand, slot, objects, faults));
            }
        };
        for slot in slots {
            let from = usize::try_from(slot.offset - start).unwrap_or(usize::MAX);
            let object = &bytes[from..from + slot.length as usize];
            if Digest::of(object) == slot.digest {
                objects.push((slot.digest, object.to_vec()));
            } else {
                faults.push((slot.digest, Fault::Corrupt));
            }
        }
        Ok(())
    }

    /// Fetches objects that are files of their own; returns what was wrong with those that did not come.
    fn fetch_own(
        &self,
        objects: &[(Digest, u64)],
        cache: &Cache,
        meter: &Meter,
        fetched: &mut Fetched,
    ) -> Result<Faults, Error> {
        let get = |(digest, size): &(Digest, u64)| {
            let path = self.layout.path_of(*digest);
            let mut file = cache.begin_object()?;
            let shown = file.unfinished().to_owned();
            let outcome = self
                .backend
                .download(&path, Some(*size), file.file(), &shown, meter);
            match outcome {
                Ok((found, _)) if found == *digest => {
                    cache.admit_file(file, *digest)?;
                    Ok(Ok(*size))
                }
                Ok(_) => Ok(Err((*digest, Fault::Corrupt))),
                Err(error) => Ok(Err((*digest, self.backend.fault(&path, *size, error)?))),
            }
        };
        let mut faults = Vec::new();
        for outcome in by_size(self.backend.jobs(), objects, self.cancel(), get)? {
            match outcome {
                Ok(size) => {
                    fetched.objects += 1;
                    fetched.bytes += size;
                }
                Err(fault) => faults.push(fault),
            }
        }
        Ok(faults)
    }

    fn fetch_plain(
        &self,
        missing: &[Want],
        cache: &Cache,
        meter: &Meter,
    ) -> Result<Fetched, Error> {
        let mut fetched = Fetched::default();
        let (mut small, mut big, mut unsized_ones) = (Vec::new(), Vec::new(), Vec::new());
        for want in missing {
            match want.size {
                Some(size) if size <= PACKED_MAX => small.push((want.digest, size)),
                Some(size) => big.push((want.digest, size)),
                None => unsized_ones.push(want.digest),
            }
        }
        let ask = |digest: &Digest| {
            let found = self.backend.stat(&self.layout.path_of(*digest))?;
            Ok((*digest, found.map(|found| found.size)))
        };
        for (digest, size) in in_parallel(self.backend.jobs(), &unsized_ones, self.cancel(), ask)? {
            match size {
                Some(size) => big.push((digest, size)),
                None => fetched.lacking.push(digest),
            }
        }
        let all = small.iter().chain(&big);
        meter.expect(missing.len() as u64, all.map(|(_, size)| size).sum());
        let mut faults = Vec::new();
        for chunk in small.chunks(TOGETHER) {
            let get = |(digest, size): &(Digest, u64)| self.read_plain(*digest, *size, meter);
            let mut objects = Vec::new();
            for outcome in in_parallel(self.backend.jobs(), chunk, self.cancel(), get)? {
                match outcome {
                    Ok(object) => objects.push(object),
                    Err(fault) => faults.push(fault),
                }
            }
            cache.admit_small(&objects)?;
            fetched.objects += objects.len();
            let bytes = objects.iter().map(|(_, bytes)| bytes.len() as u64);
            fetched.bytes += bytes.sum::<u64>();
        }
        faults.extend(self.fetch_own(&big, cache, meter, &mut fetched)?);
        let failed: Vec<Digest> = faults.iter().map(|(digest, _)| *digest).collect();
        fetched.sort_out(failed.into_iter(), &faults);
        Ok(fetched)
    }

    /// Reads a small object of the plain layout, or what is wrong with it.
    fn read_plain(
        &self,
        digest: Digest,
        size: u64,
        meter: &Meter,
    ) -> Result<Result<Object, (Digest, Fault)>, Error> {
        let path = self.layout.path_of(digest);
        let bytes = match self.backend.read(&path, size) {
            Ok(bytes) => bytes,
            Err(error) => return Ok(Err((digest, self.backend.fault(&path, size, error)?))),
        };
        Ok(match bytes {
            Some(bytes) if Digest::of(&bytes) == digest => {
                meter.add_bytes(size);
                Ok((digest, bytes))
            }
            Some(_) => Err((digest, Fault::Corrupt)),
            None => Err((digest, Fault::Missing)),
        })
    }
}

impl Fetched {
    /// Returns the objects that did not come.
    pub(crate) fn into_failed(mut self) -> Vec<Digest> {
        self.lacking.append(&mut self.damaged);
        self.lacking
    }

    /// Tells those that did not come apart: damaged ones, and those that are not there.
    fn sort_out(&mut self, failed: impl Iterator<Item = Digest>, faults: &Faults) {
        let corrupt = faults.iter().filter(|(_, fault)| *fault == Fault::Corrupt);
        let corrupt: HashSet<Digest> = corrupt.map(|(digest, _)| *digest).collect();
        let (damaged, lacking): (Vec<_>, Vec<_>) = failed.partition(|one| corrupt.contains(one));
        self.damaged.extend(damaged);
        self.lacking.extend(lacking);
    }
}

impl Errands {
    /// Plans how to get these objects, each from the place of this number that is known of it.
    fn of(catalog: &Catalog, wants: &[Want], turn: usize) -> Self {
        let (mut packs, mut own) = (BTreeMap::new(), Vec::new());
        for want in wants {
            let spots = catalog.spots(want.digest);
            match spots.filter(|spot| want.may_be_at(spot)).nth(turn) {
                None => {}
                Some(Spot::Own(size)) => own.push((want.digest, size)),
                Some(Spot::Pack { pack, size, slot }) => {
                    let errand = packs.entry((pack, size)).or_insert(Errand {
                        pack,
                        size,
                        slots: Vec::new(),
                    });
                    errand.slots.push(slot);
                }
            }
        }
        let mut packs: Vec<Errand> = packs.into_values().collect();
        for errand in &mut packs {
            errand.slots.sort_by_key(|slot| slot.offset);
        }
        Self { packs, own }
    }

    fn is_empty(&self) -> bool {
        self.packs.is_empty() && self.own.is_empty()
    }

    fn digests(&self) -> impl Iterator<Item = Digest> {
        let slots = self.packs.iter().flat_map(|errand| &errand.slots);
        let packed = slots.map(|slot| slot.digest);
        packed.chain(self.own.iter().map(|(digest, _)| *digest))
    }

    fn count(&self) -> u64 {
        self.digests().count() as u64
    }

    /// Returns how many bytes come.
    fn cost(&self) -> u64 {
        let own: u64 = self.own.iter().map(|(_, size)| size).sum();
        own + self.packs.iter().map(Errand::cost).sum::<u64>()
    }
}

impl Errand {
    /// Says what came of it with the whole pack, which need not have all that an index says.
    fn found_in(&self, cache: &Cache) -> Result<Haul, Error> {
        let mut haul = Haul::default();
        for slot in &self.slots {
            let length = u64::from(slot.length);
            if cache.holding(slot.digest, length)?.is_some() {
                haul.objects += 1;
                haul.bytes += length;
            } else {
                haul.faults.push((slot.digest, Fault::Missing));
            }
        }
        Ok(haul)
    }

    /// Says that nothing of it came.
    fn none(&self, fault: Fault) -> Haul {
        let faults = self.slots.iter().map(|slot| (slot.digest, fault));
        Haul {
            faults: faults.collect(),
            ..Haul::default()
        }
    }

    /// Returns whether the whole pack is to be fetched.
    fn is_whole(&self) -> bool {
        let wanted: u64 = self.slots.iter().map(|slot| u64::from(slot.length)).sum();
        let directory = self.slots.len() as u64 * 44;
        self.size <= SMALL_PACK || (wanted + directory) * 2 >= self.size
    }

    /// Returns how many bytes come. The slots are sorted.
    fn cost(&self) -> u64 {
        if self.is_whole() {
            return self.size;
        }
        let ranges = ranges(&self.slots);
        ranges.map(range_of).map(|(start, end)| end - start).sum()
    }
}

/// Puts slots together that lie close to each other.
fn ranges(slots: &[Slot]) -> impl Iterator<Item = &[Slot]> {
    let end = |slot: &Slot| slot.offset + u64::from(slot.length);
    slots.chunk_by(move |one, next| next.offset >= one.offset && next.offset <= end(one) + GAP)
}

fn range_of(range: &[Slot]) -> (u64, u64) {
    let start = range.first().map_or(0, |slot| slot.offset);
    let ends = range
        .iter()
        .map(|slot| slot.offset + u64::from(slot.length));
    (start, ends.max().unwrap_or(start))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::cancel::CancelToken;
    use crate::remote::backend::Backend;
    use crate::remote::index::{Index, PackEntry};
    use crate::remote::place::{Options, Place};
    use crate::store::{LinkType, WholePack, assemble};

    #[test]
    fn what_a_pack_does_not_have_is_lacking_whatever_an_index_says() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let place = Place::parse("there", &Options::new(), folder.path()).expect("a place");
        let backend = Backend::open(place, &CancelToken::default()).expect("opens");
        let (us, state) = (Digest::of(b"us"), folder.path().join("state"));
        let depot = Depot::new(backend, Layout::Packs, us, &state);
        depot.ensure_marker().expect("writes");
        let objects = [b"one", b"two"].map(|bytes| (Digest::of(bytes), bytes.to_vec()));
        let (name, WholePack { bytes, mut slots }) = assemble(&objects);
        let size = bytes.len() as u64;
        depot
            .backend
            .write(&pack_path(name), bytes)
            .expect("writes");
        let other = Digest::of(b"six");
        slots.push(Slot {
            digest: other,
            ..slots[0]
        });
        let mut index = Index::new(us);
        index.packs.push(PackEntry { name, size, slots });
        depot.write_index(&index).expect("writes");

        let root = folder.path().join("cache");
        let roster = root.join("roster");
        let cache = Cache::open(root, vec![LinkType::Copy], folder.path().to_owned(), roster);
        let wants = [objects[0].0, other].map(|digest| Want {
            digest,
            size: Some(3),
        });
        let fetched = depot.fetch(&wants, &cache, &Meter::default());
        let fetched = fetched.expect("fetches");
        assert_eq!((fetched.objects, fetched.bytes), (1, 3));
        assert_eq!(fetched.lacking, [other]);
    }
}
