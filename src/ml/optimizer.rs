//! Moves the variables of a network against their gradients, in place.

use std::cell::RefCell;
use std::collections::BTreeMap;

use candle_core::{CpuStorage, Device, InplaceOp1, Layout, Tensor, bail};
use mlpipe_kernels::{Adam, Descent, Means, Path};

use crate::ml::error::Error;
use crate::ml::model::{Network, Slot};
use crate::ml::tensors::Stored;
use crate::ml::train_params::{OptimizerKind, TrainParams};

/// The value of PyTorch and candle-nn.
const BETA1: f64 = 0.9;
/// The value of PyTorch and candle-nn.
const BETA2: f64 = 0.999;
/// The value of PyTorch and candle-nn.
const EPSILON: f32 = 1e-8;

/// The rule, and what it remembers of each variable.
pub(crate) struct Optimizer {
    kind: OptimizerKind,
    momentum: f64,
    decay: f64,
    clip: Option<f64>,
    steps: u64,
    /// By stored tensor; empty for what is not learned.
    memory: Vec<RefCell<Memory>>,
}

/// Velocity, or the running means of gradient and squared gradient.
#[derive(Default)]
struct Memory {
    first: Vec<f32>,
    second: Vec<f32>,
}

impl Optimizer {
    /// Makes an optimizer that remembers nothing yet.
    pub(crate) fn new(network: &Network, params: &TrainParams) -> Self {
        let memory = network.named().map(|(slot, var)| {
            let count = if slot.role.is_learned() {
                var.elem_count()
            } else {
                0
            };
            let seconds = match params.optimizer {
                OptimizerKind::Sgd => 0,
                OptimizerKind::Adam | OptimizerKind::AdamW => count,
            };
            RefCell::new(Memory {
                first: vec![0.0; count],
                second: vec![0.0; seconds],
            })
        });
        Self {
            kind: params.optimizer,
            momentum: params.momentum,
            decay: match params.optimizer {
                OptimizerKind::AdamW => params.weight_decay,
                OptimizerKind::Adam | OptimizerKind::Sgd => 0.0,
            },
            clip: params.clip,
            steps: 0,
            memory: memory.collect(),
        }
    }

    /// Moves the network's variables by one step at `rate`.
    pub(crate) fn step(
        &mut self,
        network: &Network,
        gradients: &mut [Vec<f32>],
        rate: f64,
    ) -> Result<(), Error> {
        self.steps += 1;
        if let Some(most) = self.clip {
            clip(gradients, most);
        }
        let (rule, path) = (self.rule(rate), network.path());
        let memories = self.memory.iter().zip(gradients.iter());
        for ((_, var), (memory, gradient)) in network.named().zip(memories) {
            if !gradient.is_empty() {
                var.inplace_op1(&Move {
                    rule,
                    path,
                    memory,
                    gradient,
                })?;
            }
        }
        Ok(())
    }

    #[expect(
        clippy::cast_possible_truncation,
        reason = "weights are single precision"
    )]
    fn rule(&self, rate: f64) -> Rule {
        if self.kind == OptimizerKind::Sgd {
            return Rule::Descent(Descent {
                rate: rate as f32,
                momentum: self.momentum as f32,
            });
        }
        let bias = |beta| (1.0 - power(beta, self.steps)) as f32;
        Rule::Adam(Adam {
            rate: rate as f32,
            beta1: BETA1 as f32,
            beta2: BETA2 as f32,
            epsilon: EPSILON,
            bias1: bias(BETA1),
            bias2: bias(BETA2),
            decay: self.decay as f32,
        })
    }

    /// Adds what is remembered to the tensors of a checkpoint; returns the number of steps.
    pub(crate) fn save(
        &self,
        network: &Network,
        tensors: &mut BTreeMap<String, Tensor>,
    ) -> Result<u64, Error> {
        for ((slot, _), memory) in network.named().zip(&self.memory) {
            let memory = memory.borrow();
            for (kind, values) in [("first", &memory.first), ("second", &memory.second)] {
                if !values.is_empty() {
                    let tensor = Tensor::from_slice(values, values.len(), &Device::Cpu)?;
                    tensors.insert(remembered(kind, slot), tensor);
                }
            }
        }
        Ok(self.steps)
    }

    /// Takes what [`Optimizer::save`] kept.
    pub(crate) fn restore(
        &mut self,
        network: &Network,
        stored: &mut Stored,
        steps: u64,
    ) -> Result<(), Error> {
        self.steps = steps;
        for ((slot, _), memory) in network.named().zip(&self.memory) {
            let memory = &mut *memory.borrow_mut();
            for (kind, values) in [("first", &mut memory.first), ("second", &mut memory.second)] {
                if !values.is_empty() {
                    let name = remembered(kind, slot);
                    *values = stored.take_named(&name, &[values.len()])?.to_vec1()?;
                }
            }
        }
        Ok(())
    }
}

/// Returns a power by squaring; a system's library may have its own idea of powers.
fn power(base: f64, exponent: u64) -> f64 {
    let (mut result, mut base, mut rest) = (1.0, base, exponent);
    while rest > 0 {
        if rest % 2 == 1 {
            result *= base;
        }
        base *= base;
        rest /= 2;
    }
    result
}

fn remembered(kind: &str, slot: &Slot) -> String {
    format!("optimizer.{kind}.{}", slot.name)
}

/// Scales all gradients down so that their common norm is `most` at most.
#[expect(
    clippy::cast_possible_truncation,
    reason = "gradients are single precision"
)]
fn clip(gradients: &mut [Vec<f32>], most: f64) {
    let squares = |gradient: &Vec<f32>| -> f64 {
        let squares = gradient.iter().map(|value| f64::from(*value).powi(2));
        squares.sum()
    };
    let norm = gradients.iter().map(squares).sum::<f64>().sqrt();
    if norm > most {
        let factor = (most / norm) as f32;
        let values = gradients.iter_mut().flatten();
        values.for_each(|value| *value *= factor);
    }
}

/// One step of one rule.
#[derive(Clone, Copy)]
enum Rule {
    Descent(Descent),
    Adam(Adam),
}

/// A step as candle's operation on a variable's own memory.
struct Move<'a> {
    rule: Rule,
    path: Path,
    memory: &'a RefCell<Memory>,
    gradient: &'a [f32],
}

impl InplaceOp1 for Move<'_> {
    fn name(&self) -> &'static str {
        "optimizer-step"
    }

    fn cpu_fwd(&self, storage: &mut CpuStorage, layout: &Layout) -> candle_core::Result<()> {
        let (CpuStorage::F32(values), Some((start, end))) = (storage, layout.contiguous_offsets())
        else {
            bail!("a variable is single precision without gaps")
        };
        let values = &mut values[start..end];
        let memory = &mut *self.memory.borrow_mut();
        match self.rule {
            Rule::Descent(descent) => {
                descent.step(self.path, values, &mut memory.first, self.gradient);
            }
            Rule::Adam(adam) => {
                let means = Means {
                    first: &mut memory.first,
                    second: &mut memory.second,
                };
                adam.step(self.path, values, means, self.gradient);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clipping_keeps_the_direction() {
        let mut gradients = vec![vec![3.0, 0.0], vec![], vec![4.0]];
        clip(&mut gradients, 1.0);
        let found: Vec<f32> = gradients.concat();
        assert!((found[0] - 0.6).abs() < 1e-6 && (found[2] - 0.8).abs() < 1e-6);
        clip(&mut gradients, 2.0);
        assert_eq!(found, gradients.concat());
    }
}
