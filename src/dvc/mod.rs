//! Projects of DVC, read as they are: what their files record, and the objects of their caches and
//! remotes. Nothing of DVC's is ever changed.

mod config;
mod contents;
mod error;
mod history;
mod manifest;
mod md5;
mod migration;
mod past;
mod records;
mod shelf;
mod storage;
mod transfer;
mod workspace_match;

pub(crate) use config::DVC_FOLDER;
pub(crate) use error::Error;
pub(crate) use history::Fate;
pub(crate) use migration::{Migration, Trouble, migrate};
pub(crate) use past::{DvcPast, is_of_dvc};
pub(crate) use shelf::Shelf;
pub(crate) use storage::Lack;
