//! The forward pass of a group.

use std::ops::Range;

use crate::activate::Activate;
use crate::average::Average;
use crate::batch::{Mode, Shared};
use crate::conv::{Conv, Halo};
use crate::dropout::{draw, drop_out};
use crate::field::{Field, copy};
use crate::group::Group;
use crate::kernel::Kernel;
use crate::line::Lines;
use crate::plan::Op;
use crate::simd;
use crate::sums::TakeMoments;
use crate::tiled::TiledConv;
use crate::weight_gradient::tile_rows;

impl Group {
    /// Goes through some operations.
    pub(crate) fn forward(&mut self, ops: Range<usize>, shared: &Shared) {
        let mut position = ops.start;
        while position < ops.end {
            let next = position + 1;
            if next < ops.end && shared.plan.is_activated_conv(position) {
                self.activate_and_convolve(position, shared);
                position += 2;
            } else {
                self.operate(position, shared);
                position += 1;
            }
        }
    }

    /// Computes activations a few rows before the convolution that reads them, so that they are
    /// still in the cache.
    fn activate_and_convolve(&mut self, position: usize, shared: &Shared) {
        let plan = shared.plan;
        let Op::Conv { kernel, .. } = plan.ops[position + 1] else {
            unreachable!("invariant: a convolution follows")
        };
        let (between, after) = (&plan.values[position + 1], &plan.values[position + 2]);
        let at_once = match (shared.mode, plan.tilings[position + 1].forward) {
            (Mode::Learn, Some(tile)) => tile.rows(after.width),
            _ => tile_rows(after),
        };
        let (mut done, mut row) = (0, 0);
        while row < after.height {
            let end = (row + at_once).min(after.height);
            let needed = needed_rows(&kernel, end, between, after);
            self.activate(position, done..needed.max(done), shared);
            self.convolve(position + 1, kernel, row..end, shared);
            (done, row) = (needed.max(done), end);
        }
    }

    pub(crate) fn activate(&mut self, position: usize, rows: Range<usize>, shared: &Shared) {
        let (before, after) = self.values.split_at_mut(position + 1);
        let activate = activation(position, shared);
        activate.run(shared.path, rows, &before[position], &mut after[0]);
    }

    fn convolve(&mut self, position: usize, kernel: Kernel, rows: Range<usize>, shared: &Shared) {
        let (before, after) = self.values.split_at_mut(position + 1);
        let weights = &shared.weights[position];
        if let (Mode::Learn, Some(tile)) = (shared.mode, shared.plan.tilings[position].forward) {
            let tiled = &mut self.workspace.tiled;
            let task = TiledConv {
                input: &before[position],
                input_field: shared.plan.values[position],
                output: &mut after[0],
                output_field: shared.plan.values[position + 1],
                weights: &weights.tiled_forward,
                bias: weights.bias.as_deref(),
                kernel,
                rows,
                tile,
                values: &mut tiled.values,
                products: &mut tiled.products,
            };
            return simd::run(shared.path, task);
        }
        let task = Conv {
            input: &before[position],
            input_field: shared.plan.values[position],
            output: &mut after[0],
            output_field: shared.plan.values[position + 1],
            weights: &weights.forward,
            bias: weights.bias.as_deref(),
            kernel,
            rows,
            halo: Halo::Multiplied,
        };
        simd::run(shared.path, task);
    }

    fn operate(&mut self, position: usize, shared: &Shared) {
        let plan = shared.plan;
        let (input_field, output_field) = (plan.values[position], plan.values[position + 1]);
        match plan.ops[position] {
            Op::Conv { kernel, .. } => {
                return self.convolve(position, kernel, 0..output_field.height, shared);
            }
            Op::Activate { .. } => {
                return self.activate(position, 0..output_field.height, shared);
            }
            _ => {}
        }
        let (before, after) = self.values.split_at_mut(position + 1);
        let (input, output) = (&before[position][..], &mut after[0][..]);
        match plan.ops[position] {
            Op::Conv { .. } | Op::Activate { .. } => {}
            Op::Average { pool } => {
                Average::new(pool, input_field, output_field).forward(input, output);
            }
            Op::Dropout { number, rate } => match shared.mode {
                Mode::Learn => {
                    let kept = &mut self.kept[number];
                    let noise = |words: &mut [u32]| {
                        shared.batch.noise(number, self.number, words);
                    };
                    draw(rate, kept, &mut self.workspace.words, noise);
                    copy((input, &input_field), (output, &output_field));
                    drop_out(rate, kept, output, &output_field);
                }
                Mode::Predict => copy((input, &input_field), (output, &output_field)),
            },
            Op::Flatten => copy((input, &input_field), (output, &output_field)),
        }
    }

    /// Takes the moments of what comes into the norm `number` at operation `position`.
    pub(crate) fn take_moments(&mut self, position: usize, number: usize, shared: &Shared) {
        let task = TakeMoments {
            values: (&self.values[position], &shared.plan.values[position]),
            mask: &self.mask,
            moments: &mut self.moments[number],
        };
        simd::run(shared.path, task);
    }
}

/// Returns how many rows of its input a convolution needs for the rows before `end`.
pub(crate) fn needed_rows(kernel: &Kernel, end: usize, input: &Field, output: &Field) -> usize {
    if end == output.height {
        return input.height;
    }
    let last = (end - 1) * kernel.stride + kernel.height;
    last.saturating_sub(kernel.padding).min(input.height)
}

/// Returns the activation of an operation.
pub(crate) fn activation<'a>(position: usize, shared: &'a Shared) -> Activate<'a> {
    let Op::Activate { norm, relu, pool } = shared.plan.ops[position] else {
        unreachable!("invariant: only asked of activations")
    };
    Activate {
        lines: norm.map(|norm| Lines::OfChannels(&shared.lines[norm.number])),
        relu,
        pool,
        input_field: shared.plan.values[position],
        output_field: shared.plan.values[position + 1],
    }
}
