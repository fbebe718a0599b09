//! Saves the good objects of a damaged pack.

use std::os::unix::fs::FileExt;

use crate::base::digest::Digest;
use crate::base::fs::{self, failed};
use crate::store::cache::Cache;
use crate::store::error::Error;
use crate::store::pack::{self, PackWriter, Slot};

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
            for slot in &directory.slots {
                match pack::read_slot(&file, slot).map_err(failed("cannot read", &path))? {
                    Some(bytes) => {
                        writer.push(slot.digest, &bytes)?;
                        salvaged.saved.push(slot.digest);
                    }
                    None => {
                        self.keep_bytes(&file, slot)?;
                        salvaged.lost.push(slot.digest);
                    }
                }
            }
            writer.finish(self.packs.folder())?;
            // Only now: a kill in between leaves some objects in two packs.
            let whole = self.quarantined(&format!("{name}.pack"));
            fs::absent_as_none(fs::rename(&path, &whole).map_err(|error| error.source))
                .map_err(failed("cannot move", &path))?;
        }
        self.packs.reload()?;
        Ok(salvaged)
    }

    /// Keeps the bytes of a bad object by themselves: they may still help somebody.
    fn keep_bytes(&self, file: &std::fs::File, slot: &Slot) -> Result<(), Error> {
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
