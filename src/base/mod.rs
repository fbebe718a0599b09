//! What every room stands on: digests, paths, files, values, processes. Knows nothing of pipelines.

pub mod digest;
pub(crate) mod fs;
pub(crate) mod human;
pub mod path;
pub mod problem;
pub mod value;
pub(crate) mod yaml;
