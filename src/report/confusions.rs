//! Counts the confusion matrices of the pipeline's plots, by the points that the plots are drawn from.

use crate::base::path::RepoPath;
use crate::base::problem::Problem;
use crate::metrics::{ACTUAL, PREDICTED};
use crate::pipeline::{self, Pipeline, Plot, PlotX};
use crate::plots::{self, Classes, Series, Tally, read_series};
use crate::report::classes::ConfusionTable;
use crate::report::confusion::Confusion;
use crate::report::side::Side;

/// Counts each plot of confusion here and in the base. What cannot be counted is noted; the rest still
/// comes.
pub(super) fn confusions(
    pipeline: &Pipeline,
    here: Side<'_>,
    base: Option<Side<'_>>,
    notes: &mut Vec<String>,
) -> Vec<ConfusionTable> {
    let mut tables = Vec::new();
    // Another plot of the same columns, as one of shares, has nothing to add.
    let mut seen: Vec<(&RepoPath, Confusion)> = Vec::new();
    let is_confusion = |plot: &&Plot| {
        let template = plot.style.template.as_deref();
        template.is_some_and(|template| template.starts_with("confusion"))
    };
    for plot in pipeline.plots().filter(is_confusion) {
        for (source, file) in plot.sources.iter().enumerate() {
            match count(plot, source, here) {
                Ok(None) => {}
                Ok(Some(matrix)) if seen.contains(&(&file.path, matrix.clone())) => {}
                Ok(Some(matrix)) => {
                    seen.push((&file.path, matrix.clone()));
                    let title = plot.style.title.clone();
                    let title = title.unwrap_or_else(|| file.path.to_string());
                    // What the base lacks or cannot be read there is not compared.
                    let before = base.and_then(|base| count(plot, source, base).ok()?);
                    tables.push(ConfusionTable::new(title, matrix, before.as_ref()));
                }
                Err(error) => {
                    let note = format!("no confusion of `{}`: {error}", file.path);
                    if !notes.contains(&note) {
                        notes.push(note);
                    }
                }
            }
        }
    }
    tables
}

/// Counts a source of a plot; `None` where its file is not there.
fn count(plot: &Plot, source: usize, side: Side<'_>) -> Result<Option<Confusion>, pipeline::Error> {
    let side = plots::Side {
        name: side.snapshot.name().to_owned(),
        snapshot: side.snapshot,
        had: Box::new(|_| false),
    };
    let Some(series) = read_series(plot, source, &side)? else {
        return Ok(None);
    };
    let Axes { actual, predicted } = Axes::new(plot, source, &series)?;
    let tally = Tally::of(&series.frame, actual, predicted)?;
    let counted = Confusion::of(&tally).map_err(|why| fault(&series, why));
    Ok(Some(counted?))
}

/// Which column holds what, on whichever axis it is drawn.
struct Axes {
    actual: Classes,
    predicted: Classes,
}

impl Axes {
    /// Takes x as the actual and y as the predicted class, or the other way round where the columns
    /// are called so; an axis that the plot does not name has the column with a usual name.
    fn new(plot: &Plot, source: usize, series: &Series) -> Result<Self, Problem> {
        let x = (plot.x != PlotX::Steps).then(|| Classes {
            name: series.x_name.clone(),
            labels: series.x.labels(),
        });
        let y = plot.sources[source].column.as_ref().map(|name| Classes {
            name: name.clone(),
            labels: series.y.labels(),
        });
        let is_called = |axis: &Option<Classes>, names: &[&str]| {
            let name = axis.as_ref().map(|axis| axis.name.as_str());
            name.is_some_and(|name| names.contains(&name))
        };
        let is_turned = is_called(&x, PREDICTED) && !is_called(&y, PREDICTED)
            || is_called(&y, ACTUAL) && !is_called(&x, ACTUAL);
        let (actual, predicted) = if is_turned { (y, x) } else { (x, y) };
        Ok(Self {
            actual: usual(actual, ACTUAL, series)?,
            predicted: usual(predicted, PREDICTED, series)?,
        })
    }
}

fn usual(axis: Option<Classes>, names: &[&str], series: &Series) -> Result<Classes, Problem> {
    let find = |name: &&str| {
        Some(Classes {
            name: (*name).to_owned(),
            labels: series.frame.find(name)?.labels(),
        })
    };
    let axis = axis.or_else(|| names.iter().find_map(find));
    axis.ok_or_else(|| fault(series, format!("there is no column `{}`", names[0])))
}

fn fault(series: &Series, message: String) -> Problem {
    Problem::new(series.frame.label(), "", message)
}
