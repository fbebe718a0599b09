//! Content-addressed data: what is on disk, measured; and the cache that keeps it.

mod cache;
mod error;
mod index;
mod link;
mod recorded;
mod run_cache;
mod scan;
mod tree;

pub(crate) use cache::{Cache, Presence, Restored};
pub(crate) use error::Error;
pub(crate) use index::{Index, Stamp};
pub(crate) use link::LinkType;
pub(crate) use recorded::RecordedSnapshot;
pub(crate) use run_cache::RunCache;
pub(crate) use scan::{has_uncounted, measure, measure_folder};
pub(crate) use tree::{Entry, EntryKind, Tree};
