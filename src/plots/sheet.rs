//! `Sheet`: a plot that is ready to be drawn.

use crate::plots::chart::Chart;
use crate::plots::compose::compose;
use crate::plots::gallery::Gallery;
use crate::plots::template::Template;
use crate::plots::vega;

/// A plot that is ready to be drawn.
#[derive(Debug)]
pub(crate) struct Sheet {
    /// The name that people know it by.
    pub(crate) id: String,
    /// The title.
    pub(crate) title: String,
    /// What is drawn.
    pub(crate) content: Content,
}

/// What is drawn, and by whom.
#[derive(Debug)]
pub(crate) enum Content {
    /// A chart, which is drawn here.
    Chart(Chart),
    /// A specification of Vega-Lite with its data, which only a page can draw.
    Vega(serde_json::Value),
}

/// Makes the figures of a gallery ready; what cannot be drawn joins its faults.
pub(crate) fn prepare(gallery: &mut Gallery) -> Vec<Sheet> {
    let mut sheets = Vec::new();
    for figure in &gallery.figures {
        let content = match &figure.template {
            Template::BuiltIn(kind) => compose(figure, *kind).map(Content::Chart),
            Template::Own { name, spec } => vega::fill(name, spec, figure).map(Content::Vega),
        };
        match content {
            Ok(content) => sheets.push(Sheet {
                id: figure.id.clone(),
                title: figure.title(),
                content,
            }),
            Err(problem) => gallery.faults.push(problem.into()),
        }
    }
    sheets
}
