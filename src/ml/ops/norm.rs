//! Batch normalisation and ReLU in one operation, without intermediate tensors.

use candle_core::{CpuStorage, CustomOp3, Layout, Result, Shape, Tensor, Var};
use rayon::prelude::*;

use super::{contiguous, with_values};
use crate::ml::model::Mode;

/// Keeps the square root away from zero; the value of candle-nn and PyTorch.
const EPSILON: f32 = 1e-5;
/// How far the running statistics move towards those of a batch; the value of both, too.
const MOMENTUM: f64 = 0.1;
/// So many single-precision sums are taken side by side, which the compiler makes vectors of.
const LANES: usize = 16;
/// After so many values the sums go over to double precision.
const BLOCK: usize = 64 * LANES;

/// The normalisation of each channel, and what it has learned.
pub(crate) struct BatchNorm {
    pub(crate) weight: Var,
    pub(crate) bias: Var,
    pub(crate) running_mean: Var,
    pub(crate) running_var: Var,
}

/// The mean and variance of each channel.
struct Statistics {
    mean: Vec<f32>,
    variance: Vec<f32>,
}

impl BatchNorm {
    /// Normalises and rectifies `x`; learning uses and remembers the statistics of the batch.
    pub(crate) fn forward(&self, x: &Tensor, mode: Mode) -> Result<Tensor> {
        match mode {
            Mode::Learn => {
                let channels = x.dim(0)?;
                let statistics = with_values(x, |x| Ok(Statistics::of(x, channels)))?;
                self.remember(&statistics, x.elem_count() / channels)?;
                let op = NormRelu(statistics);
                x.apply_op3(self.weight.as_tensor(), self.bias.as_tensor(), op)
            }
            Mode::Predict => {
                let op = NormRelu(Statistics {
                    mean: self.running_mean.to_vec1()?,
                    variance: self.running_var.to_vec1()?,
                });
                x.apply_op3_no_bwd(&self.weight.detach(), &self.bias.detach(), &op)
            }
        }
    }

    /// Moves the running statistics towards those of a batch of `count` values a channel.
    #[expect(clippy::cast_precision_loss, reason = "a count of values in memory")]
    fn remember(&self, batch: &Statistics, count: usize) -> Result<()> {
        let unbiased = count as f64 / (count as f64 - 1.0);
        let moves = [
            (&self.running_mean, &batch.mean, MOMENTUM),
            (&self.running_var, &batch.variance, MOMENTUM * unbiased),
        ];
        for (running, batch, share) in moves {
            let batch = Tensor::new(batch.as_slice(), running.device())?;
            let kept = (running.as_detached_tensor() * (1.0 - MOMENTUM))?;
            running.set(&(kept + (batch * share)?)?)?;
        }
        Ok(())
    }
}

impl Statistics {
    fn of(x: &[f32], channels: usize) -> Self {
        let count = precise(x.len() / channels);
        let rows = x.par_chunks(x.len() / channels);
        let (mean, variance) = rows
            .map(|row| {
                let mean = single(sum(row, |x| x) / count);
                let variance = sum(row, |x| (x - mean) * (x - mean)) / count;
                (mean, single(variance))
            })
            .unzip();
        Self { mean, variance }
    }

    fn mean_and_factor(&self, channel: usize) -> (f32, f32) {
        (
            self.mean[channel],
            1.0 / (self.variance[channel] + EPSILON).sqrt(),
        )
    }
}

/// From values, weight and bias to `relu((x - mean) / deviation · weight + bias)`.
struct NormRelu(Statistics);

impl CustomOp3 for NormRelu {
    fn name(&self) -> &'static str {
        "norm-relu"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        weight: &CpuStorage,
        weight_layout: &Layout,
        bias: &CpuStorage,
        bias_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let x = contiguous(x, x_layout)?;
        let weight = contiguous(weight, weight_layout)?;
        let bias = contiguous(bias, bias_layout)?;
        let row = x.len() / weight.len();
        let mut y = vec![0.0; x.len()];
        let rows = x.par_chunks(row).zip(y.par_chunks_mut(row)).enumerate();
        rows.for_each(|(channel, (x, y))| {
            let (mean, factor) = self.0.mean_and_factor(channel);
            let scale = weight[channel] * factor;
            let shift = bias[channel] - mean * scale;
            let pairs = x.iter().zip(y);
            pairs.for_each(|(x, y)| *y = (x * scale + shift).max(0.0));
        });
        Ok((CpuStorage::F32(y), x_layout.shape().clone()))
    }

    fn bwd(
        &self,
        x: &Tensor,
        weight: &Tensor,
        _bias: &Tensor,
        y: &Tensor,
        gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let scales: Vec<f32> = weight.to_vec1()?;
        let gradients = with_values(x, |x| {
            with_values(y, |y| {
                with_values(gradient, |gradient| {
                    Ok(self.gradients([x, y, gradient], &scales))
                })
            })
        })?;
        let Gradients {
            x: of_x,
            weight: of_weight,
            bias: of_bias,
        } = gradients;
        let device = x.device();
        Ok((
            Some(Tensor::from_vec(of_x, x.shape(), device)?),
            Some(Tensor::from_vec(of_weight, weight.shape(), device)?),
            Some(Tensor::from_vec(of_bias, weight.shape(), device)?),
        ))
    }
}

struct Gradients {
    x: Vec<f32>,
    weight: Vec<f32>,
    bias: Vec<f32>,
}

impl NormRelu {
    fn gradients(&self, [x, y, gradient]: [&[f32]; 3], weight: &[f32]) -> Gradients {
        let row = x.len() / weight.len();
        let mut of_x = vec![0.0; x.len()];
        let rows = x.par_chunks(row).zip(y.par_chunks(row));
        let (weight, bias) = rows
            .zip(gradient.par_chunks(row))
            .zip(of_x.par_chunks_mut(row))
            .enumerate()
            .map(|(channel, (((x, y), gradient), of_x))| {
                // Behind a rectified value no gradient comes through.
                for ((through, y), gradient) in of_x.iter_mut().zip(y).zip(gradient) {
                    *through = if *y > 0.0 { *gradient } else { 0.0 };
                }
                self.of_channel(channel, weight[channel], x, of_x)
            })
            .unzip();
        Gradients {
            x: of_x,
            weight,
            bias,
        }
    }

    /// Turns `through`, the gradient of a channel's normalised values, into that of `x`; returns
    /// those of the channel's weight and bias.
    fn of_channel(
        &self,
        channel: usize,
        weight: f32,
        x: &[f32],
        through: &mut [f32],
    ) -> (f32, f32) {
        let (mean, factor) = self.0.mean_and_factor(channel);
        let of_bias = sum(through, |through| through);
        let of_weight =
            f64::from(factor) * sum_of_pairs(through, x, |through, x| through * (x - mean));
        // The batch's mean and variance depend on each value as well.
        let count = precise(x.len());
        let along = single(of_bias / count);
        let across = single(of_weight / count) * factor;
        let scale = weight * factor;
        for (through, x) in through.iter_mut().zip(x) {
            *through = scale * (*through - along - (x - mean) * across);
        }
        (single(of_weight), single(of_bias))
    }
}

/// Adds `term` of each value up, in an order that is always the same.
fn sum(values: &[f32], term: impl Fn(f32) -> f32) -> f64 {
    sum_of_pairs(values, values, |value, _| term(value))
}

/// Adds `term` of each pair up, in an order that is always the same.
fn sum_of_pairs(left: &[f32], right: &[f32], term: impl Fn(f32, f32) -> f32) -> f64 {
    let mut sum = 0.0;
    for (left, right) in left.chunks(BLOCK).zip(right.chunks(BLOCK)) {
        let mut lanes = [0.0f32; LANES];
        for (left, right) in left.chunks(LANES).zip(right.chunks(LANES)) {
            let pairs = left.iter().zip(right);
            for (lane, (left, right)) in lanes.iter_mut().zip(pairs) {
                *lane += term(*left, *right);
            }
        }
        sum += lanes.iter().map(|lane| f64::from(*lane)).sum::<f64>();
    }
    sum
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "the network computes in single precision"
)]
fn single(value: f64) -> f32 {
    value as f32
}

#[expect(clippy::cast_precision_loss, reason = "a count of values in memory")]
fn precise(count: usize) -> f64 {
    count as f64
}
