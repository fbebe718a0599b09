//! The way back through an activation: through max-pool and ReLU, and to the pulls of its norm.

use crate::activate::{Activate, Curve, largest};
use crate::field::Field;
use crate::line::Lines;
use crate::norm::Pulls;
use crate::pool::Pool;
use crate::simd::{Lanes, Simd, Task};
use crate::sums::{Left, TimesFrom, row_totals};

/// The way back through an activation: through pool and ReLU, and to the pulls of its norm.
pub(crate) struct Back<'a> {
    pub(crate) activate: Activate<'a>,
    pub(crate) values: &'a [Lanes],
    /// The gradient of the pooled values, if there is a pool; else `to` holds it.
    pub(crate) from: (&'a [Lanes], &'a Field),
    pub(crate) to: (&'a mut [Lanes], &'a Field),
    pub(crate) mask: &'a Lanes,
    /// Of each channel, if there is a norm.
    pub(crate) pulls: Option<&'a mut [Pulls]>,
}

impl Task for Back<'_> {
    type Output = ();

    /// Some rows of a channel at a time, which stay in the cache.
    #[inline(always)]
    fn run<S: Simd>(mut self) {
        for channel in 0..self.activate.input_field.channels {
            let mut sums = Pulls::default();
            let mut done = 0;
            for row in 0..self.steps() {
                let ready = self.step::<S>(channel, row);
                for row in done..ready {
                    self.pull::<S>(channel, row, &mut sums);
                }
                done = ready;
            }
            if let Some(pulls) = &mut self.pulls {
                pulls[channel] = sums;
            }
        }
    }
}

impl Back<'_> {
    /// Returns in how many steps a channel is gone through.
    fn steps(&self) -> usize {
        match self.activate.pool {
            Some(_) => self.activate.output_field.height,
            None => self.activate.input_field.height,
        }
    }

    /// Goes back through pool and ReLU; returns how many rows of the channel are done with.
    #[inline(always)]
    fn step<S: Simd>(&mut self, channel: usize, row: usize) -> usize {
        let to = (&mut *self.to.0, self.to.1);
        let Some(pool) = self.activate.pool else {
            if self.activate.relu {
                self.activate.rectify::<S>((channel, row), self.values, to);
            }
            return row + 1;
        };
        self.activate
            .unpool::<S>(pool, (channel, row), self.values, self.from, to);
        if row + 1 == self.activate.output_field.height {
            return self.activate.input_field.height;
        }
        // Of squares that overlap, the next ones add to the rows from here on.
        (row + 1) * pool.stride
    }

    /// Adds a row to the pulls of a norm, if there is one.
    #[inline(always)]
    fn pull<S: Simd>(&self, channel: usize, row: usize, sums: &mut Pulls) {
        if let (Some(_), Some(Lines::OfChannels(lines))) = (&self.pulls, self.activate.lines) {
            let gradient = &self.to.0[self.to.1.row(channel, row)];
            let values = &self.values[self.activate.input_field.row(channel, row)];
            let terms = (&Left, &TimesFrom(lines[channel].mean));
            let [along, across] = row_totals::<S>((gradient, values), self.mask, terms);
            sums.along += along;
            sums.across += across;
        }
    }
}

impl Activate<'_> {
    /// From the gradient of a row of pooled values to that of the values before the line.
    #[inline(always)]
    fn unpool<S: Simd>(
        &self,
        pool: Pool,
        (channel, row): (usize, usize),
        values: &[Lanes],
        (gradient, gradient_field): (&[Lanes], &Field),
        (to, to_field): (&mut [Lanes], &Field),
    ) {
        let tiles = pool.tiles(&self.input_field, &self.output_field);
        let curve = Curve::<S>::new(self, channel);
        if !tiles && row == 0 {
            for row in 0..to_field.height {
                for to in &mut to[to_field.row(channel, row)] {
                    S::store(S::splat(0.0), to);
                }
            }
        }
        let gradient = &gradient[gradient_field.row(channel, row)];
        if tiles && pool.is_common() {
            let values = self.pairs(channel, row, values);
            let at = to_field.at(channel, 2 * row, 0);
            let (above, below) = to[at..].split_at_mut(to_field.pitch());
            let to = [above, below].map(|row| row.as_chunks_mut().0);
            self.unpool_pairs::<S>(&curve, values, gradient, to);
            return;
        }
        let from = self.input_field.at(channel, row * pool.stride, 0);
        let at = to_field.at(channel, row * pool.stride, 0);
        for (column, gradient) in gradient.iter().enumerate() {
            let values = &values[from + column * pool.stride..];
            let to = &mut to[at + column * pool.stride..];
            let most = self.most::<S>(pool, &curve, values);
            let mut rest = S::load(gradient);
            if self.relu {
                rest = S::where_positive(most, rest);
            }
            for y in 0..pool.height {
                let values = &values[y * self.input_field.pitch()..][..pool.width];
                let to = &mut to[y * to_field.pitch()..][..pool.width];
                for (value, to) in values.iter().zip(to) {
                    // The first of equals takes all.
                    let value = curve.of(value);
                    let part = S::where_equal(value, most, rest);
                    rest = S::sub(rest, part);
                    let sum = if tiles {
                        part
                    } else {
                        S::add(part, S::load(to))
                    };
                    S::store(sum, to);
                }
            }
        }
    }

    /// Does the same for a row of squares of two by two, the usual ones.
    #[inline(always)]
    fn unpool_pairs<S: Simd>(
        &self,
        curve: &Curve<S>,
        [above, below]: [&[[Lanes; 2]]; 2],
        gradient: &[Lanes],
        [to_above, to_below]: [&mut [[Lanes; 2]]; 2],
    ) {
        let to = to_above.iter_mut().zip(to_below);
        let squares = above.iter().zip(below).zip(to).zip(gradient);
        for (((above, below), (to_above, to_below)), gradient) in squares {
            let values = curve.of_square(above, below);
            let most = largest::<S>(values);
            let mut rest = S::load(gradient);
            if self.relu {
                rest = S::where_positive(most, rest);
            }
            for place in 0..4 {
                // The first of equals takes all.
                let part = S::where_equal(values[place], most, rest);
                rest = S::sub(rest, part);
                let to = if place < 2 {
                    &mut *to_above
                } else {
                    &mut *to_below
                };
                S::store(part, &mut to[place % 2]);
            }
        }
    }

    /// Takes out of a row of a gradient, in place, what the ReLU holds back.
    #[inline(always)]
    fn rectify<S: Simd>(
        &self,
        (channel, row): (usize, usize),
        values: &[Lanes],
        (gradient, field): (&mut [Lanes], &Field),
    ) {
        let curve = Curve::<S>::new(self, channel);
        let values = &values[self.input_field.row(channel, row)];
        let gradient = &mut gradient[field.row(channel, row)];
        for (gradient, value) in gradient.iter_mut().zip(values) {
            let before = S::load(gradient);
            let after = S::where_positive(curve.of(value), before);
            S::store(after, gradient);
        }
    }
}
