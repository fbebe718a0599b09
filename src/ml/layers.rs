//! The layers of a network as `model` in the params file lists them, and the presets.

use mlpipe_kernels::{Layer, Misfit, Plan, Role, Shape};
use serde::{Deserialize, Serialize};

use crate::ml::dataset::Form;
use crate::ml::event::LayerRow;

/// One layer as a user writes it: `relu`, or `conv: {channels: 8, kernel: 3}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum LayerSpec {
    /// A convolution.
    Conv {
        channels: usize,
        kernel: usize,
        #[serde(default = "one")]
        stride: usize,
        #[serde(default)]
        padding: usize,
        #[serde(default)]
        bias: bool,
    },
    /// Batch norm.
    BatchNorm,
    /// A rectified linear unit.
    Relu,
    /// A max-pool; the stride is the kernel where it is not given.
    MaxPool {
        kernel: usize,
        stride: Option<usize>,
    },
    /// An average pool; the stride is the kernel where it is not given.
    AvgPool {
        kernel: usize,
        stride: Option<usize>,
    },
    /// The mean of each channel.
    GlobalAvgPool,
    /// Dropout of a share of the values.
    Dropout { rate: f64 },
    /// From images to flat values.
    Flatten,
    /// A linear layer; it has as many outputs as there are classes where they are not given.
    Linear {
        outputs: Option<usize>,
        #[serde(default = "yes")]
        bias: bool,
    },
}

const fn one() -> usize {
    1
}

const fn yes() -> bool {
    true
}

/// The names of the layers, for advice.
pub(crate) const NAMES: [&str; 9] = [
    "conv",
    "batch_norm",
    "relu",
    "max_pool",
    "avg_pool",
    "global_avg_pool",
    "dropout",
    "flatten",
    "linear",
];

/// The names of the networks that need no list of layers.
pub(crate) const PRESETS: [&str; 3] = ["reference", "mlp", "wide"];

/// Returns the layers of a preset.
pub(crate) fn preset(name: &str) -> Option<Vec<LayerSpec>> {
    match name {
        "reference" => Some(convolutions(&[
            (8, 3, false),
            (16, 3, true),
            (8, 1, false),
            (16, 3, false),
            (8, 3, false),
        ])),
        "wide" => Some(convolutions(&[
            (16, 3, false),
            (32, 3, true),
            (16, 1, false),
            (32, 3, false),
            (64, 3, true),
        ])),
        "mlp" => Some(vec![
            LayerSpec::Flatten,
            LayerSpec::Linear {
                outputs: Some(32),
                bias: true,
            },
            LayerSpec::Relu,
            LayerSpec::Linear {
                outputs: None,
                bias: true,
            },
        ]),
        _ => None,
    }
}

/// Convolutions by channels, kernel and whether a max-pool follows, and a linear layer.
fn convolutions(blocks: &[(usize, usize, bool)]) -> Vec<LayerSpec> {
    let mut layers = Vec::new();
    for (channels, kernel, pool) in blocks {
        layers.extend([
            LayerSpec::Conv {
                channels: *channels,
                kernel: *kernel,
                stride: 1,
                padding: 0,
                bias: false,
            },
            LayerSpec::BatchNorm,
            LayerSpec::Relu,
        ]);
        if *pool {
            layers.push(LayerSpec::MaxPool {
                kernel: 2,
                stride: None,
            });
        }
    }
    layers.push(LayerSpec::Flatten);
    layers.push(LayerSpec::Linear {
        outputs: None,
        bias: true,
    });
    layers
}

impl LayerSpec {
    /// Returns what the kernels compute for images in so many classes.
    fn layer(&self, classes: usize) -> Layer {
        match *self {
            Self::Conv {
                channels,
                kernel,
                stride,
                padding,
                bias,
            } => Layer::Conv {
                channels,
                kernel,
                stride,
                padding,
                bias,
            },
            Self::BatchNorm => Layer::BatchNorm,
            Self::Relu => Layer::Relu,
            Self::MaxPool { kernel, stride } => Layer::MaxPool {
                kernel,
                stride: stride.unwrap_or(kernel),
            },
            Self::AvgPool { kernel, stride } => Layer::AvgPool {
                kernel,
                stride: stride.unwrap_or(kernel),
            },
            Self::GlobalAvgPool => Layer::GlobalAvgPool,
            Self::Dropout { rate } => Layer::Dropout { rate },
            Self::Flatten => Layer::Flatten,
            Self::Linear { outputs, bias } => Layer::Linear {
                outputs: outputs.unwrap_or(classes),
                bias,
            },
        }
    }

    /// Returns what is wrong with the layer's own numbers.
    pub(crate) fn fault(&self) -> Option<&'static str> {
        let fault = match *self {
            Self::Conv {
                channels,
                kernel,
                stride,
                ..
            } => (channels.min(kernel).min(stride) == 0)
                .then_some("`channels`, `kernel` and `stride` must be 1 at least"),
            Self::MaxPool { kernel, stride } | Self::AvgPool { kernel, stride } => {
                (kernel.min(stride.unwrap_or(1)) == 0)
                    .then_some("`kernel` and `stride` must be 1 at least")
            }
            Self::Dropout { rate } => {
                (!(0.0..1.0).contains(&rate)).then_some("`rate` must be 0 at least and less than 1")
            }
            Self::Linear {
                outputs: Some(0), ..
            } => Some("`outputs` must be 1 at least"),
            _ => None,
        };
        fault.or_else(|| self.is_vast().then_some("its numbers must be 4096 at most"))
    }

    /// More of anything is a slip of the finger.
    fn is_vast(&self) -> bool {
        const MOST: usize = 4096;
        match *self {
            Self::Conv {
                channels,
                kernel,
                stride,
                padding,
                ..
            } => channels.max(kernel).max(stride).max(padding) > MOST,
            Self::MaxPool { kernel, stride } | Self::AvgPool { kernel, stride } => {
                kernel.max(stride.unwrap_or(1)) > MOST
            }
            Self::Linear { outputs, .. } => outputs.unwrap_or(1) > MOST,
            _ => false,
        }
    }

    /// Returns what the layer does, as in `conv 3×3`.
    pub(crate) fn label(&self) -> String {
        match self {
            Self::Conv {
                kernel,
                stride,
                padding,
                ..
            } => {
                let mut label = format!("conv {kernel}×{kernel}");
                if *stride > 1 {
                    label += &format!(", stride {stride}");
                }
                if *padding > 0 {
                    label += &format!(", padding {padding}");
                }
                label
            }
            Self::BatchNorm => "batch norm".to_owned(),
            Self::Relu => "ReLU".to_owned(),
            Self::MaxPool { kernel, .. } => format!("max-pool {kernel}×{kernel}"),
            Self::AvgPool { kernel, .. } => format!("average pool {kernel}×{kernel}"),
            Self::GlobalAvgPool => "global average pool".to_owned(),
            Self::Dropout { rate } => format!("dropout {rate}"),
            Self::Flatten => "flatten".to_owned(),
            Self::Linear { .. } => "linear".to_owned(),
        }
    }
}

/// Checks that `layers` fit each other and images of `form`.
pub(crate) fn plan(layers: &[LayerSpec], form: Form) -> Result<Plan, Misfit> {
    let shape = Shape::Image {
        channels: form.shape.channels,
        height: form.shape.height,
        width: form.shape.width,
    };
    let layers: Vec<Layer> = layers
        .iter()
        .map(|layer| layer.layer(form.classes))
        .collect();
    Plan::new(shape, &layers, form.classes)
}

/// Returns the names of a plan's tensors, as in `conv1.weight`. A kind that is there only once has
/// no number, but for convolutions and norms, which come in rows.
pub(crate) fn tensor_names(layers: &[LayerSpec], plan: &Plan) -> Vec<String> {
    let is_linear = |layer: &LayerSpec| matches!(layer, LayerSpec::Linear { .. });
    let linears = layers.iter().filter(|layer| is_linear(layer)).count();
    let name = |position: usize, role: Role| {
        let kind = std::mem::discriminant(&layers[position]);
        let number = layers[..=position]
            .iter()
            .filter(|layer| std::mem::discriminant(*layer) == kind)
            .count();
        let layer = match layers[position] {
            LayerSpec::Conv { .. } => format!("conv{number}"),
            LayerSpec::Linear { .. } if linears == 1 => "linear".to_owned(),
            LayerSpec::Linear { .. } => format!("linear{number}"),
            _ => format!("norm{number}"),
        };
        let part = match role {
            Role::Weight | Role::Scale => "weight",
            Role::Bias | Role::Shift => "bias",
            Role::RunningMean => "running_mean",
            Role::RunningVariance => "running_var",
        };
        format!("{layer}.{part}")
    };
    let parameters = plan.parameters().iter();
    parameters
        .map(|parameter| name(parameter.layer, parameter.role))
        .collect()
}

/// Returns the layers with the shapes of their outputs and how many numbers they learn.
pub(crate) fn rows(layers: &[LayerSpec], plan: &Plan) -> Vec<LayerRow> {
    let learned = |position: usize| {
        let parameters = plan.parameters().iter();
        parameters
            .filter(|parameter| parameter.layer == position && parameter.role.is_learned())
            .map(|parameter| parameter.shape.iter().product::<usize>())
            .sum()
    };
    let pairs = layers.iter().zip(plan.shapes()).enumerate();
    pairs
        .map(|(position, (layer, shape))| LayerRow {
            name: layer.label(),
            shape: shape.dims(),
            parameters: learned(position),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parameters(name: &str) -> usize {
        let layers = preset(name).expect("a preset");
        let plan = plan(&layers, Form::DIGITS).expect("a plan");
        rows(&layers, &plan).iter().map(|row| row.parameters).sum()
    }

    #[test]
    fn presets_fit_digits_and_have_their_sizes() {
        assert_eq!(PRESETS.map(parameters), [8898, 25_450, 38_874]);
    }

    #[test]
    fn tensors_are_named_after_their_layers() {
        let layers = preset("reference").expect("a preset");
        let plan = plan(&layers, Form::DIGITS).expect("a plan");
        let names = tensor_names(&layers, &plan);
        assert_eq!(
            names[..5],
            [
                "conv1.weight",
                "norm1.weight",
                "norm1.bias",
                "norm1.running_mean",
                "norm1.running_var"
            ]
        );
        assert_eq!(names[25..], ["linear.weight", "linear.bias"]);
    }

    #[test]
    fn what_does_not_fit_is_told_of_its_layer() {
        let misfit = |layers: &[LayerSpec]| plan(layers, Form::DIGITS).expect_err("a misfit");
        let linear = LayerSpec::Linear {
            outputs: None,
            bias: true,
        };
        let pool = LayerSpec::MaxPool {
            kernel: 30,
            stride: None,
        };
        let found = misfit(&[LayerSpec::Relu, pool]);
        assert_eq!(found.layer, 1);
        assert_eq!(found.message, "its squares of 30×30 do not fit into 28×28");
        let found = misfit(&[linear]);
        assert_eq!(
            found.message,
            "a linear layer takes flat values, but images of 1×28×28 come in: \
             put `flatten` or `global_avg_pool` before it"
        );
    }
}
