//! `Need`: what a network takes of memory, layer by layer, known before any of it is asked for.

use std::mem::size_of;

use crate::field::Field;
use crate::kernel::{BLOCK, Blocks, Kernel};
use crate::plan::{Op, Plan};
use crate::simd::Lanes;

/// What a layer takes of memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Need {
    /// For weights, their gradients, and the sums that these come of.
    pub weights: Bytes,
    /// For the values of images, and their gradients.
    pub values: Bytes,
}

/// How many bytes are needed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bytes {
    /// Once.
    pub once: u64,
    /// For each sixteen images of a batch that is learned from.
    pub group: u64,
    /// For each thread that learns.
    pub learner: u64,
    /// For each thread that predicts.
    pub predictor: u64,
}

impl Plan {
    /// Returns what each layer takes; of layers that are computed as one, the first.
    pub fn needs(&self) -> Vec<Need> {
        let mut needs = vec![Need::default(); self.shapes.len()];
        for tensor in 0..self.values.len() {
            let layer = self.layers[tensor.saturating_sub(1)];
            let need = &mut needs[layer].values;
            let values = lanes(&self.values[tensor]);
            need.predictor += values;
            if self.lends_values(tensor) {
                need.learner += values;
            } else {
                need.group += values;
            }
            let gradient = lanes(&self.gradients[tensor]);
            if self.lends_gradient(tensor) {
                need.learner += gradient;
            } else if self.keeps_gradient(tensor) {
                need.group += gradient;
            }
        }
        for (position, op) in self.ops.iter().enumerate() {
            let need = &mut needs[self.layers[position]];
            match op {
                Op::Conv { kernel, .. } => self.add_weights(position, kernel, &mut need.weights),
                Op::Dropout { .. } => {
                    // A bit for each value that is kept, and the random words that decide.
                    let field = self.values[position];
                    let values = (field.channels * field.area()) as u64;
                    need.values.group += values * size_of::<u16>() as u64;
                    need.values.learner += values * size_of::<Lanes>() as u64;
                }
                _ => {}
            }
        }
        self.add_sums(&mut needs);
        needs
    }

    fn add_weights(&self, position: usize, kernel: &Kernel, need: &mut Bytes) {
        let count = (kernel.outputs * kernel.taps()) as u64;
        need.once += packed(kernel) * size_of::<f32>() as u64;
        need.once += count * size_of::<f32>() as u64;
        if position > self.first_learned {
            let back = Blocks::of(kernel.inputs).count() * kernel.outputs * kernel.area() * BLOCK;
            need.once += (back * size_of::<f32>()) as u64;
        }
        if !self.is_dense(position) {
            need.group += count * size_of::<f64>() as u64;
        }
    }

    /// Adds the sums of a weights' gradient, for which all convolutions have the same buffer.
    fn add_sums(&self, needs: &mut [Need]) {
        let sums = self.ops.iter().enumerate().filter_map(|(position, op)| {
            let Op::Conv { kernel, .. } = op else {
                return None;
            };
            let bytes = (self.sums(position, kernel) * size_of::<[Lanes; BLOCK]>()) as u64;
            (!self.is_dense(position)).then_some((bytes, self.layers[position]))
        });
        if let Some((bytes, layer)) = sums.max() {
            needs[layer].weights.learner += bytes;
        }
    }
}

fn lanes(field: &Field) -> u64 {
    (field.len() * size_of::<Lanes>()) as u64
}

/// Returns how many numbers the packed weights are.
fn packed(kernel: &Kernel) -> u64 {
    (Blocks::of(kernel.outputs).count() * kernel.taps() * BLOCK) as u64
}
