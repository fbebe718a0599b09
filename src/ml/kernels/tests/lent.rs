//! What is lent and computed again is the same as what is kept: a dropout that drops nothing keeps
//! layers from being fused, and nothing else.

use mlpipe_kernels::{Batch, Engine, Layer, Loss, Path, Plan, Role, Shape};

/// Made-up images of 10×10.
struct Made(usize);

fn number(at: usize) -> f32 {
    let word = (at + 1).wrapping_mul(2_654_435_761) >> 8 & 0xffff;
    word as f32 / 32_768.0 - 1.0
}

impl Batch for Made {
    fn len(&self) -> usize {
        self.0
    }

    fn image(&self, image: usize, values: &mut [f32]) {
        for (place, value) in values.iter_mut().enumerate() {
            *value = number(image * 7919 + place);
        }
    }

    fn label(&self, image: usize) -> usize {
        image % 3
    }

    fn noise(&self, _: usize, _: usize, words: &mut [u32]) {
        words.fill(!0);
    }
}

/// Returns the bits of the gradients after a batch of 40 images.
fn gradients(layers: &[Layer]) -> Vec<Vec<u32>> {
    let shape = Shape::Image {
        channels: 2,
        height: 10,
        width: 10,
    };
    let plan = Plan::new(shape, layers, 3).expect("a network");
    let parameters = plan.parameters().iter().enumerate();
    let values = parameters.map(|(seed, parameter)| {
        let length = parameter.shape.iter().product();
        match parameter.role {
            Role::RunningVariance => vec![1.0; length],
            _ => (0..length).map(|at| number(seed * 104_729 + at)).collect(),
        }
    });
    let values: Vec<Vec<f32>> = values.collect();
    let mut engine = Engine::new(plan, Path::detect());
    engine.load(&values.iter().map(Vec::as_slice).collect::<Vec<_>>());
    // Buffers that were used before must not show.
    engine.learn(&Made(33), &Loss::default());
    engine.learn(&Made(40), &Loss::default());
    let gradients = engine.gradients().iter();
    gradients
        .map(|gradient| gradient.iter().map(|value| value.to_bits()).collect())
        .collect()
}

/// Checks that a network learns the same with a dropout of nothing after each ReLU and norm.
fn check(layers: &[Layer]) {
    let mut apart = Vec::new();
    for (position, layer) in layers.iter().enumerate() {
        apart.push(*layer);
        let next_is_relu = layers.get(position + 1) == Some(&Layer::Relu);
        if matches!(layer, Layer::Relu | Layer::BatchNorm) && !next_is_relu {
            apart.push(Layer::Dropout { rate: 0.0 });
        }
    }
    let fused = gradients(layers);
    assert!(fused.iter().flatten().any(|bits| *bits != 0));
    assert_eq!(fused, gradients(&apart));
}

fn conv(channels: usize, kernel: usize, padding: usize) -> Layer {
    Layer::Conv {
        channels,
        kernel,
        stride: 1,
        padding,
        bias: false,
    }
}

const POOL: Layer = Layer::MaxPool {
    kernel: 2,
    stride: 2,
};

const END: [Layer; 2] = [
    Layer::Flatten,
    Layer::Linear {
        outputs: 3,
        bias: true,
    },
];

#[test]
fn activations_are_computed_again_with_the_same_bits() {
    let layers = [
        conv(9, 3, 0),
        Layer::BatchNorm,
        Layer::Relu,
        conv(5, 5, 2),
        Layer::BatchNorm,
        Layer::Relu,
        conv(4, 1, 0),
        Layer::Relu,
        conv(3, 3, 0),
    ];
    check(&[&layers[..], &END[..]].concat());
}

#[test]
fn what_was_pooled_is_computed_again_with_the_same_bits() {
    for stride in [1, 2] {
        let pool = Layer::MaxPool { kernel: 2, stride };
        let layers = [
            conv(6, 3, 1),
            Layer::BatchNorm,
            Layer::Relu,
            pool,
            conv(7, 3, 0),
            Layer::BatchNorm,
            pool,
        ];
        check(&[&layers[..], &END[..]].concat());
    }
}

#[test]
fn a_pooled_norm_may_be_the_first_layer() {
    check(&[&[Layer::BatchNorm, POOL][..], &END[..]].concat());
}
