//! `Error`: why nothing can be had of a project of DVC's.

use std::path::PathBuf;

use crate::base::fs;
use crate::base::problem::Problem;
use crate::data;
use crate::pipeline::{self, LockError};
use crate::remote;
use crate::scm;
use crate::store;
use crate::workspace;

/// What is wrong with the project or around it. What single objects lack is no error: it is listed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// No folder from here up is a project of DVC's.
    #[error("there is no DVC project in `{}` or above it", path.display())]
    NoProject {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// The project has no such remote.
    #[error("DVC has no remote `{name}` here")]
    UnknownRemote {
        /// What was asked for.
        name: String,
        /// What may have been meant.
        help: String,
    },
    /// A file of the user's or of DVC's is wrong.
    #[error(transparent)]
    Problem(#[from] Problem),
    /// The pipeline cannot be read.
    #[error(transparent)]
    Pipeline(#[from] pipeline::Error),
    /// `data.lock` cannot be read or written.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The cache cannot be read or written.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// Data cannot be recorded.
    #[error(transparent)]
    Data(#[from] data::Error),
    /// The project cannot be opened.
    #[error(transparent)]
    Workspace(#[from] workspace::Error),
    /// The remote cannot be read.
    #[error(transparent)]
    Remote(#[from] remote::Error),
    /// Git cannot be read.
    #[error(transparent)]
    Git(#[from] scm::Error),
    /// A file cannot be read or written.
    #[error(transparent)]
    File(#[from] fs::Error),
}
