//! An image alone is computed in another way than in a group, but gets the same bits.

use mlpipe_kernels::{Batch, Engine, Layer, Path, Plan, Role, Shape};

struct Images {
    values: Vec<Vec<f32>>,
}

impl Images {
    /// Returns some of the images.
    fn some(&self, range: std::ops::Range<usize>) -> Self {
        let values = self.values[range].to_vec();
        Self { values }
    }
}

impl Batch for Images {
    fn len(&self) -> usize {
        self.values.len()
    }

    fn image(&self, image: usize, values: &mut [f32]) {
        values.copy_from_slice(&self.values[image]);
    }

    fn label(&self, _: usize) -> usize {
        unreachable!("only asked while learning")
    }

    fn noise(&self, _: usize, _: usize, _: &mut [u32]) {
        unreachable!("only asked while learning")
    }
}

/// Made-up numbers from −1 to 1.
fn numbers(seed: usize) -> impl Iterator<Item = f32> {
    (1..).map(move |at: usize| {
        let word = (at * 7919 + seed * 104_729).wrapping_mul(2_654_435_761) >> 8 & 0xffff;
        word as f32 / 32_768.0 - 1.0
    })
}

/// Returns an engine with made-up weights and statistics.
fn engine(shape: Shape, layers: &[Layer], classes: usize, path: Path) -> Engine {
    let plan = Plan::new(shape, layers, classes).expect("a network");
    let parameters = plan.parameters().iter().enumerate();
    let values: Vec<Vec<f32>> = parameters
        .map(|(seed, parameter)| {
            let values = numbers(seed).take(parameter.shape.iter().product());
            match parameter.role {
                Role::RunningVariance => values.map(|value| value.abs() + 0.5).collect(),
                _ => values.collect(),
            }
        })
        .collect();
    let mut engine = Engine::new(plan, path);
    engine.load(&values.iter().map(Vec::as_slice).collect::<Vec<_>>());
    engine
}

/// Checks that some images get the logits that they get among many, on each path.
fn check((channels, height, width): (usize, usize, usize), layers: &[Layer], classes: usize) {
    let shape = Shape::Image {
        channels,
        height,
        width,
    };
    let image = |image: usize| numbers(1000 + image).take(shape.values()).collect();
    let images = Images {
        values: (0..18).map(image).collect(),
    };
    let paths = [Path::Avx512, Path::Avx2, Path::Portable];
    let mut first = None;
    for path in paths.into_iter().filter(|path| path.is_available()) {
        let mut engine = engine(shape, layers, classes, path);
        let logits: Vec<u32> = engine
            .predict(&images)
            .into_iter()
            .map(f32::to_bits)
            .collect();
        assert_eq!(logits.len(), 18 * classes);
        assert!(logits[..classes] != logits[classes..2 * classes]);
        for range in [0..1, 17..18, 3..5, 6..10] {
            let few = engine.predict(&images.some(range.clone()));
            let few: Vec<u32> = few.into_iter().map(f32::to_bits).collect();
            let (from, to) = (range.start * classes, range.end * classes);
            assert_eq!(few, logits[from..to], "{range:?} on {}", path.name());
        }
        let first = first.get_or_insert_with(|| logits.clone());
        assert_eq!(*first, logits, "{}", path.name());
    }
}

fn conv(channels: usize, kernel: usize, stride: usize, padding: usize, bias: bool) -> Layer {
    Layer::Conv {
        channels,
        kernel,
        stride,
        padding,
        bias,
    }
}

fn linear(outputs: usize) -> Layer {
    Layer::Linear {
        outputs,
        bias: true,
    }
}

#[test]
fn rows_of_any_length_and_kernels_of_any_size_get_the_same_bits() {
    for width in [5, 12, 13, 24, 25, 27, 37] {
        let layers = [
            conv(9, 3, 1, 0, false),
            Layer::BatchNorm,
            Layer::Relu,
            conv(17, 1, 1, 0, true),
            Layer::Relu,
            conv(6, 5, 1, 2, true),
            Layer::Flatten,
            linear(3),
        ];
        check((2, 5, width), &layers, 3);
    }
}

#[test]
fn strides_paddings_and_pools_get_the_same_bits() {
    let layers = [
        conv(33, 3, 2, 1, true),
        Layer::BatchNorm,
        Layer::Relu,
        Layer::MaxPool {
            kernel: 3,
            stride: 2,
        },
        Layer::Dropout { rate: 0.5 },
        conv(20, 2, 2, 1, false),
        Layer::AvgPool {
            kernel: 2,
            stride: 1,
        },
        Layer::GlobalAvgPool,
        linear(7),
    ];
    check((3, 21, 29), &layers, 7);
}

#[test]
fn more_input_channels_than_lanes_get_the_same_bits() {
    let layers = [Layer::BatchNorm, conv(5, 3, 1, 1, false), Layer::Relu];
    let layers = [&layers[..], &[Layer::Flatten, linear(11)]].concat();
    check((35, 4, 6), &layers, 11);
}

#[test]
fn norms_of_flat_values_get_the_same_bits() {
    let layers = [
        conv(18, 3, 1, 0, false),
        Layer::Flatten,
        Layer::BatchNorm,
        Layer::Relu,
        linear(20),
        Layer::BatchNorm,
        linear(4),
    ];
    check((1, 6, 7), &layers, 4);
}

#[test]
fn weights_that_are_loaded_later_count() {
    let shape = Shape::Flat(4);
    let plan = Plan::new(shape, &[linear(2)], 2).expect("a network");
    let mut engine = Engine::new(plan, Path::detect());
    let one = Images {
        values: vec![vec![1.0; 4]],
    };
    engine.load(&[&[1.0; 8], &[0.0, 1.0]]);
    assert_eq!(engine.predict(&one), [4.0, 5.0]);
    engine.load(&[&[2.0; 8], &[0.0, 1.0]]);
    assert_eq!(engine.predict(&one), [8.0, 9.0]);
}
