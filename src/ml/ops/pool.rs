//! Max-pooling over squares of two by two.
//!
//! Candle 0.11 scales the gradient of its own by a quarter where a square has one maximum, and
//! gives it whole to each where all are equal; here the first maximum gets it.

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor};
use rayon::prelude::*;

use super::{contiguous, with_values};

/// A thread works on at least this many pairs of rows at a time.
const LEAST: usize = 64;

/// From images with an even height and width to half of each.
pub(crate) struct MaxPool;

impl CustomOp1 for MaxPool {
    fn name(&self) -> &'static str {
        "max-pool"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let images = contiguous(storage, layout)?;
        let (channels, count, height, width) = layout.shape().dims4()?;
        let mut pooled = vec![0.0; images.len() / 4];
        let pairs_of_rows = images.par_chunks(2 * width).with_min_len(LEAST);
        pairs_of_rows
            .zip(pooled.par_chunks_mut(width / 2))
            .for_each(|(rows, pooled)| {
                let (upper, lower) = rows.split_at(width);
                let squares = upper.chunks_exact(2).zip(lower.chunks_exact(2));
                for ((upper, lower), most) in squares.zip(pooled) {
                    *most = upper[0].max(upper[1]).max(lower[0].max(lower[1]));
                }
            });
        let shape = (channels, count, height / 2, width / 2).into();
        Ok((CpuStorage::F32(pooled), shape))
    }

    fn bwd(&self, images: &Tensor, _: &Tensor, gradient: &Tensor) -> Result<Option<Tensor>> {
        let width = images.dim(3)?;
        let spread = with_values(gradient, |gradient| {
            with_values(images, |images| Ok(spread(images, gradient, width)))
        })?;
        Tensor::from_vec(spread, images.shape(), images.device()).map(Some)
    }
}

/// Gives the gradient of each square to its first maximum.
fn spread(images: &[f32], gradient: &[f32], width: usize) -> Vec<f32> {
    let mut spread = vec![0.0; images.len()];
    let pairs_of_rows = images.par_chunks(2 * width).with_min_len(LEAST);
    pairs_of_rows
        .zip(spread.par_chunks_mut(2 * width))
        .zip(gradient.par_chunks(width / 2))
        .for_each(|((rows, spread), gradient)| {
            for (square, gradient) in gradient.iter().enumerate() {
                spread[first_maximum(rows, width, 2 * square)] = *gradient;
            }
        });
    spread
}

/// Returns where in two rows the square that begins at `column` has its first maximum.
fn first_maximum(rows: &[f32], width: usize, column: usize) -> usize {
    let square = [column, column + 1, width + column, width + column + 1];
    let mut first = column;
    for at in square {
        if rows[at] > rows[first] {
            first = at;
        }
    }
    first
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::{Device, Var};

    #[test]
    fn the_first_maximum_gets_the_gradient_whole() {
        let rows = [[1.0f32, 5.0, 2.0, 2.0], [3.0, 4.0, 2.0, 2.0]];
        let images = Tensor::new(&rows, &Device::Cpu).and_then(|rows| rows.reshape((1, 1, 2, 4)));
        let images = images
            .and_then(|images| Var::from_tensor(&images))
            .expect("a variable");
        let pooled = images.apply_op1(MaxPool).expect("pools");
        let values: Vec<f32> = pooled
            .flatten_all()
            .and_then(|all| all.to_vec1())
            .expect("values");
        assert_eq!(values, [5.0, 2.0]);
        let gradients = (pooled * 3.0).and_then(|loss| loss.sum_all()?.backward());
        let gradients = gradients.expect("gradients");
        let gradient = gradients.get(&images).expect("one of the images");
        let gradient: Vec<f32> = gradient
            .flatten_all()
            .and_then(|all| all.to_vec1())
            .expect("values");
        assert_eq!(gradient, [0.0, 3.0, 3.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
    }
}
