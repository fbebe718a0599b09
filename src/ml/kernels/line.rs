//! The normalisation of channels as lines, `value · scale + shift`.

use crate::simd::{LANES, Lanes};

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
    pub(crate) scale: Lanes,
    pub(crate) shift: Lanes,
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
