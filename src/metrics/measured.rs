//! What predictions of one side tell: the value of each statistic, and where an accuracy lies.

use serde::Serialize;

use crate::metrics::predictions::Predictions;
use crate::pipeline::{Measure, Over, Statistic};
use crate::statistics::classification::{self, Quality, Tally};
use crate::statistics::{Confidence, Interval, auc, mean, wilson};

/// More classes than this are numbers that somebody predicts, not classes.
pub(super) const MOST_CLASSES: usize = 4096;

/// The counts of one side, from which all but areas and losses follow.
pub(super) struct Measured<'a> {
    predictions: &'a Predictions,
    tallies: Option<Vec<Tally>>,
}

impl<'a> Measured<'a> {
    /// Counts predictions.
    pub(super) fn new(predictions: &'a Predictions) -> Self {
        let predicted = predictions.predicted.as_deref();
        let tallies = predicted.map(|predicted| {
            let mut tallies = vec![Tally::default(); predictions.classes.len()];
            for (actual, predicted) in predictions.actual.iter().zip(predicted) {
                Tally::add(&mut tallies, *actual as usize, *predicted as usize, 1);
            }
            tallies
        });
        Self {
            predictions,
            tallies,
        }
    }

    /// Returns the value of a statistic; `None` if the columns for it are missing, or there is no
    /// such class.
    pub(super) fn value(&self, statistic: &Statistic) -> Option<f64> {
        match statistic {
            Statistic::Auc => {
                let scores = self.predictions.scores.as_deref()?;
                auc::area(&are_positive(self.predictions)?, scores)
            }
            Statistic::Loss => {
                let losses = self.predictions.losses.as_deref()?;
                mean::of(losses)
            }
            _ => {
                let judge = Judge::new(statistic, self.predictions)?;
                let value = judge.value(self.tallies.as_deref()?);
                value.is_finite().then_some(value)
            }
        }
    }

    /// Returns whether nobody has named the column that a statistic is of.
    pub(super) fn is_guess(&self, statistic: &Statistic) -> bool {
        self.predictions.guessed.contains(statistic)
    }

    /// Returns the share of examples that a statistic is; `None` for what is no such share.
    pub(super) fn share(&self, statistic: &Statistic) -> Option<Share> {
        let tallies = self.tallies.as_deref()?;
        Judge::new(statistic, self.predictions)?.share(tallies)
    }
}

/// So many right examples of so many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Share {
    /// How many are right.
    pub(crate) right: u32,
    /// How many there are.
    pub(crate) count: u32,
}

impl Share {
    /// Returns Wilson's interval of the share; `None` for no examples.
    pub(crate) fn interval(self, confidence: Confidence) -> Option<Interval> {
        wilson::interval(self.right, self.count, confidence)
    }
}

/// Returns for each example whether it is of the positive class.
pub(super) fn are_positive(predictions: &Predictions) -> Option<Vec<bool>> {
    let positive = predictions.positive?;
    let classes = predictions.actual.iter();
    Some(classes.map(|class| *class == positive).collect())
}

/// Which examples a share is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Examples {
    /// All.
    All,
    /// Those of one class.
    Of(usize),
}

impl Examples {
    /// Returns whether an example of this class is one of them.
    pub(super) fn have(self, actual: usize) -> bool {
        match self {
            Self::All => true,
            Self::Of(class) => class == actual,
        }
    }
}

/// A statistic whose class has been found among those of the predictions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(super) enum Judge {
    Accuracy,
    Macro(Measure),
    Weighted(Measure),
    Class(Measure, usize),
}

impl Judge {
    /// Finds the class of a statistic; `None` if there is none such, or it is not one of classes.
    pub(super) fn new(statistic: &Statistic, predictions: &Predictions) -> Option<Self> {
        let (measure, over) = match statistic {
            Statistic::Accuracy => return Some(Self::Accuracy),
            Statistic::Quality(measure, over) => (*measure, over),
            Statistic::Auc | Statistic::Loss => return None,
        };
        if predictions.classes.len() > MOST_CLASSES {
            return None;
        }
        let class = match over {
            Over::Macro => return Some(Self::Macro(measure)),
            Over::Weighted => return Some(Self::Weighted(measure)),
            Over::Positive if predictions.classes.len() > 2 => return None,
            Over::Positive => predictions.positive?,
            Over::Class(name) => predictions.class(name)?,
        };
        Some(Self::Class(measure, class as usize))
    }

    /// Returns the value by the counts of each class.
    pub(super) fn value(self, tallies: &[Tally]) -> f64 {
        let pick = |quality: Quality, measure: Measure| match measure {
            Measure::Precision => quality.precision,
            Measure::Recall => quality.recall,
            Measure::F1 => quality.f1,
        };
        match self {
            Self::Accuracy => classification::accuracy(tallies),
            Self::Macro(measure) => pick(classification::macro_mean(tallies), measure),
            Self::Weighted(measure) => pick(classification::weighted_mean(tallies), measure),
            Self::Class(measure, class) => pick(tallies[class].quality(), measure),
        }
    }

    /// Returns the examples that it is a share of; `None` if it is no share of examples that are the
    /// same on both sides.
    pub(super) fn share_of(self) -> Option<Examples> {
        match self {
            Self::Accuracy => Some(Examples::All),
            Self::Class(Measure::Recall, class) => Some(Examples::Of(class)),
            _ => None,
        }
    }

    fn share(self, tallies: &[Tally]) -> Option<Share> {
        let chosen = match self.share_of()? {
            Examples::All => tallies,
            Examples::Of(class) => &tallies[class..=class],
        };
        let sum = |count: fn(&Tally) -> u32| chosen.iter().map(count).sum();
        Some(Share {
            right: sum(|tally| tally.right),
            count: sum(|tally| tally.actual),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::predictions::tests::read;

    #[test]
    fn each_statistic_has_its_value() {
        let predictions = read("label,pred\n1,1\n1,1\n1,0\n0,0\n");
        let measured = Measured::new(&predictions);
        let value = |name: &str| {
            let statistic = Statistic::candidates(name).remove(0);
            measured.value(&statistic)
        };
        assert_eq!(value("accuracy"), Some(0.75));
        assert_eq!(value("precision"), Some(1.0));
        assert_eq!(value("recall.1"), Some(2.0 / 3.0));
        assert_eq!(value("f1.0"), Some(2.0 / 3.0));
        assert!(
            (value("f1.macro").expect("defined") - f64::midpoint(0.8, 2.0 / 3.0)).abs() < 1e-15
        );
        for name in ["auc", "loss", "f1.7"] {
            assert_eq!(value(name), None, "{name}");
        }
        let share = |name: &str| {
            let statistic = Statistic::candidates(name).remove(0);
            measured
                .share(&statistic)
                .map(|share| (share.right, share.count))
        };
        assert_eq!(share("accuracy"), Some((3, 4)));
        assert_eq!(share("recall.1"), Some((2, 3)));
        assert_eq!(share("precision.1"), None);
    }
}
