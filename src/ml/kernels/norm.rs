//! The way back through a norm.

use std::ops::Range;

use crate::field::Field;
use crate::line::Line;
use crate::simd::{Lanes, Simd, Task};

/// Of a channel in one group: the sum of the gradients of its normalised values, and of those times
/// the values' distances from the mean.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Pulls {
    pub(crate) along: f64,
    pub(crate) across: f64,
}

/// How gradients go through a norm: mean and variance depend on each value as well. Some rows of
/// gradients of normalised values become, in place, those of the values.
pub(crate) struct ThroughNorm<'a> {
    pub(crate) lines: &'a [Line],
    /// Of the whole batch.
    pub(crate) pulls: &'a [Pulls],
    /// How many values of a channel there are in the batch.
    pub(crate) count: f64,
    pub(crate) mask: &'a Lanes,
    pub(crate) rows: Range<usize>,
    pub(crate) values: (&'a [Lanes], &'a Field),
    pub(crate) gradient: (&'a mut [Lanes], &'a Field),
}

impl Task for ThroughNorm<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let (values, field) = self.values;
        let (gradient, gradient_field) = self.gradient;
        for (channel, (line, pull)) in self.lines.iter().zip(self.pulls).enumerate() {
            let scale = f64::from(line.scale);
            let inverse = f64::from(line.inverse);
            let along = (scale * pull.along / self.count) as f32;
            let across = (scale * inverse * inverse * pull.across / self.count) as f32;
            let mean = S::splat(line.mean);
            let mask = S::load(self.mask);
            let [scale, along, across] =
                [line.scale, -along, -across].map(|factor| S::mul(mask, S::splat(factor)));
            for row in self.rows.clone() {
                let values = &values[field.row(channel, row)];
                let gradient = &mut gradient[gradient_field.row(channel, row)];
                for (gradient, value) in gradient.iter_mut().zip(values) {
                    let distance = S::sub(S::load(value), mean);
                    let moved = S::mul_add(distance, across, along);
                    let before = S::load(gradient);
                    S::store(S::mul_add(before, scale, moved), gradient);
                }
            }
        }
    }
}
