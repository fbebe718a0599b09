//! `Refusal`: why no garbage was collected, or nothing checked. Nothing was deleted, then.

use std::error::Error;
use std::path::PathBuf;

use crate::base::fs;
use crate::base::lockfile;
use crate::base::path::RepoPath;
use crate::base::problem::Problem;
use crate::pipeline::LockError;
use crate::scm;
use crate::store;
use crate::workspace;

/// Why it cannot be known what is needed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    /// The manifest of a folder was corrupt: what the folder needs is not known.
    #[error(
        "the list of the files in `{path}` was corrupt; it is in the quarantine of the cache now"
    )]
    Manifest {
        /// The folder.
        path: String,
    },
    /// The manifest of a tracked folder is not there: what the folder needs is not known.
    #[error(
        "the list of the files in `{path}`, which data.lock names, is not in the cache, and the folder \
         is not as recorded"
    )]
    Unlisted {
        /// The folder.
        path: RepoPath,
    },
    /// Another project that uses the cache cannot be read.
    #[error("the project `{}` uses this cache too, but what it needs is not known", path.display())]
    Project {
        /// Its folder.
        path: PathBuf,
        /// Why.
        source: Box<dyn Error + Send + Sync>,
    },
    /// A project that uses the cache is not known by name.
    #[error("another project uses this cache, but its registration `{name}` is damaged")]
    Registration {
        /// The name of the registration.
        name: String,
    },
    /// It would wait for the stage that called it.
    #[error(
        "stage `{stage}` is running and uses the cache; `gc` would wait for it, and it for `gc`"
    )]
    Nested {
        /// The stage.
        stage: String,
    },
    /// The lock, now or at a commit, is wrong.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The project cannot be entered.
    #[error(transparent)]
    Workspace(#[from] workspace::Error),
    /// Git cannot answer.
    #[error(transparent)]
    Git(#[from] scm::Error),
    /// The cache cannot be read or written.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The cache cannot be had alone.
    #[error(transparent)]
    Busy(#[from] lockfile::Error),
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        Self::Lock(problem.into())
    }
}

impl From<fs::Error> for Refusal {
    fn from(error: fs::Error) -> Self {
        Self::Store(error.into())
    }
}
