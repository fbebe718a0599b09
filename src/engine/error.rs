//! `Error`: why a run cannot go on at all. `Failure`: why one stage failed.

use std::io;
use std::time::Duration;

use crate::base::any_path::AnyPath;
use crate::base::fs;
use crate::base::human;
use crate::base::path::RepoPath;
use crate::base::problem::Problem;
use crate::base::process::Exit;
use crate::base::quantity::write_duration;
use crate::engine::amendment::AmendError;
use crate::engine::fingerprint::Change;
use crate::pipeline::{self, StageName};
use crate::scm;
use crate::store;
use crate::workspace::{self, Unreached};

/// Why nothing can be run or said about the stages.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The pipeline is wrong.
    #[error(transparent)]
    Pipeline(#[from] pipeline::Error),
    /// The lock is wrong.
    #[error(transparent)]
    Lock(#[from] pipeline::LockError),
    /// Another process has the project, or it cannot be entered.
    #[error(transparent)]
    Workspace(#[from] workspace::Error),
    /// Git cannot answer.
    #[error(transparent)]
    Git(#[from] scm::Error),
    /// Content cannot be measured, stored or restored.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// A file cannot be read or written.
    #[error(transparent)]
    File(#[from] fs::Error),
    /// What a killed run has left cannot be undone.
    #[error("cannot undo what a killed run has left")]
    Recover(#[from] Failure),
    /// A file of the user's is not edited.
    #[error(transparent)]
    Amend(#[from] AmendError),
    /// The lock would never reach git.
    #[error("git ignores `data.lock`")]
    LockIgnored,
    /// A stage would wait for itself.
    #[error("mlpipe is running stage `{stage}` already; a stage cannot run the pipeline")]
    Nested {
        /// The stage that calls us.
        stage: String,
    },
}

/// Why a stage failed. The lock does not change by it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// Its command did not end well.
    #[error("{}", describe(*exit))]
    Exit {
        /// The command that failed.
        cmd: String,
        /// How it ended.
        exit: Exit,
    },
    /// Its command had not ended when its time was up.
    #[error("ran longer than its timeout of {}", write_duration(*timeout))]
    TimedOut {
        /// The command that was ended.
        cmd: String,
        /// The time that all commands of the stage have together.
        timeout: Duration,
    },
    /// A dep is not there.
    #[error("its dep `{path}` does not exist")]
    DepMissing {
        /// Which one, with its place in the pipeline.
        path: AnyPath,
        /// The place in the pipeline file.
        problem: Box<Problem>,
    },
    /// Nothing is at the URL of a dep.
    #[error("there is nothing at its dep `{url}`")]
    UrlMissing {
        /// Which one.
        url: String,
        /// The place in the pipeline file.
        problem: Box<Problem>,
    },
    /// Nobody knows what is at the URL of a dep.
    #[error("its dep `{url}` cannot be asked for")]
    DepUnreached {
        /// Which one.
        url: String,
        /// The place in the pipeline file.
        problem: Box<Problem>,
        /// Why.
        source: Unreached,
    },
    /// Its command has run, and nobody knows whether what is at a URL is what it has read.
    #[error("its dep `{url}` could not be asked for after it had run")]
    DepGone {
        /// Which one.
        url: String,
        /// Why.
        source: Unreached,
    },
    /// A dep is tracked data that is neither in the workspace nor in the cache.
    #[error("its dep `{path}` is tracked data that is neither here nor in the cache")]
    DataMissing {
        /// Which dep.
        path: AnyPath,
        /// What is tracked: the dep, or a folder around it.
        tracked: RepoPath,
        /// The place in the pipeline file.
        problem: Box<Problem>,
    },
    /// A dep was imported without its content.
    #[error("its dep `{path}` is an import that is not downloaded")]
    Undownloaded {
        /// Which dep.
        path: AnyPath,
        /// What is imported: the dep, or a folder around it.
        import: RepoPath,
        /// The place in the pipeline file.
        problem: Box<Problem>,
    },
    /// A tracked folder, or an out, was not put in place whole, for the cache lacks some of it.
    #[error("its dep `{tracked}` is not whole: {} neither here nor in the cache: {}", human::count(files.len(), "file"), human::first_of(files))]
    DataIncomplete {
        /// The folder.
        tracked: RepoPath,
        /// The files that are lacking.
        files: Vec<String>,
        /// The stage that makes it, if it is an out.
        maker: Option<StageName>,
    },
    /// Recording an out would forget files that are neither here nor in the cache.
    #[error("of its out `{path}`, {} neither here nor in the cache: {}", human::count(files.len(), "file"), human::first_of(files))]
    OutIncomplete {
        /// The out.
        path: AnyPath,
        /// The files that are lacking.
        files: Vec<String>,
    },
    /// A dep is absent and cannot be had from the cache.
    #[error("its dep `{path}` is absent, and the cache does not have it")]
    DepAbsent {
        /// What is absent: the dep, or the out behind it.
        path: RepoPath,
        /// The stage that makes it.
        maker: Option<StageName>,
    },
    /// Recorded outs cannot be put in place.
    #[error("the cache does not have its {}", names(paths))]
    OutsLost {
        /// Which ones.
        paths: Vec<AnyPath>,
    },
    /// A command dependency did not end well.
    #[error("its command dependency `{cmd}` failed: {}", describe(*exit))]
    CommandDep {
        /// The command.
        cmd: String,
        /// How it ended.
        exit: Exit,
        /// The last line that it printed to standard error.
        said: String,
    },
    /// An out is not there after the command.
    #[error("its command did not make the out `{path}`")]
    OutMissing {
        /// Which one.
        path: AnyPath,
        /// The place in the pipeline file.
        problem: Box<Problem>,
    },
    /// An out that git tracks cannot go into the cache as well.
    #[error("its out `{path}` is tracked by git")]
    OutTracked {
        /// Which one.
        path: AnyPath,
    },
    /// An input changed while the command ran.
    #[error("{} changed while it ran", changes.iter().map(|change| change.fact.to_string()).collect::<Vec<_>>().join(", "))]
    InputChanged {
        /// What changed.
        changes: Vec<Change>,
    },
    /// A frozen stage has nothing to show.
    #[error("it is frozen and `{path}` is neither recorded nor there")]
    Frozen {
        /// The out that is missing.
        path: AnyPath,
    },
    /// The command of a killed run cannot be ended.
    #[error("the command of a killed run still holds `{path}`")]
    Orphan {
        /// The lock that it holds, relative to the root.
        path: String,
    },
    /// A note of what was set aside cannot be read.
    #[error("`{path}` cannot be read: it says where outs of a killed run were set aside")]
    Journal {
        /// Which one, relative to the root.
        path: String,
    },
    /// A shell cannot be started.
    #[error("cannot start a shell in `{folder}`")]
    Shell {
        /// Where.
        folder: RepoPath,
        /// Why.
        source: io::Error,
    },
    /// A worker panicked, which is a mistake of ours.
    #[error("mlpipe itself broke while at it")]
    Worker,
    /// A mistake in the pipeline that shows only when the stage is looked at.
    #[error(transparent)]
    Pipeline(#[from] pipeline::Error),
    /// Content cannot be measured, stored or restored.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// A file cannot be read or written.
    #[error(transparent)]
    File(#[from] fs::Error),
    /// Git cannot answer.
    #[error(transparent)]
    Git(#[from] scm::Error),
    /// The lock is wrong.
    #[error(transparent)]
    Lock(#[from] pipeline::LockError),
}

impl Failure {
    /// Returns whether the command itself failed: its output may say why, and another attempt may go
    /// better.
    pub(crate) fn is_of_command(&self) -> bool {
        matches!(self, Self::Exit { .. } | Self::TimedOut { .. })
    }
}

fn names(paths: &[AnyPath]) -> String {
    let names: Vec<String> = paths.iter().map(|path| format!("`{path}`")).collect();
    names.join(", ")
}

fn describe(exit: Exit) -> String {
    match exit {
        Exit::Success => "success".to_owned(),
        Exit::Status(127) => "exit status 127 (command not found)".to_owned(),
        Exit::Status(126) => "exit status 126 (not executable)".to_owned(),
        Exit::Status(code) => format!("exit status {code}"),
        Exit::Signal(9) => "killed (signal 9; maybe out of memory)".to_owned(),
        Exit::Signal(signal) => format!("ended by signal {signal}"),
        Exit::Cancelled => "cancelled".to_owned(),
        Exit::TimedOut => "its time was up".to_owned(),
    }
}
