//! Objects elsewhere. Whatever comes from there is verified before it is believed; whatever goes
//! there is whole before anything names it. Async stays inside; the calls block.

mod backend;
mod credentials;
mod error;
mod place;

pub(crate) use backend::{Backend, Depth, Found, in_parallel};
pub(crate) use credentials::SECRETS;
pub(crate) use error::Error;
pub(crate) use place::{Kind, Options, Place, shown};
