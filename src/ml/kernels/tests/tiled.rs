//! Convolutions by tiles: the same bits on every path and number of threads, for any size.

use mlpipe_kernels::{Batch, Engine, Layer, Loss, Path, Plan, Role, Shape};

/// Made-up images.
struct Made {
    count: usize,
    classes: usize,
}

fn number(at: usize) -> f32 {
    let word = (at + 1).wrapping_mul(2_654_435_761) >> 8 & 0xffff;
    word as f32 / 32_768.0 - 1.0
}

impl Batch for Made {
    fn len(&self) -> usize {
        self.count
    }

    fn image(&self, image: usize, values: &mut [f32]) {
        for (place, value) in values.iter_mut().enumerate() {
            *value = number(image * 7919 + place);
        }
    }

    fn label(&self, image: usize) -> usize {
        image % self.classes
    }

    fn noise(&self, _: usize, _: usize, words: &mut [u32]) {
        words.fill(!0);
    }
}

fn conv(channels: usize, padding: usize, bias: bool) -> Layer {
    Layer::Conv {
        channels,
        kernel: 3,
        stride: 1,
        padding,
        bias,
    }
}

/// Returns the bits of the gradients after a batch of 37 images.
fn gradients(side: (usize, usize), layers: &[Layer], path: Path) -> Vec<Vec<u32>> {
    let shape = Shape::Image {
        channels: 3,
        height: side.0,
        width: side.1,
    };
    let plan = Plan::new(shape, layers, 4).expect("a network");
    let parameters = plan.parameters().iter().enumerate();
    let values = parameters.map(|(seed, parameter)| {
        let length = parameter.shape.iter().product();
        match parameter.role {
            Role::RunningVariance => vec![1.0; length],
            _ => (0..length).map(|at| number(seed * 104_729 + at)).collect(),
        }
    });
    let values: Vec<Vec<f32>> = values.collect();
    let mut engine = Engine::new(plan, path);
    engine.load(&values.iter().map(Vec::as_slice).collect::<Vec<_>>());
    // Buffers that were used before must not show.
    for count in [20, 37] {
        engine.learn(&Made { count, classes: 4 }, &Loss::default());
    }
    let gradients = engine.gradients().iter();
    gradients
        .map(|gradient| gradient.iter().map(|value| value.to_bits()).collect())
        .collect()
}

#[test]
fn tiles_of_any_number_and_channels_get_the_same_bits_on_every_path() {
    for (side, channels) in [
        ((13, 18), [17, 23]),
        ((9, 7), [16, 40]),
        ((24, 26), [31, 16]),
    ] {
        let layers = [
            conv(channels[0], 1, true),
            Layer::BatchNorm,
            Layer::Relu,
            conv(channels[1], 0, true),
            Layer::Relu,
            conv(channels[0], 2, false),
            Layer::BatchNorm,
            Layer::MaxPool {
                kernel: 2,
                stride: 2,
            },
            Layer::Flatten,
            Layer::Linear {
                outputs: 4,
                bias: true,
            },
        ];
        let expected = gradients(side, &layers, Path::Portable);
        assert!(expected.iter().flatten().any(|bits| *bits != 0));
        for path in [Path::Avx512, Path::Avx2] {
            if path.is_available() {
                assert!(
                    gradients(side, &layers, path) == expected,
                    "{side:?} {path:?}"
                );
            }
        }
        let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build();
        let pool = pool.expect("threads");
        let found = pool.install(|| gradients(side, &layers, Path::detect()));
        assert!(found == expected, "{side:?} on three threads");
    }
}
