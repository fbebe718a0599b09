//! Sixteen images on their way through a network and back.

use std::ops::Range;

use crate::activate::{self, Activate, Back, Line, Lines, Moments, Pulls, ThroughNorm};
use crate::average::Average;
use crate::conv::{BLOCK, Forward, Gather, Halo, Kernel, Packed, Sums, WeightGradient, tile_rows};
use crate::field::Field;
use crate::loss::Loss;
use crate::plan::{Norm, Op, Plan, gathers};
use crate::simd::{self, LANES, Lanes, Path, Simd, Task};

/// Whether a network learns or predicts: its norms and dropouts differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Learn,
    Predict,
}

/// A batch of images with their labels.
pub trait Batch: Sync {
    /// Returns the number of images.
    fn len(&self) -> usize;

    /// Returns whether there is no image.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Writes the values of an image, `[channel][row][column]`.
    fn image(&self, image: usize, values: &mut [f32]);

    /// Returns the label of an image; asked only while learning.
    fn label(&self, image: usize) -> usize;

    /// Draws random words for a dropout, numbered from 0, and a group of sixteen images; asked only
    /// while learning.
    fn noise(&self, dropout: usize, group: usize, words: &mut [u32]);
}

/// The weights of a convolution as the kernels take them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Weights {
    pub(crate) forward: Packed,
    pub(crate) back: Packed,
    pub(crate) bias: Option<Vec<f32>>,
}

/// What all groups share during a batch.
pub(crate) struct Shared<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) path: Path,
    /// By operation; empty but for convolutions.
    pub(crate) weights: &'a [Weights],
    /// By norm.
    pub(crate) lines: &'a [Vec<Line>],
    pub(crate) batch: &'a dyn Batch,
    pub(crate) mode: Mode,
}

/// The buffers of one group, allocated once.
pub(crate) struct Group {
    number: usize,
    count: usize,
    mask: Lanes,
    pixels: Vec<f32>,
    /// By tensor.
    pub(crate) values: Vec<Vec<Lanes>>,
    /// By slot.
    pub(crate) gradients: Vec<Vec<Lanes>>,
    sums: Sums,
    /// Scratch for gradients of eight outputs.
    packed: Vec<[Lanes; BLOCK]>,
    /// By operation: the gradient of weights `[output][tap]` over this group.
    pub(crate) weights: Vec<Vec<f64>>,
    /// By operation: the gradient of the biases over this group.
    pub(crate) biases: Vec<Vec<f64>>,
    /// By norm.
    pub(crate) moments: Vec<Vec<Moments>>,
    /// By norm.
    pub(crate) pulls: Vec<Vec<Pulls>>,
    /// By dropout: a bit for each lane that is kept.
    kept: Vec<Vec<u16>>,
    words: Vec<u32>,
}

impl Group {
    pub(crate) fn new(plan: &Plan, mode: Mode) -> Self {
        let lanes = |field: &Field| vec![Lanes::ZERO; field.len()];
        let mut gradients = Vec::new();
        let mut norms = Vec::new();
        let mut group = Self {
            number: 0,
            count: 0,
            mask: Lanes::ZERO,
            pixels: vec![0.0; plan.pixels()],
            values: Vec::new(),
            gradients: Vec::new(),
            sums: Vec::new(),
            packed: Vec::new(),
            weights: vec![Vec::new(); plan.ops.len()],
            biases: vec![Vec::new(); plan.ops.len()],
            moments: Vec::new(),
            pulls: Vec::new(),
            kept: Vec::new(),
            words: Vec::new(),
        };
        for (position, op) in plan.ops.iter().enumerate() {
            match op {
                Op::Activate { norm: Some(_), .. } => norms.push(plan.values[position].channels),
                Op::Dropout { .. } => {
                    let count = plan.values[position].channels * plan.values[position].area();
                    group.kept.push(vec![0; count]);
                }
                _ => {}
            }
        }
        // What is lent is left out.
        let values = plan.values.iter().enumerate();
        let values = values.map(|(tensor, field)| match mode {
            Mode::Learn if plan.lends_values(tensor) => Vec::new(),
            _ => lanes(field),
        });
        group.values = values.collect();
        if mode == Mode::Learn {
            for (tensor, field) in plan.gradients.iter().enumerate() {
                let owned = plan.slots[tensor] == tensor && tensor > plan.first_learned;
                let owned = owned && !plan.lends_gradient(tensor);
                gradients.push(if owned { lanes(field) } else { Vec::new() });
            }
            // The first learned operation may be a norm, which works on the gradient before it.
            let first = plan.slots[plan.first_learned + 1];
            if gradients[first].is_empty() {
                gradients[first] = lanes(&plan.gradients[first]);
            }
            let width = norms
                .iter()
                .map(|channels| vec![Moments::default(); *channels]);
            group.moments = width.collect();
            let width = norms
                .iter()
                .map(|channels| vec![Pulls::default(); *channels]);
            group.pulls = width.collect();
        }
        group.gradients = gradients;
        group
    }

    /// Takes the images of group `number` of a batch.
    pub(crate) fn load(&mut self, number: usize, shared: &Shared) {
        let first = number * LANES;
        self.number = number;
        self.count = (shared.batch.len() - first).min(LANES);
        self.mask = Lanes::mask(self.count);
        let field = shared.plan.values[0];
        for lane in 0..LANES {
            if lane < self.count {
                shared.batch.image(first + lane, &mut self.pixels);
            } else {
                self.pixels.fill(0.0);
            }
            let mut rows = self.pixels.chunks_exact(field.width);
            for channel in 0..field.channels {
                for row in 0..field.height {
                    let to = &mut self.values[0][field.row(channel, row)];
                    let from = rows.next().unwrap_or_default();
                    for (to, from) in to.iter_mut().zip(from) {
                        to.0[lane] = *from;
                    }
                }
            }
        }
    }

    /// Returns the number of images.
    pub(crate) fn len(&self) -> usize {
        self.count
    }

    /// Returns the logits of the images, one after the other.
    pub(crate) fn logits(&self, plan: &Plan) -> impl Iterator<Item = f32> {
        let last = plan.ops.len();
        let (field, values) = (plan.values[last], &self.values[last]);
        (0..self.count).flat_map(move |lane| {
            (0..field.channels).map(move |class| values[field.at(class, 0, 0)].0[lane])
        })
    }

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
        let (mut done, mut row) = (0, 0);
        while row < after.height {
            let end = (row + tile_rows(after)).min(after.height);
            let needed = needed_rows(&kernel, end, between, after);
            self.activate(position, done..needed.max(done), shared);
            self.convolve(position + 1, kernel, row..end, shared);
            (done, row) = (needed.max(done), end);
        }
    }

    fn activate(&mut self, position: usize, rows: Range<usize>, shared: &Shared) {
        let (before, after) = self.values.split_at_mut(position + 1);
        let activate = activation(position, shared);
        activate.run(shared.path, rows, &before[position], &mut after[0]);
    }

    fn convolve(&mut self, position: usize, kernel: Kernel, rows: Range<usize>, shared: &Shared) {
        let (before, after) = self.values.split_at_mut(position + 1);
        let weights = &shared.weights[position];
        let task = Forward {
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
                let average = Average {
                    pool,
                    input_field,
                    output_field,
                };
                average.forward(input, output);
            }
            Op::Dropout { number, rate } => match shared.mode {
                Mode::Learn => {
                    let kept = &mut self.kept[number];
                    let noise = |words: &mut [u32]| {
                        shared.batch.noise(number, self.number, words);
                    };
                    draw(rate, kept, &mut self.words, noise);
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
        let task = MomentsTask {
            values: &self.values[position],
            field: &shared.plan.values[position],
            mask: &self.mask,
            moments: &mut self.moments[number],
        };
        simd::run(shared.path, task);
    }

    /// Writes the gradient of the logits; `total` is the weight of the batch's labels.
    pub(crate) fn judge(&mut self, loss: &Loss, total: f64, shared: &Shared) {
        let last = shared.plan.ops.len();
        let first = self.number * LANES;
        let labels: Vec<usize> = (first..first + self.count)
            .map(|image| shared.batch.label(image))
            .collect();
        let field = shared.plan.values[last];
        let logits: Vec<Lanes> = (0..field.channels)
            .map(|class| self.values[last][field.at(class, 0, 0)])
            .collect();
        let gradient = &mut self.gradients[shared.plan.slots[last]];
        let field = shared.plan.gradients[last];
        loss.gradient(&logits, &labels, total, gradient, &field);
    }

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
                    let average = Average {
                        pool,
                        input_field: shared.plan.gradients[position],
                        output_field: shared.plan.gradients[position + 1],
                    };
                    average.back(from, to);
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
        let (mut row, mut done, mut activated) = (0, 0, 0);
        while row < output.height {
            let end = (row + tile_rows(&output)).min(output.height);
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
                    end.saturating_sub(kernel.padding).min(input.height)
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
        let task = Forward {
            input: output,
            input_field: plan.gradients[position + 1],
            output: input,
            output_field: plan.gradients[position],
            weights: &shared.weights[position].back,
            bias: None,
            kernel: Kernel {
                inputs: kernel.outputs,
                outputs: kernel.inputs,
                padding: kernel.height - 1 - kernel.padding,
                ..kernel
            },
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
        let blocks = kernel.outputs.div_ceil(BLOCK) * kernel.taps();
        if self.sums.len() < blocks {
            self.sums.resize(blocks, [Lanes::ZERO; BLOCK]);
        }
        let task = WeightGradient {
            input: &self.values[position],
            input_field: plan.values[position],
            output: &self.gradients[plan.slots[position + 1]],
            output_field: plan.gradients[position + 1],
            sums: &mut self.sums[..blocks],
            packed: &mut self.packed,
            kernel,
            rows,
        };
        simd::run(shared.path, task);
    }

    /// Adds the lanes of the weights' gradient up.
    fn fold(&mut self, position: usize, kernel: Kernel, shared: &Shared) {
        let task = FoldTask {
            sums: &self.sums,
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
        let task = BiasTask {
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
        let task = NormTask {
            through: ThroughNorm {
                lines: &shared.lines[turn.number],
                pulls: turn.pulls,
                count: turn.count,
                mask: &self.mask,
            },
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

/// Returns how many rows of its input a convolution needs for the rows before `end`.
fn needed_rows(kernel: &Kernel, end: usize, input: &Field, output: &Field) -> usize {
    if end == output.height {
        return input.height;
    }
    let last = (end - 1) * kernel.stride + kernel.height;
    last.saturating_sub(kernel.padding).min(input.height)
}

/// A norm that gradients have not gone through yet.
struct Turn<'a> {
    position: usize,
    number: usize,
    pulls: &'a [Pulls],
    count: f64,
}

fn activation<'a>(position: usize, shared: &'a Shared) -> Activate<'a> {
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

/// Returns the gradients before and after an operation that does not work in place.
fn pair<'a>(
    gradients: &'a mut [Vec<Lanes>],
    plan: &Plan,
    position: usize,
) -> (&'a mut [Lanes], &'a [Lanes]) {
    let (before, after) = gradients.split_at_mut(plan.slots[position + 1]);
    (&mut before[plan.slots[position]], &after[0])
}

fn copy((from, from_field): (&[Lanes], &Field), (to, to_field): (&mut [Lanes], &Field)) {
    let mut places = places(to_field);
    for channel in 0..from_field.channels {
        for row in 0..from_field.height {
            for value in &from[from_field.row(channel, row)] {
                if let Some(place) = places.next() {
                    to[place] = *value;
                }
            }
        }
    }
}

/// Returns where the values of a tensor lie, in their order.
fn places(field: &Field) -> impl Iterator<Item = usize> {
    let field = *field;
    (0..field.channels)
        .flat_map(move |channel| (0..field.height).flat_map(move |row| field.row(channel, row)))
}

/// Decides by `noise` which lanes a dropout keeps.
fn draw(rate: f64, kept: &mut [u16], words: &mut Vec<u32>, noise: impl FnOnce(&mut [u32])) {
    let limit = (rate * 4_294_967_296.0) as u32;
    words.resize(kept.len() * LANES, 0);
    noise(words);
    for (kept, words) in kept.iter_mut().zip(words.chunks_exact(LANES)) {
        *kept = words.iter().enumerate().fold(0, |bits, (lane, word)| {
            bits | u16::from(*word >= limit) << lane
        });
    }
}

/// Sets what is not kept to zero and scales the rest up, in place.
fn drop_out(rate: f64, kept: &[u16], values: &mut [Lanes], field: &Field) {
    let scale = (1.0 / (1.0 - rate)) as f32;
    for (place, kept) in places(field).zip(kept) {
        let value = &mut values[place];
        for lane in 0..LANES {
            let keeps = kept >> lane & 1 == 1;
            value.0[lane] = if keeps { value.0[lane] * scale } else { 0.0 };
        }
    }
}

struct MomentsTask<'a> {
    values: &'a [Lanes],
    field: &'a Field,
    mask: &'a Lanes,
    moments: &'a mut [Moments],
}

impl Task for MomentsTask<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self) {
        activate::moments::<S>(self.values, self.field, self.mask, self.moments);
    }
}

struct NormTask<'a> {
    through: ThroughNorm<'a>,
    rows: Range<usize>,
    values: (&'a [Lanes], &'a Field),
    gradient: (&'a mut [Lanes], &'a Field),
}

impl Task for NormTask<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self) {
        let ((gradient, field), rows) = (self.gradient, self.rows);
        let through = self.through;
        through.turn::<S, 0>(rows.clone(), self.values, (gradient, field));
        if S::PARTS > 1 {
            through.turn::<S, 1>(rows, self.values, (gradient, field));
        }
    }
}

/// Adds the gradient of a convolution's biases up.
struct BiasTask<'a> {
    gradient: (&'a [Lanes], &'a Field),
    mask: &'a Lanes,
    biases: &'a mut Vec<f64>,
}

impl Task for BiasTask<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self) {
        let (gradient, field) = self.gradient;
        self.biases.resize(field.channels, 0.0);
        for (channel, bias) in self.biases.iter_mut().enumerate() {
            *bias = activate::total::<S>(channel, gradient, field, self.mask);
        }
    }
}

/// Adds the lanes of the weights' gradient up.
struct FoldTask<'a> {
    sums: &'a [[Lanes; BLOCK]],
    kernel: Kernel,
    weights: &'a mut Vec<f64>,
}

impl Task for FoldTask<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self) {
        let taps = self.kernel.taps();
        self.weights.resize(self.kernel.outputs * taps, 0.0);
        for (output, weights) in self.weights.chunks_exact_mut(taps).enumerate() {
            let sums = &self.sums[output / BLOCK * taps..][..taps];
            for (weight, eight) in weights.iter_mut().zip(sums) {
                *weight = S::sum(&eight[output % BLOCK]);
            }
        }
    }
}
