//! One image on its way through a network: its channels are the lanes.
//!
//! A group computes sixteen images even for one. Here a vector holds sixteen channels of one value
//! instead, `[sixteen channels][row][column][16]`, so that the same activations and pools serve.
//! Each sum has the order that it has in a group, so the bits are the same.

use crate::activate::Activate;
use crate::average::Average;
use crate::batch::{Batch, Weights};
use crate::field::Field;
use crate::kernel::Kernel;
use crate::line::{Lines, Slope};
use crate::plan::{Op, Plan};
use crate::simd::{self, LANES, Lanes, Path, Simd, Task};

/// What a convolution takes: `[sixteen outputs][tap]`, and the bias of each sixteen.
#[derive(Default)]
struct Sixteens {
    weights: Vec<Lanes>,
    bias: Vec<Lanes>,
}

/// The buffers of one image, with the weights as they are taken here.
pub(crate) struct Alone {
    /// By norm.
    slopes: Vec<Vec<Slope>>,
    /// By operation; empty but for convolutions.
    sixteens: Vec<Sixteens>,
    pixels: Vec<f32>,
    /// By tensor.
    values: Vec<Vec<Lanes>>,
    /// By tensor: the extent, in which a channel is sixteen.
    fields: Vec<Field>,
}

impl Alone {
    /// Takes the weights of a network as groups have them, and the lines of its norms.
    pub(crate) fn new(plan: &Plan, weights: &[Weights], slopes: Vec<Vec<Slope>>) -> Self {
        let fields: Vec<Field> = plan.values.iter().map(sixteens).collect();
        let ops = plan.ops.iter().zip(weights);
        Self {
            slopes,
            sixteens: ops.map(|(op, weights)| Sixteens::of(op, weights)).collect(),
            pixels: vec![0.0; plan.pixels()],
            values: fields
                .iter()
                .map(|field| vec![Lanes::ZERO; field.len()])
                .collect(),
            fields,
        }
    }

    /// Adds the logits of an image to `logits`.
    pub(crate) fn predict(
        &mut self,
        (plan, path): (&Plan, Path),
        (batch, image): (&dyn Batch, usize),
        logits: &mut Vec<f32>,
    ) {
        batch.image(image, &mut self.pixels);
        let pixels = self.pixels.iter();
        for ((lane, at), pixel) in places(&plan.values[0]).zip(pixels) {
            self.values[0][at].0[lane] = *pixel;
        }
        for position in 0..plan.ops.len() {
            self.operate(position, (plan, path));
        }
        let last = plan.ops.len();
        let answers = places(&plan.values[last]);
        logits.extend(answers.map(|(lane, at)| self.values[last][at].0[lane]));
    }

    fn operate(&mut self, position: usize, (plan, path): (&Plan, Path)) {
        let (input_field, output_field) = (self.fields[position], self.fields[position + 1]);
        let (before, after) = self.values.split_at_mut(position + 1);
        let (input, output) = (&before[position][..], &mut after[0][..]);
        match plan.ops[position] {
            Op::Conv { kernel, .. } => {
                let task = Conv {
                    input,
                    input_field,
                    output,
                    output_field,
                    sixteens: &self.sixteens[position],
                    kernel,
                };
                simd::run(path, task);
            }
            Op::Activate { norm, relu, pool } => {
                let lines = norm.map(|norm| Lines::OfLanes(&self.slopes[norm.number]));
                let activate = Activate {
                    lines,
                    relu,
                    pool,
                    input_field,
                    output_field,
                };
                activate.run(path, 0..output_field.height, input, output);
            }
            Op::Average { pool } => {
                Average::new(pool, input_field, output_field).forward(input, output);
            }
            Op::Dropout { .. } | Op::Flatten => {
                let (from, to) = (&plan.values[position], &plan.values[position + 1]);
                for ((lane, at), (to_lane, to_at)) in places(from).zip(places(to)) {
                    output[to_at].0[to_lane] = input[at].0[lane];
                }
            }
        }
    }
}

/// Returns the extent of a tensor in which sixteen channels are one.
fn sixteens(field: &Field) -> Field {
    Field {
        channels: field.channels.div_ceil(LANES),
        ..*field
    }
}

/// Returns lane and place of each value of a tensor, in the order of a group's.
fn places(field: &Field) -> impl Iterator<Item = (usize, usize)> + use<> {
    let (field, by_sixteen) = (*field, sixteens(field));
    (0..field.channels).flat_map(move |channel| {
        (0..field.height).flat_map(move |row| {
            let places = by_sixteen.row(channel / LANES, row);
            places.map(move |at| (channel % LANES, at))
        })
    })
}

impl Sixteens {
    fn of(op: &Op, weights: &Weights) -> Self {
        let Op::Conv { kernel, .. } = op else {
            return Self::default();
        };
        let taps = kernel.taps();
        let blocks = kernel.outputs.div_ceil(LANES);
        let mut sixteens = vec![Lanes::ZERO; blocks * taps];
        for output in 0..kernel.outputs {
            let to = &mut sixteens[output / LANES * taps..][..taps];
            for (to, weight) in to.iter_mut().zip(kernel.row(&weights.forward, output)) {
                to.0[output % LANES] = weight;
            }
        }
        let bias = weights.bias.iter().flat_map(|bias| bias.chunks(LANES));
        Self {
            weights: sixteens,
            bias: bias.map(Lanes::of).collect(),
        }
    }
}

/// The forward pass of a convolution: weights are loaded whole, and values are broadcast.
struct Conv<'a> {
    input: &'a [Lanes],
    input_field: Field,
    output: &'a mut [Lanes],
    output_field: Field,
    sixteens: &'a Sixteens,
    kernel: Kernel,
}

impl Task for Conv<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(mut self) {
        for sixteen in 0..self.output_field.channels {
            for row in 0..self.output_field.height {
                self.row::<S>(row, sixteen);
            }
        }
    }
}

impl Conv<'_> {
    /// Computes a row in even pieces; the last one begins where it ends with the row, and computes
    /// some columns again rather than few at a time.
    #[inline(always)]
    fn row<S: Simd>(&mut self, row: usize, sixteen: usize) {
        let width = self.output_field.width;
        // So many sums have registers.
        let most = if S::MANY_REGISTERS { 12 } else { 6 };
        let pieces = width.div_ceil(most);
        let columns = width.div_ceil(pieces);
        for piece in 0..pieces {
            let at = (row, (piece * columns).min(width - columns));
            match columns {
                1 => self.shape::<S, 1>(at, sixteen),
                2 => self.shape::<S, 2>(at, sixteen),
                3 => self.shape::<S, 3>(at, sixteen),
                4 => self.shape::<S, 4>(at, sixteen),
                5 => self.shape::<S, 5>(at, sixteen),
                6 => self.shape::<S, 6>(at, sixteen),
                _ => self.long_piece::<S>(at, sixteen, columns),
            }
        }
    }

    #[inline(always)]
    fn long_piece<S: Simd>(&mut self, at: (usize, usize), sixteen: usize, columns: usize) {
        if !S::MANY_REGISTERS {
            return;
        }
        match columns {
            7 => self.shape::<S, 7>(at, sixteen),
            8 => self.shape::<S, 8>(at, sixteen),
            9 => self.shape::<S, 9>(at, sixteen),
            10 => self.shape::<S, 10>(at, sixteen),
            11 => self.shape::<S, 11>(at, sixteen),
            _ => self.shape::<S, 12>(at, sixteen),
        }
    }

    #[inline(always)]
    fn shape<S: Simd, const C: usize>(&mut self, at: (usize, usize), sixteen: usize) {
        match self.kernel.stride {
            1 => self.piece::<S, C, 1>(at, sixteen),
            _ => self.piece::<S, C, 0>(at, sixteen),
        }
    }

    /// Computes `C` columns; `STRIDE` is the kernel's stride if that is known here.
    #[inline(always)]
    fn piece<S: Simd, const C: usize, const STRIDE: usize>(
        &mut self,
        (row, column): (usize, usize),
        sixteen: usize,
    ) {
        let (kernel, field) = (self.kernel, self.input_field);
        let taps = kernel.taps();
        let stride = if STRIDE > 0 { STRIDE } else { kernel.stride };
        let bias = self.sixteens.bias.get(sixteen);
        let mut sums = [bias.map_or(S::splat(0.0), S::load); C];
        let mut weights = self.sixteens.weights[sixteen * taps..][..taps].iter();
        let origin = field.halo - kernel.padding;
        let corner = (row * stride + origin) * field.pitch() + column * stride + origin;
        let span = (C - 1) * stride + 1;
        for input in 0..kernel.inputs {
            let (plane, lane) = (input / LANES * field.plane(), input % LANES);
            for y in 0..kernel.height {
                let start = plane + y * field.pitch() + corner;
                for (x, weight) in (0..kernel.width).zip(&mut weights) {
                    let values = &self.input[start + x..][..span];
                    let weight = S::load(weight);
                    for (column, sum) in sums.iter_mut().enumerate() {
                        let value = S::splat(values[column * stride].0[lane]);
                        *sum = S::mul_add(value, weight, *sum);
                    }
                }
            }
        }
        let at = self.output_field.at(sixteen, row, column);
        for (sum, to) in sums.into_iter().zip(&mut self.output[at..at + C]) {
            S::store(sum, to);
        }
    }
}
