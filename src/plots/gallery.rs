//! `Gallery`: all that is drawn, read from several revisions. One bad file does not hide the others.

use std::collections::HashMap;
use std::sync::Arc;

use crate::base::path::RepoPath;
use crate::base::problem::Problem;
use crate::base::source::{Snapshot, read_text};
use crate::pipeline::{self, Pipeline, Plot, PlotSource, PlotStyle, PlotX};
use crate::plots::definition::{self, Definition, Overrides};
use crate::plots::frame::{Column, Frame, Header};
use crate::plots::image::Picture;
use crate::plots::template::Template;

/// A revision that is drawn.
pub(crate) struct Side<'a> {
    /// The name that the user gave it.
    pub(crate) name: String,
    /// Its files.
    pub(crate) snapshot: &'a dyn Snapshot,
    /// Whether it had a file once, although it cannot be read now.
    pub(crate) had: Box<dyn Fn(&RepoPath) -> bool + 'a>,
}

impl Side<'_> {
    /// Lists the files below a folder.
    pub(super) fn files_below(&self, folder: &RepoPath) -> Result<Vec<RepoPath>, pipeline::Error> {
        Ok(self.snapshot.list(folder, &mut |_| true)?)
    }
}

/// Everything that is drawn.
#[derive(Debug, Default)]
pub(crate) struct Gallery {
    /// The revisions, the oldest first.
    pub(crate) revisions: Vec<String>,
    /// The plots of data points, in the order of the pipeline.
    pub(crate) figures: Vec<Figure>,
    /// The plots that are images.
    pub(crate) pictures: Vec<Picture>,
    /// What could not be drawn.
    pub(crate) faults: Vec<pipeline::Error>,
}

/// A plot with its data points.
#[derive(Debug)]
pub(crate) struct Figure {
    /// The name that people know it by.
    pub(crate) id: String,
    /// How it is drawn.
    pub(crate) style: PlotStyle,
    /// The template.
    pub(crate) template: Template,
    /// The revisions of the gallery.
    pub(crate) revisions: Vec<String>,
    /// The curves, or what the template makes of them; at least one.
    pub(crate) series: Vec<Series>,
}

/// The points of one source in one revision.
#[derive(Debug)]
pub(crate) struct Series {
    /// The position of the revision.
    pub(crate) revision: usize,
    /// The position of the source among those of the plot.
    pub(crate) source: usize,
    /// The file of y.
    pub(crate) path: RepoPath,
    /// The column of x.
    pub(crate) x_name: String,
    /// The values of x, one for each of y.
    pub(crate) x: Column,
    /// The column of y.
    pub(crate) y_name: String,
    /// The values of y.
    pub(crate) y: Column,
    /// The file's data points as a whole.
    pub(crate) frame: Arc<Frame>,
}

/// The name of the x axis where no column is named.
pub(crate) const STEP: &str = "step";

/// Reads the plots of `sides`, the newest of which comes last; all where there are no targets.
pub(crate) fn gather(
    sides: &[Side<'_>],
    targets: &[RepoPath],
    overrides: &Overrides,
) -> Result<Gallery, pipeline::Error> {
    let mut gallery = Gallery {
        revisions: sides.iter().map(|side| side.name.clone()).collect(),
        ..Gallery::default()
    };
    let Some(newest) = sides.last() else {
        return Ok(gallery);
    };
    let mut pipelines = Vec::new();
    for side in sides {
        pipelines.push(match Pipeline::load(side.snapshot) {
            Ok(pipeline) => Some(pipeline),
            // A revision from before there was a pipeline has nothing to draw, which is no mistake.
            Err(pipeline::Error::NoPipeline { .. }) => None,
            Err(error) => {
                gallery.faults.push(error);
                None
            }
        });
    }
    let faults = &mut gallery.faults;
    let definitions = definition::find(sides, &pipelines, targets, overrides, faults)?;
    let mut shelf = Shelf::default();
    for Definition { plot, is_image } in definitions {
        if is_image {
            let (picture, faults) = Picture::read(&plot, sides);
            gallery.faults.extend(faults);
            gallery.pictures.extend(picture);
            continue;
        }
        match Template::find(plot.style.template.as_deref(), newest.snapshot) {
            Ok(template) => {
                let figure = shelf.figure(plot, template, sides, &mut gallery.faults);
                gallery.figures.extend(figure);
            }
            Err(error) => gallery.faults.push(error),
        }
    }
    Ok(gallery)
}

/// Reads the points of one source of a plot, by its position, in one revision; `None` where the file
/// is not there.
pub(crate) fn read_series(
    plot: &Plot,
    source: usize,
    side: &Side<'_>,
) -> Result<Option<Series>, pipeline::Error> {
    Shelf::default().series(plot, source, (0, side))
}

/// The files that were read, for several plots may be drawn of one.
#[derive(Default)]
struct Shelf {
    frames: HashMap<(usize, RepoPath, bool), Option<Arc<Frame>>>,
}

impl Shelf {
    /// Reads the data points of a plot; `None` where there are none at all.
    fn figure(
        &mut self,
        plot: Plot,
        template: Template,
        sides: &[Side<'_>],
        faults: &mut Vec<pipeline::Error>,
    ) -> Option<Figure> {
        let mut series = Vec::new();
        let mut is_anywhere = vec![false; plot.sources.len()];
        for (revision, side) in sides.iter().enumerate() {
            for (source, is_anywhere) in is_anywhere.iter_mut().enumerate() {
                match self.series(&plot, source, (revision, side)) {
                    Ok(Some(one)) => {
                        *is_anywhere = true;
                        series.push(one);
                    }
                    // It was there, and the cache lacks it.
                    Ok(None) if (side.had)(&plot.sources[source].path) => {
                        *is_anywhere = true;
                        faults.push(lost(&plot.sources[source].path, &side.name));
                    }
                    // What came later or went is in the other revisions.
                    Ok(None) => {}
                    Err(error) => {
                        *is_anywhere = true;
                        faults.push(error);
                    }
                }
            }
        }
        for (source, _) in plot.sources.iter().zip(is_anywhere).filter(|(_, is)| !is) {
            faults.push(missing(&source.path));
        }
        (!series.is_empty()).then(|| Figure {
            id: plot.id,
            style: plot.style,
            template,
            revisions: sides.iter().map(|side| side.name.clone()).collect(),
            series,
        })
    }

    /// Reads one source of a plot in one revision; `None` where the file is not there.
    fn series(
        &mut self,
        plot: &Plot,
        source: usize,
        side: (usize, &Side<'_>),
    ) -> Result<Option<Series>, pipeline::Error> {
        let PlotSource { path, column } = &plot.sources[source];
        let x_column = plot.x_column();
        let wanted: Vec<&str> = column.as_deref().into_iter().chain(x_column).collect();
        let Some(frame) = self.frame(path, &plot.style, &wanted, side)? else {
            return Ok(None);
        };
        if frame.rows() == 0 {
            return Err(empty(frame.label()));
        }
        let y_name = match column {
            Some(column) => column.clone(),
            None => frame.last()?.to_owned(),
        };
        let y = frame.column(&y_name)?.clone();
        let (x_name, x) = match &plot.x {
            PlotX::Column(name) => (name.clone(), frame.column(name)?.clone()),
            PlotX::Steps => (STEP.to_owned(), steps(&frame, &y_name)),
            PlotX::Of(others) => {
                let other = others.get(source).unwrap_or(&others[0]);
                self.x_of_another(other, &plot.style, &frame, side)?
            }
        };
        Ok(Some(Series {
            revision: side.0,
            source,
            path: path.clone(),
            x_name,
            x,
            y_name,
            y,
            frame,
        }))
    }

    /// Reads the x of a source from another file, which has as many rows.
    fn x_of_another(
        &mut self,
        other: &PlotSource,
        style: &PlotStyle,
        frame: &Frame,
        side: (usize, &Side<'_>),
    ) -> Result<(String, Column), pipeline::Error> {
        let wanted: Vec<&str> = other.column.as_deref().into_iter().collect();
        let Some(other_frame) = self.frame(&other.path, style, &wanted, side)? else {
            return Err(missing(&other.path));
        };
        if other_frame.rows() != frame.rows() {
            let label = other_frame.label();
            let (rows, wanted) = (other_frame.rows(), frame.rows());
            let message = format!("{label} has {rows} rows for {wanted} of {}", frame.label());
            let problem = Problem::new(label, "", message).help("x and y must have as many");
            return Err(problem.into());
        }
        let name = match &other.column {
            Some(column) => column.clone(),
            None => other_frame.last()?.to_owned(),
        };
        let values = other_frame.column(&name)?.clone();
        Ok((name, values))
    }

    fn frame(
        &mut self,
        path: &RepoPath,
        style: &PlotStyle,
        wanted: &[&str],
        (revision, side): (usize, &Side<'_>),
    ) -> Result<Option<Arc<Frame>>, pipeline::Error> {
        let key = (revision, path.clone(), style.no_header);
        if let Some(frame) = self.frames.get(&key) {
            let has_wanted =
                |frame: &Arc<Frame>| wanted.iter().all(|name| frame.find(name).is_some());
            // Another list of the same file may be the one that is meant.
            if frame.as_ref().is_none_or(has_wanted) {
                return Ok(frame.clone());
            }
        }
        let text = read_text(side.snapshot, path)?;
        let header = if style.no_header {
            Header::None
        } else {
            Header::First
        };
        let label = side.snapshot.label(path);
        let frame = text.map(|text| Frame::parse(&label, &text, header, wanted));
        let frame = frame.transpose()?.map(Arc::new);
        self.frames.insert(key, frame.clone());
        Ok(frame)
    }
}

/// Returns the file's own steps, if it counts them, else the numbers of the rows. DVC always takes
/// the latter, which draws what is logged every hundred steps as if it were every one.
fn steps(frame: &Frame, y_name: &str) -> Column {
    let own = frame.find(STEP).filter(|_| y_name != STEP);
    let is_numbers = |column: &&Column| column.numbers().is_some();
    own.filter(is_numbers).cloned().unwrap_or_else(|| {
        let rows = i64::try_from(frame.rows()).unwrap_or(i64::MAX);
        Column::Values((0..rows).map(crate::base::value::Value::Int).collect())
    })
}

fn empty(label: &str) -> pipeline::Error {
    let message = format!("`{label}` is empty: there are no data points in it");
    let help = "a plot needs a row at least; the stage that writes the file may have stopped early";
    Problem::new(label, "", message).help(help).into()
}

/// Says that a file of a revision is recorded and nowhere to be had.
pub(super) fn lost(path: &RepoPath, revision: &str) -> pipeline::Error {
    let message =
        format!("the plot's file `{path}` of {revision} is neither in git nor in the cache");
    let help =
        "its curves are left out; run the stage at that revision, or fetch the cache that has it";
    Problem::new(path.as_str(), "", message).help(help).into()
}

pub(super) fn missing(path: &RepoPath) -> pipeline::Error {
    let message = format!("the plot's file `{path}` is not there");
    let help = "`mlpipe repro` makes it if a stage does; else correct its name in `plots`";
    Problem::new(path.as_str(), "", message).help(help).into()
}
