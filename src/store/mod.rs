//! Content-addressed data: what is on disk, measured; and the cache that keeps it.

mod cache;
mod copying;
mod error;
mod index;
mod index_text;
mod link;
mod loose;
mod measure;
mod meter;
mod pack;
mod packs;
mod recorded;
mod restoring;
mod run_cache;
mod salvage;
mod scan;
mod stamp;
mod storing;
mod tree;
mod wreck;

pub(crate) use cache::{Cache, Presence};
pub(crate) use error::Error;
pub(crate) use index::Index;
pub(crate) use link::LinkType;
pub(crate) use measure::{measure, measure_folder};
pub(crate) use meter::Meter;
pub(crate) use recorded::RecordedSnapshot;
pub(crate) use restoring::Restored;
pub(crate) use run_cache::RunCache;
pub(crate) use scan::has_uncounted;
pub(crate) use stamp::Stamp;
pub(crate) use tree::{Entry, EntryKind, Tree};
