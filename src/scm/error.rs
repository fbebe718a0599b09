//! What can go wrong with git.

use std::path::PathBuf;

use crate::base::fs;

/// Why git cannot answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The project is in no git repository.
    #[error("`{}` is not in a git repository", path.display())]
    NoRepository {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// A revision that does not exist.
    #[error("there is no revision `{name}`")]
    UnknownRevision {
        /// What was asked for.
        name: String,
        /// What may have been meant.
        help: Option<String>,
    },
    /// The repository belongs to somebody else, whose hooks and settings git would obey.
    #[error("the git repository at `{path}` belongs to another user")]
    Foreign {
        /// Its folder.
        path: String,
    },
    /// There is a repository, and it cannot be opened.
    #[error("the git repository at `{path}` cannot be opened")]
    Closed {
        /// Its `.git`.
        path: String,
    },
    /// A hook of the user's that cannot take a block of ours.
    #[error("cannot add to git's hook `{}`: {reason}", path.display())]
    Hook {
        /// The hook, or the folder of hooks.
        path: PathBuf,
        /// Why not.
        reason: &'static str,
    },
    /// There is such a tag.
    #[error("there is a tag `{name}` already")]
    TagExists {
        /// Its name.
        name: String,
    },
    /// Git would not take it.
    #[error("`{name}` cannot be the name of a tag")]
    TagName {
        /// The name.
        name: String,
    },
    /// Git does not know who works here.
    #[error("git does not know whose tag it would be")]
    Nobody,
    /// libgit2 failed.
    #[error("git cannot read the repository")]
    Git(#[from] git2::Error),
    /// A file cannot be read or written.
    #[error(transparent)]
    File(#[from] fs::Error),
}
