//! Makes charts of figures: which numbers, in which order, with which colours.

use std::collections::BTreeMap;

use crate::base::human;
use crate::base::problem::Problem;
use crate::plots::chart::{Axis, Bars, Chart, Drawing, Key, Layer, Mark, Plane};
use crate::plots::frame::Column;
use crate::plots::gallery::{Figure, Series};
use crate::plots::scale::{Growth, Scale};
use crate::plots::smooth::loess;
use crate::plots::tally::matrices;
use crate::plots::template::Kind;

/// About how many numbers stand at an axis.
pub(crate) const X_TICKS: usize = 8;
/// About how many numbers stand at the vertical axis.
pub(crate) const Y_TICKS: usize = 6;

/// Makes the chart of a figure.
pub(crate) fn compose(figure: &Figure, kind: Kind) -> Result<Chart, Problem> {
    let drawing = match kind {
        _ if kind.is_confusion() => Drawing::Matrices(matrices(figure, kind)?),
        _ if kind.is_bars() => Drawing::Bars(bars(figure, kind)?),
        _ => Drawing::Plane(plane(figure, kind)?),
    };
    Ok(Chart {
        title: figure.title(),
        keys: figure.series.iter().map(|one| figure.key(one)).collect(),
        drawing,
    })
}

impl Figure {
    /// Returns the title: its own, else the name.
    pub(crate) fn title(&self) -> String {
        self.style.title.clone().unwrap_or_else(|| self.id.clone())
    }

    /// Returns what stands at the x axis.
    pub(crate) fn x_label(&self) -> String {
        let label = self.style.x_label.clone();
        label.unwrap_or_else(|| self.series[0].x_name.clone())
    }

    /// Returns what stands at the y axis: the column, or columns.
    pub(crate) fn y_label(&self) -> String {
        if let Some(label) = &self.style.y_label {
            return label.clone();
        }
        let mut names: Vec<&str> = Vec::new();
        for one in &self.series {
            if !names.contains(&one.y_name.as_str()) {
                names.push(&one.y_name);
            }
        }
        names.join(", ")
    }

    /// Returns the name of a curve's source: its column, with its file where columns are of several.
    fn source_name(&self, one: &Series) -> String {
        let is_alone = self.series.iter().all(|other| other.path == one.path);
        let columns = self.series.iter().map(|other| &other.y_name);
        let is_same = columns.into_iter().all(|name| *name == one.y_name);
        match (is_alone, is_same) {
            (true, _) => one.y_name.clone(),
            (false, true) => one.path.to_string(),
            (false, false) => format!("{}: {}", one.path, one.y_name),
        }
    }

    /// Returns how a curve is told from the others: revisions by colours and sources by dashes, or
    /// what there are several of by both.
    pub(crate) fn key(&self, one: &Series) -> Key {
        let has_several_sources = self.series.iter().any(|other| other.source != one.source);
        let revision = self.revisions[one.revision].clone();
        match (self.revisions.len() > 1, has_several_sources) {
            (false, true) => Key {
                label: self.source_name(one),
                colour: one.source,
                dash: one.source,
            },
            (true, true) => Key {
                label: format!("{revision} · {}", self.source_name(one)),
                colour: one.revision,
                dash: one.source,
            },
            (_, false) => Key {
                label: revision,
                colour: one.revision,
                dash: one.revision,
            },
        }
    }
}

fn plane(figure: &Figure, kind: Kind) -> Result<Plane, Problem> {
    let (xs, x_categories) = positions(figure.series.iter().map(|one| &one.x));
    let clouds = clouds(figure, xs)?;
    let values = |of: fn(&(f64, f64)) -> f64| clouds.iter().flatten().map(of);
    let x_growth = growth(figure.style.x_scale.as_deref());
    let y_growth = growth(figure.style.y_scale.as_deref());
    let x_label = named(figure, figure.x_label(), values(|point| point.0), x_growth)?;
    let y_label = named(figure, figure.y_label(), values(|point| point.1), y_growth)?;
    let layers = layers(clouds, kind);
    let all = || layers.iter().flat_map(|layer| &layer.points);
    let x = if x_categories.is_empty() {
        padded(Scale::spanning(all().map(|point| point.0), x_growth))
    } else {
        around_categories(x_categories.len())
    };
    let y = Scale::spanning(all().map(|point| point.1), y_growth);
    Ok(Plane {
        x: Axis {
            label: x_label,
            scale: x,
            categories: x_categories,
        },
        y: Axis {
            label: y_label,
            scale: y.rounded(Y_TICKS),
            categories: Vec::new(),
        },
        layers,
    })
}

fn growth(scale: Option<&str>) -> Growth {
    match scale {
        Some("log") => Growth::Log,
        _ => Growth::Linear,
    }
}

/// Returns the points of each series.
fn clouds(figure: &Figure, xs: Vec<Vec<f64>>) -> Result<Vec<Vec<(f64, f64)>>, Problem> {
    let mut clouds = Vec::new();
    for (series, x) in figure.series.iter().zip(xs) {
        let y = numbers(series, &series.y, &series.y_name)?;
        let points = x.into_iter().zip(y).collect();
        clouds.push(without_gaps_between_all(points, &series.y.is_given()));
    }
    let is_drawn = |point: &(f64, f64)| point.0.is_finite() && point.1.is_finite();
    if clouds.iter().flatten().any(is_drawn) {
        return Ok(clouds);
    }
    let first = &figure.series[0];
    let message = format!("the column `{}` has no number to draw", first.y_name);
    let help = "all of it are gaps: look at what the stage has written there";
    Err(Problem::new(first.frame.label(), "", message).help(help))
}

/// Names an axis, and says how much of the values a logarithmic one cannot show.
fn named(
    figure: &Figure,
    label: String,
    values: impl Iterator<Item = f64>,
    growth: Growth,
) -> Result<String, Problem> {
    if growth == Growth::Linear {
        return Ok(label);
    }
    let values = values.filter(|value| value.is_finite());
    let (shown, hidden): (Vec<f64>, Vec<f64>) = values.partition(|value| *value > 0.0);
    if shown.is_empty() {
        let message = format!("no value of `{label}` is above 0, as a logarithmic axis needs");
        let problem = Problem::new(figure.series[0].frame.label(), "", message);
        return Err(problem.help("take `log` out of its scale"));
    }
    if hidden.is_empty() {
        return Ok(label);
    }
    let hidden = human::count(hidden.len(), "value");
    Ok(format!("{label} ({hidden} not above 0 left out)"))
}

/// Makes the layers of a template of points.
fn layers(clouds: Vec<Vec<(f64, f64)>>, kind: Kind) -> Vec<Layer> {
    let mut layers = Vec::new();
    for (key, points) in clouds.into_iter().enumerate() {
        let layer = |mark, points| Layer { key, mark, points };
        match kind {
            Kind::Scatter => layers.push(layer(Mark::Dots, points)),
            Kind::ScatterJitter => layers.push(layer(Mark::Dots, jittered(points))),
            Kind::Smooth => {
                let known: Vec<_> = sorted(points)
                    .into_iter()
                    .filter(|point| point.0.is_finite() && point.1.is_finite())
                    .collect();
                let curve = loess(&known);
                layers.insert(0, layer(Mark::FaintDots, known));
                layers.push(layer(Mark::Line, curve));
            }
            _ => layers.push(layer(Mark::Line, sorted(points))),
        }
    }
    layers
}

/// Leaves a little room at both ends, so that no mark lies on the edge.
fn padded(scale: Scale) -> Scale {
    match scale.growth {
        Growth::Linear => {
            let room = (scale.high - scale.low) * 0.015;
            Scale {
                low: scale.low - room,
                high: scale.high + room,
                ..scale
            }
        }
        Growth::Log => {
            let factor = (scale.high / scale.low).powf(0.015);
            Scale {
                low: scale.low / factor,
                high: scale.high * factor,
                ..scale
            }
        }
    }
}

fn around_categories(count: usize) -> Scale {
    #[expect(clippy::cast_precision_loss, reason = "as many as can be seen")]
    let high = count as f64 - 0.5;
    Scale {
        low: -0.5,
        high,
        growth: Growth::Linear,
    }
}

/// Returns where values lie: their numbers, or their places among the categories, in the order in
/// which they come, if one of them is no number.
fn positions<'c>(
    columns: impl Iterator<Item = &'c Column> + Clone,
) -> (Vec<Vec<f64>>, Vec<String>) {
    if let Some(numbers) = columns
        .clone()
        .map(Column::numbers)
        .collect::<Option<Vec<_>>>()
    {
        return (numbers, Vec::new());
    }
    let mut places: indexmap::IndexMap<String, f64> = indexmap::IndexMap::new();
    let mut place = |label: String| {
        #[expect(clippy::cast_precision_loss, reason = "as many as can be seen")]
        let next = places.len() as f64;
        *places.entry(label).or_insert(next)
    };
    let positions = columns.map(|column| column.labels().into_iter().map(&mut place).collect());
    let positions = positions.collect();
    (positions, places.into_keys().collect())
}

fn numbers(series: &Series, column: &Column, name: &str) -> Result<Vec<f64>, Problem> {
    column.numbers().ok_or_else(|| {
        let is_text = |label: &String| !label.is_empty() && label.trim().parse::<f64>().is_err();
        let first = column
            .labels()
            .into_iter()
            .find(is_text)
            .unwrap_or_default();
        let message = format!("the column `{name}` has `{first}`, which is no number");
        Problem::new(series.frame.label(), "", message).help(
            "name a column of numbers with `y`, or draw classes with the template `confusion`",
        )
    })
}

/// Leaves out the empty cells where no two values follow on each other: what is measured every tenth
/// step has no gaps. Those of other curves are some.
fn without_gaps_between_all(points: Vec<(f64, f64)>, is_given: &[bool]) -> Vec<(f64, f64)> {
    if is_given.windows(2).any(|pair| pair[0] && pair[1]) {
        return points;
    }
    let given = points.into_iter().zip(is_given);
    given
        .filter_map(|(point, given)| given.then_some(point))
        .collect()
}

fn sorted(mut points: Vec<(f64, f64)>) -> Vec<(f64, f64)> {
    points.retain(|point| point.0.is_finite());
    points.sort_by(|one, other| one.0.total_cmp(&other.0));
    points
}

/// Moves points that share an x a little aside, always in the same way.
fn jittered(points: Vec<(f64, f64)>) -> Vec<(f64, f64)> {
    let mut xs: Vec<f64> = points
        .iter()
        .map(|point| point.0)
        .filter(|x| x.is_finite())
        .collect();
    xs.sort_by(f64::total_cmp);
    xs.dedup();
    let gaps = xs.windows(2).map(|pair| pair[1] - pair[0]);
    let room = gaps.fold(f64::INFINITY, f64::min);
    let room = if room.is_finite() { room * 0.6 } else { 1.0 };
    // The golden ratio spreads any number of points evenly.
    let aside = |index: u32| (f64::from(index) * 0.618_033_988_749_895).fract() - 0.5;
    let moved = points.into_iter().zip(0u32..);
    moved
        .map(|((x, y), index)| (x + room * aside(index), y))
        .collect()
}

fn bars(figure: &Figure, kind: Kind) -> Result<Bars, Problem> {
    // DVC has the lengths on x; whoever has them on y means the same.
    let first = &figure.series[0];
    let is_turned = first.x.numbers().is_none() && first.y.numbers().is_some();
    let mut categories: indexmap::IndexMap<String, BTreeMap<usize, f64>> =
        indexmap::IndexMap::new();
    for (key, series) in figure.series.iter().enumerate() {
        let (length, category, name) = if is_turned {
            (&series.y, &series.x, &series.y_name)
        } else {
            (&series.x, &series.y, &series.x_name)
        };
        let lengths = numbers(series, length, name)?;
        for (label, length) in category.labels().into_iter().zip(lengths) {
            let lengths = categories.entry(label).or_default();
            // Several rows of a category are one bar, as Vega-Lite stacks them; a gap adds nothing.
            if !length.is_nan() {
                *lengths.entry(key).or_insert(0.0) += length;
            }
        }
    }
    if kind == Kind::BarHorizontalSorted {
        // By the newest revision, which is what is looked at.
        let length = |lengths: &BTreeMap<usize, f64>| {
            lengths
                .values()
                .last()
                .copied()
                .unwrap_or(f64::NEG_INFINITY)
        };
        categories.sort_by(|_, one, _, other| length(other).total_cmp(&length(one)));
    }
    let (x_label, y_label) = if is_turned {
        (figure.y_label(), figure.x_label())
    } else {
        (figure.x_label(), figure.y_label())
    };
    let lengths = (0..figure.series.len()).map(|key| {
        let length =
            |lengths: &BTreeMap<usize, f64>| lengths.get(&key).copied().unwrap_or(f64::NAN);
        categories.values().map(length).collect()
    });
    let lengths: Vec<Vec<f64>> = lengths.collect();
    let all = lengths.iter().flatten().copied().chain([0.0]);
    let scale = Scale::spanning(all, Growth::Linear).rounded(X_TICKS);
    Ok(Bars {
        x: Axis {
            label: x_label,
            scale,
            categories: Vec::new(),
        },
        y_label,
        categories: categories.into_keys().collect(),
        lengths,
    })
}
