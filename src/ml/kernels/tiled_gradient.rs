//! The gradient of the weights of a convolution by tiles of 2×2.
//!
//! Input and gradient are transformed, multiplied place by place, and the sums transformed back. A
//! sum is taken in one order: that of the tiles, row by row, then lanes.

use std::ops::Range;

use crate::field::Field;
use crate::kernel::{BLOCK, Blocks, Kernel, step};
use crate::simd::{Lanes, Simd, Task};
use crate::tile::{Tile, of_gradients, of_sums};
use crate::tiled::{TiledValues, enlarge};
use crate::weight_gradient::multiply;

/// The places of a transformed tile.
pub(crate) const POINTS: usize = 16;

/// The gradient of the weights over one group.
pub(crate) struct TiledGradient<'a> {
    pub(crate) input: &'a [Lanes],
    pub(crate) input_field: Field,
    /// The gradient of the output.
    pub(crate) output: &'a [Lanes],
    pub(crate) output_field: Field,
    /// `[place][block of outputs][input]`.
    pub(crate) sums: &'a mut [[Lanes; BLOCK]],
    pub(crate) kernel: Kernel,
    /// The rows of the output whose part is added; from the first row on the sums are new. They begin
    /// with a tile, and end with one or with the output.
    pub(crate) rows: Range<usize>,
    pub(crate) values: &'a mut TiledValues,
    /// Scratch: the gradients of a block of outputs side by side, `[place][tile]`.
    pub(crate) gradients: &'a mut Vec<[Lanes; BLOCK]>,
}

impl Task for TiledGradient<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(mut self) {
        let columns = Tile::Two.columns(self.output_field.width);
        let rows = self.rows.start / 2..self.rows.end.div_ceil(2);
        let input = (self.input, &self.input_field);
        self.values
            .fill::<S, 4>(input, self.kernel.padding, rows, columns);
        let needed = POINTS * self.values.tiles;
        enlarge(self.gradients, needed);
        let blocks = Blocks::of(self.kernel.outputs);
        for block in 0..blocks.count() {
            let channels = blocks.channels(block);
            for (place, channel) in channels.clone().enumerate() {
                self.transform::<S>((place, channel), columns);
            }
            for point in 0..POINTS {
                self.multiply::<S>((point, block), channels.len());
            }
        }
    }
}

impl TiledGradient<'_> {
    /// Transforms the gradient of an output.
    #[inline(always)]
    fn transform<S: Simd>(&mut self, (place, channel): (usize, usize), columns: usize) {
        let (field, tiles) = (self.output_field, self.values.tiles);
        let wide = 2 * columns;
        let strip = self.values.strip(4 * wide);
        for (number, row) in self.rows.clone().step_by(2).enumerate() {
            let above = &self.output[field.row(channel, row)];
            let is_last = row + 1 == self.rows.end;
            let below = if is_last {
                above
            } else {
                &self.output[field.row(channel, row + 1)]
            };
            for (x, (above, below)) in above.iter().zip(below).enumerate() {
                let below = if is_last {
                    S::splat(0.0)
                } else {
                    S::load(below)
                };
                let column = of_gradients::<S>(S::load(above), below);
                for y in 0..4 {
                    S::store(column[y], &mut strip[y * wide + x]);
                }
            }
            for (y, strip) in strip.chunks_exact_mut(wide).enumerate() {
                strip[field.width..].fill(Lanes::ZERO);
                let to = &mut self.gradients[y * 4 * tiles + number * columns..];
                for (tile, [left, right]) in strip.as_chunks::<2>().0.iter().enumerate() {
                    let row = of_gradients::<S>(S::load(left), S::load(right));
                    for x in 0..4 {
                        S::store(row[x], &mut to[x * tiles + tile][place]);
                    }
                }
            }
        }
    }

    /// Adds the products of a block of outputs at a place.
    #[inline(always)]
    fn multiply<S: Simd>(&mut self, at: (usize, usize), channels: usize) {
        let mut input = 0;
        while input < self.kernel.inputs {
            let count = step(self.kernel.inputs - input);
            match count {
                3 => self.channels::<S, 3>(at, input, channels),
                2 => self.channels::<S, 2>(at, input, channels),
                _ => self.channels::<S, 1>(at, input, channels),
            }
            input += count;
        }
    }

    #[inline(always)]
    fn channels<S: Simd, const T: usize>(
        &mut self,
        at: (usize, usize),
        input: usize,
        channels: usize,
    ) {
        if S::MANY_REGISTERS {
            match channels {
                8 => self.sums::<S, 8, T>(at, input, 0),
                7 => self.sums::<S, 7, T>(at, input, 0),
                6 => self.sums::<S, 6, T>(at, input, 0),
                5 => self.sums::<S, 5, T>(at, input, 0),
                _ => self.sums::<S, 4, T>(at, input, 0),
            }
        } else {
            for first in (0..channels).step_by(2) {
                self.sums::<S, 2, T>(at, input, first);
            }
        }
    }

    /// Adds to the sums of `B` outputs and `T` inputs.
    #[inline(always)]
    fn sums<S: Simd, const B: usize, const T: usize>(
        &mut self,
        (point, block): (usize, usize),
        input: usize,
        first: usize,
    ) {
        let (inputs, tiles) = (self.kernel.inputs, self.values.tiles);
        let blocks = Blocks::of(self.kernel.outputs).count();
        let kept = &mut self.sums[(point * blocks + block) * inputs + input..][..T];
        let mut sums = [[S::splat(0.0); T]; B];
        if self.rows.start > 0 {
            for place in 0..B {
                for input in 0..T {
                    sums[place][input] = S::load(&kept[input][first + place]);
                }
            }
        }
        let mut values: [&[Lanes]; T] = [&[]; T];
        for place in 0..T {
            values[place] = self.values.at(input + place, point);
        }
        let gradients = &self.gradients[point * tiles..][..tiles];
        for (tile, gradients) in gradients.iter().enumerate() {
            let mut loaded = [S::splat(0.0); T];
            for input in 0..T {
                loaded[input] = S::load(&values[input][tile]);
            }
            multiply::<S, B, T>(&mut sums, loaded, gradients, first);
        }
        for place in 0..B {
            for input in 0..T {
                S::store(sums[place][input], &mut kept[input][first + place]);
            }
        }
    }
}

/// Adds the lanes of the weights' gradient up.
pub(crate) struct TiledFold<'a> {
    pub(crate) sums: &'a [[Lanes; BLOCK]],
    pub(crate) kernel: Kernel,
    pub(crate) weights: &'a mut Vec<f64>,
}

impl Task for TiledFold<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let (inputs, blocks) = (self.kernel.inputs, Blocks::of(self.kernel.outputs));
        self.weights.resize(self.kernel.outputs * inputs * 9, 0.0);
        let pairs = self.weights.as_chunks_mut::<9>().0.iter_mut();
        for (pair, weights) in pairs.enumerate() {
            let (block, place) = blocks.place(pair / inputs);
            let first = block * inputs + pair % inputs;
            let sum = |point: usize| {
                let eight = &self.sums[point * blocks.count() * inputs + first];
                S::load(&eight[place])
            };
            let mut half = [[S::splat(0.0); 4]; 3];
            for x in 0..4 {
                // Not by `from_fn`, into which vector instructions are not inlined.
                let column = of_sums::<S>([sum(x), sum(4 + x), sum(8 + x), sum(12 + x)]);
                for y in 0..3 {
                    half[y][x] = column[y];
                }
            }
            for y in 0..3 {
                let row = of_sums::<S>(half[y]);
                for x in 0..3 {
                    let mut lanes = Lanes::ZERO;
                    S::store(row[x], &mut lanes);
                    weights[y * 3 + x] = S::sum(&lanes);
                }
            }
        }
    }
}
