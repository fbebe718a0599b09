//! Batch norm, ReLU and max-pool in one pass over memory, and back.

use std::ops::Range;

use crate::field::Field;
use crate::simd::{self, LANES, Lanes, Path, Simd, Task};

/// The squares over which a pool goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pool {
    pub(crate) height: usize,
    pub(crate) width: usize,
    pub(crate) stride: usize,
}

impl Pool {
    /// Returns whether the squares are those of nearly all networks.
    fn is_common(&self) -> bool {
        (self.height, self.width, self.stride) == (2, 2, 2)
    }

    /// Returns whether each value of `input` is in exactly one square.
    fn tiles(&self, input: &Field, output: &Field) -> bool {
        self.height == self.stride
            && self.width == self.stride
            && output.height * self.stride == input.height
            && output.width * self.stride == input.width
    }
}

/// The normalisation of a channel as a line: `value · scale + shift`.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Line {
    pub(crate) mean: f32,
    /// One divided by the standard deviation.
    pub(crate) inverse: f32,
    pub(crate) scale: f32,
    pub(crate) shift: f32,
}

impl Line {
    /// Returns the line of a channel with these statistics and learned values.
    pub(crate) fn new(mean: f64, variance: f64, gamma: f32, beta: f32) -> Self {
        /// Keeps the square root away from zero; the value of candle-nn and PyTorch.
        const EPSILON: f64 = 1e-5;
        let mean = mean as f32;
        let inverse = (1.0 / (variance + EPSILON).sqrt()) as f32;
        let scale = gamma * inverse;
        Self {
            mean,
            inverse,
            scale,
            shift: (-mean).mul_add(scale, beta),
        }
    }
}

/// The lines of sixteen channels that lie side by side.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Slope {
    scale: Lanes,
    shift: Lanes,
}

impl Slope {
    /// Returns the slopes of channels that are lanes.
    pub(crate) fn of(lines: &[Line]) -> Vec<Self> {
        let sixteens = lines.chunks(LANES).map(|lines| {
            let [mut scale, mut shift] = [Lanes::ZERO; 2];
            for (lane, line) in lines.iter().enumerate() {
                (scale.0[lane], shift.0[lane]) = (line.scale, line.shift);
            }
            Self { scale, shift }
        });
        sixteens.collect()
    }
}

/// The lines of a norm, by channel or, where channels are lanes, by sixteen.
#[derive(Clone, Copy)]
pub(crate) enum Lines<'a> {
    OfChannels(&'a [Line]),
    OfLanes(&'a [Slope]),
}

/// Sum and squared distances of a channel's values in one group.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Moments {
    count: f64,
    sum: f64,
    /// The sum of squared distances from the group's own mean.
    squares: f64,
}

impl Moments {
    /// Returns mean and variance over all groups, and how many values they are of.
    pub(crate) fn combine(groups: impl Iterator<Item = Self> + Clone) -> (f64, f64, f64) {
        let count: f64 = groups.clone().map(|group| group.count).sum();
        let mean = groups.clone().map(|group| group.sum).sum::<f64>() / count;
        let squares: f64 = groups
            .map(|group| {
                let distance = group.sum / group.count - mean;
                group.squares + group.count * distance * distance
            })
            .sum();
        (mean, squares / count, count)
    }
}

/// What of each pair of values is added up.
trait Term {
    fn add<S: Simd>(&self, left: S::Vector, right: S::Vector, sum: S::Vector) -> S::Vector;
}

/// The left value.
struct Left;
/// The square of the left value's distance from a number.
struct SquareFrom(f32);
/// The left value times the right one's distance from a number.
struct TimesFrom(f32);

impl Term for Left {
    #[inline(always)]
    fn add<S: Simd>(&self, left: S::Vector, _: S::Vector, sum: S::Vector) -> S::Vector {
        S::add(left, sum)
    }
}

impl Term for SquareFrom {
    #[inline(always)]
    fn add<S: Simd>(&self, left: S::Vector, _: S::Vector, sum: S::Vector) -> S::Vector {
        let distance = S::sub(left, S::splat(self.0));
        S::mul_add(distance, distance, sum)
    }
}

impl Term for TimesFrom {
    #[inline(always)]
    fn add<S: Simd>(&self, left: S::Vector, right: S::Vector, sum: S::Vector) -> S::Vector {
        S::mul_add(left, S::sub(right, S::splat(self.0)), sum)
    }
}

/// Adds a term up over a channel of two tensors of the same extent, in the lanes of the mask: rows
/// in single precision, and their lanes and sums in double.
#[inline(always)]
fn sum<S: Simd>(
    channel: usize,
    left: (&[Lanes], &Field),
    right: (&[Lanes], &Field),
    mask: &Lanes,
    term: &impl Term,
) -> f64 {
    let mut total = 0.0;
    for row in 0..left.1.height {
        let left = &left.0[left.1.row(channel, row)];
        let right = &right.0[right.1.row(channel, row)];
        total += row_total::<S>(left, right, mask, term);
    }
    total
}

#[inline(always)]
fn row_total<S: Simd>(left: &[Lanes], right: &[Lanes], mask: &Lanes, term: &impl Term) -> f64 {
    let mut lanes = Lanes::ZERO;
    row_sum::<S, 0>(left, right, mask, term, &mut lanes);
    if S::PARTS > 1 {
        row_sum::<S, 1>(left, right, mask, term, &mut lanes);
    }
    S::sum(&lanes)
}

/// Four sums run side by side, as each addition takes some cycles.
#[inline(always)]
fn row_sum<S: Simd, const PART: usize>(
    left: &[Lanes],
    right: &[Lanes],
    mask: &Lanes,
    term: &impl Term,
    to: &mut Lanes,
) {
    let mut sums = [S::splat(0.0); 4];
    let (left_fours, left_rest) = left.as_chunks::<4>();
    let (right_fours, right_rest) = right.as_chunks::<4>();
    for (left, right) in left_fours.iter().zip(right_fours) {
        for place in 0..4 {
            let (left, right) = (
                S::load::<PART>(&left[place]),
                S::load::<PART>(&right[place]),
            );
            sums[place] = term.add::<S>(left, right, sums[place]);
        }
    }
    for (left, right) in left_rest.iter().zip(right_rest) {
        let (left, right) = (S::load::<PART>(left), S::load::<PART>(right));
        sums[0] = term.add::<S>(left, right, sums[0]);
    }
    let sum = S::add(S::add(sums[0], sums[1]), S::add(sums[2], sums[3]));
    S::store::<PART>(S::mul(sum, S::load::<PART>(mask)), to);
}

/// Adds the values of a channel up, in the lanes of the mask.
#[inline(always)]
pub(crate) fn total<S: Simd>(channel: usize, values: &[Lanes], field: &Field, mask: &Lanes) -> f64 {
    sum::<S>(channel, (values, field), (values, field), mask, &Left)
}

/// Takes the moments of each channel.
#[inline(always)]
pub(crate) fn moments<S: Simd>(
    values: &[Lanes],
    field: &Field,
    mask: &Lanes,
    moments: &mut [Moments],
) {
    let count = S::sum(mask) * field.area() as f64;
    for (channel, moments) in moments.iter_mut().enumerate() {
        let one = (values, field);
        let total = sum::<S>(channel, one, one, mask, &Left);
        let mean = total / count;
        let pivot = mean as f32;
        let around = sum::<S>(channel, one, one, mask, &SquareFrom(pivot));
        let off = mean - f64::from(pivot);
        *moments = Moments {
            count,
            sum: total,
            squares: around - count * off * off,
        };
    }
}

/// An activation: a line for each channel, a ReLU, a max-pool, each of them optional.
#[derive(Clone, Copy)]
pub(crate) struct Activate<'a> {
    pub(crate) lines: Option<Lines<'a>>,
    pub(crate) relu: bool,
    pub(crate) pool: Option<Pool>,
    pub(crate) input_field: Field,
    pub(crate) output_field: Field,
}

/// What becomes of a value of one channel.
struct Curve<S: Simd> {
    scale: S::Vector,
    shift: S::Vector,
    lined: bool,
    relu: bool,
}

impl<S: Simd> Curve<S> {
    #[inline(always)]
    fn new<const PART: usize>(activate: &Activate, channel: usize) -> Self {
        let [scale, shift] = match activate.lines {
            None => [S::splat(0.0); 2],
            Some(Lines::OfChannels(lines)) => {
                let line = lines[channel];
                [line.scale, line.shift].map(S::splat)
            }
            Some(Lines::OfLanes(slopes)) => {
                let slope = &slopes[channel];
                [&slope.scale, &slope.shift].map(S::load::<PART>)
            }
        };
        Self {
            scale,
            shift,
            lined: activate.lines.is_some(),
            relu: activate.relu,
        }
    }

    #[inline(always)]
    fn of<const PART: usize>(&self, value: &Lanes) -> S::Vector {
        let mut value = S::load::<PART>(value);
        if self.lined {
            value = S::mul_add(value, self.scale, self.shift);
        }
        if self.relu {
            // What is no number stays none, so that a loss shows it.
            value = S::larger(S::splat(0.0), value);
        }
        value
    }

    #[inline(always)]
    fn of_square<const PART: usize>(
        &self,
        above: &[Lanes; 2],
        below: &[Lanes; 2],
    ) -> [S::Vector; 4] {
        // Not by `map`, into which vector instructions are not inlined.
        [
            self.of::<PART>(&above[0]),
            self.of::<PART>(&above[1]),
            self.of::<PART>(&below[0]),
            self.of::<PART>(&below[1]),
        ]
    }
}

#[inline(always)]
fn largest<S: Simd>(values: [S::Vector; 4]) -> S::Vector {
    let [first, second, third, fourth] = values;
    S::larger(S::larger(S::larger(first, second), third), fourth)
}

impl Activate<'_> {
    /// From values to some rows of activations.
    #[inline(always)]
    pub(crate) fn forward<S: Simd, const PART: usize>(
        &self,
        rows: Range<usize>,
        input: &[Lanes],
        output: &mut [Lanes],
    ) {
        for channel in 0..self.input_field.channels {
            let curve = Curve::<S>::new::<PART>(self, channel);
            for row in rows.clone() {
                let to = &mut output[self.output_field.row(channel, row)];
                if let Some(pool) = self.pool {
                    if pool.is_common() {
                        let [above, below] = self.pairs(channel, row, input);
                        for ((to, above), below) in to.iter_mut().zip(above).zip(below) {
                            let values = curve.of_square::<PART>(above, below);
                            S::store::<PART>(largest::<S>(values), to);
                        }
                        continue;
                    }
                    let corner = self.input_field.at(channel, row * pool.stride, 0);
                    for (column, to) in to.iter_mut().enumerate() {
                        let squares = &input[corner + column * pool.stride..];
                        S::store::<PART>(self.most::<S, PART>(pool, &curve, squares), to);
                    }
                } else {
                    let from = &input[self.input_field.row(channel, row)];
                    for (to, from) in to.iter_mut().zip(from) {
                        S::store::<PART>(curve.of::<PART>(from), to);
                    }
                }
            }
        }
    }

    /// From values to some rows of activations with the instructions of `path`.
    pub(crate) fn run(self, path: Path, rows: Range<usize>, input: &[Lanes], output: &mut [Lanes]) {
        let task = ForwardTask {
            activate: self,
            rows,
            input,
            output,
        };
        simd::run(path, task);
    }

    /// Returns two rows of values as the squares of two by two see them.
    #[inline(always)]
    fn pairs<'v>(&self, channel: usize, row: usize, values: &'v [Lanes]) -> [&'v [[Lanes; 2]]; 2] {
        let width = 2 * self.output_field.width;
        [0, 1].map(|below| {
            let at = self.input_field.at(channel, 2 * row + below, 0);
            values[at..at + width].as_chunks().0
        })
    }

    /// Returns the largest activation of the square at the beginning of `values`.
    #[inline(always)]
    fn most<S: Simd, const PART: usize>(
        &self,
        pool: Pool,
        curve: &Curve<S>,
        values: &[Lanes],
    ) -> S::Vector {
        let mut most = curve.of::<PART>(&values[0]);
        for y in 0..pool.height {
            for value in &values[y * self.input_field.pitch()..][..pool.width] {
                most = S::larger(most, curve.of::<PART>(value));
            }
        }
        most
    }

    /// From the gradient of the pooled values to that of the values before the line.
    #[inline(always)]
    fn unpool<S: Simd, const PART: usize>(
        &self,
        pool: Pool,
        channel: usize,
        values: &[Lanes],
        (gradient, gradient_field): (&[Lanes], &Field),
        (to, to_field): (&mut [Lanes], &Field),
    ) {
        let tiles = pool.tiles(&self.input_field, &self.output_field);
        let curve = Curve::<S>::new::<PART>(self, channel);
        if !tiles {
            for row in 0..to_field.height {
                for to in &mut to[to_field.row(channel, row)] {
                    S::store::<PART>(S::splat(0.0), to);
                }
            }
        }
        for row in 0..self.output_field.height {
            let gradient = &gradient[gradient_field.row(channel, row)];
            if tiles && pool.is_common() {
                let values = self.pairs(channel, row, values);
                let at = to_field.at(channel, 2 * row, 0);
                let (above, below) = to[at..].split_at_mut(to_field.pitch());
                let to = [above, below].map(|row| row.as_chunks_mut().0);
                self.unpool_pairs::<S, PART>(&curve, values, gradient, to);
                continue;
            }
            let from = self.input_field.at(channel, row * pool.stride, 0);
            let at = to_field.at(channel, row * pool.stride, 0);
            for (column, gradient) in gradient.iter().enumerate() {
                let values = &values[from + column * pool.stride..];
                let to = &mut to[at + column * pool.stride..];
                let most = self.most::<S, PART>(pool, &curve, values);
                let mut rest = S::load::<PART>(gradient);
                if self.relu {
                    rest = S::where_positive(most, rest);
                }
                for y in 0..pool.height {
                    let values = &values[y * self.input_field.pitch()..][..pool.width];
                    let to = &mut to[y * to_field.pitch()..][..pool.width];
                    for (value, to) in values.iter().zip(to) {
                        // The first of equals takes all.
                        let value = curve.of::<PART>(value);
                        let part = S::where_equal(value, most, rest);
                        rest = S::sub(rest, part);
                        let sum = if tiles {
                            part
                        } else {
                            S::add(part, S::load::<PART>(to))
                        };
                        S::store::<PART>(sum, to);
                    }
                }
            }
        }
    }

    /// Does the same for a row of squares of two by two, the usual ones.
    #[inline(always)]
    fn unpool_pairs<S: Simd, const PART: usize>(
        &self,
        curve: &Curve<S>,
        [above, below]: [&[[Lanes; 2]]; 2],
        gradient: &[Lanes],
        [to_above, to_below]: [&mut [[Lanes; 2]]; 2],
    ) {
        let to = to_above.iter_mut().zip(to_below);
        let squares = above.iter().zip(below).zip(to).zip(gradient);
        for (((above, below), (to_above, to_below)), gradient) in squares {
            let values = curve.of_square::<PART>(above, below);
            let most = largest::<S>(values);
            let mut rest = S::load::<PART>(gradient);
            if self.relu {
                rest = S::where_positive(most, rest);
            }
            for place in 0..4 {
                // The first of equals takes all.
                let part = S::where_equal(values[place], most, rest);
                rest = S::sub(rest, part);
                let to = if place < 2 {
                    &mut *to_above
                } else {
                    &mut *to_below
                };
                S::store::<PART>(part, &mut to[place % 2]);
            }
        }
    }

    /// Takes out of a gradient, in place, what the ReLU holds back.
    #[inline(always)]
    fn rectify<S: Simd, const PART: usize>(
        &self,
        channel: usize,
        values: &[Lanes],
        (gradient, field): (&mut [Lanes], &Field),
    ) {
        let curve = Curve::<S>::new::<PART>(self, channel);
        for row in 0..self.input_field.height {
            let values = &values[self.input_field.row(channel, row)];
            let gradient = &mut gradient[field.row(channel, row)];
            for (gradient, value) in gradient.iter_mut().zip(values) {
                let before = S::load::<PART>(gradient);
                let after = S::where_positive(curve.of::<PART>(value), before);
                S::store::<PART>(after, gradient);
            }
        }
    }
}

struct ForwardTask<'a> {
    activate: Activate<'a>,
    rows: Range<usize>,
    input: &'a [Lanes],
    output: &'a mut [Lanes],
}

impl Task for ForwardTask<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let activate = self.activate;
        activate.forward::<S, 0>(self.rows.clone(), self.input, self.output);
        if S::PARTS > 1 {
            activate.forward::<S, 1>(self.rows, self.input, self.output);
        }
    }
}

/// The way back through an activation: through pool and ReLU, and to the pulls of its norm.
pub(crate) struct Back<'a> {
    pub(crate) activate: Activate<'a>,
    pub(crate) values: &'a [Lanes],
    /// The gradient of the pooled values, if there is a pool; else `to` holds it.
    pub(crate) from: (&'a [Lanes], &'a Field),
    pub(crate) to: (&'a mut [Lanes], &'a Field),
    pub(crate) mask: &'a Lanes,
    /// Of each channel, if there is a norm.
    pub(crate) pulls: Option<&'a mut [Pulls]>,
}

impl Task for Back<'_> {
    type Output = ();

    /// A channel at a time, which stays in the cache.
    #[inline(always)]
    fn run<S: Simd>(mut self) {
        for channel in 0..self.activate.input_field.channels {
            self.channel::<S, 0>(channel);
            if S::PARTS > 1 {
                self.channel::<S, 1>(channel);
            }
            let (Some(pulls), Some(Lines::OfChannels(lines))) =
                (&mut self.pulls, self.activate.lines)
            else {
                continue;
            };
            let term = TimesFrom(lines[channel].mean);
            let field = self.activate.input_field;
            let mut sums = Pulls::default();
            for row in 0..field.height {
                let gradient = &self.to.0[self.to.1.row(channel, row)];
                let values = &self.values[field.row(channel, row)];
                sums.along += row_total::<S>(gradient, values, self.mask, &Left);
                sums.across += row_total::<S>(gradient, values, self.mask, &term);
            }
            pulls[channel] = sums;
        }
    }
}

impl Back<'_> {
    #[inline(always)]
    fn channel<S: Simd, const PART: usize>(&mut self, channel: usize) {
        let to = (&mut *self.to.0, self.to.1);
        if let Some(pool) = self.activate.pool {
            self.activate
                .unpool::<S, PART>(pool, channel, self.values, self.from, to);
        } else if self.activate.relu {
            self.activate.rectify::<S, PART>(channel, self.values, to);
        }
    }
}

/// Of a channel in one group: the sum of the gradients of its normalised values, and of those times
/// the values' distances from the mean.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Pulls {
    pub(crate) along: f64,
    pub(crate) across: f64,
}

/// How gradients go through a norm: mean and variance depend on each value as well.
pub(crate) struct ThroughNorm<'a> {
    pub(crate) lines: &'a [Line],
    /// Of the whole batch.
    pub(crate) pulls: &'a [Pulls],
    /// How many values of a channel there are in the batch.
    pub(crate) count: f64,
    pub(crate) mask: &'a Lanes,
}

impl ThroughNorm<'_> {
    /// Turns, in place, some rows of gradients of normalised values into those of the values.
    #[inline(always)]
    pub(crate) fn turn<S: Simd, const PART: usize>(
        &self,
        rows: Range<usize>,
        (values, field): (&[Lanes], &Field),
        (gradient, gradient_field): (&mut [Lanes], &Field),
    ) {
        for (channel, (line, pull)) in self.lines.iter().zip(self.pulls).enumerate() {
            let scale = f64::from(line.scale);
            let inverse = f64::from(line.inverse);
            let along = (scale * pull.along / self.count) as f32;
            let across = (scale * inverse * inverse * pull.across / self.count) as f32;
            let mean = S::splat(line.mean);
            let mask = S::load::<PART>(self.mask);
            let [scale, along, across] =
                [line.scale, -along, -across].map(|factor| S::mul(mask, S::splat(factor)));
            for row in rows.clone() {
                let values = &values[field.row(channel, row)];
                let gradient = &mut gradient[gradient_field.row(channel, row)];
                for (gradient, value) in gradient.iter_mut().zip(values) {
                    let distance = S::sub(S::load::<PART>(value), mean);
                    let moved = S::mul_add(distance, across, along);
                    let before = S::load::<PART>(gradient);
                    S::store::<PART>(S::mul_add(before, scale, moved), gradient);
                }
            }
        }
    }
}
