//! What travels between a project and its remotes: tracked data, outs and runs.

mod error;
mod gc;
mod needed;
mod open;
mod pull;
mod push;
mod status;
mod transferred;

pub(crate) use error::Error;
pub(crate) use gc::{CloudSwept, sweep_cloud};
pub(crate) use needed::Scope;
pub(crate) use open::open;
pub(crate) use pull::{fetch, fetch_runs, provide};
pub(crate) use push::push;
pub(crate) use status::{CloudState, CloudStatus, cloud_status};
pub(crate) use transferred::Transferred;
