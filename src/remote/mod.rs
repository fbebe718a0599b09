//! Objects elsewhere. Whatever comes from there is verified before it is believed; whatever goes
//! there is whole before anything names it. Async stays inside; the calls block.

mod backend;
mod catalog;
mod check;
mod credentials;
mod depot;
mod error;
mod fetch;
mod index;
mod place;
mod plain;
mod push;
mod runs;
mod sweep;

pub(crate) use backend::{Backend, Depth, Found, in_parallel};
pub(crate) use check::{Fault, Inspection};
pub(crate) use credentials::SECRETS;
pub(crate) use depot::{Depot, Want};
pub(crate) use error::Error;
pub(crate) use place::{Kind, Options, Place, shown};
pub(crate) use runs::Run;
pub(crate) use sweep::{GRACE, Sweeping, SweptAway};
