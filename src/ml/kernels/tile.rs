//! `Tile`: small convolutions with few multiplications (Winograd, 1980; Lavin and Gray, 2016).
//!
//! A 3×3 kernel makes 2×2 values of 4×4 with 16 products instead of 36, and 4×4 values of 6×6 with
//! 36 instead of 144: input and weights are transformed, multiplied place by place, and the products
//! are transformed back. Each transform goes along columns, then along rows.

use crate::field::Field;
use crate::kernel::{BLOCK, Kernel, Packed};
use crate::simd::Simd;

/// The values that are computed at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tile {
    /// 2×2 of them.
    Two,
    /// 4×4 of them.
    Four,
}

/// With fewer channels on one side, the transforms cost what the products save.
const FEWEST: usize = 16;

impl Tile {
    /// Returns the tiles that make a convolution to `output` the least work; `None` where there is
    /// no gain.
    pub(crate) fn fitting(kernel: &Kernel, output: &Field) -> Option<Self> {
        if !fits(kernel) {
            return None;
        }
        let works = [Self::Two, Self::Four].map(|tile| (tile.work(kernel, output), tile));
        let least = works.into_iter().min_by_key(|(work, _)| *work);
        let direct = kernel.taps() * kernel.outputs * output.area();
        least
            .filter(|(work, _)| work * 10 < direct * 9)
            .map(|(_, tile)| tile)
    }

    /// Returns how many values a side has.
    pub(crate) fn side(self) -> usize {
        match self {
            Self::Two => 2,
            Self::Four => 4,
        }
    }

    /// Returns how many tiles a row of `width` values takes.
    pub(crate) fn columns(self, width: usize) -> usize {
        width.div_ceil(self.side())
    }

    /// Returns how many rows of values are computed at once: so many that transformed they stay in
    /// the cache, and not too few.
    pub(crate) fn rows(self, width: usize) -> usize {
        (12 / self.columns(width)).max(1) * self.side()
    }

    /// Returns how many places a transformed tile has.
    pub(crate) fn points(self) -> usize {
        (self.side() + 2).pow(2)
    }

    /// Returns the work of a convolution, in products.
    fn work(self, kernel: &Kernel, output: &Field) -> usize {
        // What the transforms of a tile of a channel cost, by their instructions.
        let (before, after) = match self {
            Self::Two => (36, 60),
            Self::Four => (160, 170),
        };
        let tiles = self.columns(output.width) * self.columns(output.height);
        let products = self.points() * kernel.inputs * kernel.outputs;
        tiles * (products + before * kernel.inputs + after * kernel.outputs)
    }

    /// Transforms packed weights: `[place][block of channels][input]`.
    pub(crate) fn transform(self, kernel: &Kernel, weights: &Packed, to: &mut Packed) {
        match self {
            Self::Two => transform::<4>(kernel, weights, to),
            Self::Four => transform::<6>(kernel, weights, to),
        }
    }
}

/// Which passes of a convolution go by tiles while learning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tiling {
    pub(crate) forward: Option<Tile>,
    /// To the gradient of the input.
    pub(crate) back: Option<Tile>,
    /// To the gradient of the weights, by tiles of two: so many rows of the output at a time.
    pub(crate) weights: Option<usize>,
}

impl Tiling {
    /// Returns the tiling of a convolution from `input`, if its gradient is wanted, to `output`.
    pub(crate) fn of(kernel: &Kernel, output: &Field, input: Option<&Field>) -> Self {
        if !fits(kernel) || output.area() == 1 {
            return Self::default();
        }
        Self {
            forward: Tile::fitting(kernel, output),
            back: input.and_then(|input| Tile::fitting(&kernel.turned(), input)),
            weights: gradient_rows(kernel, output),
        }
    }
}

/// Returns how many rows of the output the gradient of weights takes at a time: so many that the
/// input, transformed, stays in the cache. `None` where a few tiles are not worth their transforms.
fn gradient_rows(kernel: &Kernel, output: &Field) -> Option<usize> {
    let [columns, rows] = [output.width, output.height].map(|side| Tile::Two.columns(side));
    let at_once = (512 / kernel.inputs / columns).max(1);
    (columns * rows >= 6).then_some(2 * at_once)
}

/// Returns whether a convolution can be computed by tiles, and has channels enough.
pub(crate) fn fits(kernel: &Kernel) -> bool {
    (kernel.height, kernel.width, kernel.stride) == (3, 3, 1)
        && kernel.inputs.min(kernel.outputs) >= FEWEST
}

/// Transforms the weights of a block of channels at a time.
fn transform<const P: usize>(kernel: &Kernel, weights: &Packed, to: &mut Packed) {
    let pairs = weights.len() / 9;
    to.resize(P * P * pairs, [0.0; BLOCK]);
    debug_assert_eq!(pairs % kernel.inputs, 0);
    for (pair, nine) in weights.as_chunks::<9>().0.iter().enumerate() {
        let mut half = [[[0.0; BLOCK]; 3]; P];
        for x in 0..3 {
            let column = weigh::<P>([nine[x], nine[3 + x], nine[6 + x]]);
            for y in 0..P {
                half[y][x] = column[y];
            }
        }
        for y in 0..P {
            let row = weigh::<P>(half[y]);
            for x in 0..P {
                to[(y * P + x) * pairs + pair] = row[x];
            }
        }
    }
}

/// Transforms three weights of each channel of a block.
fn weigh<const P: usize>(weights: [[f32; BLOCK]; 3]) -> [[f32; BLOCK]; P] {
    let mut to = [[0.0; BLOCK]; P];
    for channel in 0..BLOCK {
        let [first, middle, last] = weights.map(|eight| eight[channel]);
        let outer = first + last;
        if P == 4 {
            to[0][channel] = first;
            to[1][channel] = (outer + middle) * 0.5;
            to[2][channel] = (outer - middle) * 0.5;
            to[3][channel] = last;
        } else {
            let even = first * (1.0 / 24.0) + last * (1.0 / 6.0);
            let odd = middle * (1.0 / 12.0);
            to[0][channel] = first * 0.25;
            to[1][channel] = (outer + middle) * (-1.0 / 6.0);
            to[2][channel] = (outer - middle) * (-1.0 / 6.0);
            to[3][channel] = even + odd;
            to[4][channel] = even - odd;
            to[5][channel] = last;
        }
    }
    to
}

/// Transforms a row or column of input, of four or six values.
#[inline(always)]
pub(crate) fn of_input<S: Simd, const P: usize>(d: [S::Vector; P]) -> [S::Vector; P] {
    let mut to = d;
    if P == 4 {
        to[0] = S::sub(d[0], d[2]);
        to[1] = S::add(d[1], d[2]);
        to[2] = S::sub(d[2], d[1]);
        to[3] = S::sub(d[1], d[3]);
        return to;
    }
    let [four, minus_four, minus_five] = [4.0, -4.0, -5.0].map(S::splat);
    let even = S::mul_add(d[2], minus_four, d[4]);
    let odd = S::mul_add(d[1], minus_four, d[3]);
    to[1] = S::add(even, odd);
    to[2] = S::sub(even, odd);
    let even = S::sub(d[4], d[2]);
    let odd = S::sub(d[3], d[1]);
    let odd = S::add(odd, odd);
    to[3] = S::add(even, odd);
    to[4] = S::sub(even, odd);
    to[0] = S::mul_add(d[0], four, S::mul_add(d[2], minus_five, d[4]));
    to[5] = S::mul_add(d[1], four, S::mul_add(d[3], minus_five, d[5]));
    to
}

/// Transforms a row or column of products back; the first two or four are the result.
#[inline(always)]
pub(crate) fn of_products<S: Simd, const P: usize>(m: [S::Vector; P]) -> [S::Vector; P] {
    let mut to = m;
    let (sum, difference) = (S::add(m[1], m[2]), S::sub(m[1], m[2]));
    if P == 4 {
        to[0] = S::add(m[0], sum);
        to[1] = S::sub(difference, m[3]);
        return to;
    }
    let (outer, across) = (S::add(m[3], m[4]), S::sub(m[3], m[4]));
    let [two, four, eight] = [2.0, 4.0, 8.0].map(S::splat);
    to[0] = S::add(S::add(m[0], sum), outer);
    to[1] = S::mul_add(across, two, difference);
    to[2] = S::mul_add(outer, four, sum);
    to[3] = S::add(S::mul_add(across, eight, difference), m[5]);
    to
}

/// Transforms two gradients of a row or column.
#[inline(always)]
pub(crate) fn of_gradients<S: Simd>(first: S::Vector, second: S::Vector) -> [S::Vector; 4] {
    let last = S::sub(S::splat(0.0), second);
    [first, S::add(first, second), S::sub(first, second), last]
}

/// Transforms a row or column of four sums of products back to those of three weights.
#[inline(always)]
pub(crate) fn of_sums<S: Simd>(m: [S::Vector; 4]) -> [S::Vector; 3] {
    let half = S::splat(0.5);
    let even = S::mul(S::add(m[1], m[2]), half);
    let odd = S::mul(S::sub(m[1], m[2]), half);
    [S::add(m[0], even), odd, S::add(even, m[3])]
}
