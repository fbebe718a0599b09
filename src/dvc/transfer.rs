//! Brings objects from DVC's storage into our cache: read once, for their MD5 and their SHA-256.

use std::collections::{BTreeMap, BTreeSet};

use rayon::prelude::*;

use crate::base::digest::Digest;
use crate::dvc::error::Error;
use crate::dvc::manifest::{self, Member};
use crate::dvc::records::Object;
use crate::dvc::storage::{Lack, Storage};
use crate::store::{Bundle, Cache, Entry, EntryKind, FileContent, Meter, Tree};

/// So many small objects go into one pack at most.
const BUNDLE: usize = 4096;

/// An object that is in our cache by now.
#[derive(Clone, Copy, Debug)]
pub(super) struct Taken {
    pub(super) digest: Digest,
    pub(super) size: u64,
}

/// What became of each object.
pub(super) type Outcomes = BTreeMap<Object, Result<Taken, Lack>>;

/// Brings files into the cache; what cannot be had is told in the outcome.
pub(super) fn bring(
    storage: &Storage,
    objects: &BTreeSet<Object>,
    cache: &Cache,
    meter: &Meter,
) -> Result<Outcomes, Error> {
    let sized: Vec<(Object, u64)> = objects
        .par_iter()
        .map(|object| (*object, storage.size(object).unwrap_or(u64::MAX)))
        .collect();
    let known = sized
        .iter()
        .map(|(_, size)| *size)
        .filter(|size| *size < u64::MAX);
    meter.expect(known.clone().count() as u64, known.sum());
    let (small, big): (Vec<_>, Vec<_>) = sized
        .into_iter()
        .partition(|(_, size)| *size <= Bundle::LARGEST);
    let bundles: Vec<&[(Object, u64)]> = small.chunks(BUNDLE).collect();
    let bundled = bundles
        .par_iter()
        .map(|share| bring_small(storage, share, cache, meter));
    let bundled: Vec<Outcomes> = bundled.collect::<Result<_, Error>>()?;
    let single = big
        .par_iter()
        .map(|(object, _)| Ok((*object, bring_one(storage, object, cache, meter)?)));
    let single: Outcomes = single.collect::<Result<_, Error>>()?;
    Ok(bundled.into_iter().flatten().chain(single).collect())
}

fn bring_small(
    storage: &Storage,
    objects: &[(Object, u64)],
    cache: &Cache,
    meter: &Meter,
) -> Result<Outcomes, Error> {
    let mut bundle = cache.bundle(objects.len(), meter)?;
    let mut outcomes = Outcomes::new();
    for (object, _) in objects {
        let outcome = match storage.read(object)? {
            Ok(bytes) => Ok(Taken {
                digest: bundle.push(&bytes)?,
                size: bytes.len() as u64,
            }),
            Err(lack) => Err(lack),
        };
        outcomes.insert(*object, outcome);
    }
    bundle.finish()?;
    Ok(outcomes)
}

fn bring_one(
    storage: &Storage,
    object: &Object,
    cache: &Cache,
    meter: &Meter,
) -> Result<Result<Taken, Lack>, Error> {
    let taken = storage.take(
        object,
        || Ok(cache.incoming(meter)?),
        |incoming, bytes| Ok(incoming.write(bytes)?),
    )?;
    Ok(match taken {
        Ok(incoming) => {
            let (digest, size) = incoming.keep()?;
            Ok(Taken { digest, size })
        }
        Err(lack) => Err(lack),
    })
}

/// Reads the manifest of a folder. One whose bytes are right and that is none all the same is corrupt.
pub(super) fn members(
    storage: &Storage,
    folder: &Object,
) -> Result<Result<Vec<Member>, Lack>, Error> {
    Ok(storage.read(folder)?.and_then(|bytes| {
        let members = manifest::parse(&bytes, folder.era);
        members.ok_or_else(|| Lack::Corrupt(vec!["DVC's own record".to_owned()]))
    }))
}

/// Makes our manifest of a folder whose files have been brought; or names the first that could not be.
pub(super) fn tree(members: &[Member], outcomes: &Outcomes) -> Result<Tree, (String, Lack)> {
    let entry = |member: &Member| {
        let outcome = outcomes.get(&member.object).cloned();
        let taken = outcome.unwrap_or(Err(Lack::Missing));
        let taken = taken.map_err(|lack| (member.path.clone(), lack))?;
        Ok(Entry {
            path: member.path.clone(),
            kind: EntryKind::File(FileContent {
                digest: taken.digest,
                size: taken.size,
                executable: false,
            }),
        })
    };
    let entries: Result<Vec<Entry>, _> = members.iter().map(entry).collect();
    entries.map(Tree::new)
}
