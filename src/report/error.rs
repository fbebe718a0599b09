//! Why there is no report.

use crate::base::problem::Problem;
use crate::pipeline;
use crate::scm;

/// Why a report cannot be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The pipeline cannot be read.
    #[error(transparent)]
    Pipeline(#[from] pipeline::Error),
    /// The lock cannot be read.
    #[error(transparent)]
    Lock(#[from] pipeline::LockError),
    /// Git cannot answer.
    #[error(transparent)]
    Git(#[from] scm::Error),
    /// The template is wrong.
    #[error(transparent)]
    Template(#[from] Problem),
}
