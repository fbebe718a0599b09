//! What changed against a base, as a report for reviewers: a plain model and templates for it.

mod budget;
mod build;
mod classes;
mod code;
mod confusions;
mod dataset;
mod dialect;
mod drawing;
mod error;
mod evidence;
mod headline;
mod layout;
mod markdown;
mod mermaid;
mod model;
mod page;
mod render;
mod side;
mod tensors;
mod trend;

pub(crate) use budget::{cut_off, fit};
pub(crate) use build::{ReportRequest, build};
use classes::ConfusionTable;
use code::CodeChange;
use dataset::DataChange;
pub(crate) use dialect::{Budget, Dialect};
pub(crate) use error::Error;
pub(crate) use evidence::EvidenceText;
pub(crate) use markdown::escape;
pub(crate) use mermaid::flowchart;
pub(crate) use model::{Report, Row, StageRow};
pub(crate) use page::Page;
pub(crate) use render::{Output, Template, Templates, render, render_page};
pub(crate) use side::Side;
