//! Batch norm, ReLU and max-pool in one pass over memory.

use std::ops::Range;

use crate::field::Field;
use crate::line::Lines;
use crate::pool::Pool;
use crate::simd::{self, Lanes, Path, Simd, Task};

/// An activation: a line for each channel, a ReLU, a max-pool, each of them optional.
#[derive(Clone, Copy)]
pub(crate) struct Activate<'a> {
    pub(crate) lines: Option<Lines<'a>>,
    pub(crate) relu: bool,
    pub(crate) pool: Option<Pool>,
    pub(crate) input_field: Field,
    pub(crate) output_field: Field,
}

/// What becomes of a value of one channel.
pub(crate) struct Curve<S: Simd> {
    scale: S::Vector,
    shift: S::Vector,
    /// Zero for a ReLU, else less than any number.
    floor: S::Vector,
}

impl<S: Simd> Curve<S> {
    #[inline(always)]
    pub(crate) fn new(activate: &Activate, channel: usize) -> Self {
        let [scale, shift] = match activate.lines {
            // A value times one plus minus zero is the value, also where that is minus zero.
            None => [1.0, -0.0].map(S::splat),
            Some(Lines::OfChannels(lines)) => {
                let line = lines[channel];
                [line.scale, line.shift].map(S::splat)
            }
            Some(Lines::OfLanes(slopes)) => {
                let slope = &slopes[channel];
                [&slope.scale, &slope.shift].map(S::load)
            }
        };
        Self {
            scale,
            shift,
            floor: S::splat(if activate.relu {
                0.0
            } else {
                f32::NEG_INFINITY
            }),
        }
    }

    #[inline(always)]
    pub(crate) fn of(&self, value: &Lanes) -> S::Vector {
        // What is no number stays none, so that a loss shows it.
        S::larger(
            self.floor,
            S::mul_add(S::load(value), self.scale, self.shift),
        )
    }

    #[inline(always)]
    pub(crate) fn of_square(&self, above: &[Lanes; 2], below: &[Lanes; 2]) -> [S::Vector; 4] {
        // Not by `map`, into which vector instructions are not inlined.
        [
            self.of(&above[0]),
            self.of(&above[1]),
            self.of(&below[0]),
            self.of(&below[1]),
        ]
    }
}

#[inline(always)]
pub(crate) fn largest<S: Simd>(values: [S::Vector; 4]) -> S::Vector {
    let [first, second, third, fourth] = values;
    S::larger(S::larger(S::larger(first, second), third), fourth)
}

impl Activate<'_> {
    /// From values to some rows of activations.
    #[inline(always)]
    pub(crate) fn forward<S: Simd>(
        &self,
        rows: Range<usize>,
        input: &[Lanes],
        output: &mut [Lanes],
    ) {
        for channel in 0..self.input_field.channels {
            let curve = Curve::<S>::new(self, channel);
            for row in rows.clone() {
                let to = &mut output[self.output_field.row(channel, row)];
                if let Some(pool) = self.pool {
                    if pool.is_common() {
                        let [above, below] = self.pairs(channel, row, input);
                        for ((to, above), below) in to.iter_mut().zip(above).zip(below) {
                            let values = curve.of_square(above, below);
                            S::store(largest::<S>(values), to);
                        }
                        continue;
                    }
                    let corner = self.input_field.at(channel, row * pool.stride, 0);
                    for (column, to) in to.iter_mut().enumerate() {
                        let squares = &input[corner + column * pool.stride..];
                        S::store(self.most::<S>(pool, &curve, squares), to);
                    }
                } else {
                    let from = &input[self.input_field.row(channel, row)];
                    for (to, from) in to.iter_mut().zip(from) {
                        S::store(curve.of(from), to);
                    }
                }
            }
        }
    }

    /// From values to some rows of activations with the instructions of `path`.
    pub(crate) fn run(self, path: Path, rows: Range<usize>, input: &[Lanes], output: &mut [Lanes]) {
        let task = Forward {
            activate: self,
            rows,
            input,
            output,
        };
        simd::run(path, task);
    }

    /// Returns two rows of values as the squares of two by two see them.
    #[inline(always)]
    pub(crate) fn pairs<'v>(
        &self,
        channel: usize,
        row: usize,
        values: &'v [Lanes],
    ) -> [&'v [[Lanes; 2]]; 2] {
        let width = 2 * self.output_field.width;
        [0, 1].map(|below| {
            let at = self.input_field.at(channel, 2 * row + below, 0);
            values[at..at + width].as_chunks().0
        })
    }

    /// Returns the largest activation of the square at the beginning of `values`.
    #[inline(always)]
    pub(crate) fn most<S: Simd>(
        &self,
        pool: Pool,
        curve: &Curve<S>,
        values: &[Lanes],
    ) -> S::Vector {
        let mut most = curve.of(&values[0]);
        for y in 0..pool.height {
            for value in &values[y * self.input_field.pitch()..][..pool.width] {
                most = S::larger(most, curve.of(value));
            }
        }
        most
    }
}

struct Forward<'a> {
    activate: Activate<'a>,
    rows: Range<usize>,
    input: &'a [Lanes],
    output: &'a mut [Lanes],
}

impl Task for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let activate = self.activate;
        activate.forward::<S>(self.rows, self.input, self.output);
    }
}
