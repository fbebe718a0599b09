//! `EventFile`: records one after the other, each with its length and checksums, as TFRecord does.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use prost::Message as _;

use super::crc32c::masked;
use super::messages::{Record, Summary, SummaryValue, What};
use super::moment::Moment;
use crate::base::fs;

/// Somebody may look on while it grows.
const FLUSH: Duration = Duration::from_secs(2);

/// A file that grows.
pub(super) struct EventFile {
    path: PathBuf,
    file: BufWriter<File>,
    flushed: Instant,
}

impl EventFile {
    /// Makes a new file in `folder`, under a name that TensorBoard looks for.
    pub(super) fn create(folder: &Path) -> Result<Self, fs::Error> {
        let (now, process) = (Moment::now(), std::process::id());
        let name = format!(
            "events.out.tfevents.{:010}.mlpipe.{process}.0",
            now.whole_seconds()
        );
        let path = folder.join(name);
        let file = fs::create_log(&path)?;
        let mut events = Self {
            path,
            file: BufWriter::new(file),
            flushed: Instant::now(),
        };
        events.write(0, What::FileVersion("brain.Event:2".to_owned()))?;
        events.flush()?;
        Ok(events)
    }

    /// Adds values of a step.
    pub(super) fn add(&mut self, step: usize, values: Vec<SummaryValue>) -> Result<(), fs::Error> {
        self.write(step, What::Summary(Summary { values }))?;
        if self.flushed.elapsed() > FLUSH {
            self.flush()?;
        }
        Ok(())
    }

    /// Hands everything to the system.
    pub(super) fn flush(&mut self) -> Result<(), fs::Error> {
        self.flushed = Instant::now();
        self.file
            .flush()
            .map_err(fs::failed("cannot write", &self.path))
    }

    fn write(&mut self, step: usize, what: What) -> Result<(), fs::Error> {
        let record = Record {
            wall_time: Moment::now().seconds(),
            step: i64::try_from(step).unwrap_or(i64::MAX),
            what: Some(what),
        };
        let framed = framed(&record.encode_to_vec());
        self.file
            .write_all(&framed)
            .map_err(fs::failed("cannot write", &self.path))
    }
}

fn framed(record: &[u8]) -> Vec<u8> {
    let length = (record.len() as u64).to_le_bytes();
    [
        &length[..],
        &masked(&length).to_le_bytes(),
        record,
        &masked(record).to_le_bytes(),
    ]
    .concat()
}
