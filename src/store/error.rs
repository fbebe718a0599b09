//! What can go wrong between the workspace and the cache.

use std::path::PathBuf;

use crate::base::fs;
use crate::base::path::PathError;

/// Why content cannot be measured, stored or restored.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// A file cannot be read or written.
    #[error(transparent)]
    File(#[from] fs::Error),
    /// A folder cannot be walked.
    #[error("cannot read the folder `{}`", path.display())]
    Walk {
        /// Which folder.
        path: PathBuf,
        /// Why.
        source: walkdir::Error,
    },
    /// A name that the manifest of a folder cannot hold.
    #[error(transparent)]
    Name(#[from] PathError),
    /// Something that is neither file nor folder.
    #[error("`{}` is a socket, a pipe or a device: only files and folders have content", path.display())]
    Special {
        /// Where it is.
        path: PathBuf,
    },
}
