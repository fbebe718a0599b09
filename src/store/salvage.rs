//! Saves the good objects of a damaged pack.

use std::os::unix::fs::FileExt;

use crate::base::digest::Digest;
use crate::base::fs::{self, failed};
use crate::store::cache::Cache;
use crate::store::error::Error;
use crate::store::pack::{self, PackWriter, Slot};
use crate::store::wreck;

/// What became of a damaged pack.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Salvaged {
    /// The objects that were saved.
    pub(crate) saved: Vec<Digest>,
    /// The objects that the pack should have had.
    pub(crate) lost: Vec<Digest>,
}

impl Cache {
    /// Writes what is good of a pack into a new one and moves the old one to the quarantine, so that
    /// a bad object does not take its neighbours with it.
    pub(super) fn salvage(&self, name: Digest) -> Result<Salvaged, Error> {
        let mut salvaged = Salvaged::default();
        // Gone: another process was quicker.
        if let Some((file, directory)) = self.packs.open(name)? {
            let path = pack::path_of(self.packs.folder(), name);
            let mut writer = PackWriter::begin(&self.unfinished())?;
            let slots = if directory.is_sound {
                directory.slots
            } else {
                let found = wreck::find_slots(&file, name);
                found.map_err(failed("cannot read", &path))?
            };
            for slot in &slots {
                let bytes = pack::read_slot(&file, slot);
                if let Some(bytes) = bytes.map_err(failed("cannot read", &path))? {
                    writer.push(slot.digest, &bytes)?;
                    salvaged.saved.push(slot.digest);
                } else {
                    self.keep_bytes(&file, slot)?;
                    salvaged.lost.push(slot.digest);
                }
            }
            let saved = writer.finish(self.packs.folder())?;
            if saved.is_some_and(|(saved, _)| saved == name) {
                // All of it: the new pack has taken the old one's place.
                salvaged.lost.clear();
            } else {
                // Only now: a kill in between leaves some objects in two packs.
                let whole = self.quarantined(&format!("{name}.pack"));
                fs::absent_as_none(fs::rename(&path, &whole).map_err(|error| error.source))
                    .map_err(failed("cannot move", &path))?;
            }
        }
        self.packs.reload()?;
        Ok(salvaged)
    }

    /// Keeps the bytes of a bad object by themselves: they may still help somebody.
    pub(super) fn keep_bytes(&self, file: &std::fs::File, slot: &Slot) -> Result<(), Error> {
        let Ok(length) = usize::try_from(slot.length) else {
            return Ok(());
        };
        let mut bytes = vec![0; length];
        // What the slot leads to need not be there.
        if file.read_exact_at(&mut bytes, slot.offset).is_ok() {
            let to = self.quarantined(&slot.digest.to_string());
            fs::write_replaceable(&to, &bytes)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fs as disk;
    use std::path::{Path, PathBuf};

    use super::*;

    /// A pack of three objects, written anew for each damage.
    struct Fixture {
        folder: tempfile::TempDir,
        name: Digest,
        whole: Vec<u8>,
    }

    const OBJECTS: [&[u8]; 3] = [b"first", b"", b"the third"];

    impl Fixture {
        fn new() -> Self {
            let folder = tempfile::tempdir().expect("a temporary folder");
            let name = write_pack(&open(folder.path()));
            let path = pack::path_of(open(folder.path()).packs.folder(), name);
            let whole = disk::read(&path).expect("reads");
            Self {
                folder,
                name,
                whole,
            }
        }

        fn path(&self) -> PathBuf {
            pack::path_of(open(self.folder.path()).packs.folder(), self.name)
        }

        /// Salvages what is left of the pack when it has these bytes.
        fn salvage(&self, bytes: &[u8]) -> Salvaged {
            fs::remove(self.folder.path()).expect("removes");
            write_pack(&open(self.folder.path()));
            fs::write_replaceable(&self.path(), bytes).expect("writes");
            let salvaged = open(self.folder.path()).salvage(self.name);
            salvaged.expect("salvages")
        }
    }

    fn open(folder: &Path) -> Cache {
        Cache::of_copies(folder.to_owned())
    }

    fn write_pack(cache: &Cache) -> Digest {
        let mut writer = PackWriter::begin(&cache.unfinished()).expect("begins");
        for object in OBJECTS {
            writer.push(Digest::of(object), object).expect("adds");
        }
        let finished = writer.finish(cache.packs.folder()).expect("finishes");
        finished.expect("has objects").0
    }

    #[test]
    fn whichever_byte_is_wrong_at_most_the_object_that_has_it_is_lost() {
        let fixture = Fixture::new();
        let held: usize = OBJECTS.iter().map(|object| object.len()).sum();
        let objects_end = pack::HEADER.len() + held;
        for at in 0..fixture.whole.len() {
            let mut bytes = fixture.whole.clone();
            bytes[at] ^= 1 << (at % 8);
            let salvaged = fixture.salvage(&bytes);
            let is_in_object = (pack::HEADER.len()..objects_end).contains(&at);
            assert_eq!(salvaged.lost.len(), usize::from(is_in_object), "at {at}");
            let cache = open(fixture.folder.path());
            let is_there = |object: &&&[u8]| {
                let found = cache.read(Digest::of(object)).expect("reads");
                found.as_deref() == Some(**object)
            };
            let count = OBJECTS.iter().filter(is_there).count();
            assert_eq!(count, OBJECTS.len() - usize::from(is_in_object), "at {at}");
            assert_eq!(fixture.path().exists(), !is_in_object, "at {at}");
        }
    }

    #[test]
    fn what_a_torn_directory_still_names_is_saved_and_what_follows_a_pack_does_no_harm() {
        let fixture = Fixture::new();
        let whole = &fixture.whole;
        let directory = whole.len() - pack::FOOTER - OBJECTS.len() * pack::RECORD;
        let expect = |bytes: &[u8], count: usize| {
            let salvaged = fixture.salvage(bytes);
            assert_eq!(salvaged.saved.len(), count, "of {} bytes", bytes.len());
        };
        for end in directory..whole.len() {
            let named = (end - directory) / pack::RECORD;
            expect(&whole[..end], named.min(OBJECTS.len()));
        }
        expect(&[&whole[..], b"x"].concat(), OBJECTS.len());
    }
}
