//! A network as a list of layers, checked, and as the fewer operations that it is computed by.

use crate::activate::Pool;
use crate::conv::Kernel;
use crate::field::Field;

/// One layer of a network.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Layer {
    /// A convolution with a square kernel.
    Conv {
        /// How many channels it makes.
        channels: usize,
        /// The side of the kernel.
        kernel: usize,
        /// How far the kernel moves.
        stride: usize,
        /// How many rows and columns of zeros are put around the image.
        padding: usize,
        /// Whether a number is added to each channel.
        bias: bool,
    },
    /// Normalises each channel over the batch.
    BatchNorm,
    /// Sets negative values to zero.
    Relu,
    /// Keeps the largest value of each square.
    MaxPool {
        /// The side of the squares.
        kernel: usize,
        /// The distance of the squares.
        stride: usize,
    },
    /// Keeps the mean of each square.
    AvgPool {
        /// The side of the squares.
        kernel: usize,
        /// The distance of the squares.
        stride: usize,
    },
    /// Keeps the mean of each channel.
    GlobalAvgPool,
    /// Sets a share of the values to zero while learning, and scales the others up.
    Dropout {
        /// The share.
        rate: f64,
    },
    /// Makes channels, rows and columns one list of values.
    Flatten,
    /// Makes each output a weighted sum of all values.
    Linear {
        /// How many outputs it makes.
        outputs: usize,
        /// Whether a number is added to each output.
        bias: bool,
    },
}

/// The extent of the values of one image between two layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Channels of rows of columns.
    Image {
        /// The number of channels.
        channels: usize,
        /// The number of rows.
        height: usize,
        /// The number of columns.
        width: usize,
    },
    /// A list of so many values.
    Flat(usize),
}

impl Shape {
    /// Returns the extent as a list, as in `[8, 26, 26]` or `[512]`.
    pub fn dims(&self) -> Vec<usize> {
        match *self {
            Self::Image {
                channels,
                height,
                width,
            } => vec![channels, height, width],
            Self::Flat(values) => vec![values],
        }
    }

    /// Returns the number of values.
    pub fn values(&self) -> usize {
        self.dims().iter().product()
    }
}

/// What a stored tensor is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The factors of a convolution or linear layer.
    Weight,
    /// What a convolution or linear layer adds.
    Bias,
    /// The factor of each normalised channel.
    Scale,
    /// What is added to each normalised channel.
    Shift,
    /// The running mean of each channel, which is not learned.
    RunningMean,
    /// The running variance of each channel, which is not learned.
    RunningVariance,
}

impl Role {
    /// Returns whether the tensor follows its gradient.
    pub fn is_learned(self) -> bool {
        !matches!(self, Self::RunningMean | Self::RunningVariance)
    }
}

/// One stored tensor of a network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// The position of its layer.
    pub layer: usize,
    /// What it is for.
    pub role: Role,
    /// Its shape, as candle-nn has it.
    pub shape: Vec<usize>,
}

/// A layer does not fit what comes before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misfit {
    /// The position of the layer; one past the last if the network as a whole does not fit.
    pub layer: usize,
    /// What is wrong.
    pub message: String,
}

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
    pub(crate) norms: usize,
    shapes: Vec<Shape>,
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

    /// Returns how many values an image has.
    pub fn pixels(&self) -> usize {
        self.values[0].channels * self.values[0].area()
    }

    /// Returns how many classes there are.
    pub fn classes(&self) -> usize {
        self.values.last().map_or(0, |field| field.channels)
    }
}

struct Builder {
    ops: Vec<Op>,
    fields: Vec<Field>,
    field: Field,
    shape: Shape,
    shapes: Vec<Shape>,
    parameters: Vec<Parameter>,
    norms: usize,
    dropouts: usize,
    /// Whether the last layer may still be fused with the one that comes.
    open: bool,
}

impl Builder {
    fn new(input: Shape) -> Self {
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
            norms: 0,
            dropouts: 0,
            open: false,
        }
    }

    fn layer(&mut self, layer: Layer) -> Result<(), String> {
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
    fn finish(self, first_learned: usize) -> Plan {
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
        Plan {
            ops: self.ops,
            values,
            gradients,
            slots,
            parameters: self.parameters,
            first_learned,
            norms: self.norms,
            shapes: self.shapes,
        }
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
