//! What can go wrong with tracked data.

use crate::base::fs;
use crate::base::source;
use crate::pipeline::LockError;
use crate::scm;
use crate::store;

/// Why nothing can be done or said about tracked data.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The lock is wrong.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// Git cannot answer.
    #[error(transparent)]
    Git(#[from] scm::Error),
    /// Content cannot be measured, stored or restored.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// A file of a revision cannot be read.
    #[error(transparent)]
    Read(#[from] source::Error),
    /// A file cannot be read or written.
    #[error(transparent)]
    File(#[from] fs::Error),
}
