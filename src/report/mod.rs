//! What changed against a base, as a report for reviewers: a plain model and templates for it.

mod build;
mod error;
mod markdown;
mod model;
mod render;

pub(crate) use build::{ReportRequest, build};
pub(crate) use error::Error;
pub(crate) use markdown::escape;
pub(crate) use model::{Report, Row, StageRow};
pub(crate) use render::render;
