//! How each class of a classifier does, and which classes it takes for each other.

use serde::{Deserialize, Serialize};

use crate::report::confusion::Confusion;
use crate::report::evidence;

/// How many confused pairs are named.
const PAIRS: usize = 5;

/// Beyond this many classes a matrix is no longer something to read.
const LARGEST: usize = 30;

/// A confusion matrix, what follows from it, and what was different on the base.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ConfusionTable {
    /// The plot's title or file.
    pub(crate) title: String,
    /// The classes.
    pub(crate) labels: Vec<String>,
    /// One row for each actual class; none where there are too many classes to read them.
    pub(crate) rows: Vec<ConfusionRow>,
    /// Each class on its own.
    pub(crate) classes: Vec<ClassRow>,
    /// The pairs that are confused most.
    pub(crate) pairs: Vec<ConfusedPair>,
}

/// What the examples of one class were taken for.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ConfusionRow {
    /// The actual class.
    pub(crate) label: String,
    /// How many were predicted as each class, in the order of the labels.
    pub(crate) counts: Vec<u64>,
    /// The position of the actual class among the labels.
    pub(crate) diagonal: usize,
}

/// How well one class is told from the others; texts, `–` where a share of nothing is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ClassRow {
    /// The class.
    pub(crate) label: String,
    /// How many examples are of it.
    pub(crate) support: u64,
    /// The share of what was taken for it that is of it.
    pub(crate) precision: String,
    /// The share of its examples that was found.
    pub(crate) recall: String,
    /// The harmonic mean of both.
    pub(crate) f1: String,
    /// The F1 here minus the base's with its sign; empty where it is the same or unknown.
    pub(crate) change: String,
}

/// Examples of one class that were taken for another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ConfusedPair {
    /// The class that they are of.
    pub(crate) actual: String,
    /// The class that they were taken for.
    pub(crate) predicted: String,
    /// How many.
    pub(crate) count: u64,
    /// How many on the base, if there is one.
    pub(crate) base: Option<u64>,
}

impl ConfusionTable {
    /// Makes the table of a matrix and of the base's, if there is one.
    pub(crate) fn new(title: String, here: Confusion, base: Option<&Confusion>) -> Self {
        let classes = (0..here.labels.len()).map(|class| class_row(&here, base, class));
        let classes = classes.collect();
        let pairs = confused_pairs(&here, base);
        let Confusion { labels, counts } = here;
        let rows = counts.into_iter().zip(&labels).enumerate();
        let rows = rows.map(|(diagonal, (counts, label))| ConfusionRow {
            label: label.clone(),
            counts,
            diagonal,
        });
        let rows = if labels.len() <= LARGEST {
            rows.collect()
        } else {
            Vec::new()
        };
        Self {
            title,
            labels,
            rows,
            classes,
            pairs,
        }
    }
}

/// Precision, recall and F1; of nothing they are no number.
fn scores(matrix: &Confusion, class: usize) -> [f64; 3] {
    let hits = matrix.counts[class][class];
    let actual: u64 = matrix.counts[class].iter().sum();
    let predicted: u64 = matrix.counts.iter().map(|row| row[class]).sum();
    [
        share(hits, predicted),
        share(hits, actual),
        share(2 * hits, actual + predicted),
    ]
}

#[expect(
    clippy::cast_precision_loss,
    reason = "counts of examples are far below 2^53"
)]
fn share(part: u64, whole: u64) -> f64 {
    part as f64 / whole as f64
}

fn class_row(here: &Confusion, base: Option<&Confusion>, class: usize) -> ClassRow {
    let label = here.labels[class].clone();
    let [precision, recall, f1] = scores(here, class);
    let before = base.and_then(|base| {
        let class = base.labels.iter().position(|other| *other == label)?;
        Some(scores(base, class)[2])
    });
    let text = |share: f64| {
        if share.is_nan() {
            "–".to_owned()
        } else {
            format!("{share:.4}")
        }
    };
    let change = before.map_or_else(String::new, |before| change_text(f1 - before));
    ClassRow {
        support: here.counts[class].iter().sum(),
        label,
        precision: text(precision),
        recall: text(recall),
        f1: text(f1),
        change,
    }
}

fn change_text(change: f64) -> String {
    if change.is_nan() || change.abs() < 0.000_05 {
        return String::new();
    }
    evidence::signed(change, 4)
}

fn confused_pairs(here: &Confusion, base: Option<&Confusion>) -> Vec<ConfusedPair> {
    let mut pairs: Vec<(u64, usize, usize)> = Vec::new();
    for (actual, counts) in here.counts.iter().enumerate() {
        for (predicted, count) in counts.iter().enumerate() {
            if actual != predicted && *count > 0 {
                pairs.push((*count, actual, predicted));
            }
        }
    }
    pairs.sort_by_key(|(count, actual, predicted)| (u64::MAX - count, *actual, *predicted));
    let pair = |(count, actual, predicted): (u64, usize, usize)| {
        let (actual, predicted) = (&here.labels[actual], &here.labels[predicted]);
        ConfusedPair {
            actual: actual.clone(),
            predicted: predicted.clone(),
            count,
            base: base.map(|base| count_in(base, actual, predicted)),
        }
    };
    pairs.into_iter().take(PAIRS).map(pair).collect()
}

fn count_in(matrix: &Confusion, actual: &str, predicted: &str) -> u64 {
    let position = |label: &str| matrix.labels.iter().position(|other| other == label);
    match (position(actual), position(predicted)) {
        (Some(actual), Some(predicted)) => matrix.counts[actual][predicted],
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matrix(labels: &[&str], counts: &[&[u64]]) -> Confusion {
        Confusion {
            labels: labels.iter().map(|label| (*label).to_owned()).collect(),
            counts: counts.iter().map(|row| row.to_vec()).collect(),
        }
    }

    #[test]
    fn classes_are_scored_and_compared() {
        let here = matrix(
            &["cat", "dog", "eel"],
            &[&[8, 2, 0], &[1, 9, 0], &[0, 0, 0]],
        );
        let base = matrix(&["cat", "dog"], &[&[5, 5], &[0, 10]]);
        let table = ConfusionTable::new("T".to_owned(), here, Some(&base));
        let cat = &table.classes[0];
        assert_eq!(
            (cat.precision.as_str(), cat.recall.as_str(), cat.f1.as_str()),
            ("0.8889", "0.8000", "0.8421")
        );
        assert_eq!((cat.support, cat.change.as_str()), (10, "+0.1754"));
        assert_eq!(table.classes[2].f1, "–");
        let pairs: Vec<(&str, u64, Option<u64>)> = table
            .pairs
            .iter()
            .map(|pair| (pair.actual.as_str(), pair.count, pair.base))
            .collect();
        assert_eq!(pairs, [("cat", 2, Some(5)), ("dog", 1, Some(0))]);
    }
}
