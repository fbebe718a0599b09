//! Reading a remote end to end: is everything there that the indexes name, and is each byte right?

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::base::digest::{Digest, Hasher};
use crate::remote::backend::{Depth, PART, in_parallel};
use crate::remote::catalog::digest_in;
use crate::remote::depot::{Depot, Layout, OBJECTS};
use crate::remote::error::Error;
use crate::remote::place::Kind;
use crate::remote::push::pack_path;
use crate::remote::sweep::paths_of;
use crate::store::{Cache, Meter, check_pack, sound_objects};

/// What is wrong with a file at a remote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It is not there.
    Missing,
    /// Its bytes are not what its name says.
    Corrupt,
}

/// What was found at a remote.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Inspection {
    /// How many files were read.
    pub(crate) files: usize,
    /// Their bytes.
    pub(crate) bytes: u64,
    /// What is wrong, by path.
    pub(crate) faults: BTreeMap<String, Fault>,
    /// Files that no index names: of a push that was stopped, or not of mlpipe's.
    pub(crate) unnamed: Vec<String>,
}

/// A file that should be there.
struct Expected {
    path: String,
    size: u64,
    digest: Digest,
    is_pack: bool,
}

impl Depot {
    /// Reads all that is there.
    pub(crate) fn inspect(&self, meter: &Meter) -> Result<Inspection, Error> {
        let mut inspection = Inspection::default();
        if !self.check_marker()? {
            return Ok(inspection);
        }
        let expected = match self.layout {
            Layout::Packs => self.expected(&mut inspection)?,
            Layout::Plain => self.expected_plain()?,
        };
        let bytes = expected.iter().map(|file| file.size).sum();
        meter.expect(expected.len() as u64, bytes);
        let check = |file: &Expected| self.check_file(file, meter);
        let jobs = self.backend.jobs();
        for (path, size, fault) in in_parallel(jobs, &expected, self.cancel(), check)? {
            inspection.files += 1;
            inspection.bytes += size;
            inspection.faults.extend(fault.map(|fault| (path, fault)));
        }
        Ok(inspection)
    }

    /// Lists what the indexes name, and notes what they do not.
    fn expected(&self, inspection: &mut Inspection) -> Result<Vec<Expected>, Error> {
        let catalog = self.catalog()?;
        let mut expected = BTreeMap::new();
        for (_, index) in &catalog.indexes {
            for pack in &index.packs {
                let (path, size, digest) = (pack_path(pack.name), pack.size, pack.name);
                let file = Expected {
                    path,
                    size,
                    digest,
                    is_pack: true,
                };
                expected.insert(file.path.clone(), file);
            }
            for (digest, size) in &index.objects {
                let (path, size, digest) = (format!("{OBJECTS}/{digest}"), *size, *digest);
                let file = Expected {
                    path,
                    size,
                    digest,
                    is_pack: false,
                };
                expected.insert(file.path.clone(), file);
            }
        }
        if self.backend.kind() != Kind::Http {
            for folder in ["packs", OBJECTS] {
                let found = self.backend.list(folder, Depth::Flat)?;
                let unnamed = found
                    .into_iter()
                    .filter(|found| !expected.contains_key(&found.path));
                inspection.unnamed.extend(unnamed.map(|found| found.path));
            }
        }
        Ok(expected.into_values().collect())
    }

    fn expected_plain(&self) -> Result<Vec<Expected>, Error> {
        let found = self.backend.list("sha256", Depth::Deep)?;
        let file = |found: crate::remote::backend::Found| {
            let name = found.path.strip_prefix("sha256/")?.replace('/', "");
            let digest = digest_in(&name)?;
            let (path, size) = (found.path, found.size);
            Some(Expected {
                path,
                size,
                digest,
                is_pack: false,
            })
        };
        Ok(found.into_iter().filter_map(file).collect())
    }

    fn check_file(
        &self,
        file: &Expected,
        meter: &Meter,
    ) -> Result<(String, u64, Option<Fault>), Error> {
        let done = |fault| Ok((file.path.clone(), file.size, fault));
        let outcome = if file.is_pack {
            let bytes = self.backend.read_range(&file.path, 0, file.size);
            bytes.map(|bytes| check_pack(&bytes, file.digest).is_some())
        } else {
            self.hash_of(&file.path, file.size)
                .map(|digest| digest == file.digest)
        };
        meter.add_bytes(file.size);
        match outcome {
            Ok(true) => {}
            Ok(false) | Err(Error::Wrong { .. }) => return done(Some(Fault::Corrupt)),
            Err(Error::Missing { .. }) => return done(Some(Fault::Missing)),
            Err(error) => {
                // One that is too short cannot be read to where it should end.
                return match self.backend.stat(&file.path)? {
                    Some(found) if found.size != file.size => done(Some(Fault::Corrupt)),
                    Some(_) => Err(error),
                    None => done(Some(Fault::Missing)),
                };
            }
        }
        let found = self.backend.stat(&file.path)?.map(|found| found.size);
        done((found != Some(file.size)).then_some(Fault::Corrupt))
    }

    fn hash_of(&self, path: &str, size: u64) -> Result<Digest, Error> {
        let mut hasher = Hasher::default();
        let mut at = 0;
        while at < size {
            let bytes = self.backend.read_range(path, at, PART.min(size - at))?;
            hasher.update(&bytes);
            at += bytes.len() as u64;
        }
        Ok(hasher.digest())
    }

    /// Deletes corrupt files, so that the next push brings them again. What is good in a pack comes
    /// into the cache before.
    pub(crate) fn delete_corrupt(
        &self,
        inspection: &Inspection,
        cache: &Cache,
    ) -> Result<usize, Error> {
        let (mut slots, mut foreign) = (HashMap::new(), HashSet::new());
        if self.layout == Layout::Packs {
            for (_, index) in &self.catalog()?.indexes {
                if index.project != self.project {
                    foreign.extend(paths_of(index));
                }
                for pack in &index.packs {
                    let known: &mut Vec<_> = slots.entry(pack_path(pack.name)).or_default();
                    known.extend(pack.slots.iter().copied());
                }
            }
        }
        let corrupt = inspection
            .faults
            .iter()
            .filter(|(_, fault)| **fault == Fault::Corrupt);
        let mut count = 0;
        // What other projects have in it only they can bring again.
        for (path, _) in corrupt.filter(|(path, _)| !foreign.contains(*path)) {
            if let Some(slots) = slots.get(path) {
                const LONGEST: u64 = 1 << 30;
                let bytes = self.backend.read(path, LONGEST)?.unwrap_or_default();
                cache.admit_small(&sound_objects(&bytes, slots))?;
            }
            self.backend.remove(path)?;
            count += 1;
        }
        Ok(count)
    }
}
