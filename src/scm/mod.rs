//! Git, through libgit2: what is ignored, which commit a name means, files as of a commit, hooks
//! and how `data.lock` merges.

mod block;
mod error;
mod exclude;
mod history;
mod hooks;
mod ignore;
mod lines;
mod merge_driver;
mod moments;
mod moves;
mod origin;
mod packing;
mod pending;
mod remotes;
mod repo;
mod revision;
mod standing;
mod tags;

pub(crate) use error::Error;
pub(crate) use exclude::hide_unfinished;
pub(crate) use history::{Day, Reach, Version};
pub(crate) use ignore::{IgnoreFiles, ignore_out, stop_ignoring};
pub(crate) use lines::line_changes;
pub(crate) use moments::Moment;
pub(crate) use moves::{Milestone, Since};
pub(crate) use packing::pack_root;
pub(crate) use repo::Repo;
pub(crate) use revision::Revision;
pub(crate) use standing::Standing;
pub(crate) use tags::Tag;
