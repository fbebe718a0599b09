//! `Tally`: how often each class of one column meets each class of another. Plots and the report count
//! confusion in this one way.

use std::collections::BTreeMap;

use crate::base::human::thousands;
use crate::base::problem::Problem;
use crate::plots::chart::Matrix;
use crate::plots::frame::Frame;
use crate::plots::gallery::{Figure, Series};
use crate::plots::template::Kind;

/// The column that says how often a row counts, if there is one.
const COUNT: &str = "count";

/// A matrix of more classes on a side is nothing to see, and would fill the memory.
pub(crate) const MOST_CLASSES: usize = 1_000;

/// A column of classes, one for each row of a file.
#[derive(Clone, Debug)]
pub(crate) struct Classes {
    /// The name of the column.
    pub(crate) name: String,
    /// The class of each row.
    pub(crate) labels: Vec<String>,
}

/// How often each pair of classes occurs.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Tally {
    pairs: BTreeMap<(String, String), f64>,
}

impl Tally {
    /// Counts the rows of `frame` by their classes in two columns, each row once or as often as the
    /// column `count` says, unless that is one of the two.
    pub(crate) fn of(frame: &Frame, one: Classes, other: Classes) -> Result<Self, Problem> {
        let is_class = one.name == COUNT || other.name == COUNT;
        let weights = weights(frame, is_class)?;
        let mut pairs = BTreeMap::new();
        let labels = one.labels.into_iter().zip(other.labels);
        for (pair, weight) in labels.zip(weights) {
            *pairs.entry(pair).or_insert(0.0) += weight;
        }
        Ok(Self { pairs })
    }

    /// Returns the classes of both columns, in their order.
    pub(crate) fn classes(&self) -> Vec<String> {
        in_order(self.ones().chain(self.others()))
    }

    /// Returns a row for each of these classes of the one column, with the counts for each of those of
    /// the other.
    pub(crate) fn table(&self, ones: &[String], others: &[String]) -> Vec<Vec<f64>> {
        let cell = |one: &String, other: &String| {
            let count = self.pairs.get(&(one.clone(), other.clone()));
            count.copied().unwrap_or(0.0)
        };
        let row = |one| others.iter().map(|other| cell(one, other)).collect();
        ones.iter().map(row).collect()
    }

    fn ones(&self) -> impl Iterator<Item = &str> {
        self.pairs.keys().map(|(one, _)| one.as_str())
    }

    fn others(&self) -> impl Iterator<Item = &str> {
        self.pairs.keys().map(|(_, other)| other.as_str())
    }
}

/// Returns how often each row counts.
fn weights(frame: &Frame, is_class: bool) -> Result<Vec<f64>, Problem> {
    let Some(column) = frame.find(COUNT).filter(|_| !is_class) else {
        return Ok(vec![1.0; frame.rows()]);
    };
    let weight = |(row, text): (usize, String)| {
        let number = text.trim().parse::<f64>().ok();
        number
            .filter(|number| number.is_finite() && *number >= 0.0)
            .ok_or_else(|| no_count(frame, row + 1, text.trim()))
    };
    column
        .labels()
        .into_iter()
        .enumerate()
        .map(weight)
        .collect()
}

fn no_count(frame: &Frame, row: usize, text: &str) -> Problem {
    let what = if text.is_empty() {
        "is missing".to_owned()
    } else {
        format!("is `{text}`, no number from 0 up")
    };
    let message = format!("`{COUNT}` in row {} {what}", thousands(row));
    let help = "it says how often each row counts; call the column something else if it does not";
    Problem::new(frame.label(), "", message).help(help)
}

/// Counts the pairs of each series over the classes of all of them, so that matrices of several
/// revisions have the same shape.
pub(super) fn matrices(figure: &Figure, kind: Kind) -> Result<Vec<Matrix>, Problem> {
    let tallies: Result<Vec<Tally>, Problem> = figure.series.iter().map(tally).collect();
    let tallies = tallies?;
    let columns = in_order(tallies.iter().flat_map(Tally::others));
    let rows = in_order(tallies.iter().flat_map(Tally::ones));
    // A class that is never predicted is still one: both axes show all where they share any.
    let is_shared = columns.iter().any(|class| rows.contains(class));
    let (columns, rows) = if is_shared {
        let all = in_order(columns.iter().chain(&rows).map(String::as_str));
        (all.clone(), all)
    } else {
        (columns, rows)
    };
    if rows.len().saturating_mul(columns.len()) > MOST_CLASSES * MOST_CLASSES {
        let label = figure.series[0].frame.label();
        let (rows, columns) = (thousands(rows.len()), thousands(columns.len()));
        let message = format!("a matrix of {rows} by {columns} classes is too large to draw");
        return Err(Problem::new(label, "", message).help("draw classes, not numbers or ids"));
    }
    let is_share = kind == Kind::ConfusionNormalized;
    let matrix = |(series, tally): (&Series, Tally)| {
        let mut cells = tally.table(&rows, &columns);
        if is_share {
            cells.iter_mut().for_each(|row| normalize(row));
        }
        Matrix {
            caption: figure.key(series).label,
            x_label: figure.x_label(),
            y_label: figure.y_label(),
            columns: columns.clone(),
            rows: rows.clone(),
            cells,
            is_share,
        }
    };
    Ok(figure.series.iter().zip(tallies).map(matrix).collect())
}

/// Counts a series: a row for each y, a column for each x.
fn tally(series: &Series) -> Result<Tally, Problem> {
    let classes = |name: &String, labels| Classes {
        name: name.clone(),
        labels,
    };
    let rows = classes(&series.y_name, series.y.labels());
    let columns = classes(&series.x_name, series.x.labels());
    Tally::of(&series.frame, rows, columns)
}

/// Makes shares of the counts of one y, which add up to 1; as in DVC.
fn normalize(row: &mut [f64]) {
    let sum: f64 = row.iter().sum();
    if sum > 0.0 {
        row.iter_mut().for_each(|cell| *cell /= sum);
    }
}

/// Returns the different labels: numbers in their order, then the others by the alphabet.
fn in_order<'l>(labels: impl Iterator<Item = &'l str>) -> Vec<String> {
    let mut classes: Vec<&str> = labels.collect();
    classes.sort_unstable();
    classes.dedup();
    let number = |class: &&str| class.parse::<f64>().unwrap_or(f64::INFINITY);
    classes.sort_by(|one, other| number(one).total_cmp(&number(other)));
    classes.into_iter().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plots::frame::Header;

    fn tally(text: &str) -> Result<Tally, String> {
        let frame = Frame::parse("c.csv", text, Header::First, &[]).expect("a table");
        let classes = |name: &str| Classes {
            name: name.to_owned(),
            labels: frame.find(name).expect("a column").labels(),
        };
        let tally = Tally::of(&frame, classes("a"), classes("b"));
        tally.map_err(|problem| problem.message)
    }

    #[test]
    fn rows_count_as_often_as_they_say() {
        let single = tally("a,b\n2,10\n2,2\n2,2\n").expect("counts");
        let classes = single.classes();
        assert_eq!(classes, ["2", "10"]);
        assert_eq!(single.table(&classes, &classes), [[2.0, 1.0], [0.0, 0.0]]);
        // As pandas writes a whole column that has had a gap.
        let weighted = tally("a,b,count\n2,10,1.0\n2,2,2\n");
        assert_eq!(weighted, Ok(single));
    }

    #[test]
    fn a_row_that_cannot_be_counted_is_named() {
        for (count, said) in [
            ("", "`count` in row 2 is missing"),
            ("many", "`count` in row 2 is `many`, no number from 0 up"),
            ("-1", "`count` in row 2 is `-1`, no number from 0 up"),
            ("inf", "`count` in row 2 is `inf`, no number from 0 up"),
        ] {
            let text = format!("a,b,count\n1,1,1\n1,2,{count}\n");
            assert_eq!(tally(&text), Err(said.to_owned()));
        }
    }
}
