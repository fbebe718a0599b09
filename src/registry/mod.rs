//! Versions and stages of artifacts, as git tags in the convention of GTO and DVC. Knows nothing of
//! where the artifacts' bytes are.

mod history;
mod tag;
mod version;

pub(crate) use history::{Bump, Error, History, Registry, Selector, short};
pub(crate) use version::Step;
