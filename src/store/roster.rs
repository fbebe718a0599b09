//! `Roster`: where the objects of big folders were found, so that looking whether they are all still
//! there is a look at a few files instead of one at each object.
//!
//! Lies in `.mlpipe`; may be lost, and is ignored when damaged.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use crate::base::digest::Digest;
use crate::base::framed;
use crate::base::fs;
use crate::base::yaml;

/// A folder with fewer objects is looked through as quickly.
pub(super) const WORTH_IT: usize = 1000;

/// So many folders are known at most.
const MOST_FOLDERS: usize = 64;

/// With more loose objects, the roster would be what takes long.
pub(super) const MOST_LOOSE: usize = 1000;

/// What is known of folders, by the digests of their manifests.
pub(super) struct Roster {
    file: PathBuf,
    known: Mutex<Option<BTreeMap<Digest, Whereabouts>>>,
}

/// The files that hold all objects of a folder, each with its size.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Whereabouts {
    /// The packs.
    pub(super) packs: BTreeMap<Digest, u64>,
    /// The objects that are files of their own.
    pub(super) loose: BTreeMap<Digest, u64>,
}

impl Roster {
    /// Opens the roster in `file`, which is read when it is first needed.
    pub(super) fn new(file: PathBuf) -> Self {
        Self {
            file,
            known: Mutex::default(),
        }
    }

    /// Returns where the objects of a folder were found.
    pub(super) fn find(&self, manifest: Digest) -> Option<Whereabouts> {
        let mut known = self.known();
        self.read(&mut known).get(&manifest).cloned()
    }

    /// Remembers where they were found. Failing costs only time, the next time.
    pub(super) fn remember(&self, manifest: Digest, whereabouts: Whereabouts) {
        let mut known = self.known();
        let known = self.read(&mut known);
        // Versions come and go: those that are looked at are soon known again.
        if known.len() >= MOST_FOLDERS {
            known.clear();
        }
        known.insert(manifest, whereabouts);
        let text = framed::frame(&yaml::write(known));
        let _unsaved = fs::write_replaceable(&self.file, text.as_bytes());
    }

    /// Forgets a folder, whose objects are not where they were any more.
    pub(super) fn forget(&self, manifest: Digest) {
        let mut known = self.known();
        self.read(&mut known).remove(&manifest);
    }

    fn read<'k>(
        &self,
        known: &'k mut Option<BTreeMap<Digest, Whereabouts>>,
    ) -> &'k mut BTreeMap<Digest, Whereabouts> {
        known.get_or_insert_with(|| {
            let bytes = fs::read(&self.file).ok().flatten().unwrap_or_default();
            let record = framed::records(&bytes).next();
            let known = record.and_then(|(text, _)| yaml::decode("", text).ok());
            known.unwrap_or_default()
        })
    }

    fn known(&self) -> MutexGuard<'_, Option<BTreeMap<Digest, Whereabouts>>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
