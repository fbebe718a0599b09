//! The network's operations on candle's tape, for images laid out `[channel, image, row, column]`.
//!
//! A channel's values lie side by side, as matrix products and batch norms want them. Candle's own
//! operations spend three quarters of a training run on the gradient of the convolution, and most
//! of the rest on intermediate tensors. Sums are taken in one order whatever the number of threads.

mod convolution;
mod norm;
mod pool;
mod windows;

use candle_core::{CpuStorage, Layout, Result, Storage, Tensor, bail};

pub(crate) use convolution::Convolution;
pub(crate) use norm::BatchNorm;
pub(crate) use pool::MaxPool;

/// Returns the values of an operand that lies in memory without gaps.
fn contiguous<'a>(storage: &'a CpuStorage, layout: &Layout) -> Result<&'a [f32]> {
    match layout.contiguous_offsets() {
        Some((start, end)) => Ok(&storage.as_slice::<f32>()?[start..end]),
        None => bail!("the tensor is not contiguous"),
    }
}

/// Gives the values of `tensor` to `read`, without a copy where it lies without gaps.
fn with_values<T>(tensor: &Tensor, read: impl FnOnce(&[f32]) -> Result<T>) -> Result<T> {
    let tensor = tensor.contiguous()?;
    let (storage, layout) = tensor.storage_and_layout();
    match &*storage {
        Storage::Cpu(storage) => read(contiguous(storage, layout)?),
        _ => bail!("the tensor is not in main memory"),
    }
}
