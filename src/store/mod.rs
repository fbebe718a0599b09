//! Content-addressed data: what is on disk, measured; and the cache that keeps it.

mod cache;
mod copying;
mod error;
mod fsck;
mod gc;
mod handover;
mod incoming;
mod index;
mod index_text;
mod link;
mod linker;
mod linking;
mod live;
mod loose;
mod measure;
mod meter;
mod pack;
mod packs;
mod placed;
mod presence;
mod recognised;
mod recorded;
mod repack;
mod restoring;
mod roster;
mod run_cache;
mod salvage;
mod scan;
mod sharing;
mod stamp;
mod storing;
mod transfer;
mod tree;
mod tree_diff;
mod uncached;
mod users;
mod wreck;

pub(crate) use cache::Cache;
pub(crate) use error::Error;
pub(crate) use fsck::{Checked, Damage};
pub(crate) use gc::{Amount, Garbage, Kind, SmallObjects, Swept};
pub(crate) use incoming::Bundle;
pub(crate) use index::Index;
pub(crate) use link::LinkType;
pub(crate) use linking::leads_elsewhere;
pub(crate) use live::{Listing, Live};
pub(crate) use measure::{Standing, measure, measure_folder, measure_whole, stand_at};
pub(crate) use meter::{Meter, Progress};
pub(crate) use pack::Slot;
pub(crate) use presence::Presence;
pub(crate) use recorded::RecordedSnapshot;
pub(crate) use restoring::{Restored, Spot};
pub(crate) use run_cache::{OwnRun, RunCache, RunRecord};
pub(crate) use scan::{has_uncounted, is_object_link};
pub(crate) use stamp::Stamp;
pub(crate) use storing::{PACK_SIZE, PACKED_MAX};
pub(crate) use transfer::{
    Holding, WholePack, all_of_pack, assemble, check_pack, length_of_end, objects_at_end,
    sound_objects,
};
pub(crate) use tree::{Entry, EntryKind, FileContent, Tree, folders_of, is_within};
pub(crate) use tree_diff::{EntryChange, tree_changes};
pub(crate) use users::project_name;
