//! A network as the fewest operations that it is computed by.

use crate::builder::Builder;
use crate::field::Field;
use crate::kernel::{Blocks, Kernel};
use crate::layer::{Layer, Misfit, Parameter, Shape};
use crate::pool::Pool;
use crate::tile::Tiling;
use crate::tiled_gradient;

/// The positions of a norm's tensors among the parameters, and its own position among the norms.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Norm {
    pub(crate) number: usize,
    pub(crate) scale: usize,
    pub(crate) shift: usize,
    pub(crate) mean: usize,
    pub(crate) variance: usize,
}

/// One operation; operation `i` goes from tensor `i` to tensor `i + 1`.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Op {
    Conv {
        kernel: Kernel,
        weight: usize,
        bias: Option<usize>,
    },
    Activate {
        norm: Option<Norm>,
        relu: bool,
        pool: Option<Pool>,
    },
    Average {
        pool: Pool,
    },
    Dropout {
        number: usize,
        rate: f64,
    },
    /// Values as channels of their own, for a norm of flat values.
    Flatten,
}

/// A checked network.
#[derive(Clone, Debug)]
pub struct Plan {
    pub(crate) ops: Vec<Op>,
    /// The extent of each tensor between operations, the images first, with halos for the values.
    pub(crate) values: Vec<Field>,
    /// The same with halos for the gradients; fields of a slot share one buffer.
    pub(crate) gradients: Vec<Field>,
    /// Which buffer holds the gradient of each tensor.
    pub(crate) slots: Vec<usize>,
    pub(crate) parameters: Vec<Parameter>,
    /// The operation before which nothing is learned.
    pub(crate) first_learned: usize,
    /// By operation: how convolutions are computed while learning.
    pub(crate) tilings: Vec<Tiling>,
    /// By operation: the position of its first layer.
    pub(crate) layers: Vec<usize>,
    pub(crate) norms: usize,
    pub(crate) shapes: Vec<Shape>,
}

impl Plan {
    /// Checks that `layers` fit each other, from images of shape `input` to `classes` answers.
    pub fn new(input: Shape, layers: &[Layer], classes: usize) -> Result<Self, Misfit> {
        let mut builder = Builder::new(input);
        for (position, layer) in layers.iter().enumerate() {
            builder.layer(*layer).map_err(|message| Misfit {
                layer: position,
                message,
            })?;
        }
        let misfit = |message| Misfit {
            layer: layers.len(),
            message,
        };
        if builder.shape.values() != classes {
            let found = builder.shape.values();
            return Err(misfit(format!(
                "it ends with {found} values, but there are {classes} classes"
            )));
        }
        if builder.field.area() != 1 {
            return Err(misfit(
                "it ends with images, not with flat values".to_owned(),
            ));
        }
        let first = builder
            .ops
            .iter()
            .position(|op| matches!(op, Op::Conv { .. } | Op::Activate { norm: Some(_), .. }));
        match first {
            Some(first) => Ok(builder.finish(first)),
            None => Err(misfit("it has nothing to learn".to_owned())),
        }
    }

    /// Returns the stored tensors in the order in which the engine takes them.
    pub fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    /// Returns the shape of each layer's output.
    pub fn shapes(&self) -> &[Shape] {
        &self.shapes
    }

    /// Returns whether an activation is followed by a convolution.
    pub(crate) fn is_activated_conv(&self, position: usize) -> bool {
        matches!(
            self.ops.get(position..position + 2),
            Some([Op::Activate { .. }, Op::Conv { .. }])
        )
    }

    /// Returns how many blocks of sums the gradient of a convolution's weights takes.
    pub(crate) fn sums(&self, position: usize, kernel: &Kernel) -> usize {
        let products = match self.tilings[position].weights {
            Some(_) => kernel.inputs * tiled_gradient::POINTS,
            None => kernel.taps(),
        };
        Blocks::of(kernel.outputs).count() * products
    }

    /// Returns how many values an image has.
    pub fn pixels(&self) -> usize {
        self.values[0].channels * self.values[0].area()
    }

    /// Returns how many classes there are.
    pub fn classes(&self) -> usize {
        self.values.last().map_or(0, |field| field.channels)
    }
}

/// Returns whether the gradient of a convolution's input is gathered, value by value, rather than
/// being a convolution itself.
pub(crate) fn gathers(op: &Op, output: &Field) -> Option<bool> {
    match op {
        Op::Conv { kernel, .. } => Some(kernel.stride > 1 || output.area() == 1),
        _ => None,
    }
}
