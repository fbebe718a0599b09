//! Times a batch of the reference network on made-up images: `bench [path] [images] [repeats]`.
use mlpipe_kernels::*;
use std::time::Instant;
struct B(usize, Vec<f32>);
impl Batch for B {
    fn len(&self) -> usize {
        self.0
    }
    fn image(&self, i: usize, v: &mut [f32]) {
        v.copy_from_slice(&self.1[i * 784..][..784]);
    }
    fn label(&self, i: usize) -> usize {
        i % 10
    }
    fn noise(&self, _: usize, _: usize, w: &mut [u32]) {
        w.fill(!0)
    }
}
fn main() {
    let c = |channels, kernel| Layer::Conv {
        channels,
        kernel,
        stride: 1,
        padding: 0,
        bias: false,
    };
    let mut l = vec![];
    for (n, (ch, k)) in [(8, 3), (16, 3), (8, 1), (16, 3), (8, 3)]
        .into_iter()
        .enumerate()
    {
        l.extend([c(ch, k), Layer::BatchNorm, Layer::Relu]);
        if n == 1 {
            l.push(Layer::MaxPool {
                kernel: 2,
                stride: 2,
            });
        }
    }
    l.extend([
        Layer::Flatten,
        Layer::Linear {
            outputs: 10,
            bias: true,
        },
    ]);
    let plan = Plan::new(
        Shape::Image {
            channels: 1,
            height: 28,
            width: 28,
        },
        &l,
        10,
    )
    .unwrap();
    let mut x = 1u64;
    let mut r = || {
        x = x
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        ((x >> 40) as f32) / 16777216.0 - 0.5
    };
    let params: Vec<Vec<f32>> = plan
        .parameters()
        .iter()
        .map(|p| {
            let n: usize = p.shape.iter().product();
            match p.role {
                Role::Weight | Role::Bias => (0..n).map(|_| r()).collect(),
                Role::Scale | Role::RunningVariance => vec![1.0; n],
                _ => vec![0.0; n],
            }
        })
        .collect();
    let refs: Vec<&[f32]> = params.iter().map(|p| &p[..]).collect();
    let path = std::env::args()
        .nth(1)
        .map_or(Path::detect(), |p| Path::named(&p).unwrap());
    let mut e = Engine::new(plan, path);
    let n: usize = std::env::args().nth(2).map_or(128, |n| n.parse().unwrap());
    let b = B(n, (0..n * 784).map(|_| r()).collect());
    let loss = Loss::default();
    let mut ts = vec![];
    let reps: usize = std::env::args().nth(3).map_or(400, |n| n.parse().unwrap());
    let mut top: f64 = 0.0;
    for _ in 0..reps {
        top = top.max(unsafe { peak() });
        let t = Instant::now();
        e.load(&refs);
        e.learn(&b, &loss);
        ts.push(t.elapsed().as_secs_f64() * 1e3);
    }
    ts.sort_by(f64::total_cmp);
    let h = e.gradients().iter().flatten().fold(0u64, |h, g| {
        (h ^ g.to_bits() as u64).wrapping_mul(0x100000001b3)
    });
    println!(
        "peak {top:.0} GFLOP/s a core; limit {:.2} ms;",
        5.45e-3 * n as f64 / top * 1e3
    );
    println!(
        "{} learn min {:.3} median {:.3} ms  hash {h:x}",
        path.name(),
        ts[0],
        ts[ts.len() / 2]
    );
    let big = B(2560.min(n * 20), (0..2560 * 784).map(|_| r()).collect());
    let t = Instant::now();
    let y = e.predict(&big);
    println!(
        "predict {:.2} ms per 10000, {}",
        t.elapsed().as_secs_f64() * 1e3 * 10000.0 / big.0 as f64,
        y[5]
    );
}
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
fn peak() -> f64 {
    use std::arch::x86_64::*;
    let t = Instant::now();
    let mut a = [_mm512_set1_ps(1.0); 24];
    let (b, c) = (
        _mm512_set1_ps(std::hint::black_box(0.999)),
        _mm512_set1_ps(std::hint::black_box(0.1)),
    );
    for _ in 0..20000 {
        for x in &mut a {
            *x = _mm512_fmadd_ps(*x, b, c);
        }
    }
    let s = t.elapsed().as_secs_f64();
    std::hint::black_box(a.map(|x| _mm512_reduce_add_ps(x)));
    20000.0 * 24.0 * 32.0 / s / 1e9
}
