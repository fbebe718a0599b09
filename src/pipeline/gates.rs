//! `gates:` of a pipeline file: what its metrics have to be, and how much worse than the base's.

use serde::{Deserialize, Serialize};

use crate::base::document::Node;
use crate::base::path::RepoPath;
use crate::base::problem::Problem;
use crate::base::value::Value;
use crate::pipeline::better::Better;
use crate::pipeline::key_pattern::KeyPattern;
use crate::pipeline::reader::{Reader, join, word_of};

/// One limit on one metric, or on each of those that a pattern names.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Gate {
    /// What it is called: the metric as it is written in the file.
    pub(crate) name: String,
    /// The folder of the pipeline file; metrics are looked for in it and below.
    pub(crate) folder: RepoPath,
    /// The one file of metrics that is meant.
    pub(crate) file: Option<RepoPath>,
    /// The metrics.
    pub(crate) key: KeyPattern,
    /// What they have to be.
    pub(crate) limit: Limit,
    /// What becomes of a run that does not keep to it.
    pub(crate) level: Level,
    /// Which way they are better, where this says so.
    pub(crate) better: Option<Better>,
    /// How sure one has to be.
    pub(crate) proof: Option<Proof>,
    /// What happens where there is nothing to compare with.
    pub(crate) missing_base: MissingBase,
}

/// What a metric has to be; numbers are finite.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Limit {
    /// At least this.
    Min(f64),
    /// At most this.
    Max(f64),
    /// Worse than the base by no more than this.
    Drop(f64),
    /// Worse than the base by no more than this share of it: 0.1 is ten percent.
    RelativeDrop(f64),
}

/// What becomes of a run that does not keep to a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Level {
    /// It is told.
    Info,
    /// People are warned.
    Warn,
    /// The gate fails.
    Fail,
}

/// How sure one has to be, and of what.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Proof {
    /// Of the interval, between 0.5 and 1.
    pub(crate) confidence: f64,
    /// What has to be proven.
    pub(crate) burden: Burden,
}

/// What has to be proven.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Burden {
    /// That it is worse than allowed; else it does not fail.
    Worse,
    /// That it is not worse than allowed; else it does not pass.
    NotWorse,
}

/// What happens where there is nothing to compare with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum MissingBase {
    /// The gate fails.
    Fail,
    /// People are warned.
    Warn,
    /// Nothing.
    Pass,
}

const LEVELS: [(&str, Level); 3] = [
    ("fail", Level::Fail),
    ("warn", Level::Warn),
    ("info", Level::Info),
];

const BURDENS: [(&str, Burden); 2] = [("worse", Burden::Worse), ("not_worse", Burden::NotWorse)];

const MISSING: [(&str, MissingBase); 3] = [
    ("warn", MissingBase::Warn),
    ("fail", MissingBase::Fail),
    ("pass", MissingBase::Pass),
];

impl Gate {
    /// Returns what it is called beside those of other pipeline files: `sub:accuracy` in the folder `sub`.
    pub(crate) fn full_name(&self) -> String {
        match &self.file {
            _ if self.folder.is_root() => self.name.clone(),
            Some(file) => format!("{file}:{}", self.key),
            None => format!("{}:{}", self.folder, self.name),
        }
    }
}

/// Reads `gates` of the pipeline file in `folder`: one gate for each limit, in the file's order.
pub(super) fn read_gates(
    root: &Node<'_>,
    folder: &RepoPath,
    reader: &Reader<'_>,
) -> Result<Vec<Gate>, Problem> {
    let mut gates = Vec::new();
    let Some(node) = root.get("gates") else {
        return Ok(gates);
    };
    for (name, node) in node.entries("`gates`")? {
        let part = format!("gates.{name}");
        let reader = Reader {
            scope: reader.scope,
            part: &part,
        };
        let rules = node.as_items().unwrap_or_else(|| vec![node]);
        for rule in rules {
            read_rule(name, &rule, folder, &reader, &mut gates)?;
        }
    }
    Ok(gates)
}

/// Reads one map of limits and what holds for all of them.
fn read_rule(
    name: &str,
    rule: &Node<'_>,
    folder: &RepoPath,
    reader: &Reader<'_>,
    gates: &mut Vec<Gate>,
) -> Result<(), Problem> {
    let limits = read_limits(name, rule, reader)?;
    let (file, key) = match name.split_once(':') {
        Some((file, key)) => (Some(join(folder, file, &rule.origin)?), key),
        None => (None, name),
    };
    let gate = Gate {
        name: name.to_owned(),
        folder: folder.clone(),
        file,
        key: KeyPattern::new(key),
        limit: limits[0],
        level: word(rule, "level", &LEVELS, reader)?.unwrap_or(Level::Fail),
        better: word(rule, "better", &Better::WORDS, reader)?,
        proof: read_proof(rule, reader)?,
        missing_base: word(rule, "missing_base", &MISSING, reader)?.unwrap_or(MissingBase::Warn),
    };
    gates.extend(limits.into_iter().map(|limit| Gate {
        limit,
        ..gate.clone()
    }));
    Ok(())
}

/// Reads the limits, of which there is at least one.
fn read_limits(name: &str, rule: &Node<'_>, reader: &Reader<'_>) -> Result<Vec<Limit>, Problem> {
    let number = |key: &str| {
        let read = |node: Node<'_>| {
            let number = reader.parsed(&node, key, "a number", finite);
            number.map_err(|problem| match as_number_is_written(node.value) {
                Some(help) => problem.help(help),
                None => problem,
            })
        };
        rule.get(key).map(read).transpose()
    };
    let (min, max) = (number("min")?, number("max")?);
    if let (Some(low), Some(high), Some(node)) = (min, max, rule.get("max"))
        && low > high
    {
        let message = format!("gate `{name}` can never pass: its `min` is above its `max`");
        return Err(node.problem(message).help("swap them, or leave one out"));
    }
    let drop = rule.get("max_drop").map(|node| {
        let wanted = "a number from 0, or a share of the base as in `10%`";
        reader.parsed(&node, "max_drop", wanted, as_drop)
    });
    let limits = [min.map(Limit::Min), max.map(Limit::Max), drop.transpose()?];
    let limits: Vec<Limit> = limits.into_iter().flatten().collect();
    if limits.is_empty() {
        let problem = rule.problem(format!("gate `{name}` has no limit"));
        return Err(problem.help("add `min`, `max` or `max_drop`, as in `min: 0.95`"));
    }
    Ok(limits)
}

fn read_proof(rule: &Node<'_>, reader: &Reader<'_>) -> Result<Option<Proof>, Problem> {
    let burden = word(rule, "prove", &BURDENS, reader)?;
    let Some(node) = rule.get("confidence") else {
        return match rule.get("prove") {
            None => Ok(None),
            Some(node) => Err(node
                .origin
                .key_problem("`prove` needs `confidence`")
                .help("say how sure, as in `confidence: 0.95`")),
        };
    };
    let wanted = "a number between 0.5 and 1, as in `0.95`";
    let confidence = reader.parsed(&node, "confidence", wanted, |value| {
        finite(value).filter(|number| *number > 0.5 && *number < 1.0)
    })?;
    Ok(Some(Proof {
        confidence,
        burden: burden.unwrap_or(Burden::Worse),
    }))
}

fn word<T: Copy>(
    rule: &Node<'_>,
    key: &str,
    words: &[(&str, T)],
    reader: &Reader<'_>,
) -> Result<Option<T>, Problem> {
    let read = |node: Node<'_>| word_of(reader, &node, key, words);
    rule.get(key).map(read).transpose()
}

/// Says how a number is written that stands there as a text or in percent.
fn as_number_is_written(value: &Value) -> Option<String> {
    let text = value.as_text()?.trim();
    if let Some(percent) = text.strip_suffix('%') {
        let share = percent.trim().parse::<f64>().ok()? / 100.0;
        return Some(format!("a share is a number, as in `{share}`"));
    }
    let number = text.parse::<f64>().ok().filter(|number| number.is_finite());
    number.map(|_| "take the quotes away".to_owned())
}

fn finite(value: &Value) -> Option<f64> {
    value.as_number().filter(|number| number.is_finite())
}

fn as_drop(value: &Value) -> Option<Limit> {
    let allowed = |number: &f64| number.is_finite() && *number >= 0.0;
    if let Some(share) = value.as_text().and_then(|text| text.strip_suffix('%')) {
        let percent: f64 = share.trim().parse().ok().filter(allowed)?;
        return Some(Limit::RelativeDrop(percent / 100.0));
    }
    value.as_number().filter(allowed).map(Limit::Drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::sections::tests::read;

    #[test]
    fn each_limit_is_a_gate() {
        let text = "vars: [{least: 0.9}]\ngates:\n  m.json:accuracy: {min: '${least}', max_drop: 10%, level: warn}\n  \
                    'f1.*': [{max_drop: 0.01, confidence: 0.95, prove: not_worse}, {min: 1, missing_base: pass}]\n";
        let gates = read(text).expect("valid").gates;
        let limits: Vec<Limit> = gates.iter().map(|gate| gate.limit).collect();
        let wanted = [
            Limit::Min(0.9),
            Limit::RelativeDrop(0.1),
            Limit::Drop(0.01),
            Limit::Min(1.0),
        ];
        assert_eq!(limits, wanted);
        let file = gates[0].file.as_ref().map(RepoPath::as_str);
        assert_eq!((file, gates[0].key.as_str()), (Some("m.json"), "accuracy"));
        assert_eq!((gates[1].level, gates[2].level), (Level::Warn, Level::Fail));
        let burden = gates[2].proof.map(|proof| proof.burden);
        assert_eq!(burden, Some(Burden::NotWorse));
        assert_eq!(gates[3].missing_base, MissingBase::Pass);
    }

    #[test]
    fn mistakes_in_gates_have_places() {
        for (text, message) in [
            (
                "gates:\n  a: {mim: 1}\n",
                "unknown key `mim` in gate `a` (pipeline.yaml:2:7)",
            ),
            (
                "gates:\n  a: {level: warn}\n",
                "gate `a` has no limit (pipeline.yaml:2:6)",
            ),
            (
                "gates:\n  a: {min: high}\n",
                "`gates.a.min` must be a number, not `high` (pipeline.yaml:2:12)",
            ),
            (
                "gates:\n  a: {min: .nan}\n",
                "`gates.a.min` must be a number, not `nan` (pipeline.yaml:2:12)",
            ),
            (
                "gates:\n  a: {min: 2, max: 1}\n",
                "gate `a` can never pass: its `min` is above its `max` (pipeline.yaml:2:20)",
            ),
            (
                "gates:\n  a: {max_drop: -1}\n",
                "`gates.a.max_drop` must be a number from 0, or a share of the base as in `10%`, not `-1` (pipeline.yaml:2:17)",
            ),
            (
                "gates:\n  a: {min: 1, confidence: 95}\n",
                "`gates.a.confidence` must be a number between 0.5 and 1, as in `0.95`, not `95` (pipeline.yaml:2:27)",
            ),
            (
                "gates:\n  a: {min: 1, prove: worse}\n",
                "`prove` needs `confidence` (pipeline.yaml:2:15)",
            ),
            (
                "gates:\n  a: {min: 1, level: wran}\n",
                "`gates.a.level` must be `fail`, `warn` or `info`, not `wran` (pipeline.yaml:2:22)",
            ),
            (
                "gates: [a]\n",
                "`gates` must be a map, not a list (pipeline.yaml:1:8)",
            ),
            (
                "better: {a: up}\n",
                "`pipeline.better.a` must be `higher` or `lower`, not `up` (pipeline.yaml:1:13)",
            ),
        ] {
            assert_eq!(read(text).expect_err("a mistake").to_string(), message);
        }
    }

    #[test]
    fn the_nearest_and_the_most_exact_direction_counts() {
        let text = "better: {'s*': lower, score: higher, sum: lower}\n";
        let directions = read(text).expect("valid").better;
        let of = |key| directions.of(&RepoPath::parse("m.json").expect("a path"), key);
        assert_eq!(of("score"), Some(Better::Higher));
        assert_eq!(of("scale"), Some(Better::Lower));
        assert_eq!(of("loss"), None);
    }
}
