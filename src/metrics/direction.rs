//! Which way a metric is better, judged by its name.

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

    /// Judges a change by `delta` of the metric with this dotted key.
    pub(crate) fn of(key: &str, delta: f64) -> Self {
        let last = key.rsplit('.').next().unwrap_or(key);
        if delta == 0.0 || delta.is_nan() || NEITHER.contains(&last) {
            return Self::Neutral;
        }
        // The last part that says anything decides: `macro.f1`, `f1.class_8`, `val_loss`.
        let sign = key
            .rsplit('.')
            .find_map(|part| sign_of(&part.to_lowercase()));
        match sign {
            None => Self::Neutral,
            Some(sign) if sign * delta > 0.0 => Self::Better,
            Some(_) => Self::Worse,
        }
    }
}

/// `1` where higher is better, `-1` where lower is; names may have a prefix, as in `test_loss`.
fn sign_of(name: &str) -> Option<f64> {
    let is = |word: &&str| {
        name == *word
            || name
                .strip_suffix(*word)
                .is_some_and(|rest| rest.ends_with(['_', '-']))
    };
    if HIGHER.iter().any(is) {
        Some(1.0)
    } else if LOWER.iter().any(is) {
        Some(-1.0)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_the_direction() {
        assert_eq!(Verdict::of("accuracy", 0.1), Verdict::Better);
        assert_eq!(Verdict::of("test_loss", 0.1), Verdict::Worse);
        assert_eq!(Verdict::of("f1.class_8", -0.1), Verdict::Worse);
        assert_eq!(Verdict::of("count", 3.0), Verdict::Neutral);
        assert_eq!(Verdict::of("accuracy.std", 3.0), Verdict::Neutral);
        assert_eq!(Verdict::of("accuracy", 0.0), Verdict::Neutral);
    }
}
