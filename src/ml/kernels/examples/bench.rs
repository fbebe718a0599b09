//! Times batches on made-up images of 28×28: `bench NETWORK [PATH [IMAGES [REPEATS]]]`.
//!
//! The network is `reference`, `wide`, or convolutions as in `16x3,32x5s2p1m`: channels, kernel,
//! stride, padding, and whether a max-pool follows; norms, ReLUs and a linear layer come with them.
use std::time::Instant;

use mlpipe_kernels::{Batch, Engine, Layer, Loss, Path, Plan, Role, Shape};

const SIDE: usize = 28;

struct Images(Vec<f32>);

impl Batch for Images {
    fn len(&self) -> usize {
        self.0.len() / (SIDE * SIDE)
    }
    fn image(&self, image: usize, values: &mut [f32]) {
        values.copy_from_slice(&self.0[image * SIDE * SIDE..][..SIDE * SIDE]);
    }
    fn label(&self, image: usize) -> usize {
        image % 10
    }
    fn noise(&self, _: usize, _: usize, words: &mut [u32]) {
        words.fill(!0);
    }
}

/// Numbers from −0.5 to 0.5, of a linear congruential generator.
struct Random(u64);

impl Random {
    fn next(&mut self) -> f32 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 40) as f32 / 16_777_216.0 - 0.5
    }

    fn images(&mut self, count: usize) -> Images {
        Images((0..count * SIDE * SIDE).map(|_| self.next()).collect())
    }
}

fn network(text: &str) -> Vec<Layer> {
    let blocks = match text {
        "reference" => "8x3,16x3m,8x1,16x3,8x3",
        "wide" => "16x3,32x3m,16x1,32x3,64x3m",
        other => other,
    };
    let mut layers = Vec::new();
    for block in blocks.split(',') {
        let mut numbers = block.split(|c: char| !c.is_ascii_digit());
        let mut number = || numbers.next().and_then(|number| number.parse().ok());
        let (channels, kernel) = (number().expect("channels"), number().expect("kernel"));
        let after = |letter: char| {
            let (_, rest) = block.split_once(letter)?;
            let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
            digits.parse().ok()
        };
        layers.extend([
            Layer::Conv {
                channels,
                kernel,
                stride: after('s').unwrap_or(1),
                padding: after('p').unwrap_or(0),
                bias: false,
            },
            Layer::BatchNorm,
            Layer::Relu,
        ]);
        if block.ends_with('m') {
            layers.push(Layer::MaxPool {
                kernel: 2,
                stride: 2,
            });
        }
    }
    let linear = Layer::Linear {
        outputs: 10,
        bias: true,
    };
    layers.extend([Layer::Flatten, linear]);
    layers
}

/// Returns how many multiplications with addition learning from one image takes.
fn work(plan: &Plan) -> usize {
    let mut sum = 0;
    for (at, parameter) in plan.parameters().iter().enumerate() {
        if parameter.role == Role::Weight {
            let places = match plan.shapes()[parameter.layer] {
                Shape::Image { height, width, .. } => height * width,
                Shape::Flat(_) => 1,
            };
            let passes = if at == 0 { 2 } else { 3 };
            sum += passes * places * parameter.shape.iter().product::<usize>();
        }
    }
    sum
}

/// Returns the least and the median time of some calls, in milliseconds.
fn time(repeats: usize, mut call: impl FnMut()) -> (f64, f64) {
    let mut times: Vec<f64> = (0..repeats)
        .map(|_| {
            let start = Instant::now();
            call();
            start.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    times.sort_by(f64::total_cmp);
    (times[0], times[times.len() / 2])
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let argument = |at: usize| arguments.get(at).map(String::as_str);
    let shape = Shape::Image {
        channels: 1,
        height: SIDE,
        width: SIDE,
    };
    let layers = network(argument(0).unwrap_or("reference"));
    let plan = Plan::new(shape, &layers, 10).expect("a network");
    let path = argument(1).map_or(Path::detect(), |name| Path::named(name).expect("a path"));
    let number = |at, usual| argument(at).map_or(usual, |text| text.parse().expect("a number"));
    let (count, repeats) = (number(2, 128), number(3, 100));
    let mut random = Random(1);
    let values: Vec<Vec<f32>> = plan
        .parameters()
        .iter()
        .map(|parameter| {
            let length = parameter.shape.iter().product();
            match parameter.role {
                Role::Weight | Role::Bias => (0..length).map(|_| random.next()).collect(),
                Role::Scale | Role::RunningVariance => vec![1.0; length],
                Role::Shift | Role::RunningMean => vec![0.0; length],
            }
        })
        .collect();
    let values: Vec<&[f32]> = values.iter().map(Vec::as_slice).collect();
    let work = work(&plan) as f64 * 2.0;
    let mut engine = Engine::new(plan, path);
    let (batch, many) = (random.images(count), random.images(2560));
    let one = random.images(1);
    let (least, median) = time(repeats, || {
        engine.load(&values);
        engine.learn(&batch, &Loss::default());
    });
    let gradients = engine.gradients().iter().flatten();
    let hash = gradients.fold(0_u64, |hash, gradient| {
        (hash ^ u64::from(gradient.to_bits())).wrapping_mul(0x0100_0000_01b3)
    });
    let rate = work * count as f64 / least / 1e6;
    println!(
        "{} learn: least {least:.3} ms, median {median:.3} ms, {rate:.0} GFLOP/s, bits {hash:016x}",
        path.name()
    );
    let (least, _) = time(repeats.div_ceil(20), || {
        engine.predict(&many);
    });
    println!(
        "predict: {:.1} ms for 10,000 images",
        least * 10_000.0 / 2560.0
    );
    let (least, median) = time(repeats, || {
        engine.predict(&one);
    });
    println!(
        "one image: least {:.1} µs, median {:.1} µs",
        least * 1e3,
        median * 1e3
    );
}
