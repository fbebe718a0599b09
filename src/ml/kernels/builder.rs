//! A network layer by layer: each is checked, and fused with the one before where that is possible.

use crate::field::Field;
use crate::kernel::Kernel;
use crate::layer::{Layer, Parameter, Role, Shape};
use crate::plan::{Norm, Op, Plan, gathers};
use crate::pool::Pool;
use crate::tile::Tiling;

/// The network so far.
pub(crate) struct Builder {
    pub(crate) ops: Vec<Op>,
    fields: Vec<Field>,
    pub(crate) field: Field,
    pub(crate) shape: Shape,
    shapes: Vec<Shape>,
    parameters: Vec<Parameter>,
    /// By operation: the position of its first layer.
    layers: Vec<usize>,
    norms: usize,
    dropouts: usize,
    /// Whether the last layer may still be fused with the one that comes.
    open: bool,
}

impl Builder {
    pub(crate) fn new(input: Shape) -> Self {
        let (channels, height, width) = match input {
            Shape::Image {
                channels,
                height,
                width,
            } => (channels, height, width),
            Shape::Flat(values) => (values, 1, 1),
        };
        let field = Field {
            channels,
            height,
            width,
            halo: 0,
        };
        Self {
            ops: Vec::new(),
            fields: vec![field],
            field,
            shape: input,
            shapes: Vec::new(),
            parameters: Vec::new(),
            layers: Vec::new(),
            norms: 0,
            dropouts: 0,
            open: false,
        }
    }

    pub(crate) fn layer(&mut self, layer: Layer) -> Result<(), String> {
        match layer {
            Layer::Conv {
                channels,
                kernel,
                stride,
                padding,
                bias,
            } => self.conv(channels, kernel, stride, padding, bias)?,
            Layer::BatchNorm => self.norm(),
            Layer::Relu => self.relu(),
            Layer::MaxPool { kernel, stride } => {
                let pool = self.pool(kernel, stride)?;
                let fused = match self.ops.last_mut() {
                    Some(Op::Activate { pool: last, .. }) if self.open => {
                        *last = Some(pool);
                        true
                    }
                    _ => false,
                };
                let field = self.field;
                if fused {
                    self.fields.pop();
                    self.fields.push(field);
                } else {
                    let op = Op::Activate {
                        norm: None,
                        relu: false,
                        pool: Some(pool),
                    };
                    self.push(op, field);
                }
                self.open = false;
            }
            Layer::AvgPool { kernel, stride } => {
                let pool = self.pool(kernel, stride)?;
                self.push(Op::Average { pool }, self.field);
            }
            Layer::GlobalAvgPool => self.global()?,
            Layer::Dropout { rate } => {
                let number = self.dropouts;
                self.dropouts += 1;
                self.push(Op::Dropout { number, rate }, self.field);
            }
            Layer::Flatten => self.shape = Shape::Flat(self.shape.values()),
            Layer::Linear { outputs, bias } => self.linear(outputs, bias)?,
        }
        self.shapes.push(self.shape);
        Ok(())
    }

    fn push(&mut self, op: Op, field: Field) {
        self.ops.push(op);
        self.layers.push(self.shapes.len());
        self.field = field;
        self.fields.push(field);
        self.open = false;
    }

    fn image(&self, what: &str) -> Result<(usize, usize, usize), String> {
        match self.shape {
            Shape::Image {
                channels,
                height,
                width,
            } => Ok((channels, height, width)),
            Shape::Flat(values) => Err(format!(
                "{what} takes images, but {values} flat values come in"
            )),
        }
    }

    fn conv(
        &mut self,
        channels: usize,
        kernel: usize,
        stride: usize,
        padding: usize,
        bias: bool,
    ) -> Result<(), String> {
        let (inputs, height, width) = self.image("a convolution")?;
        if padding >= kernel {
            return Err(format!(
                "its padding of {padding} is not smaller than its kernel of {kernel}"
            ));
        }
        if height.min(width) + 2 * padding < kernel {
            return Err(format!(
                "its kernel of {kernel}×{kernel} does not fit into {height}×{width} \
                 with a padding of {padding}"
            ));
        }
        let side = |side: usize| (side + 2 * padding - kernel) / stride + 1;
        self.sum(
            Kernel {
                inputs,
                outputs: channels,
                height: kernel,
                width: kernel,
                stride,
                padding,
            },
            vec![channels, inputs, kernel, kernel],
            bias,
            (side(height), side(width)),
        );
        self.shape = Shape::Image {
            channels,
            height: self.field.height,
            width: self.field.width,
        };
        Ok(())
    }

    fn linear(&mut self, outputs: usize, bias: bool) -> Result<(), String> {
        let Shape::Flat(values) = self.shape else {
            let dims: Vec<String> = self.shape.dims().iter().map(usize::to_string).collect();
            let shape = dims.join("×");
            return Err(format!(
                "a linear layer takes flat values, but images of {shape} come in: \
                 put `flatten` or `global_avg_pool` before it"
            ));
        };
        // A kernel as large as the image makes the same sums.
        self.sum(
            Kernel {
                inputs: self.field.channels,
                outputs,
                height: self.field.height,
                width: self.field.width,
                stride: 1,
                padding: 0,
            },
            vec![outputs, values],
            bias,
            (1, 1),
        );
        self.shape = Shape::Flat(outputs);
        Ok(())
    }

    fn sum(&mut self, kernel: Kernel, shape: Vec<usize>, bias: bool, size: (usize, usize)) {
        let weight = self.parameter(Role::Weight, shape);
        let bias = bias.then(|| self.parameter(Role::Bias, vec![kernel.outputs]));
        let field = Field {
            channels: kernel.outputs,
            height: size.0,
            width: size.1,
            halo: 0,
        };
        self.push(
            Op::Conv {
                kernel,
                weight,
                bias,
            },
            field,
        );
    }

    fn parameter(&mut self, role: Role, shape: Vec<usize>) -> usize {
        self.parameters.push(Parameter {
            layer: self.shapes.len(),
            role,
            shape,
        });
        self.parameters.len() - 1
    }

    fn norm(&mut self) {
        if let Shape::Flat(values) = self.shape
            && self.field.area() > 1
        {
            let field = Field {
                channels: values,
                height: 1,
                width: 1,
                halo: 0,
            };
            self.push(Op::Flatten, field);
        }
        let channels = vec![self.field.channels];
        let norm = Norm {
            number: self.norms,
            scale: self.parameter(Role::Scale, channels.clone()),
            shift: self.parameter(Role::Shift, channels.clone()),
            mean: self.parameter(Role::RunningMean, channels.clone()),
            variance: self.parameter(Role::RunningVariance, channels),
        };
        self.norms += 1;
        let op = Op::Activate {
            norm: Some(norm),
            relu: false,
            pool: None,
        };
        self.push(op, self.field);
        self.open = true;
    }

    fn relu(&mut self) {
        if self.open
            && let Some(Op::Activate { relu, .. }) = self.ops.last_mut()
        {
            *relu = true;
            return;
        }
        let op = Op::Activate {
            norm: None,
            relu: true,
            pool: None,
        };
        self.push(op, self.field);
        self.open = true;
    }

    /// Returns a pool over the image, and makes the image what comes out of it.
    fn pool(&mut self, kernel: usize, stride: usize) -> Result<Pool, String> {
        let (channels, height, width) = self.image("a pool")?;
        if height.min(width) < kernel {
            return Err(format!(
                "its squares of {kernel}×{kernel} do not fit into {height}×{width}"
            ));
        }
        let pool = Pool {
            height: kernel,
            width: kernel,
            stride,
        };
        self.pooled(
            channels,
            (height - kernel) / stride + 1,
            (width - kernel) / stride + 1,
        );
        Ok(pool)
    }

    fn pooled(&mut self, channels: usize, height: usize, width: usize) {
        self.field = Field {
            channels,
            height,
            width,
            halo: 0,
        };
        self.shape = Shape::Image {
            channels,
            height,
            width,
        };
    }

    fn global(&mut self) -> Result<(), String> {
        let (channels, height, width) = self.image("a global average pool")?;
        let pool = Pool {
            height,
            width,
            stride: 1,
        };
        self.pooled(channels, 1, 1);
        self.shape = Shape::Flat(channels);
        self.push(Op::Average { pool }, self.field);
        Ok(())
    }

    /// Gives each tensor its halos and each gradient its buffer.
    pub(crate) fn finish(self, first_learned: usize) -> Plan {
        let mut values = self.fields.clone();
        let mut gradients = self.fields;
        let mut slots: Vec<usize> = (0..gradients.len()).collect();
        for (position, op) in self.ops.iter().enumerate() {
            match op {
                Op::Conv { kernel, .. } => {
                    values[position].halo = kernel.padding;
                    if gathers(op, &gradients[position + 1]) == Some(false) {
                        gradients[position + 1].halo = kernel.height - 1 - kernel.padding;
                    }
                }
                Op::Activate { pool: None, .. } | Op::Dropout { .. } => {
                    // Such operations work on their gradient in place.
                    slots[position + 1] = slots[position];
                    gradients[position + 1].halo = gradients[position].halo;
                }
                _ => {}
            }
        }
        let tilings = self.ops.iter().enumerate().map(|(position, op)| match op {
            Op::Conv { kernel, .. } => {
                let back = (position > first_learned).then_some(&gradients[position]);
                Tiling::of(kernel, &values[position + 1], back)
            }
            _ => Tiling::default(),
        });
        Plan {
            tilings: tilings.collect(),
            ops: self.ops,
            values,
            gradients,
            slots,
            parameters: self.parameters,
            first_learned,
            layers: self.layers,
            norms: self.norms,
            shapes: self.shapes,
        }
    }
}
