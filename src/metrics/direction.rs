//! Which way a metric is better: as the pipeline says, else judged by its name.

use crate::base::path::RepoPath;
use crate::pipeline::{Better, Directions};

/// What a change of a metric means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It got better.
    Better,
    /// It got worse.
    Worse,
    /// It changed; nobody knows whether that is good.
    Neutral,
}

const HIGHER: &[&str] = &[
    "accuracy",
    "acc",
    "auc",
    "roc_auc",
    "ap",
    "map",
    "precision",
    "recall",
    "f1",
    "f1_score",
    "r2",
    "score",
    "bleu",
    "rouge",
    "iou",
    "dice",
    "mcc",
    "kappa",
    "sensitivity",
    "specificity",
    "throughput",
    "top1",
    "top5",
];
const LOWER: &[&str] = &[
    "loss",
    "error",
    "err",
    "mse",
    "rmse",
    "mae",
    "mape",
    "perplexity",
    "ppl",
    "wer",
    "cer",
    "fid",
    "brier",
    "ece",
    "latency",
    "log_loss",
    "logloss",
    "nll",
];

/// What may stand behind a name: averages and units.
const TAILS: &[&str] = &[
    "_macro",
    "_micro",
    "_weighted",
    "_mean",
    "_ms",
    "_us",
    "_s",
    "_sec",
    "_seconds",
];

/// Parts of names that describe a metric's spread or size, whatever stands before them.
const NEITHER: &[&str] = &["std", "stdev", "var", "variance", "support", "count", "n"];

impl Verdict {
    /// Returns the word for it, empty where nothing is known.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Better => "better",
            Self::Worse => "worse",
            Self::Neutral => "",
        }
    }

    /// Judges a change by `delta` of a metric that is better that way.
    pub(crate) fn of(better: Option<Better>, delta: f64) -> Self {
        match better {
            None => Self::Neutral,
            Some(_) if delta == 0.0 || delta.is_nan() => Self::Neutral,
            Some(better) if better.sign() * delta > 0.0 => Self::Better,
            Some(_) => Self::Worse,
        }
    }
}

/// Returns which way the metric `key` of the file at `path` is better, if anybody knows.
pub(crate) fn direction(declared: &Directions, path: &RepoPath, key: &str) -> Option<Better> {
    declared.of(path, key).or_else(|| by_name(key))
}

/// The last part that says anything decides: `macro.f1`, `f1.class_8`, `val_loss`.
fn by_name(key: &str) -> Option<Better> {
    let last = key.rsplit('.').next().unwrap_or(key);
    if NEITHER.contains(&last) {
        return None;
    }
    key.rsplit('.')
        .find_map(|part| of_part(&part.to_lowercase()))
}

/// A part may have more before and behind, as in `test_loss` and `latency_ms`.
fn of_part(name: &str) -> Option<Better> {
    let tail = TAILS.iter().find_map(|tail| name.strip_suffix(tail));
    let name = tail.unwrap_or(name);
    let is = |word: &&str| {
        name == *word
            || name
                .strip_suffix(*word)
                .is_some_and(|rest| rest.ends_with(['_', '-']))
    };
    if HIGHER.iter().any(is) {
        Some(Better::Higher)
    } else if LOWER.iter().any(is) {
        Some(Better::Lower)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_the_direction() {
        let verdict = |key, delta| Verdict::of(by_name(key), delta);
        assert_eq!(verdict("accuracy", 0.1), Verdict::Better);
        assert_eq!(verdict("test_loss", 0.1), Verdict::Worse);
        assert_eq!(verdict("f1.class_8", -0.1), Verdict::Worse);
        assert_eq!(verdict("f1_macro", 0.1), Verdict::Better);
        assert_eq!(verdict("latency_ms", 0.1), Verdict::Worse);
        assert_eq!(verdict("count", 3.0), Verdict::Neutral);
        assert_eq!(verdict("accuracy.std", 3.0), Verdict::Neutral);
        assert_eq!(verdict("accuracy", 0.0), Verdict::Neutral);
        assert_eq!(verdict("accuracy", f64::NAN), Verdict::Neutral);
    }
}
