//! What a run or a deploy needs, looked at before it begins: tools, space, git, the cache, and the
//! variables that a CI job has. Nothing is changed, and no value of a secret is read.

mod calls;
mod checkup;
mod ci;
mod credentials;
mod finding;
mod machine;
mod remotes;
mod repository;
mod space;
mod storage;
mod tools;

pub(crate) use checkup::{Aim, examine};
pub(crate) use finding::{Finding, State, Topic};
