//! `Error`: why data is not tracked, or what is tracked not changed.

use std::io::ErrorKind;
use std::path::PathBuf;

use crate::base::fs;
use crate::base::human;
use crate::base::path::{PathError, RepoPath};
use crate::base::source;
use crate::pipeline::{self, LockError, StageName};
use crate::scm;
use crate::store;
use crate::workspace::{self, Workspace};

/// What is wrong with a path, or with the project around it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// Nothing is there.
    #[error("`{path}` does not exist")]
    Absent {
        /// Where.
        path: RepoPath,
        /// Whether it is tracked, so that it can be brought back.
        is_tracked: bool,
    },
    /// Recorded files are neither here nor in the cache, and the record would forget them.
    #[error("nothing was recorded: of `{}`, {} neither here nor in the cache: {}", shown(folders), human::count(files.len(), "file"), human::first_of(files))]
    Incomplete {
        /// The folders.
        folders: Vec<RepoPath>,
        /// Their files that are lacking.
        files: Vec<String>,
    },
    /// An import that was never downloaded would be there.
    #[error("`{path}` is an import that is not downloaded")]
    Undownloaded {
        /// Where.
        path: RepoPath,
    },
    /// It is no path of the project.
    #[error(transparent)]
    Path(#[from] PathError),
    /// It is the project itself.
    #[error("the whole project cannot be tracked as data")]
    Root,
    /// It belongs to git or to us.
    #[error("`{path}` is in `{folder}`, which is not data")]
    State {
        /// The path.
        path: RepoPath,
        /// The folder of git's or ours.
        folder: String,
    },
    /// It is a file that makes the project what it is.
    #[error("`{path}` is {role}; git keeps it")]
    ProjectFile {
        /// The path.
        path: RepoPath,
        /// What it is for.
        role: &'static str,
    },
    /// A folder above it is a link.
    #[error("`{path}` is behind the link `{link}`")]
    BehindLink {
        /// The path.
        path: RepoPath,
        /// The folder that is a link.
        link: RepoPath,
    },
    /// It is a link that leads nowhere.
    #[error("`{path}` is a link to something that does not exist")]
    Dangling {
        /// The link.
        path: RepoPath,
    },
    /// It lies in a tracked folder.
    #[error("`{path}` is in `{tracked}`, which is tracked as a whole")]
    Inside {
        /// The path.
        path: RepoPath,
        /// The folder.
        tracked: RepoPath,
    },
    /// Something in it is tracked already.
    #[error("`{tracked}`, which is in `{path}`, is tracked by itself")]
    Around {
        /// The path.
        path: RepoPath,
        /// What is in it.
        tracked: RepoPath,
    },
    /// It differs in capitals alone from something that is tracked.
    #[error("`{path}` and `{tracked}`, which is tracked, differ only in capitals")]
    Alike {
        /// The path.
        path: RepoPath,
        /// What is tracked.
        tracked: RepoPath,
    },
    /// Nobody lets us write where it has to be written.
    #[error("cannot {doing} `{path}`: `{place}` is closed to writing")]
    Closed {
        /// What was to be done with it.
        doing: &'static str,
        /// The path.
        path: RepoPath,
        /// The folder, of the project or of the cache.
        place: String,
        /// Whether that is the cache.
        is_cache: bool,
        /// Why.
        source: std::io::Error,
    },
    /// A stage makes it.
    #[error("stage `{stage}` makes `{out}`{}", if path == out { "" } else { ", which has a part of it" })]
    Out {
        /// The path.
        path: RepoPath,
        /// What the stage makes.
        out: RepoPath,
        /// The stage.
        stage: StageName,
    },
    /// There are stages in it.
    #[error("`{file}`, which is in `{path}`, describes stages")]
    HoldsPipeline {
        /// The path.
        path: RepoPath,
        /// The pipeline file.
        file: RepoPath,
    },
    /// Git tracks it.
    #[error("git tracks `{path}` already")]
    InGit {
        /// The path.
        path: RepoPath,
    },
    /// The project says that it is not data.
    #[error("`{path}` is ignored by `{file}`")]
    Ignored {
        /// The path.
        path: RepoPath,
        /// The file that says so.
        file: RepoPath,
    },
    /// A pattern that is none.
    #[error("{0}")]
    Pattern(String),
    /// A pattern that nothing matches.
    #[error("nothing matches `{pattern}`")]
    NoMatch {
        /// The pattern.
        pattern: RepoPath,
    },
    /// It is not tracked.
    #[error("`{path}` is not tracked data")]
    Untracked {
        /// The path.
        path: RepoPath,
        /// What may have been meant.
        help: Option<String>,
    },
    /// It lies in tracked data, but is not in what is recorded of it.
    #[error("there is no `{path}` in what is recorded of `{tracked}`")]
    NotRecorded {
        /// The path.
        path: RepoPath,
        /// The tracked folder.
        tracked: RepoPath,
    },
    /// The lock would never reach git.
    #[error("git ignores `data.lock`")]
    LockIgnored,
    /// A folder cannot be walked.
    #[error("cannot read the folder `{}`", path.display())]
    Walk {
        /// Which folder.
        path: PathBuf,
        /// Why.
        source: walkdir::Error,
    },
    /// Another process has the project, or it cannot be entered.
    #[error(transparent)]
    Workspace(#[from] workspace::Error),
    /// The pipeline is wrong.
    #[error(transparent)]
    Pipeline(#[from] pipeline::Error),
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

fn shown(folders: &[RepoPath]) -> String {
    let names: Vec<&str> = folders.iter().map(RepoPath::as_str).collect();
    names.join("`, `")
}

impl Error {
    /// Says of a failure what was to be done with which path, where somebody does not let us write.
    pub(super) fn doing(self, workspace: &Workspace, doing: &'static str, path: &RepoPath) -> Self {
        let (Self::Store(store::Error::File(failed)) | Self::File(failed)) = self else {
            return self;
        };
        let is_closed = matches!(
            failed.source.kind(),
            ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem
        );
        if !is_closed || failed.action == "cannot read" {
            return failed.into();
        }
        let cache = workspace.cache.path("");
        let is_cache = failed.path.starts_with(&cache);
        let place = if is_cache {
            cache.as_path()
        } else {
            fs::parent(&failed.path)
        };
        let place = match workspace.shown(place) {
            place if place.is_empty() => ".".to_owned(),
            place => place.trim_end_matches('/').to_owned(),
        };
        Self::Closed {
            doing,
            path: path.clone(),
            place,
            is_cache,
            // Its text may name an unfinished file, which tells nobody anything.
            source: failed.source.kind().into(),
        }
    }
}
