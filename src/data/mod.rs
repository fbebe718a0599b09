//! Tracked data: files and folders that no stage makes, each with its record in `data.lock` and its
//! content in the cache. Knows nothing of stages but where their outs are.

mod access;
mod add;
mod admission;
mod checkout;
mod error;
mod ignored;
mod part;
mod removal;
mod selection;
mod tracked;
mod unprotect;
mod unsaved;

pub(crate) use access::Access;
pub(crate) use add::{Added, Addition, Storage, add, commit};
pub(crate) use admission::matching;
pub(crate) use checkout::{CheckedOut, Manner, Outcome, check_out};
pub(crate) use error::Error;
pub(crate) use part::{Part, check_out_parts};
pub(crate) use removal::{Files, remove};
pub(crate) use selection::{Chosen, choose, untracked};
pub(crate) use tracked::{State, Tracked, read_otherwise, survey};
pub(crate) use unprotect::unprotect;
