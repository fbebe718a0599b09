//! `Statistic`: a number that predictions tell, and the names that people give it.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::base::problem::did_you_mean;

/// A number that can be computed from the predictions of single examples.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum Statistic {
    /// The share of examples whose class is predicted.
    Accuracy,
    /// How well classes are recognised.
    Quality(Measure, Over),
    /// The area under the ROC curve.
    Auc,
    /// The mean of a loss.
    Loss,
}

/// What is said of a class.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum Measure {
    /// The share of right ones among those predicted.
    Precision,
    /// The share of right ones among those that are there.
    Recall,
    /// The harmonic mean of both.
    F1,
}

/// Which classes it is said of.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum Over {
    /// The mean of all, each weighing the same.
    Macro,
    /// The mean of all, each weighing as much as it has examples.
    Weighted,
    /// The positive one of two.
    Positive,
    /// This one.
    Class(String),
}

impl Statistic {
    /// How statistics are named, for hints.
    const NAMES: &str = "`accuracy`, `auc`, `loss`, and `f1.macro`, `f1.weighted`, `f1.<class>`, `f1` of the positive class; \
         `precision` and `recall` likewise";

    /// Returns what to write instead of a name that is none.
    pub(super) fn known(name: &str) -> String {
        let words = ["accuracy", "auc", "loss", "f1", "precision", "recall"];
        let (word, rest) = name.split_once('.').unwrap_or((name, ""));
        let near = did_you_mean(word, words).map(|near| {
            let end = if rest.is_empty() {
                "`?".to_owned()
            } else {
                format!(".{rest}`?")
            };
            format!("{}; ", near.replace("`?", &end))
        });
        let near = near.unwrap_or_default();
        format!("{near}known are {}", Self::NAMES)
    }

    /// Returns what the dotted key of a metric may stand for, the likeliest first; nothing for most.
    pub(crate) fn candidates(key: &str) -> Vec<Self> {
        let parts: Vec<&str> = key
            .split('.')
            .filter(|part| !matches!(*part, "test" | "eval" | "metrics"))
            .collect();
        match parts[..] {
            [name] => Self::of_word(name),
            [one, other] => {
                let in_order = Measure::parse(one).map(|measure| (measure, other));
                let found = in_order.or_else(|| Some((Measure::parse(other)?, one)));
                let found = found.map(|(measure, over)| Self::Quality(measure, Over::parse(over)));
                found.into_iter().collect()
            }
            _ => Vec::new(),
        }
    }

    /// Understands a name without dots, as in `test_accuracy`, `macro_f1` or `recall_8`.
    fn of_word(word: &str) -> Vec<Self> {
        let lower = word.to_lowercase();
        let name = lower.strip_prefix("test_").unwrap_or(&lower);
        match name {
            "accuracy" | "acc" => return vec![Self::Accuracy],
            "auc" | "roc_auc" | "auroc" => return vec![Self::Auc],
            "loss" => return vec![Self::Loss],
            _ => {}
        }
        if let Some(measure) = Measure::parse(name) {
            let over = [Over::Positive, Over::Macro, Over::Weighted];
            return over.map(|over| Self::Quality(measure, over)).into();
        }
        let split = |at: usize| Some((word.get(..at)?, word.get(at + 1..)?));
        let sides = word.match_indices('_').filter_map(|(at, _)| split(at));
        let mut found = sides.filter_map(|(one, other)| {
            let (measure, over) = Measure::parse(one)
                .map(|measure| (measure, other))
                .or_else(|| Some((Measure::parse(other)?, one)))?;
            Some(Self::Quality(measure, Over::parse(over)))
        });
        found.next().into_iter().collect()
    }
}

impl Measure {
    fn parse(word: &str) -> Option<Self> {
        match word.to_lowercase().as_str() {
            "precision" => Some(Self::Precision),
            "recall" => Some(Self::Recall),
            "f1" | "f1_score" | "f1-score" => Some(Self::F1),
            _ => None,
        }
    }
}

impl Over {
    fn parse(word: &str) -> Self {
        let word = word.strip_prefix("score_").unwrap_or(word);
        match word {
            "macro" | "macro avg" | "macro_avg" => Self::Macro,
            "weighted" | "weighted avg" | "weighted_avg" => Self::Weighted,
            class => Self::Class(class.strip_prefix("class_").unwrap_or(class).to_owned()),
        }
    }
}

/// The name that it has in `predictions`.
impl fmt::Display for Statistic {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (measure, over) = match self {
            Self::Accuracy => return out.write_str("accuracy"),
            Self::Auc => return out.write_str("auc"),
            Self::Loss => return out.write_str("loss"),
            Self::Quality(measure, over) => (measure, over),
        };
        out.write_str(match measure {
            Measure::Precision => "precision",
            Measure::Recall => "recall",
            Measure::F1 => "f1",
        })?;
        match over {
            Over::Macro => out.write_str(".macro"),
            Over::Weighted => out.write_str(".weighted"),
            Over::Positive => Ok(()),
            Over::Class(class) => write!(out, ".{class}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_understood() {
        for (key, name) in [
            ("accuracy", "accuracy"),
            ("test.acc", "accuracy"),
            ("test_accuracy", "accuracy"),
            ("roc_auc", "auc"),
            ("macro.f1", "f1.macro"),
            ("macro_f1", "f1.macro"),
            ("f1_macro", "f1.macro"),
            ("f1_score_macro", "f1.macro"),
            ("weighted avg.f1-score", "f1.weighted"),
            ("f1.class_8", "f1.8"),
            ("recall_T-shirt", "recall.T-shirt"),
            ("8.precision", "precision.8"),
            ("F1", "f1"),
        ] {
            let found = Statistic::candidates(key);
            assert_eq!(
                found.first().map(ToString::to_string).as_deref(),
                Some(name),
                "{key}"
            );
        }
        for key in [
            "balanced_accuracy",
            "accuracy.std",
            "val_loss",
            "top5_accuracy",
            "a.b.f1",
            "n",
        ] {
            assert_eq!(Statistic::candidates(key), [], "{key}");
        }
    }
}
