//! What a network is made of, as a user says it, and what is stored of it.

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
