//! The squares of pools.

use crate::field::Field;

/// The squares over which a pool goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pool {
    pub(crate) height: usize,
    pub(crate) width: usize,
    pub(crate) stride: usize,
}

impl Pool {
    /// Returns whether the squares are those of nearly all networks.
    pub(crate) fn is_common(&self) -> bool {
        (self.height, self.width, self.stride) == (2, 2, 2)
    }

    /// Returns whether each value of `input` is in exactly one square.
    pub(crate) fn tiles(&self, input: &Field, output: &Field) -> bool {
        self.height == self.stride
            && self.width == self.stride
            && output.height * self.stride == input.height
            && output.width * self.stride == input.width
    }
}
