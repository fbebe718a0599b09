//! `Evidence`: how sure a number is, for gates that want a proof.

use crate::base::path::RepoPath;

/// What the examples behind a number say of it.
pub(crate) struct Evidence {
    /// The interval at a confidence between 0 and 1, in the metric's unit. It gets narrower with less
    /// confidence and always holds the number itself.
    pub(crate) interval: Box<dyn Fn(f64) -> (f64, f64)>,
    /// How many examples there are.
    pub(crate) examples: u64,
    /// The name of the method, as in `Newcombe`.
    pub(crate) method: &'static str,
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
const LEAST: f64 = 1e-12;

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

    /// Returns the two-sided p-value of the test that the limit is not kept.
    pub(super) fn p_not_worse(&self) -> f64 {
        self.least_error(|(low, _)| low > 0.0)
    }

    /// Bisects: intervals get narrower with more error, so that what is shown stays shown.
    fn least_error(&self, is_shown: impl Fn((f64, f64)) -> bool) -> f64 {
        let shown_at = |error: f64| is_shown(self.interval(1.0 - error));
        let (mut low, mut high) = (LEAST, 1.0 - LEAST);
        if !shown_at(high) {
            return 1.0;
        }
        if shown_at(low) {
            return low;
        }
        for _ in 0..60 {
            let middle = f64::midpoint(low, high);
            if shown_at(middle) {
                high = middle;
            } else {
                low = middle;
            }
        }
        high
    }
}

/// Adjusts p-values for there being several (Holm 1979): each is multiplied by how many are not
/// smaller, and none ends up below a smaller one.
pub(super) fn holm(p_values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|one, other| p_values[*one].total_cmp(&p_values[*other]));
    let mut adjusted = vec![1.0; p_values.len()];
    let mut least = 0.0_f64;
    let mut remaining = p_values.len();
    for at in order {
        #[expect(clippy::cast_precision_loss, reason = "there are few gates")]
        let factor = remaining as f64;
        least = least.max((p_values[at] * factor).min(1.0));
        adjusted[at] = least;
        remaining -= 1;
    }
    adjusted
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
    fn holm_multiplies_the_smallest_most() {
        let close = |one: &[f64], other: &[f64]| {
            one.iter()
                .zip(other)
                .all(|(one, other)| (one - other).abs() < 1e-12)
        };
        assert!(close(&holm(&[0.01, 0.04, 0.03]), &[0.03, 0.06, 0.06]));
        assert!(close(&holm(&[0.6, 0.5]), &[1.0, 1.0]));
        assert!(holm(&[]).is_empty());
    }
}
