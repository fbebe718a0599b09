//! Sums over the values of channels: rows in single precision, their lanes and the rest in double.

use crate::field::Field;
use crate::simd::{Lanes, Simd, Task};

/// What of each pair of values is added up.
pub(crate) trait Term {
    fn add<S: Simd>(&self, left: S::Vector, right: S::Vector, sum: S::Vector) -> S::Vector;
}

/// The left value.
pub(crate) struct Left;
/// The square of the left value's distance from a number.
struct SquareFrom(f32);
/// The left value times the right one's distance from a number.
pub(crate) struct TimesFrom(pub(crate) f32);

impl Term for Left {
    #[inline(always)]
    fn add<S: Simd>(&self, left: S::Vector, _: S::Vector, sum: S::Vector) -> S::Vector {
        S::add(left, sum)
    }
}

impl Term for SquareFrom {
    #[inline(always)]
    fn add<S: Simd>(&self, left: S::Vector, _: S::Vector, sum: S::Vector) -> S::Vector {
        let distance = S::sub(left, S::splat(self.0));
        S::mul_add(distance, distance, sum)
    }
}

impl Term for TimesFrom {
    #[inline(always)]
    fn add<S: Simd>(&self, left: S::Vector, right: S::Vector, sum: S::Vector) -> S::Vector {
        S::mul_add(left, S::sub(right, S::splat(self.0)), sum)
    }
}

/// Adds a term up over a channel of two tensors of the same extent, in the lanes of the mask: rows
/// in single precision, and their lanes and sums in double.
#[inline(always)]
fn sum<S: Simd>(
    channel: usize,
    left: (&[Lanes], &Field),
    right: (&[Lanes], &Field),
    mask: &Lanes,
    term: &impl Term,
) -> f64 {
    let mut total = 0.0;
    for row in 0..left.1.height {
        let left = &left.0[left.1.row(channel, row)];
        let right = &right.0[right.1.row(channel, row)];
        total += row_total::<S>(left, right, mask, term);
    }
    total
}

#[inline(always)]
fn row_total<S: Simd>(left: &[Lanes], right: &[Lanes], mask: &Lanes, term: &impl Term) -> f64 {
    let mut lanes = Lanes::ZERO;
    row_sum::<S>(left, right, mask, term, &mut lanes);
    S::sum(&lanes)
}

/// Four sums run side by side, as each addition takes some cycles.
#[inline(always)]
fn row_sum<S: Simd>(
    left: &[Lanes],
    right: &[Lanes],
    mask: &Lanes,
    term: &impl Term,
    to: &mut Lanes,
) {
    let mut sums = [S::splat(0.0); 4];
    let (left_fours, left_rest) = left.as_chunks::<4>();
    let (right_fours, right_rest) = right.as_chunks::<4>();
    for (left, right) in left_fours.iter().zip(right_fours) {
        for place in 0..4 {
            let (left, right) = (S::load(&left[place]), S::load(&right[place]));
            sums[place] = term.add::<S>(left, right, sums[place]);
        }
    }
    for (left, right) in left_rest.iter().zip(right_rest) {
        let (left, right) = (S::load(left), S::load(right));
        sums[0] = term.add::<S>(left, right, sums[0]);
    }
    let sum = S::add(S::add(sums[0], sums[1]), S::add(sums[2], sums[3]));
    S::store(S::mul(sum, S::load(mask)), to);
}

/// Adds two terms up over a row as [`row_total`] does each of them, and reads it once.
#[inline(always)]
pub(crate) fn row_totals<S: Simd>(
    (left, right): (&[Lanes], &[Lanes]),
    mask: &Lanes,
    terms: (&impl Term, &impl Term),
) -> [f64; 2] {
    let mut sums = [[S::splat(0.0); 4]; 2];
    let (left_fours, left_rest) = left.as_chunks::<4>();
    let (right_fours, right_rest) = right.as_chunks::<4>();
    for (left, right) in left_fours.iter().zip(right_fours) {
        for place in 0..4 {
            let (left, right) = (S::load(&left[place]), S::load(&right[place]));
            sums[0][place] = terms.0.add::<S>(left, right, sums[0][place]);
            sums[1][place] = terms.1.add::<S>(left, right, sums[1][place]);
        }
    }
    for (left, right) in left_rest.iter().zip(right_rest) {
        let (left, right) = (S::load(left), S::load(right));
        sums[0][0] = terms.0.add::<S>(left, right, sums[0][0]);
        sums[1][0] = terms.1.add::<S>(left, right, sums[1][0]);
    }
    let mut totals = [0.0; 2];
    for which in 0..2 {
        let [first, second, third, fourth] = sums[which];
        let sum = S::add(S::add(first, second), S::add(third, fourth));
        let mut lanes = Lanes::ZERO;
        S::store(S::mul(sum, S::load(mask)), &mut lanes);
        totals[which] = S::sum(&lanes);
    }
    totals
}

/// Adds the values of a channel up, in the lanes of the mask.
#[inline(always)]
pub(crate) fn total<S: Simd>(channel: usize, values: &[Lanes], field: &Field, mask: &Lanes) -> f64 {
    sum::<S>(channel, (values, field), (values, field), mask, &Left)
}

/// Sum and squared distances of a channel's values in one group.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Moments {
    count: f64,
    sum: f64,
    /// The sum of squared distances from the group's own mean.
    squares: f64,
}

impl Moments {
    /// Returns mean and variance over all groups, and how many values they are of.
    pub(crate) fn combine(groups: impl Iterator<Item = Self> + Clone) -> (f64, f64, f64) {
        let count: f64 = groups.clone().map(|group| group.count).sum();
        let mean = groups.clone().map(|group| group.sum).sum::<f64>() / count;
        let squares: f64 = groups
            .map(|group| {
                let distance = group.sum / group.count - mean;
                group.squares + group.count * distance * distance
            })
            .sum();
        (mean, squares / count, count)
    }
}

/// Takes the moments of each channel of a group.
pub(crate) struct TakeMoments<'a> {
    pub(crate) values: (&'a [Lanes], &'a Field),
    pub(crate) mask: &'a Lanes,
    /// By channel.
    pub(crate) moments: &'a mut [Moments],
}

impl Task for TakeMoments<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let (one, mask) = (self.values, self.mask);
        let count = S::sum(mask) * one.1.area() as f64;
        for (channel, moments) in self.moments.iter_mut().enumerate() {
            let total = sum::<S>(channel, one, one, mask, &Left);
            let mean = total / count;
            let pivot = mean as f32;
            let around = sum::<S>(channel, one, one, mask, &SquareFrom(pivot));
            let off = mean - f64::from(pivot);
            *moments = Moments {
                count,
                sum: total,
                squares: around - count * off * off,
            };
        }
    }
}
