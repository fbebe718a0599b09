//! What the cache keeps for whom: collecting what nobody needs, and naming what damage affects.

mod damage;
mod garbage;
mod needs;
mod refusal;

pub(crate) use damage::{Affected, Remedy, Report, Use, User, check};
pub(crate) use garbage::{Collected, How, collect};
pub(crate) use refusal::Refusal;
