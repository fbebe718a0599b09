//! The gradient of a convolution's input for any stride: each value gathers from the outputs that
//! it went to, output channel by output channel, kernel row, kernel column.

use crate::conv::add;
use crate::field::Field;
use crate::kernel::{BLOCK, Blocks, Kernel};
use crate::simd::{Lanes, Simd, Task};

/// The way back of a convolution.
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
                for block in 0..Blocks::of(self.kernel.inputs).count() {
                    self.block::<S>(row, column, block);
                }
            }
        }
    }
}

impl Gather<'_> {
    #[inline(always)]
    fn block<S: Simd>(&mut self, row: usize, column: usize, block: usize) {
        if S::MANY_REGISTERS {
            self.values::<S, BLOCK>((row, column), block, 0);
        } else {
            for first in [0, 4] {
                self.values::<S, 4>((row, column), block, first);
            }
        }
    }

    /// Computes the values of `B` channels at one place.
    #[inline(always)]
    fn values<S: Simd, const B: usize>(
        &mut self,
        (row, column): (usize, usize),
        block: usize,
        first: usize,
    ) {
        let kernel = self.kernel;
        let taps = kernel.outputs * kernel.area();
        let weights = &self.weights[block * taps..][..taps];
        let mut sums = [[S::splat(0.0); 1]; B];
        let rows = reached(row, kernel.height, &kernel, self.output_field.height);
        let columns = reached(column, kernel.width, &kernel, self.output_field.width);
        for output in 0..kernel.outputs {
            for (y, to_row) in rows.clone() {
                for (x, to_column) in columns.clone() {
                    let at = self.output_field.at(output, to_row, to_column);
                    let value = S::load(&self.output[at]);
                    let eight = &weights[output * kernel.area() + y * kernel.width + x];
                    add::<S, B, 1>(&mut sums, [value], eight, first);
                }
            }
        }
        let channels = Blocks::of(kernel.inputs).channels(block);
        for (place, [sum]) in sums.into_iter().enumerate() {
            let input = channels.start + first + place;
            if input < channels.end {
                let at = self.input_field.at(input, row, column);
                S::store(sum, &mut self.input[at]);
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
