//! The built-in training stages, on Candle's CPU backend; they stand on `base` alone.
//!
//! The engine knows them only as commands. Given the same params and data, each writes the same
//! bytes in every run and with any number of threads. What `prepare` renders is the same on every
//! machine, and so are the weights: the kernels do the same operations in the same order on each.

mod augment;
mod batch;
mod bits;
mod checkpoint;
mod confusion;
mod dataset;
mod digest;
mod download;
mod error;
mod evaluate;
mod event;
mod flaw;
mod grid;
mod history;
mod identity;
mod idx;
mod init;
mod inspect;
mod layers;
mod log;
mod memory;
mod model;
mod model_params;
mod optimizer;
mod params;
mod params_file;
mod path;
mod prepare;
mod probability_file;
mod progress;
mod random;
mod record;
#[cfg(test)]
mod reference;
mod report;
mod schedule;
mod scores;
mod seal;
mod section;
mod source;
mod speed;
mod split;
mod strokes;
mod synthetic;
mod tensor_file;
mod tensors;
mod train;
mod train_params;

pub(crate) use digest::code_digest;
pub(crate) use error::Error;
pub(crate) use evaluate::{Evaluation, evaluate};
pub(crate) use event::{BatchEnd, EpochEnd, Event, LayerRow, Rescue, Score};
pub(crate) use inspect::{Base, Drift, Fault, Findings, Inspection, PartFindings, inspect};
pub(crate) use log::{Access, Logging, Logs, Run, Server, Warning};
pub(crate) use prepare::{Preparation, prepare};
pub(crate) use speed::Speed;
pub(crate) use train::{Start, Training, train};
