//! The standard normal distribution.

use std::f64::consts::TAU;

/// From here on the continued fraction is exact; below it the series is.
const TAIL: f64 = 1.5;

/// Returns the density at `z`.
pub fn density(z: f64) -> f64 {
    (-0.5 * z * z).exp() / TAU.sqrt()
}

/// Returns the probability of at most `z`; 0 and 1 at the infinities, NaN of NaN.
pub fn cdf(z: f64) -> f64 {
    if z < 0.0 { upper(-z) } else { 1.0 - upper(z) }
}

/// Returns the probability of more than `z`, exact far out too.
///
/// The series and the continued fraction are those of Marsaglia, *Evaluating the normal
/// distribution*, J. Stat. Softw. 11(4), 2004.
pub fn upper(z: f64) -> f64 {
    if z.is_nan() {
        return z;
    }
    if z.is_infinite() {
        return if z > 0.0 { 0.0 } else { 1.0 };
    }
    if z.abs() < TAIL {
        0.5 - density(z) * series(z)
    } else if z > 0.0 {
        density(z) / continued_fraction(z)
    } else {
        1.0 - density(z) / continued_fraction(-z)
    }
}

/// Returns the two-sided p-value of a standard normal `z`.
pub fn two_sided(z: f64) -> f64 {
    (2.0 * upper(z.abs())).min(1.0)
}

/// Returns the `z` that the share `q` lies above: the infinities for 0 and 1, NaN outside.
///
/// Abramowitz and Stegun 26.2.23 is right to three digits; Halley's method then triples their number.
pub fn upper_quantile(q: f64) -> f64 {
    if !(0.0..=1.0).contains(&q) {
        return f64::NAN;
    }
    if q > 0.5 {
        // 1 − q is exact here.
        return -upper_quantile(1.0 - q);
    }
    if q == 0.0 {
        return f64::INFINITY;
    }
    let t = (-2.0 * q.ln()).sqrt();
    let above = 2.515_517 + t * (0.802_853 + t * 0.010_328);
    let below = 1.0 + t * (1.432_788 + t * (0.189_269 + t * 0.001_308));
    let mut z = t - above / below;
    for _ in 0..3 {
        let step = (upper(z) - q) / density(z);
        z += step / (1.0 + 0.5 * z * step);
    }
    z
}

/// Returns (Φ(z) − ½) / φ(z) = z + z³/3 + z⁵/15 + …
fn series(z: f64) -> f64 {
    let (mut sum, mut term, mut odd) = (z, z, 1.0);
    loop {
        odd += 2.0;
        term *= z * z / odd;
        let next = sum + term;
        if next.to_bits() == sum.to_bits() {
            return sum;
        }
        sum = next;
    }
}

/// Returns z + 1/(z + 2/(z + 3/(z + …))), from the inside out.
fn continued_fraction(z: f64) -> f64 {
    // At z = 1.5 this many levels leave less than one part in 10¹⁶.
    let levels = 200;
    (1..=levels)
        .rev()
        .fold(z, |inner, level| z + f64::from(level) / inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_values() {
        assert!((upper_quantile(0.025) - 1.959_963_984_540_054).abs() < 2e-15);
        assert!((cdf(1.0) - 0.841_344_746_068_542_9).abs() < 1e-15);
        assert!((upper(10.0) / 7.619_853_024_160_526e-24 - 1.0).abs() < 1e-13);
        assert!((upper_quantile(0.5)).abs() < 1e-15);
    }

    #[test]
    fn the_ends_are_infinite() {
        assert!(cdf(f64::INFINITY) >= 1.0 && cdf(f64::NEG_INFINITY) <= 0.0);
        assert!(cdf(f64::NAN).is_nan() && upper_quantile(1.5).is_nan());
        assert!(upper_quantile(0.0).is_infinite() && upper_quantile(0.0) > 0.0);
        assert!(upper_quantile(1.0).is_infinite() && upper_quantile(1.0) < 0.0);
    }
}
