//! Numbers of a snapshot, and how two snapshots differ in them.

mod backing;
mod claims;
mod collect;
mod columns;
mod confusion;
mod diff;
mod direction;
mod measured;
mod memory;
mod paired;
mod pairing;
mod predictions;
mod rows;
mod testimony;

pub(crate) use backing::{Backed, Backing, Finding, Side};
pub(crate) use collect::{Collection, collect_metrics, collect_params};
pub(crate) use confusion::Confusion;
pub(crate) use diff::{Difference, diff};
pub(crate) use direction::Verdict;
pub(crate) use memory::Memory;
pub(crate) use paired::Significance;
pub(crate) use testimony::Incomparable;
