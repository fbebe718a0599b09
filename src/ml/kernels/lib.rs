//! Kernels of small convolutional networks on a CPU, the same bits on every machine.
//!
//! A package of its own, so that it is optimised fully also where the rest of mlpipe is not.
//! Tensors lie `[group of 16 images][channel][row][column][16]`: an image is a lane of a vector.
//! Threads own whole groups, and every sum has one order, so results depend neither on the number
//! of threads nor on the width of the vectors.

mod activate;
mod alone;
mod average;
mod conv;
mod engine;
mod field;
mod group;
mod lent;
mod loss;
pub mod math;
mod optimise;
mod plan;
mod simd;

pub use engine::{Engine, Statistics};
pub use group::Batch;
pub use loss::{Loss, Verdict};
pub use optimise::{Adam, descend};
pub use plan::{Layer, Misfit, Parameter, Plan, Role, Shape};
pub use simd::{LANES, Path};
