//! Wilson's interval for one share, such as an accuracy.

use crate::statistics::{Confidence, Interval};

/// Returns where the share lies of which `successes` of `n` examples were seen; `None` for no
/// examples.
///
/// The score interval without continuity correction (Wilson 1927; recommended by Brown, Cai and
/// `DasGupta` 2001). It never leaves 0 to 1, and is of use where none or all succeed. Two models on the
/// same examples are not to be compared by their two intervals: that ignores the pairing.
///
/// ```
/// use mlpipe::statistics::{Confidence, wilson};
/// let accuracy = wilson::interval(9820, 10_000, Confidence::default()).expect("has examples");
/// assert!((accuracy.low - 0.979203052820268).abs() < 1e-14);
/// ```
pub fn interval(successes: u32, n: u32, confidence: Confidence) -> Option<Interval> {
    if n == 0 {
        return None;
    }
    let (successes, n) = (f64::from(successes.min(n)), f64::from(n));
    let share = successes / n;
    let z = confidence.critical();
    let scale = 1.0 + z * z / n;
    let centre = (share + z * z / (2.0 * n)) / scale;
    let half = z * (share * (1.0 - share) / n + z * z / (4.0 * n * n)).sqrt() / scale;
    let rounded = Interval::around(centre, half, 0.0, 1.0);
    // By the formula exactly 0 and 1, but for rounding.
    Some(Interval {
        low: if share <= 0.0 { 0.0 } else { rounded.low },
        high: if share >= 1.0 { 1.0 } else { rounded.high },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_values() {
        let found = interval(9820, 10_000, Confidence::default()).expect("has examples");
        assert!((found.low - 0.979_203_052_820_268).abs() < 1e-14);
        assert!((found.high - 0.984_426_772_750_400).abs() < 1e-14);
    }

    #[test]
    fn none_and_all_are_the_ends() {
        let confidence = Confidence::default();
        assert_eq!(interval(0, 0, confidence), None);
        let none = interval(0, 10, confidence).expect("has examples");
        assert!(
            none.low <= 0.0 && none.high > 0.2 && none.high < 0.3,
            "{none:?}"
        );
        let all = interval(10, 10, confidence).expect("has examples");
        assert!(
            all.high >= 1.0 && (all.low - (1.0 - none.high)).abs() < 1e-15,
            "{all:?}"
        );
    }
}
