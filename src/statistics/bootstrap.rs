//! The paired bootstrap, for statistics that depend only on how many examples are of which kind.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::statistics::binomial;
use crate::statistics::random::Random;
use crate::statistics::{Confidence, Interval};

/// How often is resampled: the ends of a 95 % interval are then known to about a fortieth of its half.
pub const REPLICATES: u32 = 10_000;

/// What a statistic was on resampled examples, sorted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Bootstrap(Vec<f64>);

/// Resamples examples, of which there are `counts` of each kind, [`REPLICATES`] times, and evaluates
/// statistics on each resample. `evaluate` is given how many of each kind were drawn, and returns as
/// many numbers each time; the results are in their order.
///
/// Drawing n examples with replacement is drawing the counts of their kinds from a multinomial
/// distribution, which takes a few draws where n may be millions (Efron and Tibshirani, *An
/// introduction to the bootstrap*, 1993). A kind of a paired comparison is an actual class with both
/// models' predictions, so that both are judged on the same examples. Each replicate has random
/// numbers of its own: the result is the same for every number of threads.
pub fn resample(counts: &[u32], evaluate: impl Fn(&[u32]) -> Vec<f64> + Sync) -> Vec<Bootstrap> {
    let order = most_frequent_first(counts);
    let replicates: Vec<Vec<f64>> = (0..REPLICATES)
        .into_par_iter()
        .map_init(
            || vec![0; counts.len()],
            |drawn, replicate| {
                draw(counts, &order, &mut Random::new(replicate.into()), drawn);
                evaluate(drawn)
            },
        )
        .collect();
    let statistics = replicates.first().map_or(0, Vec::len);
    let sorted = (0..statistics).map(|statistic| {
        let mut values: Vec<f64> = replicates.iter().map(|one| one[statistic]).collect();
        values.sort_unstable_by(f64::total_cmp);
        Bootstrap(values)
    });
    sorted.collect()
}

impl Bootstrap {
    /// Returns the percentile interval; `None` if the statistic is undefined on some resample.
    pub fn interval(&self, confidence: Confidence) -> Option<Interval> {
        let values = self.defined()?;
        let tail = confidence.error() / 2.0;
        Some(Interval {
            low: quantile(values, tail),
            high: quantile(values, 1.0 - tail),
        })
    }

    /// Returns the two-sided p-value of a statistic that is 0 where nothing differs: twice the share
    /// of resamples on the other side of 0, the data themselves counted as one. `None` as above.
    pub fn p_value(&self) -> Option<f64> {
        let values = self.defined()?;
        let up_to_zero = values.partition_point(|value| *value <= 0.0);
        let below_zero = values.partition_point(|value| *value < 0.0);
        let rarer = up_to_zero.min(values.len() - below_zero);
        let share = |count: usize| u32::try_from(count + 1).map_or(f64::NAN, f64::from);
        Some((2.0 * share(rarer) / share(values.len())).min(1.0))
    }

    fn defined(&self) -> Option<&[f64]> {
        self.0
            .iter()
            .all(|value| value.is_finite())
            .then_some(&self.0)
    }
}

/// Draws from the multinomial distribution, kind by kind, each from what is left.
fn draw(counts: &[u32], order: &[usize], random: &mut Random, drawn: &mut [u32]) {
    let mut weight: u32 = counts.iter().sum();
    let mut left = weight;
    for kind in order {
        let count = counts[*kind];
        let taken = if count == weight {
            left
        } else {
            binomial::draw(left, f64::from(count) / f64::from(weight), random)
        };
        drawn[*kind] = taken;
        left -= taken;
        weight -= count;
    }
}

/// With the frequent kinds drawn first, little is left for the many rare ones.
fn most_frequent_first(counts: &[u32]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..counts.len()).collect();
    order.sort_by_key(|kind| std::cmp::Reverse(counts[*kind]));
    order
}

/// Returns a quantile of sorted values, between two of them by proportion (type 7 of Hyndman and Fan
/// 1996, that of numpy).
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let last = u32::try_from(sorted.len().saturating_sub(1)).unwrap_or(u32::MAX);
    let position = share * f64::from(last);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a position in a list"
    )]
    let below = (position.floor() as usize).min(sorted.len() - 1);
    let above = (below + 1).min(sorted.len() - 1);
    sorted[below] + position.fract() * (sorted[above] - sorted[below])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::newcombe::{self, Agreement};

    /// Both, only base, only here, neither.
    const COUNTS: [u32; 4] = [9700, 95, 120, 85];

    fn difference(drawn: &[u32]) -> Vec<f64> {
        assert_eq!(drawn.iter().sum::<u32>(), 10_000);
        vec![(f64::from(drawn[2]) - f64::from(drawn[1])) / 10_000.0]
    }

    #[test]
    fn it_agrees_with_the_formula_for_accuracies() {
        let found = resample(&COUNTS, difference);
        let interval = found[0].interval(Confidence::default()).expect("defined");
        let [both, only_base, only_here, neither] = COUNTS;
        let seen = Agreement {
            both,
            only_base,
            only_here,
            neither,
        };
        let formula = newcombe::interval(&seen, Confidence::default()).expect("has examples");
        assert!(
            (interval.low - formula.low).abs() < 2e-4,
            "{interval:?} {formula:?}"
        );
        assert!(
            (interval.high - formula.high).abs() < 2e-4,
            "{interval:?} {formula:?}"
        );
        let p = found[0].p_value().expect("defined");
        assert!((p - 0.0887).abs() < 0.015, "{p}");
    }

    #[test]
    fn any_number_of_threads_gives_the_same() {
        let with = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
            pool.expect("threads")
                .install(|| resample(&COUNTS, difference))
        };
        let one = with(1);
        assert_eq!(one, with(3));
        assert_eq!(one, with(8));
    }

    #[test]
    fn nothing_to_draw_is_no_trouble() {
        let found = resample(&[], |_| vec![0.0]);
        assert_eq!(found[0].p_value(), Some(1.0));
        let undefined = resample(&[3], |_| vec![f64::NAN]);
        assert_eq!(undefined[0].p_value(), None);
        assert_eq!(resample(&[3], |_| Vec::new()), []);
    }
}
