//! Convolutions: the forward pass, and the gradient of the input where that is one itself.
//!
//! An image is a lane, so weights are broadcast and activations are loaded whole: there are no
//! edges and no shuffles. Each sum is taken in one order, whatever the blocks of registers are:
//! input channel, kernel row, kernel column.

use std::array::from_fn;
use std::ops::Range;

use crate::field::Field;
use crate::kernel::{BLOCK, Blocks, Kernel, step};
use crate::simd::{Lanes, Simd, Task};

/// The forward pass. Also the gradient of the input where the stride is one: of the padded
/// gradient of the output, with flipped weights.
pub(crate) struct Conv<'a> {
    pub(crate) input: &'a [Lanes],
    pub(crate) input_field: Field,
    pub(crate) output: &'a mut [Lanes],
    pub(crate) output_field: Field,
    pub(crate) weights: &'a [[f32; BLOCK]],
    pub(crate) bias: Option<&'a [f32]>,
    pub(crate) kernel: Kernel,
    /// The rows of the output that are computed.
    pub(crate) rows: Range<usize>,
    pub(crate) halo: Halo,
}

/// What becomes of products with the zeros of a halo.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Halo {
    Multiplied,
    /// Left out where a whole block of registers has no others. With a wide halo, as that of a
    /// gradient is for a large kernel, they are most.
    LeftOut,
}

impl Halo {
    /// Returns the places of a kernel, along one axis, through which outputs `from` to `to` see
    /// more than zeros.
    #[inline(always)]
    fn places(
        self,
        (from, to): (usize, usize),
        size: usize,
        inputs: usize,
        kernel: &Kernel,
    ) -> Range<usize> {
        if self == Self::Multiplied {
            return 0..size;
        }
        let (stride, padding) = (kernel.stride, kernel.padding);
        let first = padding.saturating_sub((to - 1) * stride);
        let end = (inputs + padding).saturating_sub(from * stride).min(size);
        first.min(end)..end
    }
}

/// Where sums are that registers hold side by side.
#[derive(Clone, Copy)]
struct Spot {
    row: usize,
    column: usize,
    block: usize,
    /// The place in the block that is the first of the sums.
    first: usize,
}

impl Task for Conv<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(mut self) {
        let blocks = Blocks::of(self.kernel.outputs);
        for row in self.rows.clone() {
            for block in 0..blocks.count() {
                self.columns::<S>(row, block, blocks.channels(block).len());
            }
        }
    }
}

impl Conv<'_> {
    /// Computes a row of a block of channels.
    #[inline(always)]
    fn columns<S: Simd>(&mut self, row: usize, block: usize, channels: usize) {
        let width = self.output_field.width;
        let mut column = 0;
        while column < width {
            let count = step(width - column);
            let spot = Spot {
                row,
                column,
                block,
                first: 0,
            };
            match count {
                3 => self.channels::<S, 3>(spot, channels),
                2 => self.channels::<S, 2>(spot, channels),
                _ => self.channels::<S, 1>(spot, channels),
            }
            column += count;
        }
    }

    #[inline(always)]
    fn channels<S: Simd, const C: usize>(&mut self, spot: Spot, channels: usize) {
        if S::MANY_REGISTERS {
            match channels {
                8 => self.sums::<S, 8, C>(spot),
                7 => self.sums::<S, 7, C>(spot),
                6 => self.sums::<S, 6, C>(spot),
                5 => self.sums::<S, 5, C>(spot),
                _ => self.sums::<S, 4, C>(spot),
            }
        } else {
            for first in (0..channels).step_by(2) {
                let spot = Spot { first, ..spot };
                if first + 1 < channels {
                    self.sums::<S, 2, C>(spot);
                } else {
                    self.sums::<S, 1, C>(spot);
                }
            }
        }
    }

    /// Computes `C` columns of `B` channels.
    #[inline(always)]
    fn sums<S: Simd, const B: usize, const C: usize>(&mut self, spot: Spot) {
        let (kernel, field) = (self.kernel, self.input_field);
        let (taps, stride) = (kernel.taps(), kernel.stride);
        let (row, column, halo) = (spot.row, spot.column, self.halo);
        let outputs = Blocks::of(kernel.outputs).channels(spot.block);
        let outputs = outputs.start + spot.first..outputs.end;
        let mut sums = [[S::splat(0.0); C]; B];
        if let Some(bias) = self.bias {
            for place in 0..B {
                let output = (outputs.start + place).min(outputs.end - 1);
                sums[place] = [S::splat(bias[output]); C];
            }
        }
        let ys = halo.places((row, row + 1), kernel.height, field.height, &kernel);
        let xs = halo.places((column, column + C), kernel.width, field.width, &kernel);
        let origin = field.halo - kernel.padding;
        let corner = (row * stride + origin) * field.pitch() + column * stride + origin;
        let span = (C - 1) * stride + 1;
        let weights = &self.weights[spot.block * taps..][..taps];
        let planes = self.input[corner..].chunks(field.plane());
        for (plane, weights) in planes.zip(weights.chunks_exact(kernel.area())) {
            for y in ys.clone() {
                let values = &plane[y * field.pitch()..];
                let weights = &weights[y * kernel.width..][..kernel.width];
                for x in xs.clone() {
                    let values = &values[x..][..span];
                    let loaded = from_fn(|column| S::load(&values[column * stride]));
                    add::<S, B, C>(&mut sums, loaded, &weights[x], spot.first);
                }
            }
        }
        // Always `B` rounds, so that the sums stay in registers.
        for (place, sums) in sums.into_iter().enumerate() {
            if outputs.start + place < outputs.end {
                let at = self.output_field.at(outputs.start + place, row, column);
                for (sum, to) in sums.into_iter().zip(&mut self.output[at..at + C]) {
                    S::store(sum, to);
                }
            }
        }
    }
}

/// Adds the products of values and the weights of some channels to their sums.
#[inline(always)]
pub(crate) fn add<S: Simd, const B: usize, const C: usize>(
    sums: &mut [[S::Vector; C]; B],
    values: [S::Vector; C],
    weights: &[f32; BLOCK],
    first: usize,
) {
    for place in 0..B {
        let weight = S::splat(weights[first + place]);
        for column in 0..C {
            sums[place][column] = S::mul_add(values[column], weight, sums[place][column]);
        }
    }
}
