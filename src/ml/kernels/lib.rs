//! Kernels of small convolutional networks on a CPU, the same bits on every machine.
//!
//! A package of its own, so that it is optimised fully also where the rest of mlpipe is not.
//! Tensors lie `[group of 16 images][channel][row][column][16]`: an image is a lane of a vector.
//! Threads own whole groups, and every sum has one order, so results depend neither on the number
//! of threads nor on the width of the vectors.

mod activate;
mod alone;
mod average;
mod backward;
mod batch;
mod builder;
mod conv;
mod dense;
mod dropout;
mod engine;
mod field;
mod forward;
mod gather;
mod group;
mod kernel;
mod layer;
mod lent;
mod line;
mod loss;
pub mod math;
mod need;
mod norm;
mod optimise;
mod plan;
mod pool;
mod simd;
mod sums;
mod tile;
mod tiled;
mod tiled_gradient;
mod unpool;
mod weight_gradient;

pub use batch::Batch;
pub use engine::{Engine, Said, Statistics};
pub use layer::{Layer, Misfit, Parameter, Role, Shape};
pub use loss::{Loss, Verdict};
pub use need::{Bytes, Need};
pub use optimise::{Adam, Descent, Means};
pub use plan::Plan;
pub use simd::{LANES, Path};
