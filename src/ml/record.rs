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
    mlpipe: &'static str,
    seconds: f64,
    seed: u64,
    threads: usize,
}

impl Record {
    /// Takes down what this process runs on.
    pub(crate) fn new(seed: u64, learning: Duration, all: Duration) -> Result<Self, Error> {
        let crates = env!("MLPIPE_ML_CRATES").split(',');
        Ok(Self {
            crates: crates.filter_map(|entry| entry.split_once(' ')).collect(),
            cpu: cpu(),
            kernels: path::chosen()?.name(),
            learning_seconds: significant(learning.as_secs_f64()),
            mlpipe: env!("CARGO_PKG_VERSION"),
            seconds: significant(all.as_secs_f64()),
            seed,
            threads: rayon::current_num_threads(),
        })
    }

    /// Writes the record as JSON.
    pub(crate) fn write(&self, path: &Path) -> Result<(), Error> {
        report::write_json(self, path)
    }
}

fn cpu() -> Option<String> {
    let text = std::fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}
