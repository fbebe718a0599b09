//! A batch of images, and what all its groups share while it is learned from.

use crate::kernel::Packed;
use crate::line::Line;
use crate::plan::Plan;
use crate::simd::Path;

/// A batch of images with their labels.
pub trait Batch: Sync {
    /// Returns the number of images.
    fn len(&self) -> usize;

    /// Returns whether there is no image.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Writes the values of an image, `[channel][row][column]`.
    fn image(&self, image: usize, values: &mut [f32]);

    /// Returns the label of an image; asked only while learning.
    fn label(&self, image: usize) -> usize;

    /// Draws random words for a dropout, numbered from 0, and a group of sixteen images; asked only
    /// while learning.
    fn noise(&self, dropout: usize, group: usize, words: &mut [u32]);
}

/// Whether a network learns or predicts: its norms and dropouts differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Learn,
    Predict,
}

/// The weights of a convolution as the kernels take them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Weights {
    pub(crate) forward: Packed,
    pub(crate) back: Packed,
    pub(crate) bias: Option<Vec<f32>>,
    /// What is computed by tiles.
    pub(crate) tiled_forward: Packed,
    pub(crate) tiled_back: Packed,
}

/// What all groups share during a batch.
pub(crate) struct Shared<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) path: Path,
    /// By operation; empty but for convolutions.
    pub(crate) weights: &'a [Weights],
    /// By norm.
    pub(crate) lines: &'a [Vec<Line>],
    pub(crate) batch: &'a dyn Batch,
    pub(crate) mode: Mode,
}
