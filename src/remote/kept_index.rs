//! The indexes of a remote as they are kept here, by their names: what was good once is not fetched
//! again, and if the remote's has been damaged since, it is mended by ours.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::base::digest::Digest;
use crate::base::fs;
use crate::remote::backend::{Backend, Found};
use crate::remote::error::Error;
use crate::remote::fault::Fault;
use crate::remote::index::{Index, Unread};

/// The folder of the indexes.
pub(super) const INDEX: &str = "index";

/// The file that says in which state an index was when it was read.
const SEEN: &str = "seen";

/// The state of an index that is damaged at the remote.
const DOUBTED: &str = "doubted";

/// No index is longer.
pub(super) const LONGEST: u64 = 1 << 30;

/// Returns where an index lies.
pub(super) fn index_path(name: Digest) -> String {
    format!("{INDEX}/{name}")
}

/// What was read of an index.
pub(super) struct Reading {
    /// Its name.
    pub(super) name: Digest,
    /// What it says; `None` if nobody here knows.
    pub(super) index: Option<Index>,
    /// What is at the remote, if that is not what it should be.
    pub(super) wreck: Option<Wreck>,
}

/// An index whose bytes are not what its name says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wreck {
    /// Its name.
    pub(super) name: Digest,
    /// What it should be, if that is kept here.
    pub(super) good: Option<Vec<u8>>,
    /// Whose it seems to be.
    pub(super) project: Option<Digest>,
}

/// The folder where indexes are kept; may be lost.
pub(super) struct KeptIndexes {
    folder: PathBuf,
    /// The states in which they were seen at the remote.
    seen: BTreeMap<Digest, String>,
}

impl KeptIndexes {
    /// Opens the folder.
    pub(super) fn open(folder: PathBuf) -> Result<Self, Error> {
        let bytes = fs::read(&folder.join(SEEN))?.unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let seen = text.lines().filter_map(|line| {
            let (name, state) = line.split_once(' ')?;
            Some((name.parse().ok()?, state.to_owned()))
        });
        let seen = seen.collect();
        Ok(Self { folder, seen })
    }

    /// Keeps the text of an index.
    pub(super) fn keep(&self, name: Digest, bytes: &[u8]) -> Result<(), Error> {
        Ok(fs::write_replaceable(
            &self.folder.join(name.to_string()),
            bytes,
        )?)
    }

    /// Reads an index, from here if it is kept and the remote's is as it was; `None` if it has gone.
    pub(super) fn read(
        &self,
        backend: &Backend,
        name: Digest,
        found: Option<&Found>,
    ) -> Result<Option<Reading>, Error> {
        let good = fs::read(&self.folder.join(name.to_string()))?;
        let good = good.filter(|bytes| Digest::of(bytes) == name);
        let is_same = |good: &Vec<u8>| self.is_as_it_was(name, good.len() as u64, found);
        if let Some(good) = &good
            && is_same(good)
        {
            return Ok(Some(sound(backend, name, good)?));
        }
        let Some(bytes) = read_there(backend, name, found)? else {
            return Ok(None);
        };
        if Digest::of(&bytes) == name {
            self.keep(name, &bytes)?;
            return Ok(Some(sound(backend, name, &bytes)?));
        }
        let index = good.as_ref().map(|good| parse(backend, name, good));
        Ok(Some(Reading {
            name,
            index: index.transpose()?,
            wreck: Some(Wreck {
                name,
                good,
                project: Index::project_of(&String::from_utf8_lossy(&bytes)),
            }),
        }))
    }

    fn is_as_it_was(&self, name: Digest, size: u64, found: Option<&Found>) -> bool {
        let Some(found) = found else {
            // Who cannot list is not told.
            return true;
        };
        let before = self.seen.get(&name);
        found.size == size && before.is_none_or(|state| Some(state) == state_of(found).as_ref())
    }

    /// Remembers in which states indexes were seen, so that those that were good are not read again.
    pub(super) fn remember(
        &self,
        readings: &[Reading],
        files: &BTreeMap<Digest, Option<Found>>,
    ) -> Result<(), Error> {
        let mut seen = BTreeMap::new();
        for reading in readings {
            let found = files.get(&reading.name).cloned().flatten();
            let state = match reading.wreck {
                None => found.as_ref().and_then(state_of),
                Some(_) => Some(DOUBTED.to_owned()),
            };
            seen.extend(state.map(|state| (reading.name, state)));
        }
        if seen == self.seen {
            return Ok(());
        }
        self.write_seen(&seen)
    }

    /// Has the remote's be read again, whatever state it is in: it turned out to be damaged.
    pub(super) fn doubt(&mut self, name: Digest) -> Result<(), Error> {
        self.seen.insert(name, DOUBTED.to_owned());
        self.write_seen(&self.seen)
    }

    fn write_seen(&self, seen: &BTreeMap<Digest, String>) -> Result<(), Error> {
        let line = |(name, state): (&Digest, &String)| format!("{name} {state}\n");
        let text: String = seen.iter().map(line).collect();
        let path = self.folder.join(SEEN);
        Ok(fs::write_replaceable(&path, text.as_bytes())?)
    }

    /// Deletes those that the remote does not have any more.
    pub(super) fn forget_others(
        &self,
        names: &BTreeMap<Digest, Option<Found>>,
    ) -> Result<(), Error> {
        let Ok(entries) = std::fs::read_dir(&self.folder) else {
            return Ok(());
        };
        for entry in entries.flatten() {
            let name = entry.file_name();
            let name = name.to_str().and_then(|name| name.parse::<Digest>().ok());
            if name.is_some_and(|name| !names.contains_key(&name)) {
                fs::remove_file(&entry.path())?;
            }
        }
        Ok(())
    }
}

/// Returns what tells this state of an index from others, as a line has it.
fn state_of(found: &Found) -> Option<String> {
    found.version.as_ref().map(ToString::to_string)
}

/// Reads what the remote has under the name of an index; nothing of one that is too short to be read.
fn read_there(
    backend: &Backend,
    name: Digest,
    found: Option<&Found>,
) -> Result<Option<Vec<u8>>, Error> {
    let path = index_path(name);
    match (backend.read(&path, LONGEST), found) {
        (Ok(bytes), _) => Ok(bytes),
        (Err(error), Some(found)) => match backend.fault(&path, found.size, error)? {
            Fault::Corrupt => Ok(Some(Vec::new())),
            Fault::Missing => Ok(None),
        },
        (Err(error), None) => Err(error),
    }
}

fn sound(backend: &Backend, name: Digest, bytes: &[u8]) -> Result<Reading, Error> {
    Ok(Reading {
        name,
        index: Some(parse(backend, name, bytes)?),
        wreck: None,
    })
}

/// Reads the text of an index, whose bytes are what its name says.
fn parse(backend: &Backend, name: Digest, bytes: &[u8]) -> Result<Index, Error> {
    Index::parse(&String::from_utf8_lossy(bytes)).map_err(|unread| match unread {
        Unread::Newer(version) => Error::Newer {
            url: backend.url().to_owned(),
            version,
        },
        Unread::Foreign => backend.wrong(&index_path(name), "it is no index".to_owned()),
    })
}
