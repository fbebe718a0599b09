//! Pushing: objects first, the index that names them last. Whoever is stopped in between leaves
//! objects that nobody trusts, and the next push finds them.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::base::digest::Digest;
use crate::remote::catalog::Catalog;
use crate::remote::depot::{Depot, Want};
use crate::remote::error::Error;
use crate::remote::index::{Index, PackEntry, Spot};
use crate::remote::kept_index::INDEX;
use crate::remote::layout::{Layout, pack_path};
use crate::remote::parallel::{by_size, in_parallel};
use crate::remote::publish::MOST_INDEXES;
use crate::store::{Cache, Holding, Meter, PACK_SIZE, PACKED_MAX, WholePack, assemble};

/// A pack travels as it is if at most one part in so many of it is not wanted.
const WASTE_SHARE: u64 = 5;

/// How often it is looked whether all of it is there, where somebody deletes meanwhile.
const LOOKS: usize = 8;

/// What a push has done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Pushed {
    /// How many objects were not there before.
    pub(crate) objects: usize,
    /// Their bytes.
    pub(crate) bytes: u64,
    /// Objects that neither the cache nor the remote has.
    pub(crate) lacking: Vec<Digest>,
    /// How many damaged indexes were mended.
    pub(crate) mended: usize,
}

/// What one look at a remote has led to.
struct Round {
    pushed: Pushed,
    /// How many packs and objects were named that were not before.
    entries: usize,
    /// The indexes by which our project says that it needs what is there.
    relied_on: Vec<Digest>,
    /// Whether the indexes of our project should be put into one.
    is_untidy: bool,
}

/// An object with its size, and whether the cache had it whole.
type Uploaded = ((Digest, u64), bool);

/// What is to be uploaded.
#[derive(Default)]
struct Plan {
    /// Packs of the cache that go as they are, with the objects that are wanted of each.
    packs: Vec<(Digest, HashSet<Digest>)>,
    /// Small objects that go into new packs, in this order.
    small: Vec<(Digest, u64)>,
    /// Objects that stay files of their own.
    big: Vec<(Digest, u64)>,
    lacking: Vec<Digest>,
}

impl Pushed {
    /// Adds what a later look has led to.
    fn add(&mut self, later: Self) {
        self.objects += later.objects;
        self.bytes += later.bytes;
        self.mended += later.mended;
        self.lacking = later.lacking;
    }
}

impl Plan {
    /// Returns how many bytes are to be uploaded.
    fn bytes(&self, cache: &Cache) -> u64 {
        let objects = self.small.iter().chain(&self.big).map(|(_, size)| size);
        let packs = self.packs.iter();
        let packs = packs.filter_map(|(name, _)| cache.pack_size(*name));
        objects.sum::<u64>() + packs.sum::<u64>()
    }
}

impl Depot {
    /// Uploads what the remote lacks of these objects; what a folder's manifest lists comes before it.
    pub(crate) fn push(
        &self,
        wants: &[Want],
        cache: &Cache,
        meter: &Meter,
    ) -> Result<Pushed, Error> {
        self.ensure_marker()?;
        match self.layout {
            Layout::Packs => self.push_packs(wants, cache, meter),
            Layout::Plain => self.push_plain(wants, cache, meter),
        }
    }

    fn push_packs(&self, wants: &[Want], cache: &Cache, meter: &Meter) -> Result<Pushed, Error> {
        let mut pushed = Pushed::default();
        for _ in 0..LOOKS {
            let round = self.push_once(wants, cache, meter)?;
            let is_settled = round.entries == 0;
            pushed.add(round.pushed);
            // What was there when it was looked for may be swept away since, by one who did not know
            // of our index yet.
            let was_swept = self.await_sweeps(meter)?;
            if is_settled && !was_swept && self.has_indexes(&round.relied_on)? {
                if round.is_untidy {
                    self.consolidate(meter)?;
                }
                return Ok(pushed);
            }
        }
        Err(self.unsettled())
    }

    /// Looks what is missing, uploads it, and says so in an index.
    fn push_once(&self, wants: &[Want], cache: &Cache, meter: &Meter) -> Result<Round, Error> {
        let mut catalog = self.catalog()?;
        let mut pushed = Pushed::default();
        if !catalog.wrecks.is_empty() {
            pushed.mended = self.mend(&catalog)?;
            catalog = self.catalog()?;
        }
        let present = self.present_by(&catalog, wants)?;
        let is_missing = |want: &&Want| !present.spots.contains_key(&want.digest);
        let missing: Vec<Want> = wants.iter().filter(is_missing).copied().collect();
        let plan = plan(&missing, cache)?;
        let mut index = self.claims(&catalog, wants, &present.spots);
        pushed.lacking.clone_from(&plan.lacking);
        meter.expect(missing.len() as u64, plan.bytes(cache));
        self.upload_all(&plan, cache, meter, &mut index, &mut pushed)?;
        if !index.is_empty() {
            self.write_index(&index)?;
        }
        if !index.is_empty() || !catalog.listing.is_named {
            self.write_names(INDEX, &[])?;
        }
        let is_own = |(digest, spot): &(Digest, Spot)| catalog.is_claimed_at(*digest, *spot);
        let has_stale = present.absent.iter().any(is_own);
        let own = catalog.of_project(self.project);
        let own: Vec<Digest> = own.map(|(name, _)| *name).collect();
        Ok(Round {
            pushed,
            entries: index.packs.len() + index.objects.len(),
            is_untidy: own.len() > MOST_INDEXES || has_stale,
            relied_on: own,
        })
    }

    /// Lists what is there already and our project has not said yet that it needs.
    fn claims(&self, catalog: &Catalog, wants: &[Want], there: &HashMap<Digest, Spot>) -> Index {
        let mut index = Index::new(self.project);
        let mut packs: BTreeMap<Digest, PackEntry> = BTreeMap::new();
        for want in wants {
            let digest = want.digest;
            let Some(spot) = there.get(&digest) else {
                continue;
            };
            if catalog.is_claimed_at(digest, *spot) {
                continue;
            }
            match *spot {
                Spot::Pack { pack, size, slot } => {
                    let entry = packs.entry(pack).or_insert(PackEntry {
                        name: pack,
                        size,
                        slots: Vec::new(),
                    });
                    entry.slots.push(slot);
                }
                Spot::Own(size) => index.objects.push((digest, size)),
            }
        }
        index.packs = packs.into_values().collect();
        index
    }

    fn upload_all(
        &self,
        plan: &Plan,
        cache: &Cache,
        meter: &Meter,
        index: &mut Index,
        pushed: &mut Pushed,
    ) -> Result<(), Error> {
        let there = if plan.packs.is_empty() && plan.small.is_empty() {
            HashMap::new()
        } else {
            // What an earlier push left that was stopped.
            self.packs()?
        };
        let go = |(name, wanted): &(Digest, HashSet<Digest>)| {
            self.upload_cached_pack(*name, wanted, &there, cache, meter)
        };
        let outcomes = in_parallel(self.backend.jobs(), &plan.packs, self.cancel(), go)?;
        let mut small = plan.small.clone();
        for outcome in outcomes {
            match outcome {
                Ok(entry) => index.packs.push(entry),
                // It was damaged: whatever of it is good goes by itself.
                Err(rest) => small.extend(rest),
            }
        }
        let shares = shares(&small);
        let go = |share: &&[(Digest, u64)]| self.upload_new_pack(share, &there, cache, meter);
        let made = in_parallel(self.backend.jobs(), &shares, self.cancel(), go)?;
        for (entry, lacking) in made {
            index.packs.extend(entry);
            pushed.lacking.extend(lacking);
        }
        let uploaded = self.upload_big(&plan.big, cache, meter)?;
        pushed.lacking.extend(
            uploaded
                .iter()
                .filter(|(_, is_good)| !is_good)
                .map(|((digest, _), _)| *digest),
        );
        let good = uploaded.into_iter().filter(|(_, is_good)| *is_good);
        let big: Vec<(Digest, u64)> = good.map(|(object, _)| object).collect();
        let slots = index.packs.iter().flat_map(|pack| &pack.slots);
        let planned: HashSet<Digest> = plan_digests(plan, &small);
        let (mut objects, mut bytes) = (big.len(), big.iter().map(|(_, size)| size).sum::<u64>());
        for slot in slots.filter(|slot| planned.contains(&slot.digest)) {
            objects += 1;
            bytes += u64::from(slot.length);
        }
        index.objects.extend(big);
        (pushed.objects, pushed.bytes) = (objects, bytes);
        Ok(())
    }

    /// Uploads a pack of the cache, once every byte of it has been checked; or returns what was wanted
    /// of it, if it is damaged.
    fn upload_cached_pack(
        &self,
        name: Digest,
        wanted: &HashSet<Digest>,
        there: &HashMap<Digest, u64>,
        cache: &Cache,
        meter: &Meter,
    ) -> Result<Result<PackEntry, Vec<(Digest, u64)>>, Error> {
        let Some(WholePack { bytes, slots }) = cache.whole_pack(name)? else {
            return Ok(Err(wanted.iter().map(|digest| (*digest, 0)).collect()));
        };
        let size = bytes.len() as u64;
        if there.get(&name) != Some(&size) {
            self.backend.write(&pack_path(name), bytes)?;
        }
        meter.add_bytes(size);
        let slots = slots
            .into_iter()
            .filter(|slot| wanted.contains(&slot.digest));
        let slots = slots.collect();
        Ok(Ok(PackEntry { name, size, slots }))
    }

    /// Uploads small objects in a pack of their own; returns those that turned out to be lost.
    fn upload_new_pack(
        &self,
        share: &[(Digest, u64)],
        there: &HashMap<Digest, u64>,
        cache: &Cache,
        meter: &Meter,
    ) -> Result<(Option<PackEntry>, Vec<Digest>), Error> {
        let (mut objects, mut lost) = (Vec::with_capacity(share.len()), Vec::new());
        for (digest, _) in share {
            match cache.read(*digest)? {
                Some(bytes) => objects.push((*digest, bytes)),
                None => lost.push(*digest),
            }
        }
        if objects.is_empty() {
            return Ok((None, lost));
        }
        let (name, WholePack { bytes, slots }) = assemble(&objects);
        let size = bytes.len() as u64;
        if there.get(&name) != Some(&size) {
            self.backend.write(&pack_path(name), bytes)?;
        }
        meter.add_bytes(slots.iter().map(|slot| u64::from(slot.length)).sum());
        Ok((Some(PackEntry { name, size, slots }), lost))
    }

    /// Uploads objects as files of their own; says of each whether the cache had it whole.
    pub(super) fn upload_big(
        &self,
        objects: &[(Digest, u64)],
        cache: &Cache,
        meter: &Meter,
    ) -> Result<Vec<Uploaded>, Error> {
        let there = self.present_objects(objects)?;
        let go = |(digest, size): &(Digest, u64)| {
            if there.contains(&(*digest, *size)) {
                meter.add_bytes(*size);
                return Ok(((*digest, *size), true));
            }
            let path = self.layout.path_of(*digest);
            let is_good = self.send(&path, (*digest, *size), cache, meter)?;
            Ok(((*digest, *size), is_good))
        };
        by_size(self.backend.jobs(), objects, self.cancel(), go)
    }

    /// Writes an object as a file of its own, whatever is there; false if the cache does not have it
    /// whole.
    pub(super) fn send(
        &self,
        path: &str,
        (digest, size): (Digest, u64),
        cache: &Cache,
        meter: &Meter,
    ) -> Result<bool, Error> {
        if let Some(file) = cache.checked_file(digest)? {
            self.backend.upload(path, &file, size, meter)?;
        } else if let Some(bytes) = cache.read(digest)? {
            self.backend.write(path, bytes)?;
            meter.add_bytes(size);
        } else {
            return Ok(false);
        }
        Ok(true)
    }
}

fn plan_digests(plan: &Plan, small: &[(Digest, u64)]) -> HashSet<Digest> {
    let packed = plan
        .packs
        .iter()
        .flat_map(|(_, wanted)| wanted.iter().copied());
    packed
        .chain(small.iter().map(|(digest, _)| *digest))
        .collect()
}

/// Decides how each object travels.
fn plan(missing: &[Want], cache: &Cache) -> Result<Plan, Error> {
    let mut plan = Plan::default();
    let mut packed: BTreeMap<Digest, Vec<(Digest, u64)>> = BTreeMap::new();
    let mut seen = HashSet::new();
    let mut small = Vec::new();
    for want in missing.iter().filter(|want| seen.insert(want.digest)) {
        let size = match want.size {
            Some(size) => Some(size),
            None => cache.size_of(want.digest)?,
        };
        let digest = want.digest;
        let Some(size) = size else {
            plan.lacking.push(digest);
            continue;
        };
        match cache.holding(digest, size)? {
            Some(Holding::Packed(pack)) => packed.entry(pack).or_default().push((digest, size)),
            Some(Holding::Loose) if size <= PACKED_MAX => small.push((digest, size)),
            Some(Holding::Loose) => plan.big.push((digest, size)),
            None => plan.lacking.push(digest),
        }
    }
    for (name, objects) in packed {
        let wanted: u64 = objects.iter().map(|(_, size)| size).sum();
        let size = cache.pack_size(name).unwrap_or(u64::MAX);
        // The directory of a pack takes its part as well.
        let overhead = (objects.len() as u64).saturating_mul(44) + 64;
        let waste = size.saturating_sub(wanted + overhead);
        if waste.saturating_mul(WASTE_SHARE) <= size {
            plan.packs
                .push((name, objects.iter().map(|(digest, _)| *digest).collect()));
        } else {
            plan.small.extend(objects);
        }
    }
    plan.small.extend(small);
    Ok(plan)
}

/// Cuts small objects into shares of a pack each.
fn shares(objects: &[(Digest, u64)]) -> Vec<&[(Digest, u64)]> {
    let mut reached = 0;
    let shares = objects.chunk_by(|(_, size), _| {
        let before = reached / PACK_SIZE;
        reached += size;
        reached / PACK_SIZE == before
    });
    shares.collect()
}
