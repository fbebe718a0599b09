//! `stirling_error`: what Stirling's formula for factorials leaves out.

use std::f64::consts::TAU;

/// From here on five terms of the series are enough.
const LARGE: f64 = 16.0;

/// Returns δ(x) = ln Γ(x + 1) − ½ ln 2πx − x ln x + x for x > 0.
///
/// Logarithms of factorials are large, and differences of them lose the digits that probabilities
/// need; those of δ lose none (Loader, *Fast and accurate computation of binomial probabilities*,
/// 2000).
pub(super) fn stirling_error(x: f64) -> f64 {
    let (mut x, mut below) = (x, 0.0);
    while x < LARGE {
        below += (x + 0.5) * (1.0 / x).ln_1p() - 1.0;
        x += 1.0;
    }
    let square = x * x;
    let series = 1.0 / 1680.0 - 1.0 / (1188.0 * square);
    let series = 1.0 / 360.0 - (1.0 / 1260.0 - series / square) / square;
    below + (1.0 / 12.0 - series / square) / x
}

/// Returns ln x! for x ≥ 0.
pub(super) fn ln_factorial(x: f64) -> f64 {
    if x < 1.0 {
        // Only 0 is asked for below 1.
        return 0.0;
    }
    0.5 * (TAU * x).ln() + x * x.ln() - x + stirling_error(x)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn factorials_come_out() {
        let mut factorial = 1.0_f64;
        for number in 1..=100 {
            factorial *= f64::from(number);
            let found = ln_factorial(f64::from(number));
            assert!(
                (found - factorial.ln()).abs() < 1e-14 * (1.0 + found),
                "{number}"
            );
        }
    }
}
