//! Fetching: packs whole where most of one is wanted, parts of them by range where little is.
//! Whatever comes is hashed before it enters the cache.

use std::collections::{BTreeMap, HashSet};
use std::sync::Mutex;

use crate::base::digest::Digest;
use crate::remote::backend::{PART, in_parallel};
use crate::remote::catalog::Spot;
use crate::remote::depot::{Depot, Layout, Want};
use crate::remote::error::Error;
use crate::remote::push::{BIG_AT_ONCE, pack_path};
use crate::store::{Cache, Holding, Meter, PACKED_MAX, Slot};

/// A smaller pack is fetched whole, whatever is wanted of it.
const SMALL_PACK: u64 = 1024 * 1024;

/// Unwanted bytes between wanted ones are fetched along if they are fewer than these.
const GAP: u64 = 128 * 1024;

/// What came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Fetched {
    /// How many objects the cache did not have before.
    pub(crate) objects: usize,
    /// Their bytes.
    pub(crate) bytes: u64,
    /// Objects that the remote does not have.
    pub(crate) lacking: Vec<Digest>,
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
            let is_here = match want.size {
                Some(size) => cache.holding(want.digest, size)?.is_some(),
                None => cache.size_of(want.digest)?.is_some(),
            };
            if !is_here {
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
        let mut fetched = Fetched::default();
        let (mut errands, mut own) = (BTreeMap::new(), Vec::new());
        for want in missing {
            match catalog.spot(want.digest) {
                None => fetched.lacking.push(want.digest),
                Some(spot) if want.size.is_some_and(|size| size != spot.length()) => {
                    fetched.lacking.push(want.digest);
                }
                Some(Spot::Own(size)) => own.push((want.digest, size)),
                Some(Spot::Pack { pack, size, slot }) => {
                    let errand = errands.entry(pack).or_insert(Errand {
                        pack,
                        size,
                        slots: Vec::new(),
                    });
                    errand.slots.push(slot);
                }
            }
        }
        let mut errands: Vec<Errand> = errands.into_values().collect();
        for errand in &mut errands {
            errand.slots.sort_by_key(|slot| slot.offset);
        }
        let packed: u64 = errands.iter().map(Errand::cost).sum();
        let own_bytes: u64 = own.iter().map(|(_, size)| size).sum();
        meter.expect(missing.len() as u64, packed + own_bytes);
        let bad = Mutex::new(Vec::new());
        let run = |errand: &Errand| self.run_errand(errand, cache, meter, &bad);
        for (objects, bytes) in in_parallel(self.backend.jobs(), &errands, self.cancel(), run)? {
            fetched.objects += objects;
            fetched.bytes += bytes;
        }
        self.fetch_own(&own, cache, meter, &mut fetched)?;
        let bad = bad.into_inner().unwrap_or_default();
        match bad.first() {
            Some((pack, digest)) => {
                let what = format!(
                    "{} of its objects have other bytes, one is {digest}",
                    bad.len()
                );
                Err(self.backend.wrong(&pack_path(*pack), what))
            }
            None => Ok(fetched),
        }
    }

    /// Fetches what is wanted of a pack. A bad object does not keep its neighbours out.
    fn run_errand(
        &self,
        errand: &Errand,
        cache: &Cache,
        meter: &Meter,
        bad: &Mutex<Vec<(Digest, Digest)>>,
    ) -> Result<(usize, u64), Error> {
        let path = pack_path(errand.pack);
        let bytes: u64 = errand.slots.iter().map(|slot| u64::from(slot.length)).sum();
        if errand.is_whole() {
            let pack = self.backend.read_range(&path, 0, errand.size);
            if let Ok(pack) = &pack
                && cache.admit_pack(errand.pack, pack)?
            {
                meter.add_bytes(errand.size);
                return Ok((errand.slots.len(), bytes));
            }
            match pack {
                // A damaged one may still have what is wanted.
                Ok(_) | Err(Error::Wrong { .. } | Error::Failed { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        let mut objects = Vec::with_capacity(errand.slots.len());
        for range in ranges(&errand.slots) {
            let (start, end) = range_of(range);
            let bytes = self.backend.read_range(&path, start, end - start)?;
            meter.add_bytes(end - start);
            for slot in range {
                let from = usize::try_from(slot.offset - start).unwrap_or(usize::MAX);
                let object = &bytes[from..from + slot.length as usize];
                if Digest::of(object) == slot.digest {
                    objects.push((slot.digest, object.to_vec()));
                } else if let Ok(mut bad) = bad.lock() {
                    bad.push((errand.pack, slot.digest));
                }
            }
        }
        cache.admit_small(&objects)?;
        let bytes = objects.iter().map(|(_, bytes)| bytes.len() as u64).sum();
        Ok((objects.len(), bytes))
    }

    /// Fetches objects that are files of their own.
    fn fetch_own(
        &self,
        objects: &[(Digest, u64)],
        cache: &Cache,
        meter: &Meter,
        fetched: &mut Fetched,
    ) -> Result<(), Error> {
        let get = |(digest, size): &(Digest, u64)| {
            let path = self.path_of(*digest);
            let mut file = cache.begin_object()?;
            let shown = file.unfinished().to_owned();
            let outcome = self
                .backend
                .download(&path, Some(*size), file.file(), &shown, meter);
            let (found, _) = match outcome {
                Err(Error::Missing { .. }) => return Ok(Err(*digest)),
                outcome => outcome?,
            };
            if found != *digest {
                let what = format!("its bytes have the digest {found}");
                return Err(self.backend.wrong(&path, what));
            }
            cache.admit_file(file, *digest)?;
            Ok(Ok(*size))
        };
        let (big, middling): (Vec<_>, Vec<_>) = objects.iter().partition(|(_, size)| *size > PART);
        let jobs = self.backend.jobs();
        let mut outcomes = in_parallel(jobs, &middling, self.cancel(), get)?;
        outcomes.extend(in_parallel(
            jobs.min(BIG_AT_ONCE),
            &big,
            self.cancel(),
            get,
        )?);
        for outcome in outcomes {
            match outcome {
                Ok(size) => {
                    fetched.objects += 1;
                    fetched.bytes += size;
                }
                Err(digest) => fetched.lacking.push(digest),
            }
        }
        Ok(())
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
            let found = self.backend.stat(&self.path_of(*digest))?;
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
        // Several hundred at once, so that they come to lie in packs together.
        const TOGETHER: usize = 4096;
        for chunk in small.chunks(TOGETHER) {
            let get = |(digest, size): &(Digest, u64)| {
                let path = self.path_of(*digest);
                let Some(bytes) = self.backend.read(&path, *size)? else {
                    return Ok((*digest, None));
                };
                if Digest::of(&bytes) != *digest {
                    let what = "its bytes have another digest".to_owned();
                    return Err(self.backend.wrong(&path, what));
                }
                meter.add_bytes(*size);
                Ok((*digest, Some(bytes)))
            };
            let mut objects = Vec::new();
            for (digest, bytes) in in_parallel(self.backend.jobs(), chunk, self.cancel(), get)? {
                match bytes {
                    Some(bytes) => objects.push((digest, bytes)),
                    None => fetched.lacking.push(digest),
                }
            }
            cache.admit_small(&objects)?;
            fetched.objects += objects.len();
            fetched.bytes += objects
                .iter()
                .map(|(_, bytes)| bytes.len() as u64)
                .sum::<u64>();
        }
        self.fetch_own(&big, cache, meter, &mut fetched)?;
        Ok(fetched)
    }
}

impl Errand {
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
        ranges
            .map(|range| range_of(range))
            .map(|(start, end)| end - start)
            .sum()
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
