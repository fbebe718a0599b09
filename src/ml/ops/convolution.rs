//! The convolution as matrix products over unfolded images, a few images at a time.

use std::ops::Range;

use candle_core::backend::BackendStorage as _;
use candle_core::{CpuStorage, CustomOp2, Layout, Result, Shape, Tensor, bail};
use rayon::prelude::*;

use super::windows::{Windows, gather, join};
use super::{contiguous, with_values};

/// So many images are unfolded at once that their columns stay in the cache. As the number is
/// fixed, so is the order in which the gradients of the weights are added.
const GROUP: usize = 8;

/// From images and weights `[outputs, channels, size, size]` to images; no padding, stride one.
pub(crate) struct Convolution;

impl CustomOp2 for Convolution {
    fn name(&self) -> &'static str {
        "convolution"
    }

    fn cpu_fwd(
        &self,
        images: &CpuStorage,
        images_layout: &Layout,
        weight: &CpuStorage,
        weight_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (windows, outputs) = windows(images_layout.shape(), weight_layout.shape())?;
        let source = contiguous(images, images_layout)?;
        let weight = Matrix::new(contiguous(weight, weight_layout)?.to_vec(), outputs);
        let groups: Result<Vec<Vec<f32>>> = groups(windows.images)
            .map(|group| {
                let columns = Matrix::new(windows.unfold(source, group), windows.inputs());
                weight.times(&columns)
            })
            .collect();
        let (height, width) = windows.output();
        let shape = (outputs, windows.images, height, width).into();
        Ok((CpuStorage::F32(join(&groups?, outputs)), shape))
    }

    fn bwd(
        &self,
        images: &Tensor,
        weight: &Tensor,
        _: &Tensor,
        gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let (windows, outputs) = windows(images.shape(), weight.shape())?;
        let backward = Backward {
            windows,
            outputs,
            weight: with_values(weight, |values| Ok(Matrix::new(values.to_vec(), outputs)))?
                .transposed()?,
            // The first layer's images are data, which nothing learns from.
            of_images: images.track_op(),
        };
        let groups = with_values(gradient, |gradient| {
            with_values(images, |images| backward.groups(images, gradient))
        })?;
        let (of_weight, of_images): (Vec<_>, Vec<_>) = groups.into_iter().unzip();
        let device = weight.device();
        let of_weight = Tensor::from_vec(sum(&of_weight), weight.shape(), device)?;
        let of_images = backward
            .of_images
            .then(|| Tensor::from_vec(join(&of_images, windows.channels), images.shape(), device));
        Ok((of_images.transpose()?, Some(of_weight)))
    }
}

/// What the gradients of all groups of images are made of.
struct Backward {
    windows: Windows,
    outputs: usize,
    /// The weights, transposed.
    weight: Matrix,
    of_images: bool,
}

impl Backward {
    /// Returns for each group the gradient of the weights and that of its images.
    fn groups(&self, images: &[f32], gradient: &[f32]) -> Result<Vec<(Vec<f32>, Vec<f32>)>> {
        groups(self.windows.images)
            .map(|group| self.group(images, gradient, group))
            .collect()
    }

    fn group(
        &self,
        images: &[f32],
        gradient: &[f32],
        group: Range<usize>,
    ) -> Result<(Vec<f32>, Vec<f32>)> {
        let windows = &self.windows;
        let count = group.len();
        let columns = Matrix::new(windows.unfold(images, group.clone()), windows.inputs());
        let gradient = gather(gradient, windows.images, windows.positions(), group);
        let gradient = Matrix::new(gradient, self.outputs);
        let of_weight = gradient.times(&columns.transposed()?)?;
        let of_images = if self.of_images {
            windows.fold(&self.weight.times(&gradient)?, count)
        } else {
            Vec::new()
        };
        Ok((of_weight, of_images))
    }
}

/// Returns the ranges of images that are worked on at once, in their order.
fn groups(images: usize) -> impl IndexedParallelIterator<Item = Range<usize>> {
    (0..images.div_ceil(GROUP))
        .into_par_iter()
        .map(move |group| group * GROUP..((group + 1) * GROUP).min(images))
}

fn windows(images: &Shape, weight: &Shape) -> Result<(Windows, usize)> {
    let (channels, images, height, width) = images.dims4()?;
    let (outputs, _, size, _) = weight.dims4()?;
    let windows = Windows {
        size,
        channels,
        images,
        height,
        width,
    };
    Ok((windows, outputs))
}

fn sum(parts: &[Vec<f32>]) -> Vec<f32> {
    let mut sum = vec![0.0; parts.first().map_or(0, Vec::len)];
    for part in parts {
        sum.iter_mut()
            .zip(part)
            .for_each(|(sum, value)| *sum += value);
    }
    sum
}

/// Values as candle's matrix product takes them.
struct Matrix {
    values: CpuStorage,
    layout: Layout,
}

impl Matrix {
    fn new(values: Vec<f32>, rows: usize) -> Self {
        let layout = Layout::contiguous((rows, values.len() / rows));
        Self {
            values: CpuStorage::F32(values),
            layout,
        }
    }

    fn transposed(self) -> Result<Self> {
        let layout = self.layout.transpose(0, 1)?;
        Ok(Self { layout, ..self })
    }

    fn times(&self, other: &Self) -> Result<Vec<f32>> {
        let (rows, inner) = self.layout.shape().dims2()?;
        let (_, columns) = other.layout.shape().dims2()?;
        let size = (1, rows, columns, inner);
        let product = self
            .values
            .matmul(&other.values, size, &self.layout, &other.layout)?;
        match product {
            CpuStorage::F32(values) => Ok(values),
            _ => bail!("a product of floats is no floats"),
        }
    }
}
