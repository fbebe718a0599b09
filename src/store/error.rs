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
    /// A link leads around in circles.
    #[error("the link `{}` leads to `{}`, which it lies in", path.display(), target.display())]
    Loop {
        /// Where the link is.
        path: PathBuf,
        /// Where it leads.
        target: PathBuf,
    },
    /// A link leads nowhere, and out of the folder that it is in.
    #[error("the link `{}` leads to `{}`, where nothing is", path.display(), target.display())]
    Dangling {
        /// Where the link is.
        path: PathBuf,
        /// Where it leads.
        target: PathBuf,
    },
    /// A link into a cache leads to an object that is not there any more.
    #[error("`{}` is a link to an object that the cache has lost", path.display())]
    Lost {
        /// Where the link is.
        path: PathBuf,
    },
    /// A folder stands where a file goes, and has something in it that is no data.
    #[error("`{}` is a folder with files in it that are not tracked, and a file is to take its place", path.display())]
    Occupied {
        /// Where it is.
        path: PathBuf,
    },
    /// A file was written to while it was read.
    #[error("`{}` changed while it was read", path.display())]
    Changed {
        /// Which file.
        path: PathBuf,
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
