//! What can be wrong with a pipeline as the user wrote it.

use crate::base::problem::Problem;
use crate::base::source;

/// Why a pipeline cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// A mistake in a file, with its place.
    #[error(transparent)]
    Problem(#[from] Problem),
    /// There is no pipeline file.
    #[error("there is no `pipeline.yaml` in {snapshot}")]
    NoPipeline {
        /// Where it was looked for.
        snapshot: String,
    },
    /// A target that names neither a stage nor an out.
    #[error("there is no stage `{target}`")]
    UnknownTarget {
        /// What was asked for.
        target: String,
        /// What may have been meant.
        help: Option<String>,
    },
    /// A folder without stages.
    #[error("there is no pipeline file in `{target}` or below it")]
    NoStagesBelow {
        /// What was asked for.
        target: String,
    },
    /// A file cannot be read.
    #[error(transparent)]
    Read(#[from] source::Error),
}

impl From<source::ReadTextError> for Error {
    fn from(error: source::ReadTextError) -> Self {
        match error {
            source::ReadTextError::Read(error) => Self::Read(error),
            source::ReadTextError::Problem(problem) => Self::Problem(problem),
        }
    }
}
