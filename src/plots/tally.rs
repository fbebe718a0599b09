//! Confusion: how often each class of x meets each class of y.

use std::collections::BTreeMap;

use crate::base::human::thousands;
use crate::base::problem::Problem;
use crate::plots::chart::Matrix;
use crate::plots::gallery::{Figure, Series};
use crate::plots::template::Kind;

/// The column that says how often a row counts, if there is one.
pub(crate) const COUNT: &str = "count";

/// A matrix of more cells than this is nothing to see, and would fill the memory.
const MOST_CELLS: usize = 1_000_000;

/// Counts the pairs of each series over the classes of all of them, so that matrices of several
/// revisions have the same shape.
pub(super) fn matrices(figure: &Figure, kind: Kind) -> Result<Vec<Matrix>, Problem> {
    let series = || figure.series.iter();
    let columns = classes(series().map(|one| one.x.labels()));
    let rows = classes(series().map(|one| one.y.labels()));
    // A class that is never predicted is still one: both axes show all where they share any.
    let is_shared = columns.iter().any(|class| rows.contains(class));
    let (columns, rows) = if is_shared {
        let all = classes([columns, rows].into_iter());
        (all.clone(), all)
    } else {
        (columns, rows)
    };
    if rows.len().saturating_mul(columns.len()) > MOST_CELLS {
        let label = figure.series[0].frame.label();
        let (rows, columns) = (thousands(rows.len()), thousands(columns.len()));
        let message = format!("a matrix of {rows} by {columns} classes is too large to draw");
        return Err(Problem::new(label, "", message).help("draw classes, not numbers or ids"));
    }
    series()
        .map(|one| {
            let counts = count(one)?;
            let mut cells: Vec<Vec<f64>> = rows
                .iter()
                .map(|row| {
                    let cell = |column: &String| {
                        let pair = (row.clone(), column.clone());
                        counts.get(&pair).copied().unwrap_or(0.0)
                    };
                    columns.iter().map(cell).collect()
                })
                .collect();
            let is_share = kind == Kind::ConfusionNormalized;
            if is_share {
                cells.iter_mut().for_each(|row| normalize(row));
            }
            Ok(Matrix {
                caption: figure.key(one).label,
                x_label: figure.x_label(),
                y_label: figure.y_label(),
                columns: columns.clone(),
                rows: rows.clone(),
                cells,
                is_share,
            })
        })
        .collect()
}

/// Makes shares of the counts of one y, which add up to 1; as in DVC.
fn normalize(row: &mut [f64]) {
    let sum: f64 = row.iter().sum();
    if sum > 0.0 {
        row.iter_mut().for_each(|cell| *cell /= sum);
    }
}

/// Returns the different labels: numbers in their order, then the others by the alphabet.
pub(crate) fn classes(labels: impl Iterator<Item = Vec<String>>) -> Vec<String> {
    let mut classes: Vec<String> = labels.flatten().collect();
    classes.sort();
    classes.dedup();
    let number = |class: &String| class.parse::<f64>().unwrap_or(f64::INFINITY);
    classes.sort_by(|one, other| number(one).total_cmp(&number(other)));
    classes
}

fn count(series: &Series) -> Result<BTreeMap<(String, String), f64>, Problem> {
    let is_other = series.x_name != COUNT && series.y_name != COUNT;
    let weights = series.frame.find(COUNT).filter(|_| is_other);
    let weights = match weights {
        Some(column) => column.numbers().ok_or_else(|| {
            let message = "the column `count` has something that is no number";
            Problem::new(series.frame.label(), "", message)
                .help("it says how often each row counts; call it something else if it does not")
        })?,
        None => vec![1.0; series.frame.rows()],
    };
    let mut counts = BTreeMap::new();
    let pairs = series.y.labels().into_iter().zip(series.x.labels());
    for (pair, weight) in pairs.zip(weights) {
        if weight.is_finite() {
            *counts.entry(pair).or_insert(0.0) += weight;
        }
    }
    Ok(counts)
}
