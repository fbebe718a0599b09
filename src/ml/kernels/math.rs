//! Exponential and logarithm that are the same on every machine; a system's library is not.

const LN_2_HIGH: f64 = 0.693_147_180_369_123_8;
const LN_2_LOW: f64 = 1.908_214_929_270_587_7e-10;

/// Returns e to the power of `x`, right to about 15 digits.
///
/// The exponent is split into a multiple of ln 2 and a rest below 0.35, whose Taylor series is
/// summed.
#[inline]
pub fn exp(x: f64) -> f64 {
    if x > 709.0 {
        return f64::INFINITY;
    }
    if x < -708.0 {
        return 0.0;
    }
    if x.is_nan() {
        return x;
    }
    // Adding and subtracting 1.5 · 2⁵² rounds to the nearest whole number.
    const ROUND: f64 = 6_755_399_441_055_744.0;
    let shifted = x.mul_add(std::f64::consts::LOG2_E, ROUND);
    let power = shifted - ROUND;
    let rest = power.mul_add(-LN_2_LOW, power.mul_add(-LN_2_HIGH, x));
    let mut sum = 1.0;
    let mut term = 14.0;
    while term > 0.0 {
        sum = (sum * rest / term) + 1.0;
        term -= 1.0;
    }
    let exponent = (1023 + power as i64) as u64;
    sum * f64::from_bits(exponent << 52)
}

/// Returns the natural logarithm of a positive normal number, right to about 15 digits.
///
/// The number is split into a power of two and a rest around 1, whose logarithm is twice the area
/// tangent of (rest − 1) / (rest + 1).
#[inline]
pub fn ln(x: f64) -> f64 {
    if x == 0.0 {
        return f64::NEG_INFINITY;
    }
    if x.is_nan() || x < 0.0 {
        return f64::NAN;
    }
    if x.is_infinite() {
        return x;
    }
    let bits = x.to_bits();
    let mut exponent = (bits >> 52) as i64 - 1023;
    let mut rest = f64::from_bits((bits & 0x000f_ffff_ffff_ffff) | (1023 << 52));
    if rest > std::f64::consts::SQRT_2 {
        rest *= 0.5;
        exponent += 1;
    }
    let t = (rest - 1.0) / (rest + 1.0);
    let square = t * t;
    let mut sum = 0.0;
    let mut odd = 23.0;
    while odd > 0.0 {
        sum = sum * square + 1.0 / odd;
        odd -= 2.0;
    }
    let power = exponent as f64;
    power.mul_add(LN_2_HIGH, power.mul_add(LN_2_LOW, 2.0 * t * sum))
}

/// Returns the cosine of `turns` half turns (π · `turns`), for 0 to 1.
pub fn cos_pi(turns: f64) -> f64 {
    // By symmetry the angle is at most a quarter turn.
    if turns > 0.5 {
        return -cos_pi(1.0 - turns);
    }
    let angle = std::f64::consts::PI * turns;
    let square = angle * angle;
    let mut sum = 1.0;
    let mut even = 24.0;
    while even > 0.0 {
        sum = 1.0 - sum * square / (even * (even - 1.0));
        even -= 2.0;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_are_those_of_mathematics() {
        for step in -7000..7000 {
            let x = f64::from(step) / 10.0 + 0.0123;
            assert!((exp(x) / x.exp() - 1.0).abs() < 4e-15, "exp {x}");
            let positive = x.abs();
            assert!((ln(positive) - positive.ln()).abs() < 4e-15 * (1.0 + positive.ln().abs()));
            let turns = f64::from(step).abs() / 7000.0;
            assert!((cos_pi(turns) - (std::f64::consts::PI * turns).cos()).abs() < 1e-15);
        }
        assert_eq!(exp(0.0), 1.0);
        assert_eq!(ln(1.0), 0.0);
        assert_eq!(exp(-1000.0), 0.0);
        assert_eq!(exp(1000.0), f64::INFINITY);
        assert!(exp(f64::NAN).is_nan() && ln(-1.0).is_nan());
    }
}
