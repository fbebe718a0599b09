//! `RunCache`: what earlier runs made, by the fingerprint of what they were given.

use std::collections::HashMap;
use std::io::Write;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::base::digest::Digest;
use crate::base::framed;
use crate::base::fs::{self, failed};
use crate::base::yaml;
use crate::pipeline::StageEntry;
use crate::store::error::Error;

/// One file that only grows: each record is a fingerprint in a line of its own, then the entry. May
/// be deleted without loss of truth.
pub(crate) struct RunCache {
    path: PathBuf,
    known: Mutex<Option<Known>>,
}

/// What the file held when it was read.
struct Known {
    bytes: Vec<u8>,
    entries: HashMap<Digest, Range<usize>>,
}

impl RunCache {
    /// Opens the run cache in the file `path`.
    pub(crate) fn new(path: PathBuf) -> Self {
        Self {
            path,
            known: Mutex::default(),
        }
    }

    /// Returns the entry of the latest run with this fingerprint. One that cannot be read is as good
    /// as none.
    pub(crate) fn find(&self, fingerprint: Digest) -> Result<Option<StageEntry>, Error> {
        let mut known = self.known();
        let known = match &mut *known {
            Some(known) => known,
            none => none.insert(Known::of(&fs::read(&self.path)?.unwrap_or_default())),
        };
        let range = known.entries.get(&fingerprint).cloned();
        let text = range.map(|range| String::from_utf8_lossy(&known.bytes[range]));
        Ok(text.and_then(|text| yaml::decode("", &text).ok()))
    }

    /// Remembers a run.
    pub(crate) fn record(&self, fingerprint: Digest, entry: &StageEntry) -> Result<(), Error> {
        let record = framed::frame(&format!("{fingerprint}\n{}", yaml::write(entry)));
        // In front of it ends whatever somebody could not write to its end.
        let line = format!("\n{record}");
        let mut file = fs::open_to_append(&self.path)?;
        let written = file.write_all(line.as_bytes());
        written.map_err(failed("cannot write", &self.path))?;
        if let Some(known) = &mut *self.known() {
            known.add(line.as_bytes());
        }
        Ok(())
    }

    fn known(&self) -> MutexGuard<'_, Option<Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn of(bytes: &[u8]) -> Self {
        let mut known = Self {
            bytes: Vec::new(),
            entries: HashMap::new(),
        };
        known.add(bytes);
        known
    }

    fn add(&mut self, bytes: &[u8]) {
        let start = self.bytes.len();
        for (record, end) in framed::records(bytes) {
            let entry = record.split_once('\n');
            if let Some((Ok(fingerprint), entry)) = entry.map(|(name, entry)| (name.parse(), entry))
            {
                let end = start + end;
                self.entries.insert(fingerprint, end - entry.len()..end);
            }
        }
        self.bytes.extend(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_run_counts_and_a_torn_record_costs_only_itself() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("cache/run-log");
        let entry = |cmd: &str| StageEntry {
            cmd: vec![cmd.to_owned()],
            ..StageEntry::default()
        };
        let (one, two) = (Digest::of(b"1"), Digest::of(b"2"));
        let runs = RunCache::new(path.clone());
        assert!(runs.find(one).expect("reads").is_none());
        runs.record(one, &entry("old")).expect("records");
        let bytes = fs::read(&path).expect("reads").expect("is there");
        fs::write_replaceable(&path, &bytes[..bytes.len() - 2]).expect("writes");
        runs.record(one, &entry("new")).expect("records");
        runs.record(two, &entry("other")).expect("records");
        for runs in [runs, RunCache::new(path)] {
            assert_eq!(runs.find(one).expect("reads"), Some(entry("new")));
            assert_eq!(runs.find(two).expect("reads"), Some(entry("other")));
        }
    }
}
