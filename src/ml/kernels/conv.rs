//! Convolutions: forward, to the input's gradient, and to the weights' gradient.
//!
//! An image is a lane, so weights are broadcast and activations are loaded whole: there are no
//! edges and no shuffles. Each sum is taken in one order, whatever the blocks of registers are:
//! input channel, kernel row, kernel column; for weights row, column, then lanes.

use std::array::from_fn;
use std::ops::Range;

use crate::field::Field;
use crate::simd::{Lanes, Simd, Task};

/// Weights are packed for so many output channels at a time.
pub(crate) const BLOCK: usize = 8;

/// Packed weights: `[block of outputs][input][kernel row][kernel column]` of eight outputs.
pub(crate) type Packed = Vec<[f32; BLOCK]>;

/// The geometry of a convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Kernel {
    pub(crate) inputs: usize,
    pub(crate) outputs: usize,
    pub(crate) height: usize,
    pub(crate) width: usize,
    pub(crate) stride: usize,
    pub(crate) padding: usize,
}

impl Kernel {
    /// Returns how many products make an output value.
    pub(crate) fn taps(&self) -> usize {
        self.inputs * self.height * self.width
    }

    fn area(&self) -> usize {
        self.height * self.width
    }

    /// Packs `weights`, which lie `[output][input][kernel row][kernel column]`.
    pub(crate) fn pack(&self, weights: &[f32], packed: &mut Packed) {
        let taps = self.taps();
        packed.clear();
        packed.resize(self.outputs.div_ceil(BLOCK) * taps, [0.0; BLOCK]);
        for (output, row) in weights.chunks_exact(taps).enumerate() {
            let block = &mut packed[output / BLOCK * taps..][..taps];
            for (eight, weight) in block.iter_mut().zip(row) {
                eight[output % BLOCK] = *weight;
            }
        }
    }

    /// Returns the weights of one output, in their order.
    pub(crate) fn row(&self, packed: &Packed, output: usize) -> impl Iterator<Item = f32> {
        let taps = self.taps();
        let block = &packed[output / BLOCK * taps..][..taps];
        block.iter().map(move |eight| eight[output % BLOCK])
    }

    /// Packs `weights` for the gradient of the input: inputs and outputs change places.
    pub(crate) fn pack_transposed(&self, weights: &[f32], order: Order, packed: &mut Packed) {
        let (area, taps) = (self.area(), self.outputs * self.area());
        packed.clear();
        packed.resize(self.inputs.div_ceil(BLOCK) * taps, [0.0; BLOCK]);
        let pairs = weights.chunks_exact(area).enumerate();
        for (pair, kernel) in pairs {
            let (output, input) = (pair / self.inputs, pair % self.inputs);
            let place = &mut packed[input / BLOCK * taps + output * area..][..area];
            let lane = input % BLOCK;
            match order {
                Order::Straight => place
                    .iter_mut()
                    .zip(kernel)
                    .for_each(|(eight, weight)| eight[lane] = *weight),
                Order::Flipped => place
                    .iter_mut()
                    .zip(kernel.iter().rev())
                    .for_each(|(eight, weight)| eight[lane] = *weight),
            }
        }
    }
}

/// In which order the places of a kernel are packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    Straight,
    Flipped,
}

/// Splits `count` into parts of at most three that leave no single one behind, if possible.
#[inline(always)]
fn step(count: usize) -> usize {
    match count {
        0..=2 => count,
        4 => 2,
        _ => 3,
    }
}

/// The forward pass. Also the gradient of the input where the stride is one: of the padded
/// gradient of the output, with flipped weights.
pub(crate) struct Forward<'a> {
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

impl Task for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(mut self) {
        for row in self.rows.clone() {
            match (self.kernel.width, self.kernel.stride) {
                (1, 1) => self.row::<S, 1>(row),
                (3, 1) => self.row::<S, 3>(row),
                (5, 1) => self.row::<S, 5>(row),
                (7, 1) => self.row::<S, 7>(row),
                _ => self.row::<S, 0>(row),
            }
        }
    }
}

impl Forward<'_> {
    /// Computes a row; `W` is the kernel's width if that is known here and the stride is one.
    #[inline(always)]
    fn row<S: Simd, const W: usize>(&mut self, row: usize) {
        for block in 0..self.kernel.outputs.div_ceil(BLOCK) {
            if S::MANY_REGISTERS {
                self.columns::<S, 0, W, 8>(row, block, 0);
                continue;
            }
            for first in [0, 4] {
                if block * BLOCK + first < self.kernel.outputs {
                    self.columns::<S, 0, W, 4>(row, block, first);
                    self.columns::<S, 1, W, 4>(row, block, first);
                }
            }
        }
    }

    #[inline(always)]
    fn columns<S: Simd, const PART: usize, const W: usize, const B: usize>(
        &mut self,
        row: usize,
        block: usize,
        first: usize,
    ) {
        let width = self.output_field.width;
        let mut column = 0;
        while column < width {
            let count = step(width - column);
            let at = (row, column);
            match count {
                3 => self.edge::<S, PART, W, B, 3>(at, block, first),
                2 => self.edge::<S, PART, W, B, 2>(at, block, first),
                _ => self.edge::<S, PART, W, B, 1>(at, block, first),
            }
            column += count;
        }
    }

    #[inline(always)]
    fn edge<S: Simd, const PART: usize, const W: usize, const B: usize, const C: usize>(
        &mut self,
        at: (usize, usize),
        block: usize,
        first: usize,
    ) {
        let (kernel, field, column) = (self.kernel, self.input_field, at.1);
        let columns = (column, column + C);
        let places = self
            .halo
            .places(columns, kernel.width, field.width, &kernel);
        if places == (0..kernel.width) {
            self.block::<S, PART, W, B, C>(at, places, block, first);
        } else {
            self.block::<S, PART, 0, B, C>(at, places, block, first);
        }
    }

    #[inline(always)]
    fn block<S: Simd, const PART: usize, const W: usize, const B: usize, const C: usize>(
        &mut self,
        (row, column): (usize, usize),
        places: Range<usize>,
        block: usize,
        first: usize,
    ) {
        let kernel = self.kernel;
        let taps = kernel.taps();
        let mut sums = [[S::splat(0.0); C]; B];
        if let Some(bias) = self.bias {
            for (place, sums) in sums.iter_mut().enumerate() {
                let output = (block * BLOCK + first + place).min(kernel.outputs - 1);
                *sums = [S::splat(bias[output]); C];
            }
        }
        let weights = &self.weights[block * taps..][..taps];
        let (plane, pitch) = (self.input_field.plane(), self.input_field.pitch());
        let origin = self.input_field.halo - kernel.padding;
        let corner = (row * kernel.stride + origin) * pitch + column * kernel.stride + origin;
        let (left, width, stride) = if W > 0 {
            (0, W, 1)
        } else {
            (places.start, places.len(), kernel.stride)
        };
        let span = (C - 1) * stride + width;
        let height = self.input_field.height;
        let rows = self
            .halo
            .places((row, row + 1), kernel.height, height, &kernel);
        let inputs = self.input[corner + left..].chunks(plane);
        let inputs = inputs.zip(weights.chunks_exact(kernel.area()));
        for (values, weights) in inputs {
            for y in rows.clone() {
                let values = &values[y * pitch..][..span];
                let now = &weights[y * kernel.width + left..][..width];
                for x in 0..width {
                    let loaded: [S::Vector; C] =
                        from_fn(|column| S::load::<PART>(&values[column * stride + x]));
                    add::<S, B, C>(&mut sums, loaded, &now[x], first);
                }
            }
        }
        for (place, sums) in sums.into_iter().enumerate() {
            let output = block * BLOCK + first + place;
            if output < kernel.outputs {
                let at = self.output_field.at(output, row, column);
                for (sum, to) in sums.into_iter().zip(&mut self.output[at..at + C]) {
                    S::store::<PART>(sum, to);
                }
            }
        }
    }
}

#[inline(always)]
fn add<S: Simd, const B: usize, const C: usize>(
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

/// The gradient of the input for any stride: each value gathers from the outputs that it went to.
pub(crate) struct Gather<'a> {
    /// The gradient of the output.
    pub(crate) output: &'a [Lanes],
    pub(crate) output_field: Field,
    /// The gradient of the input, which is written.
    pub(crate) input: &'a mut [Lanes],
    pub(crate) input_field: Field,
    /// Transposed, in straight order.
    pub(crate) weights: &'a [[f32; BLOCK]],
    pub(crate) kernel: Kernel,
}

impl Task for Gather<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(mut self) {
        for row in 0..self.input_field.height {
            for column in 0..self.input_field.width {
                for block in 0..self.kernel.inputs.div_ceil(BLOCK) {
                    self.value::<S, 0>(row, column, block);
                    if S::PARTS > 1 {
                        self.value::<S, 1>(row, column, block);
                    }
                }
            }
        }
    }
}

impl Gather<'_> {
    #[inline(always)]
    fn value<S: Simd, const PART: usize>(&mut self, row: usize, column: usize, block: usize) {
        let kernel = self.kernel;
        let taps = kernel.outputs * kernel.area();
        let weights = &self.weights[block * taps..][..taps];
        let mut sums = [[S::splat(0.0); 1]; BLOCK];
        let rows = reached(row, kernel.height, &kernel, self.output_field.height);
        let columns = reached(column, kernel.width, &kernel, self.output_field.width);
        for output in 0..kernel.outputs {
            for (y, to_row) in rows.clone() {
                for (x, to_column) in columns.clone() {
                    let at = self.output_field.at(output, to_row, to_column);
                    let value = S::load::<PART>(&self.output[at]);
                    let eight = &weights[output * kernel.area() + y * kernel.width + x];
                    add::<S, BLOCK, 1>(&mut sums, [value], eight, 0);
                }
            }
        }
        for (place, [sum]) in sums.into_iter().enumerate() {
            let input = block * BLOCK + place;
            if input < kernel.inputs {
                let at = self.input_field.at(input, row, column);
                S::store::<PART>(sum, &mut self.input[at]);
            }
        }
    }
}

/// Returns the places of the kernel through which `at` goes to an output, and to which.
#[inline(always)]
fn reached(
    at: usize,
    size: usize,
    kernel: &Kernel,
    outputs: usize,
) -> impl Iterator<Item = (usize, usize)> + Clone + use<> {
    let (at, stride) = (at + kernel.padding, kernel.stride);
    // Of a place p the output is (at − p) / stride.
    let least = (at + 1).saturating_sub(outputs.saturating_sub(1) * stride + 1);
    let first = least + (at - least.min(at)) % stride;
    (first..size.min(at + 1))
        .step_by(stride)
        .map(move |place| (place, (at - place) / stride))
}

/// Sums of the weights' gradient: `[block of outputs][tap]` of eight outputs' lanes.
pub(crate) type Sums = Vec<[Lanes; BLOCK]>;

/// The gradient of the weights over one group.
pub(crate) struct WeightGradient<'a> {
    pub(crate) input: &'a [Lanes],
    pub(crate) input_field: Field,
    /// The gradient of the output.
    pub(crate) output: &'a [Lanes],
    pub(crate) output_field: Field,
    pub(crate) sums: &'a mut [[Lanes; BLOCK]],
    /// Scratch: the gradients of eight outputs side by side.
    pub(crate) packed: &'a mut Vec<[Lanes; BLOCK]>,
    pub(crate) kernel: Kernel,
    /// The rows of the output whose part is added; from the first row on the sums are new.
    pub(crate) rows: Range<usize>,
}

impl Task for WeightGradient<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(mut self) {
        for block in 0..self.kernel.outputs.div_ceil(BLOCK) {
            self.pack(block);
            self.tile::<S, 0>(block);
            if S::PARTS > 1 {
                self.tile::<S, 1>(block);
            }
        }
    }
}

/// Returns how many rows of eight channels stay in the innermost cache.
pub(crate) fn tile_rows(output: &Field) -> usize {
    (400 / (BLOCK * output.width)).max(1)
}

impl WeightGradient<'_> {
    /// Puts the gradients of eight outputs side by side: in their own planes they would be in each
    /// other's way in the cache.
    #[inline(always)]
    fn pack(&mut self, block: usize) {
        let field = self.output_field;
        self.packed
            .resize(self.rows.len() * field.width, [Lanes::ZERO; BLOCK]);
        for place in 0..BLOCK {
            let output = (block * BLOCK + place).min(self.kernel.outputs - 1);
            let rows = self.rows.clone().map(|row| field.row(output, row));
            for (row, packed) in rows.zip(self.packed.chunks_exact_mut(field.width)) {
                for (packed, gradient) in packed.iter_mut().zip(&self.output[row]) {
                    packed[place] = *gradient;
                }
            }
        }
    }

    #[inline(always)]
    fn tile<S: Simd, const PART: usize>(&mut self, block: usize) {
        let taps = self.kernel.taps();
        let mut tap = 0;
        while tap < taps {
            let count = step(taps - tap);
            match count {
                3 => self.taps::<S, PART, 3>(block, tap),
                2 => self.taps::<S, PART, 2>(block, tap),
                _ => self.taps::<S, PART, 1>(block, tap),
            }
            tap += count;
        }
    }

    #[inline(always)]
    fn taps<S: Simd, const PART: usize, const T: usize>(&mut self, block: usize, tap: usize) {
        if S::MANY_REGISTERS {
            self.block::<S, PART, 8, T>(block, tap, 0);
        } else {
            self.block::<S, PART, 4, T>(block, tap, 0);
            self.block::<S, PART, 4, T>(block, tap, 4);
        }
    }

    #[inline(always)]
    fn block<S: Simd, const PART: usize, const B: usize, const T: usize>(
        &mut self,
        block: usize,
        tap: usize,
        first: usize,
    ) {
        let (width, stride) = (self.output_field.width, self.kernel.stride);
        let corners: [usize; T] = from_fn(|place| self.corner(tap + place));
        let kept = &mut self.sums[block * self.kernel.taps() + tap..][..T];
        let mut sums = [[S::splat(0.0); T]; B];
        if self.rows.start > 0 {
            for place in 0..B {
                for (tap, kept) in kept.iter().enumerate() {
                    sums[place][tap] = S::load::<PART>(&kept[first + place]);
                }
            }
        }
        let span = (width - 1) * stride + 1;
        let rows = self.rows.clone().zip(self.packed.chunks_exact(width));
        for (row, gradients) in rows {
            let below = row * stride * self.input_field.pitch();
            let values: [&[Lanes]; T] =
                from_fn(|place| &self.input[corners[place] + below..][..span]);
            if stride == 1 {
                let values: [&[Lanes]; T] = from_fn(|place| &values[place][..width]);
                for column in 0..width {
                    let loaded = from_fn(|tap| S::load::<PART>(&values[tap][column]));
                    multiply::<S, PART, B, T>(&mut sums, loaded, &gradients[column], first);
                }
            } else {
                for column in 0..width {
                    let loaded = from_fn(|tap| S::load::<PART>(&values[tap][column * stride]));
                    multiply::<S, PART, B, T>(&mut sums, loaded, &gradients[column], first);
                }
            }
        }
        for place in 0..B {
            for (tap, kept) in kept.iter_mut().enumerate() {
                S::store::<PART>(sums[place][tap], &mut kept[first + place]);
            }
        }
    }

    /// Returns where the input lies that `tap` multiplies for the first output.
    #[inline(always)]
    fn corner(&self, tap: usize) -> usize {
        let (kernel, field) = (self.kernel, self.input_field);
        let (input, place) = (tap / kernel.area(), tap % kernel.area());
        let (y, x) = (place / kernel.width, place % kernel.width);
        let origin = field.halo - kernel.padding;
        input * field.plane() + (y + origin) * field.pitch() + x + origin
    }
}

#[inline(always)]
fn multiply<S: Simd, const PART: usize, const B: usize, const T: usize>(
    sums: &mut [[S::Vector; T]; B],
    values: [S::Vector; T],
    gradients: &[Lanes; BLOCK],
    first: usize,
) {
    for place in 0..B {
        let gradient = S::load::<PART>(&gradients[first + place]);
        for tap in 0..T {
            sums[place][tap] = S::mul_add(values[tap], gradient, sums[place][tap]);
        }
    }
}

/// The gradient of dense weights, of a whole row of blocks of outputs over all groups at once.
///
/// With one output value an image, sums over groups are shorter than the buffers that they would
/// need group by group.
pub(crate) struct DenseGradient<'a> {
    /// Of each group the input and the gradient of the output.
    pub(crate) groups: &'a [(&'a [Lanes], &'a [Lanes])],
    pub(crate) input_field: Field,
    pub(crate) output_field: Field,
    /// The output channel whose weights' gradients are written.
    pub(crate) output: usize,
    pub(crate) gradient: &'a mut [f32],
}

impl Task for DenseGradient<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let field = self.input_field;
        let at = self.output_field.at(self.output, 0, 0);
        let rows = (0..field.channels * field.height)
            .flat_map(|row| field.row(row / field.height, row % field.height));
        for (place, gradient) in rows.zip(self.gradient) {
            let mut sum = Lanes::ZERO;
            over_groups::<S, 0>(self.groups, place, at, &mut sum);
            if S::PARTS > 1 {
                over_groups::<S, 1>(self.groups, place, at, &mut sum);
            }
            *gradient = S::sum(&sum) as f32;
        }
    }
}

#[inline(always)]
fn over_groups<S: Simd, const PART: usize>(
    groups: &[(&[Lanes], &[Lanes])],
    input: usize,
    output: usize,
    to: &mut Lanes,
) {
    let mut sum = S::splat(0.0);
    for (inputs, outputs) in groups {
        let (value, gradient) = (&inputs[input], &outputs[output]);
        sum = S::mul_add(S::load::<PART>(value), S::load::<PART>(gradient), sum);
    }
    S::store::<PART>(sum, to);
}
