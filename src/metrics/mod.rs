//! Numbers of a snapshot, and how two snapshots differ in them.

mod collect;
mod confusion;
mod diff;
mod direction;

pub(crate) use collect::{Collection, collect_metrics, collect_params};
pub(crate) use confusion::Confusion;
pub(crate) use diff::{Difference, diff};
pub(crate) use direction::Verdict;
