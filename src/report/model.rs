//! `Report`: what a template can use. Plain data, all text unescaped.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::base::digest::Digest;
use crate::base::human;
use crate::base::value::Value;
use crate::metrics::{
    Difference, Effect, Finding, Judgement, NumberPair, Significance, Verdict, arrow, show_value,
};
use crate::report::classes::ConfusionTable;
use crate::report::code::CodeChange;
use crate::report::dataset::DataChange;
use crate::report::evidence::EvidenceText;
use crate::report::tensors::ModelChange;
use crate::report::trend::Trend;

/// Everything that a report says. Its JSON is what `mlpipe report --json` prints; see docs/report.md.
/// Read back, it is believed only as far as [`crate::report::read_report`] says.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Report {
    /// `pass`, `warn` or `fail` by the gates; `none` where there are none.
    pub(crate) verdict: Cow<'static, str>,
    /// The verdict in one sentence.
    pub(crate) headline: String,
    /// The commit that is reported on, where that is known.
    pub(crate) head: Option<String>,
    /// What was compared with; `None` if there was nothing.
    pub(crate) base: Option<Base>,
    /// Limits that the pipeline sets, and how they were met.
    pub(crate) gates: Vec<GateRow>,
    /// Metrics that differ.
    pub(crate) metrics: Vec<Row>,
    /// How many metrics are the same on both sides.
    pub(crate) unchanged_metrics: usize,
    /// The metrics that are the same.
    pub(crate) same: Vec<Row>,
    /// Parameters that differ.
    pub(crate) params: Vec<Row>,
    /// Data that people put in and that differs.
    pub(crate) data: Vec<DataChange>,
    /// Stages that were written anew.
    pub(crate) code: Vec<CodeChange>,
    /// Models whose shape differs.
    pub(crate) models: Vec<ModelChange>,
    /// Stages of the last run.
    pub(crate) stages: Vec<StageRow>,
    /// How many stages ran, were restored or were skipped, and how long it took.
    pub(crate) run: String,
    /// How metrics went over the last runs on the base's branch; the headline's first.
    pub(crate) trends: Vec<Trend>,
    /// Confusion matrices of the pipeline's plots.
    pub(crate) confusions: Vec<ConfusionTable>,
    /// The pipeline as a Mermaid flowchart; empty where it is too large for one.
    pub(crate) graph: String,
    /// Mermaid charts.
    pub(crate) charts: Vec<Chart>,
    /// The command that makes these results again.
    pub(crate) reproduce: String,
    /// What a reader must know: files that could not be read, results that are not of this code.
    pub(crate) notes: Vec<String>,
    /// Parts that had no room.
    pub(crate) left_out: Vec<String>,
}

/// A chart for markdown.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Chart {
    /// What it shows.
    pub(crate) title: String,
    /// The text of its Mermaid block.
    pub(crate) mermaid: String,
}

/// A limit and how it was met; all as texts.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct GateRow {
    /// The metric.
    pub(crate) metric: String,
    /// The limit, as in `≥ 0.95`.
    pub(crate) limit: String,
    /// The base's value.
    pub(crate) base: String,
    /// The value here.
    pub(crate) here: String,
    /// What follows: `pass`, `warn`, `fail` or `info`; `incomparable` where nothing does.
    pub(crate) verdict: String,
    /// Why, in words.
    pub(crate) reason: String,
}

/// The side that is compared with.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Base {
    /// The name that the user gave.
    pub(crate) name: String,
    /// The commit, shortened.
    pub(crate) commit: String,
}

/// One value on both sides.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Row {
    /// The file.
    pub(crate) path: String,
    /// The dotted key.
    pub(crate) key: String,
    /// What people call it: the key, with the file before it where several files have that key.
    pub(crate) label: String,
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
    /// What the predictions of single examples say of the change: an interval, or why there is none.
    pub(crate) evidence: String,
    /// `significant`, `within noise` or nothing.
    pub(crate) significance: String,
}

/// How it went with a stage.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
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

impl GateRow {
    /// Makes the row of a gate.
    pub(crate) fn new(judged: &Judgement) -> Self {
        let show = |value: &Option<Value>| match value {
            Some(value) => show_value(value, None),
            None => "–".to_owned(),
        };
        let pair = NumberPair::of(judged.base.as_ref(), judged.here.as_ref(), None);
        let (base, here) = match pair {
            Some(pair) => (pair.old, pair.new),
            None => (show(&judged.base), show(&judged.here)),
        };
        Self {
            metric: match &judged.key {
                Some(key) if judged.checked > 1 => format!("{} ({key})", judged.gate),
                _ => judged.gate.clone(),
            },
            limit: judged.limit.clone(),
            base,
            here,
            verdict: match judged.effect {
                Effect::None => judged.verdict.word(),
                Effect::Info => "info",
                Effect::Warn => "warn",
                Effect::Fail => "fail",
            }
            .to_owned(),
            reason: judged.reason.clone(),
        }
    }
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
            // A file may hold one value and no keys.
            label: if key.is_empty() {
                path.to_string()
            } else {
                key.clone()
            },
            key: key.clone(),
            old: show(old),
            new: show(new),
            arrow: String::new(),
            delta: String::new(),
            verdict: String::new(),
            evidence: String::new(),
            significance: String::new(),
        }
    }

    /// Says what predictions say of the change of a metric. What may be noise is neither better nor
    /// worse.
    pub(crate) fn with_evidence(mut self, finding: Option<&Finding>) -> Self {
        if let Some(evidence) = EvidenceText::of(finding, &self.delta) {
            self.evidence = evidence.text;
            evidence.word.clone_into(&mut self.significance);
            if evidence.significance == Some(Significance::Noise) {
                self.verdict.clear();
            }
        }
        self
    }

    /// Makes the row of a metric: numbers with the same digits, their difference and what it means.
    pub(crate) fn of_metric(difference: &Difference, precision: Option<u8>) -> Self {
        let mut row = Self::of_param(difference);
        let (old, new) = (difference.old.as_ref(), difference.new.as_ref());
        let pair = NumberPair::of(old, new, precision);
        if let (Some(pair), Some(delta)) = (pair, difference.delta()) {
            (row.old, row.new, row.delta) = (pair.old, pair.new, pair.delta);
            arrow(delta).clone_into(&mut row.arrow);
            let verdict = Verdict::of(difference.better, delta);
            verdict.word().clone_into(&mut row.verdict);
            return row;
        }
        for (value, cell) in [(old, &mut row.old), (new, &mut row.new)] {
            if let Some(value @ Value::Float(_)) = value {
                *cell = show_value(value, precision);
            }
        }
        row.delta = match &difference.reshaped {
            Some(reshaped) => reshaped.clone(),
            None if old
                .or(new)
                .and_then(Value::as_number)
                .is_some_and(f64::is_nan) =>
            {
                "not a number".to_owned()
            }
            None => String::new(),
        };
        row
    }
}

/// Nobody compares 64 digits by eye; eight tell two digests apart.
pub(crate) fn shorten_digest(text: &str) -> String {
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

/// Says how many stages had which outcome, and how long those that ran took together.
pub(crate) fn run_summary(stages: &[StageRow]) -> String {
    let mut counts: Vec<(&str, usize)> = Vec::new();
    for stage in stages {
        match counts
            .iter_mut()
            .find(|(outcome, _)| *outcome == stage.outcome)
        {
            Some((_, count)) => *count += 1,
            None => counts.push((&stage.outcome, 1)),
        }
    }
    let texts = counts
        .iter()
        .map(|(outcome, count)| format!("{count} {outcome}"));
    texts.collect::<Vec<_>>().join(", ")
}

/// Tells rows of the same key apart by their files.
pub(crate) fn tell_apart<'a>(rows: impl Iterator<Item = &'a mut Row>) {
    let rows: Vec<&mut Row> = rows.collect();
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for row in &rows {
        *counts.entry(row.label.clone()).or_default() += 1;
    }
    for row in rows {
        if counts[&row.label] > 1 {
            row.label = format!("{}:{}", row.path, row.key);
        }
    }
}
