//! The binomial distribution: its probabilities for a fair coin, and drawing from it.

use std::f64::consts::TAU;

use crate::statistics::random::Random;
use crate::statistics::stirling::{ln_factorial, stirling_error};

/// Returns the probability that `k` of `m` throws of a fair coin are heads.
///
/// The saddle-point form of Loader (2000), exact for any `m`.
pub(super) fn fair_probability(k: u32, m: u32) -> f64 {
    let (k, m) = (f64::from(k), f64::from(m));
    let other = m - k;
    if k <= 0.0 || other <= 0.0 {
        return (-m).exp2();
    }
    let middle = m / 2.0;
    let log = stirling_error(m)
        - stirling_error(k)
        - stirling_error(other)
        - deviance(k, middle)
        - deviance(other, middle);
    log.exp() * (m / (TAU * k * other)).sqrt()
}

/// Returns the probability that at most `k` of `m` throws of a fair coin are heads, for `k` ≤ `m`/2.
pub(super) fn fair_tail(k: u32, m: u32) -> f64 {
    let mut term = fair_probability(k, m);
    let mut sum = 0.0;
    // Each term is less than the one before, so that the rest ends where one no longer counts.
    for heads in (0..=k).rev() {
        let next = sum + term;
        if next <= sum {
            break;
        }
        sum = next;
        term *= f64::from(heads) / f64::from(m - heads + 1);
    }
    sum
}

/// Returns x ln(x/mean) + mean − x without losing digits where both are close.
fn deviance(x: f64, mean: f64) -> f64 {
    let apart = x - mean;
    if apart.abs() >= 0.1 * (x + mean) {
        return x * (x / mean).ln() - apart;
    }
    let v = apart / (x + mean);
    let (mut sum, mut term, mut odd) = (apart * v, 2.0 * x * v, 1.0);
    loop {
        term *= v * v;
        odd += 2.0;
        let next = sum + term / odd;
        if next.to_bits() == sum.to_bits() {
            return sum;
        }
        sum = next;
    }
}

/// Draws how many of `n` throws are heads, each with probability `p`.
pub(super) fn draw(n: u32, p: f64, random: &mut Random) -> u32 {
    if p > 0.5 {
        n - draw_rare(n, 1.0 - p, random)
    } else {
        draw_rare(n, p, random)
    }
}

fn draw_rare(n: u32, p: f64, random: &mut Random) -> u32 {
    if n == 0 || p <= 0.0 {
        0
    } else if f64::from(n) * p < 10.0 {
        draw_by_inversion(n, p, random)
    } else {
        draw_by_rejection(n, p, random)
    }
}

/// Adds up probabilities from none on; for small means.
fn draw_by_inversion(n: u32, p: f64, random: &mut Random) -> u32 {
    let odds = p / (1.0 - p);
    let first = (f64::from(n) * (-p).ln_1p()).exp();
    'anew: loop {
        let (mut rest, mut probability, mut count) = (random.share(), first, 0);
        while rest > probability {
            rest -= probability;
            count += 1;
            if count > n {
                // Nothing but rounding leads here.
                continue 'anew;
            }
            probability *= odds * f64::from(n - count + 1) / f64::from(count);
        }
        return count;
    }
}

/// Transformed rejection with squeeze (algorithm BTRS of Hörmann, *The generation of binomial random
/// variates*, J. Stat. Comput. Simul. 46, 1993); for means from 10.
fn draw_by_rejection(n: u32, p: f64, random: &mut Random) -> u32 {
    let (count, odds) = (f64::from(n), p / (1.0 - p));
    let spread = (count * p * (1.0 - p)).sqrt();
    let width = 1.15 + 2.53 * spread;
    let slope = -0.0873 + 0.0248 * width + 0.01 * p;
    let centre = count * p + 0.5;
    let squeeze = 0.92 - 4.2 / width;
    let scale = (2.83 + 5.1 / width) * spread;
    let mode = ((count + 1.0) * p).floor();
    let log_weight = |k: f64| k * odds.ln() - ln_factorial(k) - ln_factorial(count - k);
    loop {
        let place = random.share() - 0.5;
        let height = random.share();
        let near = 0.5 - place.abs();
        let k = ((2.0 * slope / near + width) * place + centre).floor();
        if !(0.0..=count).contains(&k) {
            continue;
        }
        if near >= 0.07 && height <= squeeze {
            return whole(k);
        }
        let hat = (height * scale / (slope / (near * near) + width)).ln();
        if hat <= log_weight(k) - log_weight(mode) {
            return whole(k);
        }
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a whole number from 0 to a u32"
)]
fn whole(number: f64) -> u32 {
    number as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probabilities_of_a_fair_coin() {
        assert!((fair_probability(3, 6) - 0.3125).abs() < 1e-15);
        assert!((fair_tail(2, 6) - 22.0 / 64.0).abs() < 1e-15);
        // By the series 1 − 1/4m + 1/32m² … of the middle term.
        let middle = fair_probability(500_000, 1_000_000);
        let m = 1e6_f64;
        let series = (2.0 / (std::f64::consts::PI * m)).sqrt()
            * (1.0 - 1.0 / (4.0 * m) + 1.0 / (32.0 * m * m));
        assert!((middle / series - 1.0).abs() < 1e-14, "{middle}");
        assert!((fair_tail(499_999, 1_000_000) - (0.5 - middle / 2.0)).abs() < 1e-13);
        assert!(fair_tail(0, 1_000_000) <= 0.0);
    }

    /// The mean and variance of many draws are within five standard errors of what they must be.
    #[test]
    fn draws_have_the_distribution() {
        let mut random = Random::new(1);
        for (n, p) in [
            (20, 0.1),
            (20, 0.9),
            (1000, 0.002),
            (100, 0.3),
            (10_000, 0.98),
            (50, 0.5),
        ] {
            let draws: Vec<f64> = (0..20_000)
                .map(|_| f64::from(draw(n, p, &mut random)))
                .collect();
            let count = 20_000.0;
            let mean = draws.iter().sum::<f64>() / count;
            let square = |draw: &f64| (draw - mean) * (draw - mean);
            let variance = draws.iter().map(square).sum::<f64>() / count;
            let wanted = f64::from(n) * p * (1.0 - p);
            assert!(
                (mean - f64::from(n) * p).abs() < 5.0 * (wanted / count).sqrt(),
                "{n} {p}"
            );
            let kurtosis = 3.0 + (1.0 - 6.0 * p * (1.0 - p)) / wanted;
            let error = wanted * ((kurtosis - 1.0) / count).sqrt();
            assert!(
                (variance - wanted).abs() < 5.0 * error,
                "{n} {p} {variance}"
            );
        }
    }
}
