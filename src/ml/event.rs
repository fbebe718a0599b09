//! What the stages tell while they run; showing it is the cli's.

use std::path::PathBuf;
use std::time::Duration;

use crate::ml::dataset::Counts;
use crate::ml::inspect::{Drift, Fault, Findings};
use crate::ml::speed::Speed;

/// Something happened in a built-in stage.
#[derive(Debug)]
pub(crate) enum Event {
    /// A file of MNIST is about to be fetched.
    Downloading { url: String },
    /// The data are prepared.
    Prepared { folder: PathBuf, counts: Counts },
    /// Prepared data were looked through.
    Inspected {
        findings: Box<Findings>,
        drift: Option<Drift>,
        faults: Vec<Fault>,
    },
    /// Training begins with this network.
    Started {
        layers: Vec<LayerRow>,
        parameters: usize,
        epochs: usize,
    },
    /// Training goes on after so many batches of an epoch.
    Resumed { epoch: usize, batch: usize },
    /// Training had come to its end; only its results are written.
    WasOver { epochs: usize },
    /// A checkpoint cannot be used, and training does without it.
    CheckpointLost {
        path: PathBuf,
        /// What it is, as in `missing`.
        why: String,
        rescue: Rescue,
    },
    /// There was nothing to resume, so training begins.
    NothingToResume,
    /// The score did not get better for long enough.
    StoppedEarly { epoch: usize, best: usize },
    /// What the training ran on could not be written; its results are there.
    Unrecorded { why: String },
    /// One batch was learned from.
    Batch(BatchEnd),
    /// One epoch is over.
    Epoch(EpochEnd),
    /// The test part was predicted.
    Evaluated {
        test: Score,
        count: usize,
        /// A row for each actual class, a column for each predicted one; `None` of too many.
        confusion: Option<Vec<Vec<u32>>>,
        speed: Speed,
    },
}

/// How training does without a checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rescue {
    /// It goes on from this other one.
    Other(&'static str),
    /// This other one is the same, and was written in its place.
    Rewritten(&'static str),
    /// Nothing is made of it any more.
    Needless,
}

/// Where training is after a batch.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BatchEnd {
    /// The number of the epoch, from 1.
    pub(crate) epoch: usize,
    /// The number of the batch in the epoch, from 1.
    pub(crate) batch: usize,
    /// How many batches the epoch has.
    pub(crate) batches: usize,
    /// The mean over the epoch so far.
    pub(crate) mean: Score,
}

/// How an epoch went.
#[derive(Clone, Copy, Debug)]
pub(crate) struct EpochEnd {
    /// The number of the epoch, from 1.
    pub(crate) epoch: usize,
    /// The mean of the answers given while learning.
    pub(crate) train: Score,
    /// The score on the validation part, after learning.
    pub(crate) validation: Score,
    /// How long the epoch took, validation included.
    pub(crate) time: Duration,
}

/// A row of the table of layers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LayerRow {
    /// What the layer does, as in `convolution 3×3`.
    pub(crate) name: String,
    /// The shape of its output for one image.
    pub(crate) shape: Vec<usize>,
    /// How many numbers it learns.
    pub(crate) parameters: usize,
}

/// How well predictions fit their labels.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub(crate) struct Score {
    /// The share of right predictions.
    pub(crate) accuracy: f64,
    /// The mean cross entropy, in nats.
    pub(crate) loss: f64,
}
