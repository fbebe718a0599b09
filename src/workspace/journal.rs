//! `Journal`: what runs have recorded since `data.lock` was written, at the end of a file that only
//! grows until it is folded into the lock.

use std::fs::{File, Metadata};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::base::digest::Digest;
use crate::base::framed;
use crate::base::fs::{self, failed};
use crate::base::problem::Problem;
use crate::base::yaml;
use crate::pipeline::{Lock, LockError, StageEntry, StageName};
use crate::store::Stamp;

/// The journal's name in the state folder.
pub(super) const JOURNAL: &str = "journal";

/// Goes up when an older program could misread a record.
const VERSION: u32 = 2;

/// What is recorded of one stage.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Record {
    version: u32,
    stage: StageName,
    /// The digest of the entry that it takes the place of; none where there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    replaces: Option<Digest>,
    entry: StageEntry,
}

impl Record {
    /// Makes the record of a stage that stands in `lock` as it is there.
    pub(super) fn new(stage: &StageName, entry: StageEntry, lock: &Lock) -> Self {
        Self {
            version: VERSION,
            stage: stage.clone(),
            replaces: digest(lock, stage),
            entry,
        }
    }

    /// Puts the entry into `lock`, unless that has come to be another branch's, in which the record
    /// would be an unwanted change. Nothing is lost then: the run cache has the run.
    pub(super) fn apply(self, lock: &mut Lock) {
        if digest(lock, &self.stage) == self.replaces {
            lock.stages.insert(self.stage, self.entry);
        }
    }
}

/// Returns the digest of a stage's entry as it would be written.
fn digest(lock: &Lock, stage: &StageName) -> Option<Digest> {
    let entry = lock.stages.get(stage)?;
    Some(Digest::of(yaml::write(entry).as_bytes()))
}

/// What of the journal has been read.
pub(super) struct Journal {
    /// As long as it is held open, no other file has its inode: a folded journal is followed by
    /// another one.
    file: File,
    stamp: Stamp,
    /// How much of it is whole.
    length: u64,
}

impl Journal {
    /// Reads the journal at `path`, if there is one, and its records.
    pub(super) fn read(path: &Path) -> Result<(Option<Self>, Vec<Record>), LockError> {
        let Some(file) = fs::open(path)? else {
            return Ok((None, Vec::new()));
        };
        let metadata = file.metadata().map_err(failed("cannot read", path))?;
        let mut journal = Self {
            file,
            stamp: Stamp::of(&metadata),
            length: 0,
        };
        let records = journal.read_rest(path)?;
        Ok((Some(journal), records))
    }

    /// Returns whether the journal at `path` is as it was read.
    pub(super) fn is_current(&self, path: &Path) -> Result<bool, fs::Error> {
        Ok(stamp(path)? == Some(self.stamp))
    }

    /// Reads the records that have been added since; `None` where another file is at `path`, or
    /// none.
    pub(super) fn read_on(&mut self, path: &Path) -> Result<Option<Vec<Record>>, LockError> {
        let reading = || failed("cannot read", path);
        let now = fs::absent_as_none(path.metadata()).map_err(reading())?;
        let own = self.file.metadata().map_err(reading())?;
        let is_own = |now: &Metadata| (now.dev(), now.ino()) == (own.dev(), own.ino());
        match now.filter(is_own) {
            Some(now) if now.len() >= self.length => {
                let records = self.read_rest(path)?;
                self.stamp = Stamp::of(&now);
                Ok(Some(records))
            }
            _ => Ok(None),
        }
    }

    /// Reads the whole records behind those that are known.
    fn read_rest(&mut self, path: &Path) -> Result<Vec<Record>, LockError> {
        let mut bytes = Vec::new();
        self.file
            .seek(SeekFrom::Start(self.length))
            .and_then(|_| self.file.read_to_end(&mut bytes))
            .map_err(failed("cannot read", path))?;
        let (length, records) = records(&bytes)?;
        self.length += length;
        Ok(records)
    }

    /// Adds a record to the journal at `path` behind what is `known` of it; what stands behind that
    /// was cut short.
    pub(super) fn append(
        path: &Path,
        known: Option<&Self>,
        record: &Record,
    ) -> Result<Self, fs::Error> {
        let text = framed::frame(&yaml::write(record));
        let length = known.map_or(0, |journal| journal.length);
        let mut file = fs::open_to_append(path)?;
        let written = file
            .set_len(length)
            .and_then(|()| file.write_all(text.as_bytes()));
        if written.is_err() {
            // A full disk may have taken a part of it. If not even this works, its digest tells.
            let _cut = file.set_len(length);
        }
        written.map_err(failed("cannot write", path))?;
        let metadata = file.metadata().map_err(failed("cannot read", path))?;
        Ok(Self {
            file,
            stamp: Stamp::of(&metadata),
            length: metadata.len(),
        })
    }
}

/// Returns which file is at `path`.
pub(super) fn stamp(path: &Path) -> Result<Option<Stamp>, fs::Error> {
    let metadata = fs::absent_as_none(path.metadata()).map_err(failed("cannot read", path))?;
    Ok(metadata.as_ref().map(Stamp::of))
}

/// Reads the whole records; returns where the last of them ends as well.
fn records(bytes: &[u8]) -> Result<(u64, Vec<Record>), LockError> {
    let (mut length, mut records) = (0, Vec::new());
    for (text, end) in framed::records(bytes) {
        length = end as u64;
        let record = yaml::decode::<Record>(JOURNAL, text).ok();
        let record = record.filter(|record| record.version <= VERSION);
        // To pass over it would be to lose what a run has made.
        let record = record.ok_or_else(|| {
            let message = "it has a record that this mlpipe cannot read";
            let problem = Problem::new(".mlpipe/journal", "", message);
            problem.help("use the newer mlpipe that has written it, for one run of `mlpipe repro`")
        })?;
        // An older one does not say what it replaces; the run cache has its run.
        if record.version == VERSION {
            records.push(record);
        }
    }
    Ok((length, records))
}
