//! Sweeping a cache: what nobody needs goes, packs that are mostly waste or small are written anew,
//! and small loose objects are packed.
//!
//! Whatever is needed is in place at any time: new packs are on disk before anything goes that has
//! the same objects, and of two copies one goes only when the other has been verified.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::os::unix::fs::MetadataExt;

use rayon::prelude::*;

use crate::base::digest::Digest;
use crate::base::fs::{self, LITTER, absent_as_none, failed};
use crate::store::error::Error;
use crate::store::live::Live;
use crate::store::loose::Loose;
use crate::store::meter::Meter;
use crate::store::pack::{self, Slot};
use crate::store::repack::{Copies, Repacked};
use crate::store::storing::{PACK_SIZE, PACKED_MAX};
use crate::store::users::Sweep;

/// A pack of which more than one part in so many is waste is written anew.
const WASTE_SHARE: u64 = 5;

/// A pack with less than this may be merged with others.
const SMALL: u64 = PACK_SIZE / 4;

/// What is done with small objects that are files of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SmallObjects {
    /// They are packed.
    Pack,
    /// They stay: files of the workspace may be links to them.
    Leave,
}

/// Where an object is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// In a file of its own.
    Loose,
    /// In a pack.
    Packed,
}

/// An object that nobody needs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Garbage {
    /// Which.
    pub(crate) digest: Digest,
    /// Its size in bytes.
    pub(crate) size: u64,
    /// Where it is.
    pub(crate) kind: Kind,
}

/// A number of objects and their bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Amount {
    /// How many.
    pub(crate) objects: u64,
    /// Their bytes.
    pub(crate) bytes: u64,
}

/// What a sweep does, or has done.
#[derive(Debug, Default)]
pub(crate) struct Swept {
    /// What goes.
    pub(crate) garbage: Vec<Garbage>,
    /// What stays because it is needed.
    pub(crate) kept: Amount,
    /// What stays in packs though nobody needs it, for they are mostly needed.
    pub(crate) waste: Amount,
    /// The loose objects that are packed.
    pub(crate) packed: Amount,
    /// How many packs there were.
    pub(crate) packs_before: usize,
    /// How many there are then.
    pub(crate) packs_after: usize,
    /// Unfinished files of killed processes.
    pub(crate) unfinished: Amount,
    /// Needed objects that turned out to be corrupt, of which there is no good copy.
    pub(crate) lost: Vec<Digest>,
    /// Packs that cannot be believed; `fsck`, or a sweep that is no trial, saves what is good in them.
    pub(crate) damaged_packs: usize,
}

impl Amount {
    /// Counts one more.
    pub(crate) fn add(&mut self, bytes: u64) {
        self.objects += 1;
        self.bytes += bytes;
    }
}

impl Swept {
    /// Sums up what goes of one kind.
    pub(crate) fn garbage_of(&self, kind: Kind) -> Amount {
        let mut amount = Amount::default();
        let of_kind = self.garbage.iter().filter(|garbage| garbage.kind == kind);
        of_kind.for_each(|garbage| amount.add(garbage.size));
        amount
    }
}

/// What is to be done to a cache.
#[derive(Default)]
struct Plan {
    /// Packs and loose objects that nobody needs.
    useless_packs: Vec<Digest>,
    useless: Vec<Digest>,
    /// Packs whose objects go elsewhere.
    old_packs: Vec<Digest>,
    /// Loose objects that go when there is a packed copy.
    twins: Vec<Digest>,
    copies: Copies,
    outcome: Swept,
}

/// A pack, as it is found.
struct FoundPack {
    name: Digest,
    slots: Vec<Slot>,
    fate: Fate,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Stays,
    IsRewritten,
    Goes,
}

impl Sweep<'_> {
    /// Says what [`Self::carry_out`] would do.
    pub(crate) fn try_out(&self, live: &Live, small: SmallObjects) -> Result<Swept, Error> {
        Ok(self.plan(live, small)?.outcome)
    }

    /// Deletes what is not live, and packs the rest well.
    pub(crate) fn carry_out(
        &self,
        live: &Live,
        small: SmallObjects,
        meter: &Meter,
    ) -> Result<Swept, Error> {
        let cache = self.cache;
        for name in cache.packs.names()? {
            let is_sound = |(_, directory): &(_, pack::Directory)| directory.is_sound;
            if !cache.packs.open(name)?.as_ref().is_some_and(is_sound) {
                cache.salvage(name)?;
            }
        }
        let Plan {
            useless_packs,
            useless,
            old_packs,
            twins,
            copies,
            mut outcome,
        } = self.plan(live, small)?;
        // First what makes room for the rest.
        let path = |name: &Digest| pack::path_of(cache.packs.folder(), *name);
        for name in &useless_packs {
            fs::remove(&path(name))?;
        }
        self.remove_loose(&useless)?;
        fs::remove_litter(fs::parent(&cache.unfinished()))?;
        cache.loose.remove_litter()?;
        let Repacked { names, lost } = cache.repack(copies, meter)?;
        outcome.lost = lost;
        // A pack that came out as it was has the name that it had.
        let written: HashSet<Digest> = names.into_iter().collect();
        for name in old_packs.iter().filter(|name| !written.contains(*name)) {
            fs::remove(&path(name))?;
        }
        self.remove_loose(&twins)?;
        cache.packs.reload()?;
        outcome.packs_after = cache.packs.names()?.len();
        Ok(outcome)
    }

    fn plan(&self, live: &Live, small: SmallObjects) -> Result<Plan, Error> {
        let mut plan = Plan::default();
        let mut packs = self.find_packs(&mut plan.outcome)?;
        let Listed {
            objects: loose,
            linked,
            ..
        } = self.cache.loose.list()?;
        let is_movable = |digest: Digest, size: u64| {
            let is_linked = linked.contains(&digest) || live.is_linked(digest);
            small == SmallObjects::Pack && size <= PACKED_MAX && !is_linked
        };
        let movable = loose
            .iter()
            .filter(|(digest, size)| live.has(*digest) && is_movable(*digest, *size));
        decide_fates(&mut packs, live, movable.count());
        plan.add_packs(&packs, live);
        for (digest, size) in loose {
            if !live.has(digest) {
                let kind = Kind::Loose;
                plan.outcome.garbage.push(Garbage { digest, size, kind });
                plan.useless.push(digest);
            } else if is_movable(digest, size) {
                if plan.copies.add_loose(digest, size) {
                    plan.outcome.kept.add(size);
                    plan.outcome.packed.add(size);
                }
                plan.twins.push(digest);
            } else {
                plan.outcome.kept.add(size);
            }
        }
        plan.copies.sort(live);
        let stay = packs.iter().filter(|pack| pack.fate == Fate::Stays);
        plan.outcome.packs_after = stay.count() + plan.copies.packs_to_write();
        plan.outcome.unfinished = self.unfinished()?;
        Ok(plan)
    }

    fn find_packs(&self, outcome: &mut Swept) -> Result<Vec<FoundPack>, Error> {
        let names = self.cache.packs.names()?;
        outcome.packs_before = names.len();
        let mut found = Vec::with_capacity(names.len());
        for name in names {
            match self.cache.packs.open(name)? {
                Some((_, directory)) if directory.is_sound => found.push(FoundPack {
                    name,
                    slots: directory.slots,
                    fate: Fate::Stays,
                }),
                _ => outcome.damaged_packs += 1,
            }
        }
        Ok(found)
    }

    fn remove_loose(&self, digests: &[Digest]) -> Result<(), Error> {
        let loose = &self.cache.loose;
        let remove = |digest: &Digest| fs::remove(&loose.path(*digest));
        digests.par_iter().try_for_each(remove)?;
        let folders: BTreeSet<u8> = digests.iter().map(|digest| digest.as_bytes()[0]).collect();
        // The group's rights on a folder would go with it.
        for folder in folders.into_iter().filter(|_| !self.cache.is_shared) {
            fs::remove_empty_folder(&loose.folder().join(format!("{folder:02x}")))?;
        }
        Ok(())
    }

    fn unfinished(&self) -> Result<Amount, Error> {
        let folder = self.cache.path("new");
        let entries = absent_as_none(std::fs::read_dir(&folder));
        let entries = entries.map_err(failed("cannot read", &folder))?;
        let mut amount = Amount::default();
        for entry in entries.into_iter().flatten() {
            let entry = entry.map_err(failed("cannot read", &folder))?;
            if entry.file_name().to_string_lossy().starts_with(LITTER) {
                amount.add(entry.metadata().map_or(0, |metadata| metadata.len()));
            }
        }
        Ok(amount)
    }
}

/// Decides which packs stay as they are. Objects that an earlier pack has as well count as waste.
fn decide_fates(packs: &mut [FoundPack], live: &Live, loose: usize) {
    let mut claimed = HashSet::new();
    let mut small = Vec::new();
    for (index, pack) in packs.iter_mut().enumerate() {
        let (mut total, mut needed, mut is_needed) = (0, 0, false);
        for slot in &pack.slots {
            let is_live = live.has(slot.digest);
            is_needed |= is_live;
            total += u64::from(slot.length);
            if is_live && claimed.insert(slot.digest) {
                needed += u64::from(slot.length);
            }
        }
        if !is_needed {
            pack.fate = Fate::Goes;
        } else if (total - needed) * WASTE_SHARE > total {
            pack.fate = Fate::IsRewritten;
        }
        if is_needed && needed < SMALL {
            small.push(index);
        }
    }
    if small.len() > 1 || (loose > 0 && !small.is_empty()) {
        for index in small {
            packs[index].fate = Fate::IsRewritten;
        }
    }
}

impl Plan {
    fn add_packs(&mut self, packs: &[FoundPack], live: &Live) {
        let mut gone = HashMap::new();
        let in_order = |fate| packs.iter().filter(move |pack| pack.fate == fate);
        for pack in in_order(Fate::Stays) {
            for slot in &pack.slots {
                let length = slot.length.into();
                if !live.has(slot.digest) {
                    self.outcome.waste.add(length);
                } else if self.copies.add_home(pack.name, *slot) {
                    self.outcome.kept.add(length);
                }
            }
        }
        for pack in in_order(Fate::IsRewritten).chain(in_order(Fate::Goes)) {
            for slot in &pack.slots {
                let length = slot.length.into();
                if !live.has(slot.digest) {
                    gone.insert(slot.digest, length);
                } else if self.copies.add_packed(pack.name, *slot) {
                    self.outcome.kept.add(length);
                }
            }
        }
        let garbage = gone.into_iter().map(|(digest, size)| Garbage {
            digest,
            size,
            kind: Kind::Packed,
        });
        self.outcome.garbage.extend(garbage);
        self.outcome.garbage.sort_by_key(|garbage| garbage.digest);
        let names = |fate| in_order(fate).map(|pack| pack.name);
        self.old_packs = names(Fate::IsRewritten).collect();
        self.useless_packs = names(Fate::Goes).collect();
    }
}

/// What is found in the folder of the loose objects.
#[derive(Default)]
pub(super) struct Listed {
    /// The objects and their sizes, sorted.
    pub(super) objects: Vec<(Digest, u64)>,
    /// The objects whose files have other names as well, as files of a workspace.
    pub(super) linked: HashSet<Digest>,
    /// What does not belong there.
    pub(super) strays: Vec<std::path::PathBuf>,
}

impl Loose {
    /// Lists what is there.
    pub(super) fn list(&self) -> Result<Listed, fs::Error> {
        let (listed, failures) = self.list_some();
        failures.into_iter().next().map_or(Ok(listed), Err)
    }

    /// Lists what can be seen, and why all else cannot.
    pub(super) fn list_some(&self) -> (Listed, Vec<fs::Error>) {
        let (mut listed, mut failures) = (Listed::default(), Vec::new());
        let mut look = |folder: &std::path::Path| match entries(folder) {
            Ok(entries) => entries,
            Err(error) => {
                failures.push(error);
                Vec::new()
            }
        };
        let mut found = Vec::new();
        for (path, name) in look(self.folder()) {
            if name.len() == 2 && path.is_dir() && !path.is_symlink() {
                found.extend(
                    look(&path)
                        .into_iter()
                        .map(|(path, rest)| (path, name.clone() + &rest)),
                );
            } else {
                listed.strays.push(path);
            }
        }
        for (path, name) in found {
            let digest = name.parse::<Digest>().ok();
            // An object has one name only, in small letters.
            let digest = digest.filter(|digest| self.path(*digest) == path);
            let metadata = absent_as_none(path.symlink_metadata());
            match (digest, metadata.map_err(failed("cannot read", &path))) {
                (_, Ok(None)) => {}
                (_, Err(error)) => failures.push(error),
                (Some(digest), Ok(Some(metadata))) if metadata.is_file() => {
                    listed.objects.push((digest, metadata.len()));
                    if metadata.nlink() > 1 {
                        listed.linked.insert(digest);
                    }
                }
                _ => listed.strays.push(path),
            }
        }
        listed.objects.sort_unstable();
        (listed, failures)
    }
}

/// Returns what is in a folder, with names; nothing where there is none.
pub(super) fn entries(
    folder: &std::path::Path,
) -> Result<Vec<(std::path::PathBuf, String)>, fs::Error> {
    let entries = absent_as_none(std::fs::read_dir(folder));
    let entries = entries.map_err(failed("cannot read", folder))?;
    let mut found = Vec::new();
    for entry in entries.into_iter().flatten() {
        let entry = entry.map_err(failed("cannot read", folder))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        found.push((entry.path(), name));
    }
    found.sort();
    Ok(found)
}
