//! `RunCache`: what earlier runs made, by the fingerprint of what they were given.

use std::collections::{HashMap, HashSet};
use std::io::Write;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::base::digest::Digest;
use crate::base::framed;
use crate::base::fs::{self, AtomicFile, failed};
use crate::base::yaml;
use crate::pipeline::{Content, StageEntry};
use crate::store::error::Error;

/// One file that only grows, until a sweep: each record has a line of the fingerprint and the project
/// that the run was in, then the entry. May be deleted without loss of truth.
pub(crate) struct RunCache {
    path: PathBuf,
    project: Digest,
    known: Mutex<Option<Known>>,
}

/// What the file held when it was read.
struct Known {
    bytes: Vec<u8>,
    entries: HashMap<Digest, Range<usize>>,
}

/// A record, as far as a sweep looks at it.
pub(crate) struct RunRecord {
    /// The project that the run was in, if that is known.
    pub(crate) project: Option<Digest>,
    /// What the run made.
    pub(crate) outs: Vec<Content>,
    text: String,
}

/// A run of this project, as others may use it.
pub(crate) struct OwnRun {
    /// What it was given.
    pub(crate) fingerprint: Digest,
    /// What it made.
    pub(crate) outs: Vec<Content>,
    /// Its entry, as in `data.lock`.
    pub(crate) entry: String,
}

impl RunCache {
    /// Opens the run cache in the file `path` for the project of this name.
    pub(crate) fn new(path: PathBuf, project: Digest) -> Self {
        Self {
            path,
            project,
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
        let project = self.project;
        let line = as_line(&format!("{fingerprint} {project}\n{}", yaml::write(entry)));
        let mut file = fs::open_to_append(&self.path)?;
        let written = file.write_all(line.as_bytes());
        written.map_err(failed("cannot write", &self.path))?;
        if let Some(known) = &mut *self.known() {
            known.add(line.as_bytes());
        }
        Ok(())
    }

    /// Returns the latest record of each fingerprint and project, in their order.
    pub(crate) fn records(&self) -> Result<Vec<RunRecord>, Error> {
        let bytes = fs::read(&self.path)?.unwrap_or_default();
        let mut records: Vec<RunRecord> = Vec::new();
        let mut latest = HashMap::new();
        for (text, _) in framed::records(&bytes) {
            let Some((fingerprint, project, entry)) = read(text) else {
                continue;
            };
            let Ok(entry) = yaml::decode::<StageEntry>("", entry) else {
                continue;
            };
            latest.insert((fingerprint, project), records.len());
            records.push(RunRecord {
                project,
                outs: entry.outs.iter().map(|(_, content)| *content).collect(),
                text: text.to_owned(),
            });
        }
        let latest: HashSet<usize> = latest.into_values().collect();
        let mut index = 0..;
        records.retain(|_| index.next().is_some_and(|index| latest.contains(&index)));
        Ok(records)
    }

    /// Returns the latest runs of this project, with their entries as text.
    pub(crate) fn own(&self) -> Result<Vec<OwnRun>, Error> {
        let records = self.records()?;
        let is_own =
            |record: &RunRecord| record.project.is_none_or(|project| project == self.project);
        let own = records.into_iter().filter(is_own).filter_map(|record| {
            let (fingerprint, _, entry) = read(&record.text)?;
            let (outs, entry) = (record.outs.clone(), entry.to_owned());
            Some(OwnRun {
                fingerprint,
                outs,
                entry,
            })
        });
        Ok(own.collect())
    }

    /// Remembers a run from elsewhere, unless one with the same inputs is known; returns whether it
    /// was not. One that cannot be read is passed over.
    pub(crate) fn absorb(&self, fingerprint: Digest, entry: &str) -> Result<bool, Error> {
        let Ok(entry) = yaml::decode::<StageEntry>("", entry) else {
            return Ok(false);
        };
        if self.find(fingerprint)?.is_some() {
            return Ok(false);
        }
        self.record(fingerprint, &entry)?;
        Ok(true)
    }

    /// Makes these the only records; unfinished, the file is in the folder of `unfinished`.
    pub(crate) fn replace(&self, records: &[RunRecord], unfinished: &Path) -> Result<(), Error> {
        let text: String = records.iter().map(|record| as_line(&record.text)).collect();
        self.rewrite(text.as_bytes(), unfinished)
    }

    /// Takes out what belongs to no whole record; returns about how many bytes that was.
    pub(crate) fn mend(&self, unfinished: &Path) -> Result<u64, Error> {
        let bytes = fs::read(&self.path)?.unwrap_or_default();
        let records = framed::records(&bytes);
        let sound: String = records.map(|(text, _)| as_line(text)).collect();
        if sound.as_bytes() == bytes {
            return Ok(0);
        }
        // Another process may be in the midst of writing a record.
        if fs::read(&self.path)?.unwrap_or_default() != bytes {
            return self.mend(unfinished);
        }
        self.rewrite(sound.as_bytes(), unfinished)?;
        // A digit in capitals takes no byte, but does not belong there.
        Ok((bytes.len() as u64)
            .saturating_sub(sound.len() as u64)
            .max(1))
    }

    /// Counts the whole records.
    pub(crate) fn count(&self) -> Result<u64, Error> {
        let bytes = fs::read(&self.path)?.unwrap_or_default();
        Ok(framed::records(&bytes).count() as u64)
    }

    fn rewrite(&self, bytes: &[u8], unfinished: &Path) -> Result<(), Error> {
        if fs::read(&self.path)?.unwrap_or_default() == bytes {
            return Ok(());
        }
        let mut file = AtomicFile::begin(unfinished)?;
        let written = file.file().write_all(bytes);
        written.map_err(failed("cannot write", &self.path))?;
        *self.known() = None;
        Ok(file.commit_as(&self.path)?)
    }

    fn known(&self) -> MutexGuard<'_, Option<Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes a record. In front of it ends whatever somebody could not write to its end.
fn as_line(record: &str) -> String {
    format!("\n{}", framed::frame(record))
}

/// Reads a record: the fingerprint, the project, and the entry's text. The first ones named no
/// project.
fn read(record: &str) -> Option<(Digest, Option<Digest>, &str)> {
    let (head, entry) = record.split_once('\n')?;
    let (fingerprint, project) = match head.split_once(' ') {
        Some((fingerprint, project)) => (fingerprint, Some(project.parse().ok()?)),
        None => (head, None),
    };
    Some((fingerprint.parse().ok()?, project, entry))
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
            if let Some((fingerprint, _, entry)) = read(record) {
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
        let runs = RunCache::new(path.clone(), one);
        assert!(runs.find(one).expect("reads").is_none());
        runs.record(one, &entry("old")).expect("records");
        let bytes = fs::read(&path).expect("reads").expect("is there");
        fs::write_replaceable(&path, &bytes[..bytes.len() - 2]).expect("writes");
        runs.record(one, &entry("new")).expect("records");
        runs.record(two, &entry("other")).expect("records");
        for runs in [runs, RunCache::new(path, two)] {
            assert_eq!(runs.find(one).expect("reads"), Some(entry("new")));
            assert_eq!(runs.find(two).expect("reads"), Some(entry("other")));
        }
    }

    #[test]
    fn a_sweep_sees_the_latest_runs_and_mending_keeps_the_whole_ones() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (path, new) = (folder.path().join("run-log"), folder.path().join("new/x"));
        let entry = |cmd: &str| StageEntry {
            cmd: vec![cmd.to_owned()],
            ..StageEntry::default()
        };
        let (one, two) = (Digest::of(b"1"), Digest::of(b"2"));
        let runs = RunCache::new(path.clone(), one);
        let other = RunCache::new(path.clone(), two);
        for cmd in ["old", "new"] {
            runs.record(one, &entry(cmd)).expect("records");
        }
        other.record(one, &entry("other's")).expect("records");
        let records = runs.records().expect("reads");
        let projects: Vec<_> = records.iter().map(|record| record.project).collect();
        assert_eq!(projects, [Some(one), Some(two)]);
        runs.replace(&records[..1], &new).expect("writes");
        assert_eq!(runs.find(one).expect("reads"), Some(entry("new")));
        assert_eq!(runs.mend(&new).expect("reads"), 0);
        other.record(two, &entry("torn")).expect("records");
        let bytes = fs::read(&path).expect("reads").expect("is there");
        fs::write_replaceable(&path, &bytes[..bytes.len() - 1]).expect("writes");
        assert!(runs.mend(&new).expect("mends") > 0);
        assert_eq!(runs.mend(&new).expect("reads"), 0);
        assert_eq!(runs.count().expect("reads"), 1);
    }
}
