//! Why nothing can travel.

use crate::config;
use crate::data;
use crate::pipeline::LockError;
use crate::remote;
use crate::scm;
use crate::store;

/// Why nothing can travel.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The remote, or the way there.
    #[error(transparent)]
    Remote(#[from] remote::Error),
    /// The cache.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// A lock cannot be read.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// Tracked data.
    #[error(transparent)]
    Data(#[from] data::Error),
    /// Git.
    #[error(transparent)]
    Git(#[from] scm::Error),
    /// Settings.
    #[error(transparent)]
    Settings(#[from] config::Error),
}

impl From<crate::base::fs::Error> for Error {
    fn from(error: crate::base::fs::Error) -> Self {
        Self::Store(error.into())
    }
}

impl From<crate::base::problem::Problem> for Error {
    fn from(problem: crate::base::problem::Problem) -> Self {
        Self::Lock(LockError::Problem(problem))
    }
}
