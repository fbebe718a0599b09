//! `Chart`: what is drawn, in numbers and texts; whether as SVG, in a page or on a terminal is
//! nothing to it.

use crate::plots::scale::{self, Scale};

/// A chart.
#[derive(Debug)]
pub(crate) struct Chart {
    /// Its title.
    pub(crate) title: String,
    /// What its colours and dashes mean; the curves refer to their positions.
    pub(crate) keys: Vec<Key>,
    /// What it shows.
    pub(crate) drawing: Drawing,
}

/// What a colour means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Key {
    /// The name: a revision, a column, or both.
    pub(crate) label: String,
    /// The number of the colour.
    pub(crate) colour: usize,
    /// The number of the dashes: colours alone tell nothing to those who cannot see them.
    pub(crate) dash: usize,
}

/// What a chart shows.
#[derive(Debug)]
pub(crate) enum Drawing {
    /// Curves and points.
    Plane(Plane),
    /// Bars that grow to the right.
    Bars(Bars),
    /// A matrix for each revision.
    Matrices(Vec<Matrix>),
}

/// Curves and points between two axes.
#[derive(Debug)]
pub(crate) struct Plane {
    /// The horizontal axis.
    pub(crate) x: Axis,
    /// The vertical axis.
    pub(crate) y: Axis,
    /// What is drawn, the lowest first.
    pub(crate) layers: Vec<Layer>,
}

/// An axis.
#[derive(Debug)]
pub(crate) struct Axis {
    /// What it shows.
    pub(crate) label: String,
    /// Its range.
    pub(crate) scale: Scale,
    /// The names of the numbers 0, 1, …, where it shows categories.
    pub(crate) categories: Vec<String>,
}

/// The points of one curve.
#[derive(Debug)]
pub(crate) struct Layer {
    /// The position of its key.
    pub(crate) key: usize,
    /// How they are drawn.
    pub(crate) mark: Mark,
    /// The points; a NaN is a gap.
    pub(crate) points: Vec<(f64, f64)>,
}

/// How points are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mark {
    /// Connected, in the order of x.
    Line,
    /// Each by itself.
    Dots,
    /// Each by itself, behind a curve that is drawn through them.
    FaintDots,
}

/// A bar for each category and key.
#[derive(Debug)]
pub(crate) struct Bars {
    /// The axis of the lengths.
    pub(crate) x: Axis,
    /// What the categories are.
    pub(crate) y_label: String,
    /// The categories, the topmost first.
    pub(crate) categories: Vec<String>,
    /// The lengths: for each key one for each category, NaN where there is none.
    pub(crate) lengths: Vec<Vec<f64>>,
}

/// How often each of the rows' classes meets each of the columns'.
#[derive(Debug)]
pub(crate) struct Matrix {
    /// The revision.
    pub(crate) caption: String,
    /// What the columns are.
    pub(crate) x_label: String,
    /// What the rows are.
    pub(crate) y_label: String,
    /// The classes of the columns.
    pub(crate) columns: Vec<String>,
    /// The classes of the rows, the topmost first.
    pub(crate) rows: Vec<String>,
    /// One row for each class of `rows`: counts, or shares from 0 to 1.
    pub(crate) cells: Vec<Vec<f64>>,
    /// Whether these are shares.
    pub(crate) is_share: bool,
}

impl Matrix {
    /// Returns the largest number.
    pub(crate) fn highest(&self) -> f64 {
        self.cells.iter().flatten().copied().fold(0.0, f64::max)
    }

    /// Writes the number of a cell; a count of nothing is not written, so that the others stand out.
    pub(crate) fn cell_text(&self, value: f64) -> String {
        if value == 0.0 {
            String::new()
        } else if self.is_share {
            format!("{value:.2}").trim_start_matches('0').to_owned()
        } else if value >= 1e4 {
            scale::write(value, 10f64.powf(value.log10().floor() - 1.0))
        } else {
            scale::write_short(value)
        }
    }
}
