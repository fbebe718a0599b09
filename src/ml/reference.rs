//! The same networks of plain candle-nn layers, in double precision: what ours are checked against.

use std::sync::PoisonError;

use candle_core::{D, DType, Device, Result, Tensor, Var};
use candle_nn::{
    BatchNormConfig, Conv2dConfig, Module as _, ModuleT as _, VarBuilder, VarMap, batch_norm,
    conv2d, conv2d_no_bias, linear, linear_no_bias,
};
use mlpipe_kernels::{Batch, Loss};

use crate::ml::dataset::{Form, Shape};
use crate::ml::init;
use crate::ml::layers::{self, LayerSpec};
use crate::ml::model::{Design, Network};
use crate::ml::random::{Purpose, Random};
use crate::ml::tensors::Stored;

/// Made-up images; what a dropout keeps follows from the place of a value.
struct Made {
    values: Vec<Vec<f32>>,
    classes: usize,
}

impl Made {
    fn new(form: Form, count: usize) -> Self {
        let mut random = Random::new(1, Purpose::TestImage, 0);
        let mut draw = || f32::from(i16::try_from(random.below(3000)).expect("small")) / 1000.0;
        let mut image = || (0..form.shape.bytes()).map(|_| draw() - 1.0).collect();
        Self {
            values: (0..count).map(|_| image()).collect(),
            classes: form.classes,
        }
    }

    fn tensor(&self, shape: Shape) -> Tensor {
        let values: Vec<f64> = self.values.concat().into_iter().map(f64::from).collect();
        let shape = (self.len(), shape.channels, shape.height, shape.width);
        Tensor::from_vec(values, shape, &Device::Cpu).expect("images")
    }
}

impl Batch for Made {
    fn len(&self) -> usize {
        self.values.len()
    }

    fn image(&self, image: usize, values: &mut [f32]) {
        values.copy_from_slice(&self.values[image]);
    }

    fn label(&self, image: usize) -> usize {
        image % self.classes
    }

    fn noise(&self, dropout: usize, group: usize, words: &mut [u32]) {
        for (place, word) in words.iter_mut().enumerate() {
            *word = noise(dropout, group * 16 + place % 16, place / 16);
        }
    }
}

fn noise(dropout: usize, image: usize, place: usize) -> u32 {
    let number = u32::try_from(dropout * 7919 + image * 104_729 + place * 1_299_709);
    number.expect("small").wrapping_mul(2_654_435_761)
}

/// The network of `layers` on candle's own operations.
struct Reference<'a> {
    layers: &'a [LayerSpec],
    names: VarBuilder<'a>,
    vars: VarMap,
    classes: usize,
}

impl Reference<'_> {
    fn forward(&self, images: &Tensor, train: bool) -> Result<Tensor> {
        let mut x = images.clone();
        let (mut convs, mut norms, mut linears, mut dropouts) = (0, 0, 0, 0);
        let is_linear = |layer: &&LayerSpec| matches!(layer, LayerSpec::Linear { .. });
        let one_linear = self.layers.iter().filter(is_linear).count() == 1;
        for layer in self.layers {
            x = match layer {
                LayerSpec::Conv {
                    channels,
                    kernel,
                    stride,
                    padding,
                    bias,
                } => {
                    convs += 1;
                    let config = Conv2dConfig {
                        stride: *stride,
                        padding: *padding,
                        ..Conv2dConfig::default()
                    };
                    let name = self.names.pp(format!("conv{convs}"));
                    let make = if *bias { conv2d } else { conv2d_no_bias };
                    make(x.dim(1)?, *channels, *kernel, config, name)?.forward(&x)?
                }
                LayerSpec::BatchNorm => {
                    norms += 1;
                    let name = self.names.pp(format!("norm{norms}"));
                    batch_norm(x.dim(1)?, BatchNormConfig::default(), name)?.forward_t(&x, train)?
                }
                LayerSpec::Relu => x.relu()?,
                LayerSpec::MaxPool { kernel, stride } => {
                    // Candle's own max-pool has another gradient.
                    windows(&x, *kernel, stride.unwrap_or(*kernel))?.max(D::Minus1)?
                }
                LayerSpec::AvgPool { kernel, stride } => {
                    windows(&x, *kernel, stride.unwrap_or(*kernel))?.mean(D::Minus1)?
                }
                LayerSpec::GlobalAvgPool => x.mean(3)?.mean(2)?,
                LayerSpec::Flatten => x.flatten_from(1)?,
                LayerSpec::Dropout { rate } => {
                    dropouts += 1;
                    if train {
                        keep(&x, dropouts - 1, *rate)?
                    } else {
                        x
                    }
                }
                LayerSpec::Linear { outputs, bias } => {
                    linears += 1;
                    let name = if one_linear {
                        self.names.pp("linear")
                    } else {
                        self.names.pp(format!("linear{linears}"))
                    };
                    let make = if *bias { linear } else { linear_no_bias };
                    make(x.dim(1)?, outputs.unwrap_or(self.classes), name)?.forward(&x)?
                }
            };
        }
        Ok(x)
    }

    fn var(&self, name: &str) -> Var {
        let vars = self.vars.data().lock();
        vars.unwrap_or_else(PoisonError::into_inner)[name].clone()
    }
}

/// Returns the squares of a pool along a new last axis.
fn windows(x: &Tensor, kernel: usize, stride: usize) -> Result<Tensor> {
    let (_, _, height, width) = x.dims4()?;
    let places = |side: usize, offset: usize| {
        let count = (side - kernel) / stride + 1;
        let places = (0..count).map(|at| u32::try_from(at * stride + offset).expect("small"));
        Tensor::from_iter(places, &Device::Cpu)
    };
    let mut parts = Vec::new();
    for y in 0..kernel {
        for x_offset in 0..kernel {
            let rows = x.index_select(&places(height, y)?, 2)?;
            parts.push(rows.index_select(&places(width, x_offset)?, 3)?);
        }
    }
    Tensor::stack(&parts, 4)
}

/// Applies a dropout that keeps what [`noise`] says.
fn keep(x: &Tensor, dropout: usize, rate: f64) -> Result<Tensor> {
    let count = x.dim(0)?;
    let places = x.elem_count() / count;
    let mask = (0..count * places).map(|at| {
        let word = noise(dropout, at / places, at % places);
        if f64::from(word) >= rate * 4_294_967_296.0 {
            1.0 / (1.0 - rate)
        } else {
            0.0
        }
    });
    x * Tensor::from_iter(mask, &Device::Cpu)?.reshape(x.shape())?
}

/// Returns PyTorch's cross entropy with smoothed labels and weighted classes.
fn cross_entropy(logits: &Tensor, batch: &Made, loss: &Loss) -> Result<Tensor> {
    let shares = candle_nn::ops::log_softmax(logits, 1)?;
    let weight = |class: usize| loss.class_weights.get(class).copied().unwrap_or(1.0);
    let classes = batch.classes;
    let spread = loss.smoothing / f64::from(u32::try_from(classes).expect("small"));
    let targets = (0..batch.len() * classes).map(|at| {
        let (image, class) = (at / classes, at % classes);
        let own = if batch.label(image) == class {
            1.0 - loss.smoothing
        } else {
            0.0
        };
        (own + spread) * weight(class)
    });
    let targets = Tensor::from_iter(targets, &Device::Cpu)?.reshape(shares.shape())?;
    let total: f64 = (0..batch.len())
        .map(|image| weight(batch.label(image)))
        .sum();
    (targets * shares)?.sum_all()? * (-1.0 / total)
}

/// Returns the distance of ours by the size of the reference.
fn distance(ours: &[f32], reference: &Tensor) -> f64 {
    let reference: Vec<f64> = reference
        .flatten_all()
        .and_then(|flat| flat.to_vec1())
        .expect("doubles");
    assert_eq!(ours.len(), reference.len());
    let pairs = ours.iter().zip(&reference);
    let off: f64 = pairs
        .map(|(ours, theirs)| (f64::from(*ours) - theirs).powi(2))
        .sum();
    let size: f64 = reference.iter().map(|value| value * value).sum();
    // Of what is all but zero, as the gradient of a bias before a norm, only noise remains.
    (off / size.max(1e-6)).sqrt()
}

/// Checks logits, gradients, running statistics and the exported weights of a network.
fn check(layers: &[LayerSpec], form: Form, count: usize, loss: &Loss) {
    let design = Design::new(layers.to_vec(), form).expect("it fits");
    let network = init::network(design, 5).expect("a network");
    let mut vars = VarMap::new();
    let names = VarBuilder::from_varmap(&vars, DType::F64, &Device::Cpu);
    // Candle makes its variables when layers are made.
    let batch = Made::new(form, count);
    let images = batch.tensor(form.shape);
    let made = Reference {
        layers,
        names: names.clone(),
        vars: vars.clone(),
        classes: form.classes,
    };
    made.forward(&images, false).expect("variables");
    for (slot, var) in network.named() {
        let double = var.as_tensor().to_dtype(DType::F64).expect("doubles");
        vars.set_one(&slot.name, double).expect("the name is there");
    }
    let theirs = made.forward(&images, true).expect("logits");
    let gradients = cross_entropy(&theirs, &batch, loss)
        .and_then(|loss| loss.backward())
        .expect("gradients");
    let lesson = network.learn(&batch, loss).expect("a lesson");
    let off = distance(&lesson.said.logits, &theirs);
    assert!(off < 1e-5, "logits are off by {off:e}");
    let mut compared = 0;
    for ((slot, var), ours) in network.named().zip(&lesson.gradients) {
        let reference = made.var(&slot.name);
        let off = if slot.role.is_learned() {
            compared += 1;
            distance(ours, gradients.get(&reference).expect("a gradient"))
        } else {
            let running: Vec<f32> = var.to_vec1().expect("floats");
            distance(&running, reference.as_tensor())
        };
        assert!(off < 1e-4, "{} is off by {off:e}", slot.name);
    }
    assert!(compared > 0);
    check_export(&network, &made, &batch, &images);
}

/// Checks that plain candle-nn gives the same logits with the exported weights.
fn check_export(network: &Network, made: &Reference, batch: &Made, images: &Tensor) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("weights");
    network.write(&path).expect("writes");
    let stored = candle_core::safetensors::load(&path, &Device::Cpu).expect("loads");
    let mut vars = made.vars.clone();
    assert_eq!(stored.len(), vars.all_vars().len());
    for (name, tensor) in stored {
        let double = tensor.to_dtype(DType::F64).expect("doubles");
        vars.set_one(name, double).expect("the name is there");
    }
    let theirs = made.forward(images, false).expect("logits");
    let read = Network::read(&path).expect("reads");
    let ours = read.predict(batch).expect("logits").concat();
    assert_eq!(ours, network.predict(batch).expect("logits").concat());
    let theirs: Vec<f64> = theirs
        .flatten_all()
        .and_then(|flat| flat.to_vec1())
        .expect("doubles");
    for (ours, theirs) in ours.iter().zip(theirs) {
        assert!((f64::from(*ours) - theirs).abs() < 1e-4, "{ours} {theirs}");
    }
    assert!(Stored::read(&path, "train").is_ok());
}

fn form(channels: usize, height: usize, width: usize, classes: usize) -> Form {
    Form {
        shape: Shape {
            channels,
            height,
            width,
        },
        classes,
    }
}

fn layers(text: &str) -> Vec<LayerSpec> {
    serde_json::from_str(text).expect("layers")
}

#[test]
fn the_reference_network_is_that_of_candle() {
    let layers = layers::preset("reference").expect("a preset");
    check(&layers, Form::DIGITS, 20, &Loss::default());
}

#[test]
fn strides_paddings_and_overlapping_pools_are_those_of_candle() {
    let layers = layers(
        r#"[{"conv": {"channels": 10, "kernel": 3, "stride": 2, "padding": 1, "bias": true}},
            "batch_norm", "relu", {"max_pool": {"kernel": 3, "stride": 2}},
            {"conv": {"channels": 5, "kernel": 5, "padding": 3, "bias": true}}, "relu",
            {"conv": {"channels": 9, "kernel": 2, "stride": 2, "padding": 1}},
            {"avg_pool": {"kernel": 2, "stride": 1}}, "global_avg_pool", {"linear": {}}]"#,
    );
    // Candle's gradient wants rows and columns that leave the same rest.
    check(&layers, form(3, 21, 29, 7), 33, &Loss::default());
}

#[test]
fn flat_networks_with_dropout_are_those_of_candle() {
    let layers = layers(
        r#"["flatten", {"linear": {"outputs": 20}}, "batch_norm", "relu",
            {"dropout": {"rate": 0.3}}, {"linear": {"outputs": 11, "bias": false}}, "relu",
            {"linear": {}}]"#,
    );
    let loss = Loss {
        smoothing: 0.1,
        class_weights: vec![1.0, 2.0, 0.5, 1.5],
    };
    check(&layers, form(1, 5, 6, 4), 40, &loss);
}

#[test]
fn norms_and_pools_in_odd_places_are_those_of_candle() {
    let layers = layers(
        r#"["batch_norm", {"conv": {"channels": 4, "kernel": 3}}, {"max_pool": {"kernel": 2}},
            "batch_norm", {"dropout": {"rate": 0.5}}, {"conv": {"channels": 17, "kernel": 1}},
            "relu", "flatten", "batch_norm", {"linear": {}}]"#,
    );
    check(&layers, form(2, 9, 11, 3), 16, &Loss::default());
}

#[test]
fn pools_before_anything_is_learned_are_those_of_candle() {
    let layers = layers(
        r#"[{"avg_pool": {"kernel": 2}}, "relu", {"conv": {"channels": 8, "kernel": 3, "padding": 1}},
            "relu", {"max_pool": {"kernel": 2}}, {"conv": {"channels": 6, "kernel": 3}}, "batch_norm",
            "flatten", {"dropout": {"rate": 0.2}}, {"linear": {}}]"#,
    );
    check(&layers, form(1, 12, 12, 5), 17, &Loss::default());
}

#[test]
fn wide_convolutions_by_tiles_are_those_of_candle() {
    let layers = layers(
        r#"[{"conv": {"channels": 18, "kernel": 3, "padding": 1}}, "batch_norm", "relu",
            {"conv": {"channels": 33, "kernel": 3, "bias": true}}, "relu",
            {"conv": {"channels": 16, "kernel": 3, "padding": 2}}, "batch_norm", "relu",
            {"max_pool": {"kernel": 2}}, {"conv": {"channels": 20, "kernel": 3}}, "relu",
            "flatten", {"linear": {}}]"#,
    );
    check(&layers, form(2, 14, 17, 5), 19, &Loss::default());
    check(&layers, form(1, 28, 28, 5), 17, &Loss::default());
    let preset = layers::preset("wide").expect("a preset");
    check(&preset, Form::DIGITS, 20, &Loss::default());
}
