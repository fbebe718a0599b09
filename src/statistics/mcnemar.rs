//! `McNemar`'s test of whether two models are right equally often on the same examples.

use crate::statistics::binomial::{fair_probability, fair_tail};

/// Returns the exact two-sided p-value, where `b` examples only the one and `c` only the other
/// model got right; 1 where there is no such example.
///
/// The binomial test of `McNemar` 1947 by exact sums; it errs on the safe side.
pub fn exact(b: u32, c: u32) -> f64 {
    (2.0 * fair_tail(b.min(c), b + c)).min(1.0)
}

/// Returns the mid-p value, of which half of what was seen is left out; 1 where no example tells the
/// models apart.
///
/// Closer to its nominal level than the exact test, and nearly never above it (Fagerland, Lydersen
/// and Laake, BMC Med. Res. Methodol. 13:91, 2013).
///
/// ```
/// use mlpipe::statistics::mcnemar;
/// assert!((mcnemar::mid_p(10, 25) - 0.0113309842).abs() < 1e-10);
/// ```
pub fn mid_p(b: u32, c: u32) -> f64 {
    let (least, count) = (b.min(c), b + c);
    if count == 0 {
        return 1.0;
    }
    let seen = fair_probability(least, count);
    if b == c {
        return 1.0 - seen / 2.0;
    }
    2.0 * fair_tail(least, count) - seen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_values() {
        for (b, c, wanted_exact, wanted_mid_p) in [
            (10, 25, 0.016_673_847_8, 0.011_330_984_2),
            (95, 120, 0.101_452_327_6, 0.088_702_907_4),
            (30, 42, 0.194_505_165_9, 0.159_711_683_1),
            (3, 3, 1.0, 0.843_75),
            (0, 0, 1.0, 1.0),
        ] {
            for (b, c) in [(b, c), (c, b)] {
                assert!((exact(b, c) - wanted_exact).abs() < 1e-10, "{b} {c}");
                assert!((mid_p(b, c) - wanted_mid_p).abs() < 1e-10, "{b} {c}");
            }
        }
    }

    #[test]
    fn a_million_examples_are_no_matter() {
        assert!(exact(1_000_000, 1_000_000) >= 1.0);
        assert!(mid_p(0, 1_000_000) <= 0.0);
        // Far in the middle it is nearly normal.
        let p = mid_p(499_000, 501_000);
        assert!(
            (p - crate::statistics::normal::two_sided(2.0)).abs() < 1e-6,
            "{p}"
        );
    }
}
