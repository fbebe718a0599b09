//! Versions and stages of artifacts, as git tags in the convention of GTO and DVC. Knows nothing of
//! where the artifacts' bytes are.

mod registry;
mod tag;
mod version;

pub(crate) use registry::{Bump, Error, History, Registry, Selector, short};
pub(crate) use version::Step;
