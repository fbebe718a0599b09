//! Newcombe's interval for the difference of two shares on the same examples.

use serde::{Deserialize, Serialize};

use crate::statistics::{Confidence, Interval, wilson};

/// How many examples two models got right.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Agreement {
    /// Both were right.
    pub both: u32,
    /// Only the base was.
    pub only_base: u32,
    /// Only the other was.
    pub only_here: u32,
    /// Neither was.
    pub neither: u32,
}

impl Agreement {
    /// Returns the number of examples.
    pub fn count(&self) -> u32 {
        self.both + self.only_base + self.only_here + self.neither
    }

    /// Returns how many the base got right.
    pub fn base(&self) -> u32 {
        self.both + self.only_base
    }

    /// Returns how many the other got right.
    pub fn here(&self) -> u32 {
        self.both + self.only_here
    }

    /// Returns φ, the correlation of being right, brought towards 0 where it is positive (the
    /// correction of Newcombe's method 10); 0 where a model is always right or always wrong.
    fn correlation(&self) -> f64 {
        let [a, b, c, d] = [self.both, self.only_base, self.only_here, self.neither].map(f64::from);
        let margins = ((a + b) * (c + d) * (a + c) * (b + d)).sqrt();
        if margins <= 0.0 {
            return 0.0;
        }
        let excess = a * d - b * c;
        let corrected = if excess > 0.0 {
            (excess - f64::from(self.count()) / 2.0).max(0.0)
        } else {
            excess
        };
        corrected / margins
    }
}

/// Returns where the difference of the two shares lies, the other's minus the base's; `None` for no
/// examples.
///
/// The paired score interval, method 10 of Newcombe, Stat. Med. 17:2635, 1998. Unlike the interval
/// of Wald it holds its level for few examples and for shares near 1.
pub fn interval(seen: &Agreement, confidence: Confidence) -> Option<Interval> {
    let n = seen.count();
    let here = wilson::interval(seen.here(), n, confidence)?;
    let base = wilson::interval(seen.base(), n, confidence)?;
    let share = |count: u32| f64::from(count) / f64::from(n);
    let (here_share, base_share) = (share(seen.here()), share(seen.base()));
    let difference = here_share - base_share;
    let phi = seen.correlation();
    let reach = |one: f64, other: f64| {
        // Rounding may bring it below 0 where φ is 1.
        (one * one - 2.0 * phi * one * other + other * other)
            .max(0.0)
            .sqrt()
    };
    let low = difference - reach(here_share - here.low, base.high - base_share);
    let high = difference + reach(here.high - here_share, base_share - base.low);
    Some(Interval {
        low: low.max(-1.0),
        high: high.min(1.0),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(both: u32, only_base: u32, only_here: u32, neither: u32) -> Interval {
        let seen = Agreement {
            both,
            only_base,
            only_here,
            neither,
        };
        interval(&seen, Confidence::default()).expect("has examples")
    }

    #[test]
    fn known_values() {
        let close = |found: Interval, low: f64, high: f64| {
            assert!((found.low - low).abs() < 5e-6, "{found:?}");
            assert!((found.high - high).abs() < 5e-6, "{found:?}");
        };
        close(found(9700, 95, 120, 85), -0.00039, 0.00542);
        close(found(480, 12, 4, 4), -0.03462, 0.00050);
    }

    #[test]
    fn edges_are_no_trouble() {
        assert_eq!(interval(&Agreement::default(), Confidence::default()), None);
        let all_right = found(50, 0, 0, 0);
        assert!(
            all_right.contains(0.0) && all_right.high < 0.1,
            "{all_right:?}"
        );
        let opposite = found(0, 0, 50, 0);
        assert!(opposite.high >= 1.0 && opposite.low > 0.8, "{opposite:?}");
        // The same mistakes leave no doubt but that of the two Wilson intervals.
        let same = found(40, 0, 0, 10);
        assert!(
            same.low < 0.0 && (same.low + same.high).abs() < 1e-15,
            "{same:?}"
        );
    }
}
