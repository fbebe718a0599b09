//! What travels between a project and its remotes: tracked data, outs and runs.

mod error;
mod gc;
mod needed;
mod open;
mod pull;
mod push;
mod status;

pub(crate) use error::Error;
pub(crate) use gc::sweep_cloud;
pub(crate) use needed::{Needed, Scope, needed};
pub(crate) use open::open;
pub(crate) use pull::{Pulled, fetch, fetch_runs, provide};
pub(crate) use push::{Sent, push};
pub(crate) use status::{CloudState, CloudStatus, cloud_status};
