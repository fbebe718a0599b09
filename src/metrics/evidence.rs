//! `Evidence`: how sure a number is, for gates that want a proof.

use crate::base::path::RepoPath;
use crate::metrics::backing::{Backed, Backing, Finding};
use crate::metrics::paired::Test;
use crate::metrics::testimony::contradiction;
use crate::pipeline::MetricRef;
use crate::statistics::bootstrap::REPLICATES;
use crate::statistics::{Confidence, Interval};

/// What the examples behind a number say of it.
pub(crate) struct Evidence {
    /// The interval at a confidence between 0 and 1, in the metric's unit. It gets narrower with less
    /// confidence and always holds the number itself.
    pub(crate) interval: Box<dyn Fn(f64) -> (f64, f64)>,
    /// How many examples there are.
    pub(crate) examples: u64,
    /// The name of the method, as in `Newcombe`.
    pub(crate) method: &'static str,
    /// The least probability of an error that the method can show: so many resamples show no less.
    pub(crate) least_error: f64,
}

/// What an interval is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum About {
    /// The value here.
    Value,
    /// The value here minus the base's.
    Change,
}

/// Finds the evidence for a metric, or says why there is none.
pub(crate) type FindEvidence<'a> = dyn Fn(&RepoPath, &str, About) -> Result<Evidence, String> + 'a;

/// How much room a number leaves to its limit, negative beyond it, with the evidence for it.
pub(super) struct Margin {
    pub(super) evidence: Evidence,
    /// `1` where more is better, else `-1`.
    pub(super) sign: f64,
    /// What is added to the signed number.
    pub(super) shift: f64,
}

/// Below this no probability is told apart from zero.
pub(super) const LEAST: f64 = 1e-12;

impl Margin {
    /// Returns the interval of the margin.
    pub(super) fn interval(&self, confidence: f64) -> (f64, f64) {
        let (low, high) = (self.evidence.interval)(confidence);
        let ends = [low, high].map(|end| self.sign * end + self.shift);
        (ends[0].min(ends[1]), ends[0].max(ends[1]))
    }

    /// Returns the two-sided p-value of the test that the limit is kept: the least error at which the
    /// whole interval lies beyond it (a test by inverting the interval).
    pub(super) fn p_worse(&self) -> f64 {
        self.least_error(|(_, high)| high < 0.0)
    }

    /// Returns the two-sided p-value of the test that the limit is not kept. An interval that is the
    /// limit alone keeps it: models with the same predictions differ by exactly nothing.
    pub(super) fn p_not_worse(&self) -> f64 {
        self.least_error(|(low, high)| low > 0.0 || (low == 0.0 && high == 0.0))
    }

    /// Bisects: intervals get narrower with more error, so that what is shown stays shown.
    fn least_error(&self, is_shown: impl Fn((f64, f64)) -> bool) -> f64 {
        let shown_at = |error: f64| is_shown(self.interval(1.0 - error));
        let (mut low, mut high) = (LEAST, 1.0 - LEAST);
        if !shown_at(high) {
            return 1.0;
        }
        if shown_at(low) {
            return self.evidence.least_error.max(low);
        }
        for _ in 0..60 {
            let middle = f64::midpoint(low, high);
            if shown_at(middle) {
                high = middle;
            } else {
                low = middle;
            }
        }
        self.evidence.least_error.max(high)
    }
}

impl Backing {
    /// Returns how sure a metric, or its change, is; or why nobody knows.
    pub(crate) fn evidence(
        &self,
        file: &RepoPath,
        key: &str,
        about: About,
    ) -> Result<Evidence, String> {
        match self.get(file, key) {
            None => Err(self.why_untold(file, key)),
            Some(Finding::Contradicted { side, computed }) => Err(contradiction(side, computed)),
            Some(Finding::Backed(backed)) => match about {
                About::Value => evidence_of_value(backed),
                About::Change => evidence_of_change(backed),
            },
        }
    }
}

impl Backing {
    fn why_untold(&self, file: &RepoPath, key: &str) -> String {
        let (file, key) = (file.clone(), key.to_owned());
        self.untold.get(&MetricRef { file, key }).map_or_else(
            || "no predictions are declared for it".to_owned(),
            |(path, why)| format!("`{path}`: {why}"),
        )
    }
}

fn evidence_of_value(backed: &Backed) -> Result<Evidence, String> {
    let share = backed.share.ok_or("it is no share of examples")?;
    Ok(Evidence {
        interval: Box::new(move |confidence| ends(confidence, |level| share.interval(level))),
        examples: share.count.into(),
        method: "Wilson",
        least_error: LEAST,
    })
}

fn evidence_of_change(backed: &Backed) -> Result<Evidence, String> {
    let tested = match &backed.change {
        None => return Err("the base lacks it".to_owned()),
        Some(Err(why)) => return Err(why.to_string()),
        Some(Ok(tested)) => tested.clone(),
    };
    let method = match tested.test {
        Test::McNemar(_) => "Newcombe",
        Test::Bootstrap(_) => "paired bootstrap",
        Test::DeLong(_) => "DeLong",
        Test::PairedT(_) => "paired t",
    };
    let least_error = match tested.test {
        Test::Bootstrap(Some(_)) => 2.0 / (f64::from(REPLICATES) + 1.0),
        _ => LEAST,
    };
    Ok(Evidence {
        least_error,
        examples: tested.count.into(),
        interval: Box::new(move |confidence| ends(confidence, |level| tested.interval(level))),
        method,
    })
}

/// The ends of an interval; where nothing is known, it is everywhere.
fn ends(confidence: f64, interval: impl Fn(Confidence) -> Option<Interval>) -> (f64, f64) {
    let interval = Confidence::new(confidence).and_then(interval);
    interval.map_or((f64::NEG_INFINITY, f64::INFINITY), |interval| {
        (interval.low, interval.high)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An interval around `centre` that is wider with more confidence, without end at 1.
    fn margin(centre: f64, sign: f64, shift: f64) -> Margin {
        let interval = move |confidence: f64| {
            let half = confidence / (1.0 - confidence);
            (centre - half, centre + half)
        };
        let evidence = Evidence {
            interval: Box::new(interval),
            examples: 1,
            method: "test",
            least_error: LEAST,
        };
        Margin {
            evidence,
            sign,
            shift,
        }
    }

    #[test]
    fn p_values_invert_the_interval() {
        // Beyond the limit by 3: the interval's half is 3 at confidence 0.75.
        let beyond = margin(-4.0, 1.0, 1.0);
        assert!((beyond.p_worse() - 0.25).abs() < 1e-9);
        assert!((beyond.p_not_worse() - 1.0).abs() < 1e-9);
        // The same where less is better.
        assert!((margin(4.0, -1.0, 1.0).p_worse() - 0.25).abs() < 1e-9);
        assert!((margin(2.0, 1.0, 1.0).p_not_worse() - 0.25).abs() < 1e-9);
    }

    #[test]
    fn no_more_is_proven_than_the_method_can_show() {
        let mut sure = margin(-4.0, 1.0, 1.0);
        sure.evidence.interval = Box::new(|_| (-5.0, -4.0));
        assert!(sure.p_worse() <= LEAST);
        sure.evidence.least_error = 0.0002;
        assert!((sure.p_worse() - 0.0002).abs() < 1e-15);
    }

    #[test]
    fn the_same_predictions_are_not_worse() {
        let mut same = margin(0.0, 1.0, 0.0);
        assert!(same.p_not_worse() > 0.99);
        same.evidence.interval = Box::new(|_| (0.0, 0.0));
        assert!(same.p_not_worse() <= LEAST);
        assert!(same.p_worse() > 0.99);
    }
}
