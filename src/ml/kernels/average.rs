//! Average pools, forward and back.

use crate::field::Field;
use crate::pool::Pool;
use crate::simd::{LANES, Lanes};

/// An average pool from one extent to another.
#[derive(Clone, Copy)]
pub(crate) struct Average {
    pool: Pool,
    input_field: Field,
    output_field: Field,
}

impl Average {
    pub(crate) fn new(pool: Pool, input_field: Field, output_field: Field) -> Self {
        Self {
            pool,
            input_field,
            output_field,
        }
    }

    fn share(&self) -> f32 {
        1.0 / (self.pool.height * self.pool.width) as f32
    }

    /// From values to the means of their squares.
    pub(crate) fn forward(&self, input: &[Lanes], output: &mut [Lanes]) {
        let (pool, share) = (self.pool, self.share());
        self.each(|from, to| {
            let mut sum = Lanes::ZERO;
            for y in 0..pool.height {
                for value in &input[from + y * self.input_field.pitch()..][..pool.width] {
                    (0..LANES).for_each(|lane| sum.0[lane] += value.0[lane]);
                }
            }
            output[to] = Lanes(sum.0.map(|sum| sum * share));
        });
    }

    /// From the gradient of the means to that of the values.
    pub(crate) fn back(&self, output: &[Lanes], input: &mut [Lanes]) {
        let (pool, share, field) = (self.pool, self.share(), self.input_field);
        for channel in 0..field.channels {
            for row in 0..field.height {
                input[field.row(channel, row)].fill(Lanes::ZERO);
            }
        }
        self.each(|to, from| {
            let part = output[from].0.map(|value| value * share);
            for y in 0..pool.height {
                for value in &mut input[to + y * field.pitch()..][..pool.width] {
                    (0..LANES).for_each(|lane| value.0[lane] += part[lane]);
                }
            }
        });
    }

    /// Calls `f` with where each square begins and where its mean is.
    fn each(&self, mut f: impl FnMut(usize, usize)) {
        let stride = self.pool.stride;
        for channel in 0..self.output_field.channels {
            for row in 0..self.output_field.height {
                for column in 0..self.output_field.width {
                    f(
                        self.input_field.at(channel, row * stride, column * stride),
                        self.output_field.at(channel, row, column),
                    );
                }
            }
        }
    }
}
