//! Plots: what data points of several revisions look like, as SVG, PNG, text or a page. What becomes
//! of the drawings is the caller's.

mod canvas;
mod chart;
mod compose;
mod decimate;
mod definition;
mod escape;
mod frame;
mod gallery;
mod image;
mod listing;
mod page;
mod palette;
mod png;
mod scale;
mod sheet;
mod smooth;
mod svg;
mod svg_matrix;
mod tally;
mod template;
mod terminal;
mod vega;

pub(crate) use canvas::number;
pub(crate) use definition::Overrides;
pub(crate) use gallery::{Gallery, Series, Side, gather, read_series};
pub(crate) use listing::to_json;
pub(crate) use page::{Fragment, PageTemplate, page};
pub(crate) use png::to_png;
pub(crate) use sheet::{Content, Sheet, prepare};
pub(crate) use svg::draw;
pub(crate) use tally::{Classes, MOST_CLASSES, Tally};
pub(crate) use template::{Kind, Template, own_names};
pub(crate) use terminal::to_text;
pub(crate) use vega::spec_of;
