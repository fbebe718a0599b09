//! Tracked data: files and folders that no stage makes, each with its record in `data.lock` and its
//! content in the cache. Knows nothing of stages but where their outs are.

mod changes;
mod error;
mod inventory;
mod item;
mod listing;
mod status;
mod usage;

pub(crate) use changes::{Changes, Comparison, Detail, Pair, missing};
pub(crate) use error::Error;
pub(crate) use inventory::{Inventory, Uncached};
pub(crate) use item::Item;
pub(crate) use listing::{Depth, Inquiry, Listed, Owner, Sizes};
pub(crate) use status::{DataStatus, Untracked};
pub(crate) use usage::{Meter, Usage};
