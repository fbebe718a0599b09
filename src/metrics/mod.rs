//! Numbers of a snapshot, how two snapshots differ in them, and whether they keep to their limits.

mod collect;
mod confusion;
mod diff;
mod direction;
mod evidence;
mod gate;
mod number;
mod trial;

pub(crate) use collect::{Collection, Query, Subject, collect_metrics, collect_params};
pub(crate) use confusion::Confusion;
pub(crate) use diff::{Difference, diff};
pub(crate) use direction::Verdict;
pub(crate) use evidence::FindEvidence;
pub(crate) use gate::{Effect, Judgement, Sides, judge};
pub(crate) use number::{NumberPair, arrow, show_value};
