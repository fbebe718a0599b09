//! The same network of plain candle-nn layers, in double precision: what ours is checked against.

use std::collections::HashMap;

use candle_core::{D, DType, Device, Result, Tensor, Var};
use candle_nn::{
    BatchNorm, BatchNormConfig, Conv2d, Conv2dConfig, Linear, Module as _, ModuleT as _,
    VarBuilder, VarMap, batch_norm, conv2d_no_bias, linear, loss,
};

use crate::ml::init;
use crate::ml::model::{Mode, Network};
use crate::ml::ops::MaxPool;
use crate::ml::random::{Purpose, Random};

struct Reference {
    vars: VarMap,
    blocks: Vec<(Conv2d, BatchNorm)>,
    linear: Linear,
}

impl Reference {
    /// Builds the reference with the weights that `network` has.
    fn of(network: &Network) -> Result<Self> {
        let mut vars = VarMap::new();
        let builder = VarBuilder::from_varmap(&vars, DType::F64, &Device::Cpu);
        let sizes = [(1, 8, 3), (8, 16, 3), (16, 8, 1), (8, 16, 3), (16, 8, 3)];
        let mut blocks = Vec::new();
        for ((inputs, outputs, size), number) in sizes.into_iter().zip(1..) {
            let [conv, norm] = ["conv", "norm"].map(|kind| builder.pp(format!("{kind}{number}")));
            let conv = conv2d_no_bias(inputs, outputs, size, Conv2dConfig::default(), conv)?;
            blocks.push((conv, batch_norm(outputs, BatchNormConfig::default(), norm)?));
        }
        let linear = linear(512, 10, builder.pp("linear"))?;
        for (name, var) in network.vars() {
            vars.set_one(&name, var.as_tensor().to_dtype(DType::F64)?)?;
        }
        Ok(Self {
            vars,
            blocks,
            linear,
        })
    }

    fn forward(&self, images: &Tensor, train: bool) -> Result<Tensor> {
        let mut x = images.clone();
        for (index, (conv, norm)) in self.blocks.iter().enumerate() {
            x = norm.forward_t(&conv.forward(&x)?, train)?.relu()?;
            if index == 1 {
                // Candle's own max-pool has another gradient; a plain maximum has the right one.
                let (images, channels, height, width) = x.dims4()?;
                let squares = &[images, channels, height / 2, 2, width / 2, 2];
                x = x.reshape(squares.as_slice())?.max(D::Minus1)?.max(3)?;
            }
        }
        self.linear.forward(&x.flatten_from(1)?)
    }

    fn var(&self, name: &str) -> Var {
        self.vars.data().lock().expect("no panic")[name].clone()
    }
}

fn network() -> Network {
    init::network(5).expect("a network")
}

fn images(count: usize) -> Tensor {
    let mut random = Random::new(1, Purpose::TestImage, 0);
    let values: Vec<f64> = (0..count * 784)
        .map(|_| random.between(-1.0, 2.0))
        .collect();
    Tensor::from_vec(values, (1, count, 28, 28), &Device::Cpu).expect("images")
}

fn labels(count: u32) -> Tensor {
    Tensor::from_iter((0..count).map(|label| label % 10), &Device::Cpu).expect("labels")
}

/// Returns the distance of two tensors by the size of the second.
fn distance(ours: &Tensor, reference: &Tensor) -> f64 {
    let norm = |tensor: &Tensor| tensor.sqr()?.sum_all()?.sqrt()?.to_scalar::<f64>();
    let ours = ours.to_dtype(DType::F64).expect("doubles");
    let difference = (ours - reference).and_then(|difference| norm(&difference));
    difference.expect("a norm") / norm(reference).expect("a norm")
}

fn both_logits(mode: Mode) -> (Network, Reference, Tensor, Tensor) {
    let (network, images) = (network(), images(20));
    let reference = Reference::of(&network).expect("a reference");
    let single = images.to_dtype(DType::F32).expect("floats");
    let ours = network.forward(&single, mode).expect("logits");
    let images = images.transpose(0, 1).expect("images first");
    let theirs = reference
        .forward(&images, mode == Mode::Learn)
        .expect("logits");
    (network, reference, ours, theirs)
}

#[test]
fn the_gradients_are_those_of_the_reference() {
    let (network, reference, ours, theirs) = both_logits(Mode::Learn);
    assert!(distance(&ours, &theirs) < 1e-5);
    let gradients = |logits: &Tensor| loss::cross_entropy(logits, &labels(20))?.backward();
    let ours = gradients(&ours).expect("gradients");
    let theirs = gradients(&theirs).expect("gradients");
    let mut compared = 0;
    for (name, var) in network.vars() {
        if let Some(expected) = theirs.get(&reference.var(&name)) {
            let found = ours.get(var).expect("a gradient of ours");
            let distance = distance(found, expected);
            assert!(distance < 1e-4, "{name} is off by {distance:e}");
            compared += 1;
        }
    }
    assert_eq!(compared, 17);
}

#[test]
fn a_batch_moves_the_running_statistics_as_in_the_reference() {
    let (network, reference, ..) = both_logits(Mode::Learn);
    let vars = network.vars().into_iter();
    for (name, var) in vars.filter(|(name, _)| name.contains(".running_")) {
        assert!(distance(var, &reference.var(&name)) < 1e-5, "{name}");
    }
}

#[test]
fn exported_weights_give_plain_layers_the_same_logits() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("weights");
    let images = images(20).to_dtype(DType::F32).expect("floats");
    let network = network();
    network.forward(&images, Mode::Learn).expect("statistics");
    network.write(&path).expect("writes");
    let mut reference = Reference::of(&self::network()).expect("a reference");
    let stored = candle_core::safetensors::load(&path, &Device::Cpu).expect("loads");
    let doubles: HashMap<String, Tensor> = stored
        .into_iter()
        .map(|(name, tensor)| (name, tensor.to_dtype(DType::F64).expect("doubles")))
        .collect();
    reference
        .vars
        .set(doubles.iter())
        .expect("the names and shapes fit");
    let ours = Network::read(&path)
        .expect("reads")
        .forward(&images, Mode::Predict);
    let images = images
        .to_dtype(DType::F64)
        .and_then(|images| images.transpose(0, 1));
    let theirs = reference.forward(&images.expect("images first"), false);
    assert!(distance(&ours.expect("logits"), &theirs.expect("logits")) < 1e-5);
}

/// Holds the reason why the network has a max-pool of its own; it may go when this fails.
#[test]
fn candles_own_max_pool_still_has_a_quarter_of_the_gradient() {
    let square = Tensor::new(&[[[[1.0f32, 2.0], [3.0, 4.0]]]], &Device::Cpu);
    let square = square
        .and_then(|square| Var::from_tensor(&square))
        .expect("a variable");
    let gradient = |pooled: Tensor| {
        let gradients = pooled.sum_all()?.backward()?;
        let gradient = gradients.get(&square).expect("a gradient");
        gradient.sum_all()?.to_scalar::<f32>()
    };
    let candles = square.max_pool2d(2).and_then(gradient).expect("a number");
    let ours = square
        .apply_op1(MaxPool)
        .and_then(gradient)
        .expect("a number");
    assert_eq!(
        (candles.to_bits(), ours.to_bits()),
        (0.25f32.to_bits(), 1.0f32.to_bits())
    );
}
