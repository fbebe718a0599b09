//! What a training ran on. It differs from machine to machine, so it is kept out of every file that
//! a pipeline records.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use serde::Serialize;

use crate::ml::error::Error;
use crate::ml::path;
use crate::ml::report::{self, significant};

/// The circumstances of a training.
#[derive(Serialize)]
pub(crate) struct Record {
    /// The crates that computed, with their versions.
    crates: BTreeMap<&'static str, &'static str>,
    /// The processor's name, where the system tells it.
    cpu: Option<String>,
    /// The instructions that the kernels used.
    kernels: &'static str,
    /// From the first batch of each epoch to the last, without validation.
    learning_seconds: f64,
    memory: Memory,
    mlpipe: &'static str,
    seconds: f64,
    seed: u64,
    threads: usize,
}

/// Bytes of memory.
#[derive(Clone, Copy, Serialize)]
struct Memory {
    /// As they were counted before training.
    counted: u64,
    /// The most that this process has had, where the system tells it.
    peak: Option<u64>,
}

/// What is known of a training when it is over.
#[derive(Clone, Copy)]
pub(crate) struct Course {
    pub(crate) seed: u64,
    /// The time from first to last batches.
    pub(crate) learning: Duration,
    /// The time from beginning to end.
    pub(crate) all: Duration,
    /// The bytes of memory that it was to take.
    pub(crate) counted: u64,
}

impl Record {
    /// Takes down what this process runs on.
    pub(crate) fn new(course: Course) -> Result<Self, Error> {
        let crates = env!("MLPIPE_ML_CRATES").split(',');
        Ok(Self {
            crates: crates.filter_map(|entry| entry.split_once(' ')).collect(),
            cpu: cpu(),
            kernels: path::chosen()?.name(),
            learning_seconds: significant(course.learning.as_secs_f64()),
            memory: Memory {
                counted: course.counted,
                peak: peak(),
            },
            mlpipe: env!("CARGO_PKG_VERSION"),
            seconds: significant(course.all.as_secs_f64()),
            seed: course.seed,
            threads: rayon::current_num_threads(),
        })
    }

    /// Writes the record as JSON.
    pub(crate) fn write(&self, path: &Path) -> Result<(), Error> {
        report::write_json(self, path)
    }
}

/// Returns the most bytes of memory that this process has had.
fn peak() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}

fn cpu() -> Option<String> {
    let text = std::fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}
