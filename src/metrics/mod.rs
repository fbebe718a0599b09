//! Numbers of a snapshot, how two snapshots differ in them, whether that is more than noise, and
//! whether they keep to their limits.

mod backing;
mod claims;
mod collect;
mod columns;
mod conclusion;
mod diff;
mod direction;
mod evidence;
mod gate;
mod measured;
mod memory;
mod named;
mod number;
mod paired;
mod pairing;
mod predictions;
mod rows;
mod testimony;
mod trial;

pub(crate) use backing::{Backed, Backing, Finding, Side};
pub(crate) use collect::{Collection, Query, Subject, collect_params};
pub(crate) use columns::{ACTUAL, PREDICTED};
pub(crate) use conclusion::Effect;
pub(crate) use diff::{Difference, diff};
pub(crate) use direction::Verdict;
pub(crate) use gate::{Judgement, Sides, judge};
pub(crate) use memory::Memory;
pub(crate) use number::{NumberPair, arrow, show_value};
pub(crate) use paired::Significance;
pub(crate) use testimony::{Incomparable, contradiction};
