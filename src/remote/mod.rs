//! Objects elsewhere. Whatever comes from there is verified before it is believed; whatever goes
//! there is whole before anything names it. Async stays inside; the calls block.

mod asking;
mod backend;
mod catalog;
mod check;
mod clock;
mod credentials;
mod depot;
mod disposal;
mod download;
mod drive;
mod error;
mod fault;
mod fetch;
mod hdfs;
mod index;
mod kept_index;
mod layout;
mod listing;
mod mend;
mod pace;
mod parallel;
mod place;
mod plain;
mod publish;
mod push;
mod replacement;
mod rescue;
mod runs;
mod salvage;
mod streams;
mod sweep;
mod uplink;

pub(crate) use backend::{Backend, Depth, Found};
pub(crate) use check::{Inspection, PutRight};
pub(crate) use credentials::SECRETS;
pub(crate) use depot::{Depot, Survey, Want};
pub(crate) use error::Error;
pub(crate) use fault::Fault;
pub(crate) use fetch::Fetched;
pub(crate) use parallel::in_parallel;
pub(crate) use place::{Kind, Options, Place, decoded, shown};
pub(crate) use runs::Run;
pub(crate) use sweep::{GRACE, Sweeping, SweptAway};
