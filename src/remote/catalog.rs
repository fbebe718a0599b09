//! `Catalog`: all indexes of a remote together. Each is fetched once and kept here by its name, so
//! that asking a remote what it has costs one listing.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use crate::base::digest::Digest;
use crate::base::fs;
use crate::remote::backend::{Backend, Depth, in_parallel};
use crate::remote::error::Error;
use crate::remote::index::{Index, Unread};
use crate::remote::place::Kind;
use crate::store::Slot;

/// The folder of the indexes.
pub(super) const INDEX: &str = "index";

/// Names the indexes, for those who cannot list.
pub(super) const NAMES: &str = "index/names";

/// No index is longer.
const LONGEST: u64 = 1 << 30;

/// How often it is looked again when an index goes while it is looked at.
const LOOKS: usize = 4;

/// Where an object is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spot {
    /// In a pack, whose file has this size.
    Pack {
        /// The pack's name.
        pack: Digest,
        /// The size of its file.
        size: u64,
        /// Where in it.
        slot: Slot,
    },
    /// In a file of its own, of this size.
    Own(u64),
}

impl Spot {
    /// Returns the object's size.
    pub(super) fn length(&self) -> u64 {
        match self {
            Self::Pack { slot, .. } => u64::from(slot.length),
            Self::Own(size) => *size,
        }
    }
}

/// What a remote says that it has.
pub(super) struct Catalog {
    /// The indexes by their names.
    pub(super) indexes: Vec<(Digest, Index)>,
    spots: HashMap<Digest, Spot>,
    /// What the indexes of our project name.
    own: HashSet<Digest>,
}

impl Catalog {
    /// Reads what has changed since the last time; `folder` keeps what is known.
    pub(super) fn load(backend: &Backend, folder: &Path, project: Digest) -> Result<Self, Error> {
        let mut looks = 0;
        loop {
            looks += 1;
            match Self::try_load(backend, folder, project) {
                // Somebody has just put several indexes into one.
                Err(Error::Missing { .. }) if looks < LOOKS => {}
                outcome => return outcome,
            }
        }
    }

    fn try_load(backend: &Backend, folder: &Path, project: Digest) -> Result<Self, Error> {
        let names = names(backend)?;
        let read = |name: &Digest| Ok((*name, read_index(backend, folder, *name)?));
        let indexes = in_parallel(backend.jobs(), &names, backend.cancel(), read)?;
        forget_others(folder, &names)?;
        Ok(Self::of(indexes, project))
    }

    fn of(mut indexes: Vec<(Digest, Index)>, project: Digest) -> Self {
        // Our own have the last word: a push mends those.
        indexes.sort_by_key(|(name, index)| (index.project == project, *name));
        let (mut spots, mut own) = (HashMap::new(), HashSet::new());
        for (_, index) in &indexes {
            let is_own = index.project == project;
            for pack in &index.packs {
                for slot in &pack.slots {
                    let (name, size, slot) = (pack.name, pack.size, *slot);
                    let spot = Spot::Pack {
                        pack: name,
                        size,
                        slot,
                    };
                    spots.insert(slot.digest, spot);
                    is_own.then(|| own.insert(slot.digest));
                }
            }
            for (digest, size) in &index.objects {
                spots.insert(*digest, Spot::Own(*size));
                is_own.then(|| own.insert(*digest));
            }
        }
        Self {
            indexes,
            spots,
            own,
        }
    }

    /// Returns where an object is said to be.
    pub(super) fn spot(&self, digest: Digest) -> Option<Spot> {
        self.spots.get(&digest).copied()
    }

    /// Returns whether our project has said that it needs an object.
    pub(super) fn is_claimed(&self, digest: Digest) -> bool {
        self.own.contains(&digest)
    }

    /// Returns the indexes of one project.
    pub(super) fn of_project(&self, project: Digest) -> impl Iterator<Item = &(Digest, Index)> {
        self.indexes
            .iter()
            .filter(move |(_, index)| index.project == project)
    }
}

/// Lists the names of the indexes.
fn names(backend: &Backend) -> Result<Vec<Digest>, Error> {
    if backend.kind() == Kind::Http {
        let text = backend.read(NAMES, LONGEST)?.unwrap_or_default();
        let text = String::from_utf8_lossy(&text).into_owned();
        let names = text.lines().map(str::parse).collect::<Result<_, _>>();
        let what = || "it names no indexes".to_owned();
        return names.map_err(|_| backend.wrong(NAMES, what()));
    }
    let found = backend.list(INDEX, Depth::Flat)?;
    let names = found.iter().filter_map(|found| digest_in(&found.path));
    Ok(names.collect())
}

/// Returns the digest that a path ends with.
pub(super) fn digest_in(path: &str) -> Option<Digest> {
    let name = path.rsplit('/').next()?;
    name.split('.').next()?.parse().ok()
}

fn read_index(backend: &Backend, folder: &Path, name: Digest) -> Result<Index, Error> {
    let kept = folder.join(name.to_string());
    if let Some(bytes) = fs::read(&kept)?
        && Digest::of(&bytes) == name
        && let Some(Ok(index)) = String::from_utf8(bytes)
            .ok()
            .map(|text| Index::parse(&text))
    {
        return Ok(index);
    }
    let path = format!("{INDEX}/{name}");
    let Some(bytes) = backend.read(&path, LONGEST)? else {
        return Err(backend.missing(&path));
    };
    if Digest::of(&bytes) != name {
        return Err(backend.wrong(&path, "its bytes have another digest".to_owned()));
    }
    let text = String::from_utf8_lossy(&bytes);
    let index = Index::parse(&text).map_err(|unread| match unread {
        Unread::Newer(version) => Error::Newer {
            url: backend.url().to_owned(),
            version,
        },
        Unread::Foreign => backend.wrong(&path, "it is no index".to_owned()),
    })?;
    fs::write_replaceable(&kept, &bytes)?;
    Ok(index)
}

/// Deletes kept indexes that the remote does not have any more.
fn forget_others(folder: &Path, names: &[Digest]) -> Result<(), Error> {
    let known: HashSet<&Digest> = names.iter().collect();
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Ok(());
    };
    for entry in entries.flatten() {
        let name = entry.file_name().to_str().and_then(digest_in);
        if name.is_some_and(|name| !known.contains(&name)) {
            fs::remove_file(&entry.path())?;
        }
    }
    Ok(())
}
