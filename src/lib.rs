//! mlpipe makes a machine-learning repository reproducible: pipelines, data, training, review.
//!
//! Imports only go down: `cli` → `engine`, `report`, `data`, `forge` → `store`, `scm`, `metrics`, `plots` → `pipeline` →
//! `base`; `metrics` → `statistics`. `workspace` opens a project by the settings of `config`. Beside the tower stands `ml`,
//! the built-in stages, which stands on `base` alone.

pub mod base;
pub mod cli;
mod config;
mod data;
mod doctor;
mod dvc;
mod engine;
mod exchange;
mod forge;
mod imports;
mod metrics;
#[cfg(feature = "ml")]
mod ml;
pub mod pipeline;
mod plots;
mod registry;
mod remote;
mod report;
mod scm;
pub mod statistics;
mod store;
mod workflows;
mod workspace;
