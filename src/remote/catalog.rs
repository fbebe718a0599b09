//! `Catalog`: all indexes of a remote together. Each is fetched once and kept here by its name, so
//! that asking a remote what it has costs one listing.

use std::collections::HashMap;
use std::path::Path;

use crate::base::digest::Digest;
use crate::remote::backend::{Backend, Found};
use crate::remote::error::Error;
use crate::remote::index::{Index, Named, Spot};
use crate::remote::kept_index::{INDEX, KeptIndexes, Reading, Wreck, index_path};
use crate::remote::listing::Listing;
use crate::remote::parallel::in_parallel;
use crate::remote::place::Kind;
use crate::remote::salvage::{Salvage, salvage};

/// How often it is looked again when an index goes while it is looked at.
const LOOKS: usize = 4;

/// A spot, and whether our project has said that it needs the object there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Claim {
    spot: Spot,
    is_own: bool,
}

/// What a remote says that it has.
#[derive(Default)]
pub(super) struct Catalog {
    /// The indexes by their names.
    pub(super) indexes: Vec<(Digest, Index)>,
    /// Indexes that are damaged at the remote.
    pub(super) wrecks: Vec<Wreck>,
    /// What was found in the place of damaged indexes that nobody here has.
    pub(super) salvage: Option<Salvage>,
    /// What was there when they were read.
    pub(super) listing: Listing,
    claims: HashMap<Digest, Claim>,
    /// Objects that are said to be in several places are there beside the first.
    others: HashMap<Digest, Vec<Claim>>,
}

impl Catalog {
    /// Reads what has changed since the last time; `folder` keeps what is known. What is damaged is
    /// left out, and found in the packs instead as far as it can be.
    pub(super) fn load(backend: &Backend, folder: &Path, project: Digest) -> Result<Self, Error> {
        let mut looks = 0;
        loop {
            looks += 1;
            let kept = KeptIndexes::open(folder.to_owned())?;
            let listing = Listing::read(backend, INDEX)?;
            let readings = read_all(backend, &kept, &listing)?;
            let is_last = looks == LOOKS;
            let gone = readings.iter().find(|(_, reading)| reading.is_none());
            match gone {
                // Somebody has just put several indexes into one.
                Some(_) if !is_last => continue,
                // The list for those who cannot list may be older than what it names.
                Some((name, _)) if backend.kind() != Kind::Http => {
                    return Err(backend.missing(&index_path(*name)));
                }
                _ => {}
            }
            kept.forget_others(&listing.files)?;
            let readings: Vec<Reading> = readings.into_iter().filter_map(|(_, one)| one).collect();
            kept.remember(&readings, &listing.files)?;
            return Self::of(readings, listing, backend, project);
        }
    }

    fn of(
        readings: Vec<Reading>,
        listing: Listing,
        backend: &Backend,
        project: Digest,
    ) -> Result<Self, Error> {
        let mut catalog = Self {
            listing,
            ..Self::default()
        };
        for reading in readings {
            let index = reading.index.map(|index| (reading.name, index));
            catalog.indexes.extend(index);
            catalog.wrecks.extend(reading.wreck);
        }
        if catalog.has_lost() && backend.kind() != Kind::Http {
            catalog.salvage = Some(salvage(backend, &catalog)?);
        }
        // Our own have the first word: a push mends those.
        let is_other = |index: &Index| index.project != project;
        catalog
            .indexes
            .sort_by_key(|(name, index)| (is_other(index), *name));
        let all = catalog.indexes.iter().map(|(_, index)| index);
        let salvaged = catalog.salvage.iter().map(|salvage| &salvage.index);
        let (mut claims, mut others) = (HashMap::new(), HashMap::new());
        for index in all.chain(salvaged) {
            let is_own = index.project == project;
            for (digest, spot) in index.spots() {
                enter(&mut claims, &mut others, digest, Claim { spot, is_own });
            }
        }
        (catalog.claims, catalog.others) = (claims, others);
        Ok(catalog)
    }

    /// Returns whether there are indexes of which nobody here knows what they say.
    pub(super) fn has_lost(&self) -> bool {
        self.wrecks.iter().any(|wreck| wreck.good.is_none())
    }

    /// Returns the paths of the indexes that are damaged.
    pub(super) fn damaged(&self) -> Vec<String> {
        let wrecks = self.wrecks.iter();
        wrecks.map(|wreck| index_path(wreck.name)).collect()
    }

    /// Returns where an object is said to be, the likeliest place first.
    pub(super) fn spots(&self, digest: Digest) -> impl Iterator<Item = Spot> {
        self.claims_of(digest).map(|claim| claim.spot)
    }

    fn claims_of(&self, digest: Digest) -> impl Iterator<Item = &Claim> {
        let first = self.claims.get(&digest).into_iter();
        first.chain(self.others.get(&digest).into_iter().flatten())
    }

    /// Returns whether our project has said that it needs the object in this place.
    pub(super) fn is_claimed_at(&self, digest: Digest, spot: Spot) -> bool {
        let is_it = |claim: &Claim| claim.is_own && claim.spot == spot;
        self.claims_of(digest).any(is_it)
    }

    /// Returns the files that its indexes name, each as often as one does.
    pub(super) fn files(&self) -> impl Iterator<Item = Named> {
        self.indexes.iter().flat_map(|(_, index)| index.files())
    }

    /// Returns the indexes of one project.
    pub(super) fn of_project(&self, project: Digest) -> impl Iterator<Item = &(Digest, Index)> {
        self.indexes
            .iter()
            .filter(move |(_, index)| index.project == project)
    }
}

fn enter(
    claims: &mut HashMap<Digest, Claim>,
    others: &mut HashMap<Digest, Vec<Claim>>,
    digest: Digest,
    claim: Claim,
) {
    let first = *claims.entry(digest).or_insert(claim);
    if first.spot != claim.spot {
        let rest = others.entry(digest).or_default();
        if !rest.contains(&claim) {
            rest.push(claim);
        }
    }
}

type Readings = Vec<(Digest, Option<Reading>)>;

fn read_all(backend: &Backend, kept: &KeptIndexes, listing: &Listing) -> Result<Readings, Error> {
    let files: Vec<(&Digest, &Option<Found>)> = listing.files.iter().collect();
    let read = |(name, found): &(&Digest, &Option<Found>)| {
        Ok((**name, kept.read(backend, **name, found.as_ref())?))
    };
    in_parallel(backend.jobs(), &files, backend.cancel(), read)
}
