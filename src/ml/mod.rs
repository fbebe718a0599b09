//! The built-in training stages, on Candle's CPU backend; they stand on `base` alone.
//!
//! The engine knows them only as commands. Given the same params and data, each writes the same
//! bytes in every run and with any number of threads. What `prepare` renders is the same on every
//! machine; weights are the same on processors of one kind, as candle's matrix products choose
//! their order of sums by the vector units and caches that they find.

mod batch;
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
mod idx;
mod init;
mod inspect;
mod log;
mod model;
mod ops;
mod params;
mod prepare;
mod random;
#[cfg(test)]
mod reference;
mod report;
mod scores;
mod source;
mod speed;
mod split;
mod strokes;
mod synthetic;
mod tensor_file;
mod tensors;
mod train;

pub(crate) use digest::code_digest;
pub(crate) use error::Error;
pub(crate) use evaluate::{Evaluation, evaluate};
pub(crate) use event::{BatchEnd, EpochEnd, Event, LayerRow, Score};
pub(crate) use inspect::{Base, Drift, Fault, Findings, Inspection, PartFindings, inspect};
pub(crate) use log::{Access, Logging, Logs, Run, Server, Warning};
pub(crate) use prepare::{Preparation, prepare};
pub(crate) use train::{Training, train};
