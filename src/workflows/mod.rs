//! Workflows that mlpipe writes for a repository: one set a CI system, filled in and checked by the real
//! linters in this repository's own CI.

mod fillings;
mod system;
mod templates;

pub(crate) use fillings::Fillings;
pub(crate) use system::System;
pub(crate) use templates::{Workflow, workflows};
