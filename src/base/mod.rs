//! What every room stands on: digests, paths, files, values, processes. Knows nothing of pipelines.

pub mod any_path;
pub(crate) mod cancel;
pub mod digest;
pub(crate) mod document;
pub(crate) mod formats;
pub(crate) mod framed;
pub(crate) mod fs;
pub(crate) mod human;
pub(crate) mod lockfile;
pub(crate) mod machine;
pub mod path;
pub mod problem;
pub(crate) mod process;
pub(crate) mod python;
pub(crate) mod python_literal;
pub(crate) mod quantity;
pub mod sorted_map;
pub(crate) mod source;
pub(crate) mod tabular;
pub mod value;
pub(crate) mod yaml;
pub(crate) mod yaml_edit;
mod yaml_emit;
mod yaml_lines;
mod yaml_splice;
mod yaml_tree;
