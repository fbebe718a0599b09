//! Tracked data: files and folders that no stage makes, each with its record in `data.lock` and its
//! content in the cache; and what the cache keeps for whom. Knows nothing of stages but where their
//! outs are.

mod access;
mod add;
mod admission;
mod changes;
mod checkout;
mod damage;
mod departure;
mod error;
mod folder_merge;
mod followed;
mod garbage;
mod inventory;
mod item;
mod lacking;
mod let_go;
mod listing;
mod needs;
mod part;
mod past;
mod refusal;
mod removal;
mod selection;
mod status;
mod tracked;
mod unmerged;
mod unprotect;
mod unsaved;
mod usage;

pub(crate) use access::Access;
pub(crate) use add::{Added, Addition, Losses, Storage, add, adopt, check_new, commit, hide};
pub(crate) use admission::matching;
pub(crate) use changes::{Changes, Comparison, Detail, Pair, missing};
pub(crate) use checkout::{CheckedOut, Manner, Outcome, check_out};
pub(crate) use damage::{Affected, Remedy, Report, Use, User, check};
pub(crate) use departure::{Departure, Fate, Reason, take_away_left};
pub(crate) use error::Error;
pub(crate) use folder_merge::FolderMerge;
pub(crate) use garbage::{Collected, How, Order, collect};
pub(crate) use inventory::{Inventory, Uncached, Unreadable};
pub(crate) use item::Item;
pub(crate) use lacking::{Extent, Lacking};
pub(crate) use listing::{Depth, Inquiry, Listed, Owner, Sizes};
pub(crate) use needs::Unlisted;
pub(crate) use part::{Part, check_out_parts};
pub(crate) use refusal::Refusal;
pub(crate) use removal::{Files, remove, remove_absent};
pub(crate) use selection::{Chosen, choose, untracked};
pub(crate) use status::{DataStatus, Untracked};
pub(crate) use tracked::{State, Tracked, absent, read_otherwise, survey};
pub(crate) use unmerged::Unmerged;
pub(crate) use unprotect::unprotect;
pub(crate) use usage::{Meter, Usage};
