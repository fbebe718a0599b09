//! `Error`: why something cannot be had from elsewhere.

use crate::base::fs;
use crate::base::path::{PathError, RepoPath};
use crate::base::source;
use crate::config;
use crate::data;
use crate::dvc;
use crate::pipeline::{self, LockError};
use crate::registry;
use crate::remote;
use crate::scm;
use crate::store;
use crate::workspace;

/// What is wrong, here or there.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// Git could not make a clone.
    #[error("cannot clone `{url}`")]
    Clone {
        /// The repository.
        url: String,
        /// What git says.
        source: Said,
    },
    /// The repository has nothing at the path.
    #[error("`{url}` has no `{path}` at {rev}")]
    NoPath {
        /// The repository.
        url: String,
        /// What was asked for.
        path: RepoPath,
        /// The revision.
        rev: String,
        /// What may have been meant.
        help: Option<String>,
    },
    /// The repository records it, and nobody has it.
    #[error("`{path}` is recorded in `{url}`, but its content cannot be had")]
    NoContent {
        /// The repository.
        url: String,
        /// The path.
        path: String,
        /// Where it was looked for, and what was found.
        why: String,
    },
    /// No artifact has the name.
    #[error("`{url}` has no artifact `{name}` at {rev}")]
    NoArtifact {
        /// The repository.
        url: String,
        /// What was asked for.
        name: String,
        /// The revision.
        rev: String,
        /// What may have been meant.
        help: Option<String>,
    },
    /// Something is where it is to go.
    #[error("`{path}` exists already")]
    Occupied {
        /// Where.
        path: String,
    },
    /// A folder that somebody is at work in is where it is to go.
    #[error(
        "`{path}` is no place for it: it is the folder of a project, or the one that you are in"
    )]
    Home {
        /// Where.
        path: String,
    },
    /// Nothing is at the URL.
    #[error("there is nothing at `{url}`")]
    Nothing {
        /// The URL.
        url: String,
    },
    /// It became something else while it was read.
    #[error("`{url}` changed while it was downloaded")]
    Changed {
        /// The URL.
        url: String,
    },
    /// It cannot be taken as it is written.
    #[error("`{url}` cannot be imported: {why}")]
    Url {
        /// The URL.
        url: String,
        /// Why.
        why: &'static str,
    },
    /// What is tracked came from nowhere.
    #[error("`{path}` was not imported")]
    NotImported {
        /// The path.
        path: RepoPath,
        /// What may have been meant.
        help: Option<String>,
    },
    /// A revision was asked for of something that has none.
    #[error("`{path}` came from a URL, which has no revisions")]
    NoRevisions {
        /// The path.
        path: RepoPath,
    },
    /// What came from a repository was to go to a remote.
    #[error("`{path}` came from a repository, and only what is at a URL is passed on to a remote")]
    NotPassed {
        /// The path.
        path: RepoPath,
    },
    /// The user has changed what was imported.
    #[error("`{path}` has been changed here since it was imported")]
    Edited {
        /// The path.
        path: RepoPath,
    },
    /// It is no path of the project.
    #[error(transparent)]
    Path(#[from] PathError),
    /// Git cannot read the other repository, or this one.
    #[error(transparent)]
    Git(#[from] scm::Error),
    /// A file of the other repository cannot be read.
    #[error(transparent)]
    Read(#[from] source::Error),
    /// A pipeline cannot be read.
    #[error(transparent)]
    Pipeline(#[from] pipeline::Error),
    /// A `data.lock` cannot be read or written.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// Settings cannot be read.
    #[error(transparent)]
    Settings(#[from] config::Error),
    /// A remote cannot be read.
    #[error(transparent)]
    Remote(#[from] remote::Error),
    /// A project of DVC's cannot be read.
    #[error(transparent)]
    Dvc(#[from] dvc::Error),
    /// Versions and stages have no answer.
    #[error(transparent)]
    Registry(#[from] registry::Error),
    /// A cache cannot be read or written.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// It cannot be tracked.
    #[error(transparent)]
    Data(#[from] data::Error),
    /// The project cannot be entered.
    #[error(transparent)]
    Workspace(#[from] workspace::Error),
    /// A file cannot be read or written.
    #[error(transparent)]
    File(#[from] fs::Error),
}

/// What another program has said.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Said(pub(super) String);
