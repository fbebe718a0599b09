//! The way back of a group, from the gradient of the logits to those of weights.

use std::ops::Range;

use crate::average::Average;
use crate::batch::Shared;
use crate::conv::{Conv, Halo};
use crate::dropout::drop_out;
use crate::field::copy;
use crate::forward::{activation, needed_rows};
use crate::gather::Gather;
use crate::group::{Group, Workspace};
use crate::kernel::{BLOCK, Kernel};
use crate::norm::{Pulls, ThroughNorm};
use crate::plan::{Norm, Op, Plan, gathers};
use crate::simd::{self, Lanes};
use crate::tile::Tile;
use crate::tiled::TiledConv;
use crate::tiled_gradient::{TiledFold, TiledGradient};
use crate::unpool::Back;
use crate::weight_gradient::{BiasGradient, Fold, WeightGradient, tile_rows};

impl Group {
    /// Goes back from operation `from` to the norm before it, or to where learning begins. Of that
    /// norm only the pulls are taken; when it is `from`, `pulls` of the whole batch are gone
    /// through first.
    pub(crate) fn back(&mut self, from: usize, pulls: Option<(&[Pulls], f64)>, shared: &Shared) {
        let plan = shared.plan;
        let mut turn = pulls.and_then(|(pulls, count)| match plan.ops[from] {
            Op::Activate {
                norm: Some(norm), ..
            } => Some(Turn {
                position: from,
                number: norm.number,
                pulls,
                count,
            }),
            _ => None,
        });
        let begin = from + usize::from(pulls.is_none());
        if turn.is_some() && plan.is_pooled(from) {
            // The gradient of what was pooled has not been kept.
            self.back_activate(from, None, shared);
        }
        for position in (plan.first_learned..begin).rev() {
            if let Op::Conv { kernel, .. } = plan.ops[position] {
                self.back_conv(position, kernel, turn.take().as_ref(), shared);
                continue;
            }
            if let Some(turn) = turn.take() {
                self.through_norm(&turn, 0..plan.values[turn.position].height, shared);
            }
            match plan.ops[position] {
                Op::Conv { .. } => {}
                Op::Activate { norm, .. } => {
                    self.back_activate(position, norm, shared);
                    if norm.is_some() {
                        return;
                    }
                }
                Op::Average { pool } => {
                    let (to, from) = pair(&mut self.gradients, shared.plan, position);
                    let [before, after] = [position, position + 1].map(|at| plan.gradients[at]);
                    Average::new(pool, before, after).back(from, to);
                }
                Op::Dropout { number, rate } => {
                    let field = shared.plan.gradients[position];
                    let slot = shared.plan.slots[position];
                    drop_out(rate, &self.kept[number], &mut self.gradients[slot], &field);
                }
                Op::Flatten => {
                    let fields = &shared.plan.gradients;
                    let (to, from) = pair(&mut self.gradients, shared.plan, position);
                    copy((from, &fields[position + 1]), (to, &fields[position]));
                }
            }
        }
    }

    /// Goes back through a convolution, and through the norm after it first if `turn` says so: a
    /// few rows at a time, so that they are still in the cache.
    fn back_conv(&mut self, position: usize, kernel: Kernel, turn: Option<&Turn>, shared: &Shared) {
        let plan = shared.plan;
        let (input, output) = (plan.gradients[position], plan.gradients[position + 1]);
        let is_dense = plan.is_dense(position);
        let is_first = position == plan.first_learned;
        let gathers = gathers(&plan.ops[position], &output) == Some(true);
        let recomputes = plan.lends_values(position);
        let tiling = plan.tilings[position];
        let at_once = tiling.weights.unwrap_or_else(|| tile_rows(&output));
        let (mut row, mut done, mut activated) = (0, 0, 0);
        while row < output.height {
            let end = (row + at_once).min(output.height);
            if let Some(turn) = turn {
                self.through_norm(turn, row..end, shared);
            }
            if !is_dense {
                if recomputes {
                    let needed = needed_rows(&kernel, end, &plan.values[position], &output);
                    self.activate(position - 1, activated..needed.max(activated), shared);
                    activated = needed.max(activated);
                }
                self.weight_gradient(position, kernel, row..end, shared);
            }
            if !is_first && !gathers {
                // The rows of the input whose outputs are all there.
                let ready = if end == output.height {
                    input.height
                } else {
                    let ready = end.saturating_sub(kernel.padding).min(input.height);
                    // Whole tiles only.
                    ready - ready % tiling.back.map_or(1, Tile::side)
                };
                self.spread(position, kernel, done..ready.max(done), shared);
                done = ready.max(done);
            }
            row = end;
        }
        if !is_dense {
            self.fold(position, kernel, shared);
        }
        self.bias_gradient(position, shared);
        if !is_first && gathers {
            self.gather(position, kernel, shared);
        }
    }

    /// Computes some rows of the gradient of a convolution's input, itself by a convolution.
    fn spread(&mut self, position: usize, kernel: Kernel, rows: Range<usize>, shared: &Shared) {
        let plan = shared.plan;
        let (input, output) = pair(&mut self.gradients, plan, position);
        let kernel = kernel.turned();
        if let Some(tile) = plan.tilings[position].back {
            let tiled = &mut self.workspace.tiled;
            let task = TiledConv {
                input: output,
                input_field: plan.gradients[position + 1],
                output: input,
                output_field: plan.gradients[position],
                weights: &shared.weights[position].tiled_back,
                bias: None,
                kernel,
                rows,
                tile,
                values: &mut tiled.values,
                products: &mut tiled.products,
            };
            return simd::run(shared.path, task);
        }
        let task = Conv {
            input: output,
            input_field: plan.gradients[position + 1],
            output: input,
            output_field: plan.gradients[position],
            weights: &shared.weights[position].back,
            bias: None,
            kernel,
            rows,
            halo: Halo::LeftOut,
        };
        simd::run(shared.path, task);
    }

    fn gather(&mut self, position: usize, kernel: Kernel, shared: &Shared) {
        let plan = shared.plan;
        let (input, output) = pair(&mut self.gradients, plan, position);
        let task = Gather {
            output,
            output_field: plan.gradients[position + 1],
            input,
            input_field: plan.gradients[position],
            weights: &shared.weights[position].back,
            kernel,
        };
        simd::run(shared.path, task);
    }

    fn weight_gradient(
        &mut self,
        position: usize,
        kernel: Kernel,
        rows: Range<usize>,
        shared: &Shared,
    ) {
        let plan = shared.plan;
        let is_tiled = plan.tilings[position].weights.is_some();
        let length = plan.sums(position, &kernel);
        let Workspace {
            sums,
            scratch,
            tiled,
            ..
        } = &mut self.workspace;
        if sums.len() < length {
            sums.resize(length, [Lanes::ZERO; BLOCK]);
        }
        if is_tiled {
            let task = TiledGradient {
                input: &self.values[position],
                input_field: plan.values[position],
                output: &self.gradients[plan.slots[position + 1]],
                output_field: plan.gradients[position + 1],
                sums: &mut sums[..length],
                kernel,
                rows,
                values: &mut tiled.values,
                gradients: &mut tiled.gradients,
            };
            return simd::run(shared.path, task);
        }
        let task = WeightGradient {
            input: &self.values[position],
            input_field: plan.values[position],
            output: &self.gradients[plan.slots[position + 1]],
            output_field: plan.gradients[position + 1],
            sums: &mut sums[..length],
            scratch,
            kernel,
            rows,
        };
        simd::run(shared.path, task);
    }

    /// Adds the lanes of the weights' gradient up.
    fn fold(&mut self, position: usize, kernel: Kernel, shared: &Shared) {
        if shared.plan.tilings[position].weights.is_some() {
            let task = TiledFold {
                sums: &self.workspace.sums,
                kernel,
                weights: &mut self.weights[position],
            };
            return simd::run(shared.path, task);
        }
        let task = Fold {
            sums: &self.workspace.sums,
            kernel,
            weights: &mut self.weights[position],
        };
        simd::run(shared.path, task);
    }

    fn bias_gradient(&mut self, position: usize, shared: &Shared) {
        if !matches!(shared.plan.ops[position], Op::Conv { bias: Some(_), .. }) {
            return;
        }
        let gradient = &self.gradients[shared.plan.slots[position + 1]];
        let task = BiasGradient {
            gradient: (gradient, &shared.plan.gradients[position + 1]),
            mask: &self.mask,
            biases: &mut self.biases[position],
        };
        simd::run(shared.path, task);
    }

    fn back_activate(&mut self, position: usize, norm: Option<Norm>, shared: &Shared) {
        let plan = shared.plan;
        let activate = activation(position, shared);
        let (before, after) = self.gradients.split_at_mut(plan.slots[position] + 1);
        let to = &mut before[plan.slots[position]];
        // Without a pool the gradient is there already.
        let from: &[Lanes] = match activate.pool {
            Some(_) => &after[plan.slots[position + 1] - plan.slots[position] - 1],
            None => &[],
        };
        let task = Back {
            activate,
            values: &self.values[position],
            from: (from, &plan.gradients[position + 1]),
            to: (to, &plan.gradients[position]),
            mask: &self.mask,
            pulls: norm.map(|norm| &mut self.pulls[norm.number][..]),
        };
        simd::run(shared.path, task);
    }

    fn through_norm(&mut self, turn: &Turn, rows: Range<usize>, shared: &Shared) {
        let (plan, position) = (shared.plan, turn.position);
        let task = ThroughNorm {
            lines: &shared.lines[turn.number],
            pulls: turn.pulls,
            count: turn.count,
            mask: &self.mask,
            rows,
            values: (&self.values[position], &plan.values[position]),
            gradient: (
                &mut self.gradients[plan.slots[position]],
                &plan.gradients[position],
            ),
        };
        simd::run(shared.path, task);
    }
}

/// A norm that gradients have not gone through yet.
struct Turn<'a> {
    position: usize,
    number: usize,
    pulls: &'a [Pulls],
    count: f64,
}

/// Returns the gradients before and after an operation that does not work in place.
fn pair<'a>(
    gradients: &'a mut [Vec<Lanes>],
    plan: &Plan,
    position: usize,
) -> (&'a mut [Lanes], &'a [Lanes]) {
    let (before, after) = gradients.split_at_mut(plan.slots[position + 1]);
    (&mut before[plan.slots[position]], &after[0])
}
