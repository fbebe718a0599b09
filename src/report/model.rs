//! `Report`: what a template can use. Plain data, all text unescaped.

use serde::Serialize;

use crate::base::digest::Digest;
use crate::base::human;
use crate::base::value::Value;
use crate::metrics::{Difference, NumberPair, Verdict, arrow, show_value};

/// Everything that a report says.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    /// The verdict in one line.
    pub(crate) headline: String,
    /// What was compared with; `None` if there was nothing.
    pub(crate) base: Option<Base>,
    /// Metrics that differ.
    pub(crate) metrics: Vec<Row>,
    /// How many metrics are the same on both sides.
    pub(crate) unchanged_metrics: usize,
    /// Parameters that differ.
    pub(crate) params: Vec<Row>,
    /// Stages of the last run.
    pub(crate) stages: Vec<StageRow>,
    /// Confusion matrices of the pipeline's plots.
    pub(crate) confusions: Vec<ConfusionTable>,
    /// Files that could not be read.
    pub(crate) notes: Vec<String>,
}

/// The side that is compared with.
#[derive(Debug, Serialize)]
pub(crate) struct Base {
    /// The name that the user gave.
    pub(crate) name: String,
    /// The commit, shortened.
    pub(crate) commit: String,
}

/// One value on both sides.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    /// The file.
    pub(crate) path: String,
    /// The dotted key.
    pub(crate) key: String,
    /// The base's value, `–` if it has none.
    pub(crate) old: String,
    /// The value here, `–` if there is none.
    pub(crate) new: String,
    /// `▲`, `▼`, `=` or nothing.
    pub(crate) arrow: String,
    /// The difference of numbers with its sign, or what became of what is no number any more.
    pub(crate) delta: String,
    /// `better`, `worse` or nothing.
    pub(crate) verdict: String,
}

/// How it went with a stage.
#[derive(Debug, Serialize)]
pub(crate) struct StageRow {
    /// Its name.
    pub(crate) name: String,
    /// `ran`, `restored`, `unchanged`, …
    pub(crate) outcome: String,
    /// Why, as one text.
    pub(crate) reason: String,
    /// How long it took.
    pub(crate) time: String,
}

/// A confusion matrix with the names of its classes.
#[derive(Debug, Serialize)]
pub(crate) struct ConfusionTable {
    /// The plot's title or file.
    pub(crate) title: String,
    /// The classes.
    pub(crate) labels: Vec<String>,
    /// One row for each actual class.
    pub(crate) rows: Vec<ConfusionRow>,
}

/// What the examples of one class were taken for.
#[derive(Debug, Serialize)]
pub(crate) struct ConfusionRow {
    /// The actual class.
    pub(crate) label: String,
    /// How many were predicted as each class, in the order of the labels.
    pub(crate) counts: Vec<u64>,
    /// The position of the actual class among the labels.
    pub(crate) diagonal: usize,
}

impl Row {
    /// Makes the row of a parameter: its values as they are written.
    pub(crate) fn of_param(difference: &Difference) -> Self {
        let Difference {
            path,
            key,
            old,
            new,
            ..
        } = difference;
        let show = |value: &Option<Value>| match value {
            Some(Value::Text(text)) => shorten_digest(text),
            Some(value) => value.to_string(),
            None => "–".to_owned(),
        };
        Self {
            path: path.to_string(),
            key: key.clone(),
            old: show(old),
            new: show(new),
            arrow: String::new(),
            delta: String::new(),
            verdict: String::new(),
        }
    }

    /// Makes the row of a metric: numbers with the same digits, their difference and what it means.
    pub(crate) fn of_metric(difference: &Difference, precision: Option<u8>) -> Self {
        let mut row = Self::of_param(difference);
        let number = |value: &Option<Value>| value.as_ref().and_then(Value::as_number);
        let (old, new) = (number(&difference.old), number(&difference.new));
        if let (Some(old), Some(new)) = (old, new) {
            let pair = NumberPair::new(old, new, precision);
            (row.old, row.new, row.delta) = (pair.old, pair.new, pair.delta);
            let delta = new - old;
            arrow(delta).clone_into(&mut row.arrow);
            let verdict = Verdict::of(difference.better, delta);
            verdict.word().clone_into(&mut row.verdict);
            return row;
        }
        for (number, cell) in [
            (&difference.old, &mut row.old),
            (&difference.new, &mut row.new),
        ] {
            if let Some(value @ Value::Float(_)) = number {
                *cell = show_value(value, precision);
            }
        }
        row.delta = match &difference.reshaped {
            Some(reshaped) => reshaped.clone(),
            None if old.or(new).is_some_and(f64::is_nan) => "not a number".to_owned(),
            None => String::new(),
        };
        row
    }
}

/// Nobody compares 64 digits by eye; eight tell two digests apart.
fn shorten_digest(text: &str) -> String {
    text.parse::<Digest>()
        .map_or_else(|_| text.to_owned(), |digest| format!("{}…", digest.short()))
}

impl StageRow {
    /// Makes the row of a stage of the last run.
    pub(crate) fn new(name: &str, outcome: &str, reasons: &[String], milliseconds: u64) -> Self {
        let reason = human::first_of(reasons);
        let time = std::time::Duration::from_millis(milliseconds);
        let time = if outcome == "ran" {
            human::duration(time)
        } else {
            String::new()
        };
        Self {
            name: name.to_owned(),
            outcome: outcome.to_owned(),
            reason,
            time,
        }
    }
}
