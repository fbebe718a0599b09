//! The reference network: five convolutions with batch norm and ReLU, and a linear layer.

use std::collections::HashMap;
use std::path::Path;

use candle_core::{Result, Tensor, Var};

use crate::ml::dataset::{CLASSES, Form, SIDE, Summary};
use crate::ml::error::Error;
use crate::ml::event::LayerRow;
use crate::ml::ops::{BatchNorm, Convolution, MaxPool};
use crate::ml::tensors;

/// Whether a network learns or predicts: its batch norms differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// By the statistics of the batch, with gradients.
    Learn,
    /// By the statistics that were remembered, without gradients.
    Predict,
}

/// What a stored tensor is for, which decides how it begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Weights that begin at random, by the number of values that one output is made of.
    Weights { inputs: usize },
    /// Factors and variances, which begin as ones.
    Ones,
    /// Offsets and means, which begin as zeros.
    Zeros,
}

/// One of the tensors that a network consists of.
#[derive(Clone, Debug)]
pub(crate) struct Slot {
    pub(crate) name: String,
    pub(crate) shape: Vec<usize>,
    pub(crate) role: Role,
}

/// Refuses data that the network is not made for.
pub(crate) fn accept(summary: &Summary) -> std::result::Result<(), Error> {
    let (found, wanted) = (summary.form(), Form::DIGITS);
    if found == wanted {
        return Ok(());
    }
    Err(Error::Unfit { found, wanted })
}

/// How a block is built: a convolution, batch norm and ReLU, and maybe a max-pool.
struct Plan {
    inputs: usize,
    outputs: usize,
    size: usize,
    pool: bool,
}

const fn plan(inputs: usize, outputs: usize, size: usize, pool: bool) -> Plan {
    Plan {
        inputs,
        outputs,
        size,
        pool,
    }
}

const PLANS: [Plan; 5] = [
    plan(1, 8, 3, false),
    plan(8, 16, 3, true),
    plan(16, 8, 1, false),
    plan(8, 16, 3, false),
    plan(16, 8, 3, false),
];

/// The values that the linear layer sees: 8 channels of 8 by 8.
const FEATURES: usize = 8 * 8 * 8;

/// The network with its weights.
pub(crate) struct Network {
    blocks: Vec<Block>,
    weight: Var,
    bias: Var,
}

struct Block {
    plan: &'static Plan,
    weight: Var,
    norm: BatchNorm,
}

impl Network {
    /// Builds the network of the tensors that `source` gives for its slots.
    pub(crate) fn build(
        source: &mut dyn FnMut(Slot) -> std::result::Result<Tensor, Error>,
    ) -> std::result::Result<Self, Error> {
        let mut var = |name: String, shape: Vec<usize>, role| {
            let tensor = source(Slot { name, shape, role })?;
            Ok::<_, Error>(Var::from_tensor(&tensor)?)
        };
        let mut blocks = Vec::new();
        for (plan, number) in PLANS.iter().zip(1..) {
            let shape = vec![plan.outputs, plan.inputs, plan.size, plan.size];
            let inputs = plan.inputs * plan.size * plan.size;
            let name = |part: &str| format!("norm{number}.{part}");
            blocks.push(Block {
                plan,
                weight: var(
                    format!("conv{number}.weight"),
                    shape,
                    Role::Weights { inputs },
                )?,
                norm: BatchNorm {
                    weight: var(name("weight"), vec![plan.outputs], Role::Ones)?,
                    bias: var(name("bias"), vec![plan.outputs], Role::Zeros)?,
                    running_mean: var(name("running_mean"), vec![plan.outputs], Role::Zeros)?,
                    running_var: var(name("running_var"), vec![plan.outputs], Role::Ones)?,
                },
            });
        }
        let role = Role::Weights { inputs: FEATURES };
        Ok(Self {
            blocks,
            weight: var("linear.weight".to_owned(), vec![CLASSES, FEATURES], role)?,
            bias: var("linear.bias".to_owned(), vec![CLASSES], Role::Zeros)?,
        })
    }

    /// Reads the weights that [`Network::write`] wrote.
    pub(crate) fn read(path: &Path) -> std::result::Result<Self, Error> {
        let mut tensors = tensors::read(path, "train")?;
        Self::build(&mut |slot| match tensors.remove(&slot.name) {
            Some(tensor) if tensor.dims() == slot.shape => Ok(tensor),
            _ => Err(Error::Damaged {
                path: path.to_owned(),
                what: format!("it has no `{}` of shape {:?}", slot.name, slot.shape),
                stage: "train",
            }),
        })
    }

    /// Writes all weights, and the running statistics with them.
    pub(crate) fn write(&self, path: &Path) -> std::result::Result<(), Error> {
        let tensors: HashMap<String, Tensor> = self
            .vars()
            .into_iter()
            .map(|(name, var)| (name, var.as_detached_tensor()))
            .collect();
        tensors::write(&tensors, path)
    }

    /// Returns what learning changes: all but the running statistics.
    pub(crate) fn learned(&self) -> Vec<Var> {
        let vars = self.vars().into_iter();
        vars.filter(|(name, _)| !name.contains(".running_"))
            .map(|(_, var)| var.clone())
            .collect()
    }

    /// Returns all stored tensors with their names.
    pub(crate) fn vars(&self) -> Vec<(String, &Var)> {
        let blocks = self.blocks.iter().zip(1..).flat_map(|(block, number)| {
            [
                (format!("conv{number}.weight"), &block.weight),
                (format!("norm{number}.weight"), &block.norm.weight),
                (format!("norm{number}.bias"), &block.norm.bias),
                (
                    format!("norm{number}.running_mean"),
                    &block.norm.running_mean,
                ),
                (format!("norm{number}.running_var"), &block.norm.running_var),
            ]
        });
        let linear = [
            ("linear.weight".to_owned(), &self.weight),
            ("linear.bias".to_owned(), &self.bias),
        ];
        blocks.chain(linear).collect()
    }

    /// Returns the logits of `images`, which lie as `[1, image, row, column]`.
    pub(crate) fn forward(&self, images: &Tensor, mode: Mode) -> Result<Tensor> {
        let mut x = images.clone();
        for block in &self.blocks {
            x = block.forward(&x, mode)?;
        }
        let features = x.transpose(0, 1)?.contiguous()?.flatten_from(1)?;
        let weight = in_mode(&self.weight, mode);
        let bias = in_mode(&self.bias, mode);
        features.matmul(&weight.t()?)?.broadcast_add(&bias)
    }

    /// Returns the number of values that are learned.
    pub(crate) fn parameters(&self) -> usize {
        self.learned().iter().map(|var| var.elem_count()).sum()
    }

    /// Returns the layers with the shapes of their outputs.
    pub(crate) fn layers(&self) -> Vec<LayerRow> {
        let mut side = SIDE;
        let mut rows = Vec::new();
        let mut push = |name: String, shape: Vec<usize>, parameters| {
            rows.push(LayerRow {
                name,
                shape,
                parameters,
            });
        };
        for Block { plan, weight, norm } in &self.blocks {
            let size = plan.size;
            side = side + 1 - size;
            let shape = vec![plan.outputs, side, side];
            push(
                format!("convolution {size}×{size}"),
                shape.clone(),
                weight.elem_count(),
            );
            let norms = norm.weight.elem_count() + norm.bias.elem_count();
            push("batch norm, ReLU".to_owned(), shape, norms);
            if plan.pool {
                side /= 2;
                push("max-pool 2×2".to_owned(), vec![plan.outputs, side, side], 0);
            }
        }
        let linear = self.weight.elem_count() + self.bias.elem_count();
        push("linear".to_owned(), vec![CLASSES], linear);
        rows
    }
}

impl Block {
    fn forward(&self, x: &Tensor, mode: Mode) -> Result<Tensor> {
        let y = x.apply_op2(&in_mode(&self.weight, mode), Convolution)?;
        let y = self.norm.forward(&y, mode)?;
        if self.plan.pool {
            y.apply_op1(MaxPool)
        } else {
            Ok(y)
        }
    }
}

/// Gradients are kept track of only while learning.
fn in_mode(var: &Var, mode: Mode) -> Tensor {
    match mode {
        Mode::Learn => var.as_tensor().clone(),
        Mode::Predict => var.as_detached_tensor(),
    }
}
