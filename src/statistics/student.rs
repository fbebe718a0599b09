//! Student's t distribution.

use std::f64::consts::PI;

use crate::statistics::Confidence;
use crate::statistics::stirling::stirling_error;

/// Returns the two-sided p-value of `t` with `freedom` > 0 degrees of freedom; NaN of NaN.
///
/// The incomplete beta function I(ν/2, ½) at ν/(ν + t²), by its continued fraction.
pub fn two_sided(t: f64, freedom: f64) -> f64 {
    if t.is_infinite() {
        return 0.0;
    }
    let square = t * t;
    let near = freedom / (freedom + square);
    let far = square / (freedom + square);
    let half = freedom / 2.0;
    // ν/2 · ln(ν/(ν + t²)), which must not lose the digits of a t²/ν near 0.
    let power = (-half * (square / freedom).ln_1p()).exp();
    let weight = power * far.sqrt() * gamma_ratio(half) / PI.sqrt();
    if near < (half + 1.0) / (half + 2.5) {
        weight * fraction(half, 0.5, near) / half
    } else {
        1.0 - weight * fraction(0.5, half, far) / 0.5
    }
}

/// Returns how many standard errors an interval reaches to each side, with `freedom` ≥ 1.
pub fn critical(confidence: Confidence, freedom: f64) -> f64 {
    let error = confidence.error();
    // From below Newton's method only ever comes closer: the p-value is convex.
    let mut t = confidence.critical();
    for _ in 0..200 {
        let step = (two_sided(t, freedom) - error) / (2.0 * density(t, freedom));
        t += step;
        if step.abs() <= 1e-12 * t {
            break;
        }
    }
    t
}

fn density(t: f64, freedom: f64) -> f64 {
    let power = (-(freedom + 1.0) / 2.0 * (t * t / freedom).ln_1p()).exp();
    gamma_ratio(freedom / 2.0) / (freedom * PI).sqrt() * power
}

/// Returns Γ(x + ½) / Γ(x), for large x too.
fn gamma_ratio(x: f64) -> f64 {
    let power = x * (0.5 / x).ln_1p() - 0.5;
    (power + stirling_error(x + 0.5) - stirling_error(x)).exp() * x.sqrt()
}

/// Returns the continued fraction of the incomplete beta function, without its factor (Lentz's
/// method; DLMF 8.17.22).
fn fraction(a: f64, b: f64, x: f64) -> f64 {
    let tiny = 1e-300;
    let away = |number: f64| if number.abs() < tiny { tiny } else { number };
    let mut above = 1.0;
    let mut below = 1.0 / away(1.0 - (a + b) * x / (a + 1.0));
    let mut value = below;
    // About the square root of the degrees of freedom is enough.
    for level in 1..1_000_000 {
        let m = f64::from(level);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        let mut factor = 1.0;
        for step in [even, odd] {
            below = 1.0 / away(1.0 + step * below);
            above = away(1.0 + step / above);
            factor = above * below;
            value *= factor;
        }
        if (factor - 1.0).abs() <= f64::EPSILON {
            break;
        }
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_values() {
        // With one degree of freedom it is Cauchy's distribution.
        let cauchy = |t: f64| 1.0 - 2.0 * t.atan() / PI;
        for t in [0.1, 1.0, 5.0, 1000.0] {
            assert!((two_sided(t, 1.0) / cauchy(t) - 1.0).abs() < 1e-11, "{t}");
        }
        let confidence = Confidence::default();
        assert!((critical(confidence, 1.0) - 12.706_204_736_174_7).abs() < 1e-10);
        assert!((critical(confidence, 10.0) - 2.228_138_851_986_275).abs() < 1e-12);
        assert!((two_sided(0.0, 5.0) - 1.0).abs() < 1e-16);
        assert!(two_sided(f64::INFINITY, 5.0) <= 0.0);
    }
}
