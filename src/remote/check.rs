//! Reading a remote end to end: is everything there that the indexes name, and is each byte right?

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::base::digest::{Digest, Hasher};
use crate::remote::backend::{Depth, Found};
use crate::remote::depot::Depot;
use crate::remote::error::Error;
use crate::remote::fault::Fault;
use crate::remote::index::{Index, LARGEST, Named};
use crate::remote::kept_index::{INDEX, KeptIndexes};
use crate::remote::layout::{Layout, OBJECTS, PACKS};
use crate::remote::listing::{Listing, digest_in};
use crate::remote::parallel::in_parallel;
use crate::remote::place::Kind;
use crate::remote::replacement::Replaced;
use crate::remote::runs::RUNS;
use crate::remote::streams::PART;
use crate::store::{Cache, Meter, Slot, check_pack, sound_objects};

/// What was found at a remote.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Inspection {
    /// How many files were read.
    pub(crate) files: usize,
    /// Their bytes.
    pub(crate) bytes: u64,
    /// What is wrong, by path.
    pub(crate) faults: BTreeMap<String, Fault>,
    /// What should be where something corrupt is.
    corrupt: Vec<Named>,
    /// Files that no index names: of a push that was stopped, or not of mlpipe's.
    pub(crate) unnamed: Vec<String>,
}

/// What became of corrupt files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct PutRight {
    /// How many are what they should be now.
    pub(crate) replaced: usize,
    /// How many were deleted.
    pub(crate) deleted: usize,
    /// Those that others need as well, and of which only they may have the rest.
    pub(crate) left: Vec<String>,
}

impl Depot {
    /// Reads all that is there.
    pub(crate) fn inspect(&self, meter: &Meter) -> Result<Inspection, Error> {
        let mut inspection = Inspection::default();
        if !self.check_marker()? {
            return Ok(inspection);
        }
        let mut expected = match self.layout {
            Layout::Packs => self.expected(&mut inspection)?,
            Layout::Plain => self.expected_plain()?,
        };
        for folder in [INDEX, RUNS] {
            expected.extend(self.named_in(folder)?);
        }
        let bytes = expected.iter().map(|file| file.size).sum();
        meter.expect(expected.len() as u64, bytes);
        let check = |file: &Named| Ok((file.clone(), self.check_file(file, meter)?));
        let jobs = self.backend.jobs();
        for (file, fault) in in_parallel(jobs, &expected, self.cancel(), check)? {
            inspection.files += 1;
            inspection.bytes += file.size;
            let Some(fault) = fault else { continue };
            inspection.faults.insert(file.path.clone(), fault);
            if file.path.starts_with(INDEX) {
                self.doubt_index(&file.path)?;
            } else if fault == Fault::Corrupt {
                inspection.corrupt.push(file);
            }
        }
        Ok(inspection)
    }

    /// Has an index be looked at anew by whoever uses it next here.
    fn doubt_index(&self, path: &str) -> Result<(), Error> {
        match digest_in(path) {
            Some(name) => KeptIndexes::open(self.index_folder())?.doubt(name),
            None => Ok(()),
        }
    }

    /// Lists the indexes, or the files of runs.
    fn named_in(&self, folder: &str) -> Result<Vec<Named>, Error> {
        let mut expected = Vec::new();
        for (name, found) in Listing::read(&self.backend, folder)?.files {
            let path = format!("{folder}/{name}");
            let found = match found {
                Some(found) => Some(found),
                None => self.backend.stat(&path)?,
            };
            let size = found.map_or(0, |found| found.size);
            expected.push(Named::by_its_bytes(path, name, size));
        }
        Ok(expected)
    }

    /// Lists what the indexes name, and notes what they do not.
    fn expected(&self, inspection: &mut Inspection) -> Result<Vec<Named>, Error> {
        let catalog = self.catalog()?;
        let salvaged = catalog.salvage.iter().map(|salvage| &salvage.index);
        let mut expected: BTreeMap<String, Vec<Named>> = BTreeMap::new();
        for file in catalog.files().chain(salvaged.flat_map(Index::files)) {
            expected.entry(file.path.clone()).or_default().push(file);
        }
        let mut there = HashMap::new();
        if self.backend.kind() != Kind::Http {
            for folder in [PACKS, OBJECTS] {
                let found = self.backend.list(folder, Depth::Flat)?;
                there.extend(found.into_iter().map(|found| (found.path, found.size)));
            }
        }
        let unnamed = there.keys().filter(|path| !expected.contains_key(*path));
        inspection.unnamed.extend(unnamed.cloned());
        inspection.unnamed.sort();
        let likeliest = |(path, files): (String, Vec<Named>)| {
            // One that was mended may name a size that it found when the file was damaged.
            let size = there.get(&path);
            let is_there = |file: &&Named| Some(&file.size) == size;
            files.iter().find(is_there).or(files.first()).cloned()
        };
        Ok(expected.into_iter().filter_map(likeliest).collect())
    }

    fn expected_plain(&self) -> Result<Vec<Named>, Error> {
        let found = self.backend.list(self.layout.folder(), Depth::Deep)?;
        let file = |found: Found| {
            let digest = self.layout.digest_at(&found.path)?;
            Some(Named::by_its_bytes(found.path, digest, found.size))
        };
        Ok(found.into_iter().filter_map(file).collect())
    }

    fn check_file(&self, file: &Named, meter: &Meter) -> Result<Option<Fault>, Error> {
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
            Ok(false) => return Ok(Some(Fault::Corrupt)),
            Err(error) => return self.backend.fault(&file.path, file.size, error).map(Some),
        }
        let found = self.backend.stat(&file.path)?.map(|found| found.size);
        Ok((found != Some(file.size)).then_some(Fault::Corrupt))
    }

    /// Returns whether a file is corrupt there, and not only in one answer on its way here: it comes
    /// with the same wrong bytes each time.
    fn is_surely_corrupt(&self, file: &Named) -> Result<bool, Error> {
        let (Some(first), Some(second)) = (self.print_of(&file.path)?, self.print_of(&file.path)?)
        else {
            return Ok(false);
        };
        let fault = self.check_file(file, &Meter::default())?;
        Ok(first == second && fault == Some(Fault::Corrupt))
    }

    /// Returns the size and the digest of what comes; `None` if it does not come whole.
    fn print_of(&self, path: &str) -> Result<Option<(u64, Digest)>, Error> {
        let Some(found) = self.backend.stat(path)? else {
            return Ok(None);
        };
        match self.hash_of(path, found.size) {
            Ok(digest) => Ok(Some((found.size, digest))),
            Err(error) => self.backend.fault(path, found.size, error).map(|_| None),
        }
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

    /// Puts the right bytes in the place of corrupt ones, as far as the cache has them. What is corrupt
    /// yet and only ours goes, so that the next push brings it again; what is good of it comes into the
    /// cache before.
    pub(crate) fn put_right(
        &self,
        inspection: &Inspection,
        cache: &Cache,
    ) -> Result<PutRight, Error> {
        let (mut slots, mut foreign) = (HashMap::new(), HashSet::new());
        let mut done = PutRight::default();
        if self.layout == Layout::Packs {
            let catalog = self.catalog()?;
            done.replaced += self.mend(&catalog)?;
            for (_, index) in &catalog.indexes {
                if index.project != self.project {
                    // Also what nobody's index names: it would be missing for good.
                    foreign.extend(index.files().map(|file| file.path));
                }
                for pack in &index.packs {
                    let known: &mut Vec<_> = slots.entry(pack.name).or_default();
                    known.extend(pack.slots.iter().copied());
                }
            }
        }
        for file in &inspection.corrupt {
            if !self.is_surely_corrupt(file)? {
                continue;
            }
            let known: &[Slot] = slots.get(&file.digest).map_or(&[], Vec::as_slice);
            let replaced = if file.is_pack {
                self.replace_pack(file.digest, known, cache)?
            } else {
                self.replace_object(&file.path, file.digest, cache)?
            };
            if replaced == Replaced::Whole {
                done.replaced += 1;
            } else if foreign.contains(&file.path) {
                // What other projects have in it only they can bring again.
                done.left.push(file.path.clone());
            } else {
                self.delete_corrupt(file, known, cache)?;
                done.deleted += 1;
            }
        }
        Ok(done)
    }

    /// Deletes a corrupt file, once what is good of it is in the cache.
    fn delete_corrupt(&self, file: &Named, slots: &[Slot], cache: &Cache) -> Result<(), Error> {
        if file.is_pack {
            let bytes = self.backend.read(&file.path, LARGEST)?;
            cache.admit_small(&sound_objects(&bytes.unwrap_or_default(), slots))?;
        }
        self.backend.remove(&file.path)
    }
}
