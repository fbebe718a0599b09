//! Statistics of one model and of two on the same examples: how sure a number is, and whether a
//! difference is more than noise. Knows nothing of files or pipelines.
//!
//! Everything is computed to nearly full double accuracy and held against scipy, statsmodels and
//! scikit-learn by `tests/statistics.rs`. The models are taken as they are: how much another seed of
//! the training would change is not covered by any of it.

pub mod auc;
mod binomial;
pub mod bootstrap;
pub mod classification;
pub mod holm;
mod interval;
pub mod mcnemar;
pub mod mean;
pub mod newcombe;
pub mod normal;
mod random;
mod stirling;
pub mod student;
pub mod wilson;

pub use interval::{Confidence, Estimate, Interval};
