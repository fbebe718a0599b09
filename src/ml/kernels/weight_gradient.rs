//! The gradients of a convolution's weights and biases over one group.
//!
//! Each sum is taken in one order, whatever the blocks of registers are: row, column, then lanes.

use std::array::from_fn;
use std::ops::Range;

use crate::field::Field;
use crate::kernel::{BLOCK, Blocks, Kernel, step};
use crate::simd::{Lanes, Simd, Task};
use crate::sums;

/// Sums of the weights' gradient: `[block of outputs][tap]` of up to eight outputs' lanes.
pub(crate) type Sums = Vec<[Lanes; BLOCK]>;

/// What is thought out anew for each tile.
#[derive(Default)]
pub(crate) struct Scratch {
    /// The gradients of a block of outputs side by side.
    packed: Vec<[Lanes; BLOCK]>,
    /// Where the input lies that each tap multiplies for the first output.
    corners: Vec<usize>,
}

/// The gradient of the weights over one group.
pub(crate) struct WeightGradient<'a> {
    pub(crate) input: &'a [Lanes],
    pub(crate) input_field: Field,
    /// The gradient of the output.
    pub(crate) output: &'a [Lanes],
    pub(crate) output_field: Field,
    pub(crate) sums: &'a mut [[Lanes; BLOCK]],
    pub(crate) scratch: &'a mut Scratch,
    pub(crate) kernel: Kernel,
    /// The rows of the output whose part is added; from the first row on the sums are new.
    pub(crate) rows: Range<usize>,
}

impl Task for WeightGradient<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(mut self) {
        self.find_corners();
        let blocks = Blocks::of(self.kernel.outputs);
        for block in 0..blocks.count() {
            let channels = blocks.channels(block);
            self.pack(channels.clone());
            self.tile::<S>(block, channels.len());
        }
    }
}

/// Returns how many rows of eight channels stay in the innermost cache.
pub(crate) fn tile_rows(output: &Field) -> usize {
    (400 / (BLOCK * output.width)).max(1)
}

impl WeightGradient<'_> {
    /// Puts the gradients of some outputs side by side: in their own planes they would be in each
    /// other's way in the cache.
    #[inline(always)]
    fn pack(&mut self, channels: Range<usize>) {
        let field = self.output_field;
        let packed = &mut self.scratch.packed;
        packed.resize(self.rows.len() * field.width, [Lanes::ZERO; BLOCK]);
        for (place, output) in channels.enumerate() {
            let rows = self.rows.clone().map(|row| field.row(output, row));
            for (row, packed) in rows.zip(packed.chunks_exact_mut(field.width)) {
                for (packed, gradient) in packed.iter_mut().zip(&self.output[row]) {
                    packed[place] = *gradient;
                }
            }
        }
    }

    #[inline(always)]
    fn tile<S: Simd>(&mut self, block: usize, channels: usize) {
        let taps = self.kernel.taps();
        let mut tap = 0;
        while tap < taps {
            let count = step(taps - tap);
            match count {
                3 => self.channels::<S, 3>((block, tap), channels),
                2 => self.channels::<S, 2>((block, tap), channels),
                _ => self.channels::<S, 1>((block, tap), channels),
            }
            tap += count;
        }
    }

    #[inline(always)]
    fn channels<S: Simd, const T: usize>(&mut self, at: (usize, usize), channels: usize) {
        if S::MANY_REGISTERS {
            match channels {
                8 => self.sums::<S, 8, T>(at, 0),
                7 => self.sums::<S, 7, T>(at, 0),
                6 => self.sums::<S, 6, T>(at, 0),
                5 => self.sums::<S, 5, T>(at, 0),
                _ => self.sums::<S, 4, T>(at, 0),
            }
        } else {
            for first in (0..channels).step_by(2) {
                self.sums::<S, 2, T>(at, first);
            }
        }
    }

    /// Adds some rows to the sums of `B` channels and `T` taps.
    #[inline(always)]
    fn sums<S: Simd, const B: usize, const T: usize>(
        &mut self,
        (block, tap): (usize, usize),
        first: usize,
    ) {
        let (width, stride) = (self.output_field.width, self.kernel.stride);
        let corners = &self.scratch.corners[tap..][..T];
        let kept = &mut self.sums[block * self.kernel.taps() + tap..][..T];
        let mut sums = [[S::splat(0.0); T]; B];
        if self.rows.start > 0 {
            for place in 0..B {
                for tap in 0..T {
                    sums[place][tap] = S::load(&kept[tap][first + place]);
                }
            }
        }
        let span = (width - 1) * stride + 1;
        let rows = self
            .rows
            .clone()
            .zip(self.scratch.packed.chunks_exact(width));
        for (row, gradients) in rows {
            let below = row * stride * self.input_field.pitch();
            let values: [&[Lanes]; T] =
                from_fn(|place| &self.input[corners[place] + below..][..span]);
            for (column, gradients) in gradients.iter().enumerate() {
                let loaded = from_fn(|tap| S::load(&values[tap][column * stride]));
                multiply::<S, B, T>(&mut sums, loaded, gradients, first);
            }
        }
        for place in 0..B {
            for tap in 0..T {
                S::store(sums[place][tap], &mut kept[tap][first + place]);
            }
        }
    }

    fn find_corners(&mut self) {
        let (kernel, field) = (self.kernel, self.input_field);
        let origin = field.halo - kernel.padding;
        let corners = &mut self.scratch.corners;
        corners.clear();
        for input in 0..kernel.inputs {
            for y in 0..kernel.height {
                let row = input * field.plane() + (y + origin) * field.pitch() + origin;
                corners.extend(row..row + kernel.width);
            }
        }
    }
}

/// Adds the products of values and the gradients of some channels to their sums.
#[inline(always)]
pub(crate) fn multiply<S: Simd, const B: usize, const T: usize>(
    sums: &mut [[S::Vector; T]; B],
    values: [S::Vector; T],
    gradients: &[Lanes; BLOCK],
    first: usize,
) {
    for place in 0..B {
        let gradient = S::load(&gradients[first + place]);
        for tap in 0..T {
            sums[place][tap] = S::mul_add(values[tap], gradient, sums[place][tap]);
        }
    }
}

/// Adds the lanes of the weights' gradient up.
pub(crate) struct Fold<'a> {
    pub(crate) sums: &'a [[Lanes; BLOCK]],
    pub(crate) kernel: Kernel,
    pub(crate) weights: &'a mut Vec<f64>,
}

impl Task for Fold<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let (taps, blocks) = (self.kernel.taps(), Blocks::of(self.kernel.outputs));
        self.weights.resize(self.kernel.outputs * taps, 0.0);
        for (output, weights) in self.weights.chunks_exact_mut(taps).enumerate() {
            let (block, place) = blocks.place(output);
            let sums = &self.sums[block * taps..][..taps];
            for (weight, eight) in weights.iter_mut().zip(sums) {
                *weight = S::sum(&eight[place]);
            }
        }
    }
}

/// Adds the gradient of a convolution's biases up.
pub(crate) struct BiasGradient<'a> {
    pub(crate) gradient: (&'a [Lanes], &'a Field),
    pub(crate) mask: &'a Lanes,
    pub(crate) biases: &'a mut Vec<f64>,
}

impl Task for BiasGradient<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let (gradient, field) = self.gradient;
        self.biases.resize(field.channels, 0.0);
        for (channel, bias) in self.biases.iter_mut().enumerate() {
            *bias = sums::total::<S>(channel, gradient, field, self.mask);
        }
    }
}
