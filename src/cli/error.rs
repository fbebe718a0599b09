//! `CliError`: any error with its hints and exit code. The only place that gives either.

mod data;
mod dvc;
mod exchange;
mod forge;
mod imports;
mod registry;
mod remote;
mod stage;

use std::error::Error;
use std::process::ExitCode;

use crate::base::fs;
use crate::base::lockfile;
use crate::base::problem::Problem;
use crate::config;
use crate::pipeline;
use crate::report;
use crate::scm;
use crate::store;
use crate::workspace;

pub(crate) use data::{explain_checkout, explain_failed_data, explain_unreadable};
pub(crate) use stage::explain_failure;

/// How the process ends; the numbers are documented in `docs/exit-codes.md`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// All is well.
    Success = 0,
    /// Something is wrong with files, git or the machine.
    Error = 1,
    /// The command line is wrong.
    Usage = 2,
    /// A stage failed.
    StageFailed = 3,
    /// A gate failed.
    GateFailed = 4,
    /// The user stopped it.
    Cancelled = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// An error as the user sees it.
#[derive(Debug)]
pub(crate) struct CliError {
    /// What went wrong.
    pub(crate) message: String,
    /// Why, the nearest cause first.
    pub(crate) causes: Vec<String>,
    /// The place in a file of the user's.
    pub(crate) problem: Option<Box<Problem>>,
    /// What to do next.
    pub(crate) hints: Vec<String>,
    /// How the process ends.
    pub(crate) exit: Exit,
    /// Whether the reader of our output has gone, which is nobody's mistake.
    pub(crate) is_broken_pipe: bool,
}

impl CliError {
    fn new(error: &(dyn Error + 'static)) -> Self {
        let causes = std::iter::successors(error.source(), |cause: &&(dyn Error + 'static)| {
            (*cause).source()
        });
        Self {
            message: error.to_string(),
            // Some servers say nothing about themselves.
            causes: causes
                .map(ToString::to_string)
                .filter(|cause| !cause.is_empty())
                .collect(),
            problem: None,
            hints: Vec::new(),
            exit: Exit::Error,
            is_broken_pipe: false,
        }
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    fn exit(mut self, exit: Exit) -> Self {
        self.exit = exit;
        self
    }

    fn hint_if_full(self, cause: &std::io::Error) -> Self {
        if cause.kind() == std::io::ErrorKind::StorageFull {
            return self.hint("free some space and run it again: nothing was lost");
        }
        self
    }

    /// Puts the message at a place in a file.
    fn at(mut self, problem: &Problem) -> Self {
        self.problem = Some(Box::new(problem.clone()));
        self
    }

    /// Makes the error of stages that nobody has said to record.
    pub(crate) fn unconfirmed(stages: &[String]) -> Self {
        let message = format!(
            "not recorded, for what they read is not what they ran with: {}",
            stages.join(", ")
        );
        let hint = "`mlpipe status --explain` says what differs; `mlpipe commit --force` records them \
                    as they are; `mlpipe repro` runs them";
        let exit = Exit::Error;
        Self {
            exit,
            ..Self::usage(message, hint)
        }
    }

    /// Makes the error of deleting without anybody to ask.
    pub(crate) fn unasked() -> Self {
        let message = "nothing was deleted, for nobody is here to be asked".to_owned();
        let hint = "`--force` deletes without asking; `--dry` lists what would go";
        let exit = Exit::Error;
        Self {
            exit,
            ..Self::usage(message, hint)
        }
    }

    /// Makes the error of a command line that clap could not judge.
    pub(crate) fn usage(message: String, hint: &str) -> Self {
        Self::plain(message).hint(hint).exit(Exit::Usage)
    }

    fn plain(message: String) -> Self {
        Self {
            message,
            causes: Vec::new(),
            problem: None,
            hints: Vec::new(),
            exit: Exit::Error,
            is_broken_pipe: false,
        }
    }
}

impl CliError {
    /// Makes an error with what to do about it.
    pub(crate) fn failed(message: String, hint: &str) -> Self {
        Self::usage(message, hint).exit(Exit::Error)
    }
}

impl From<Problem> for CliError {
    fn from(problem: Problem) -> Self {
        let message = problem.message.clone();
        Self {
            message,
            ..Self::new(&problem).at(&problem)
        }
    }
}

impl From<std::io::Error> for CliError {
    fn from(error: std::io::Error) -> Self {
        let is_broken_pipe = error.kind() == std::io::ErrorKind::BrokenPipe;
        Self {
            is_broken_pipe,
            ..Self::new(&error)
        }
    }
}

impl From<fs::Error> for CliError {
    fn from(error: fs::Error) -> Self {
        Self::new(&error).hint_if_full(&error.source)
    }
}

impl From<pipeline::Error> for CliError {
    fn from(error: pipeline::Error) -> Self {
        match error {
            pipeline::Error::Problem(problem) => problem.into(),
            pipeline::Error::NoPipeline { .. } => Self::new(&error).hint(
                "write a pipeline.yaml with your first stage:\n\nstages:\n  train:\n    cmd: python train.py\n    \
                 deps: [train.py, data]\n    outs: [model.pkl]",
            ),
            pipeline::Error::NoStagesBelow { .. } => {
                Self::new(&error).hint("`mlpipe dag` lists the stages and their files")
            }
            pipeline::Error::UnknownTarget { ref help, .. } => {
                let hint = help.clone().unwrap_or_else(|| "`mlpipe dag` lists the stages".to_owned());
                Self::new(&error).hint(hint)
            }
            pipeline::Error::Read(error) => error.into(),
        }
    }
}

impl From<pipeline::LockError> for CliError {
    fn from(error: pipeline::LockError) -> Self {
        match error {
            pipeline::LockError::Problem(problem) => {
                let has_help = problem.help.is_some();
                let this = Self::from(problem);
                let hint = "`git checkout data.lock` brings back the last good one";
                if has_help { this } else { this.hint(hint) }
            }
            pipeline::LockError::Read(_) | pipeline::LockError::File(_) => Self::new(&error),
        }
    }
}

impl From<lockfile::Error> for CliError {
    fn from(error: lockfile::Error) -> Self {
        match error {
            lockfile::Error::Cancelled => Self::new(&error).exit(Exit::Cancelled),
            lockfile::Error::File(error) => error.into(),
        }
    }
}

impl From<workspace::Error> for CliError {
    fn from(error: workspace::Error) -> Self {
        match error {
            workspace::Error::NoProject { .. } => Self::new(&error)
                .hint("`mlpipe init` makes the current folder one; `--cd DIR` works in another"),
            workspace::Error::File(error) => error.into(),
            workspace::Error::Lock(error) => error.into(),
            workspace::Error::Git(error) => error.into(),
            workspace::Error::Settings(error) => error.into(),
        }
    }
}

impl From<config::Error> for CliError {
    fn from(error: config::Error) -> Self {
        match error {
            config::Error::File(error) => error.into(),
            config::Error::Problem(problem) => problem.into(),
            config::Error::UnknownKey { ref help, .. } | config::Error::Value { ref help, .. } => {
                Self::new(&error).hint(help).exit(Exit::Usage)
            }
            config::Error::NotSet { ref help, .. } => Self::new(&error).hint(help),
            config::Error::Homeless => {
                Self::new(&error).hint("set HOME, or use `--project` or `--local`")
            }
        }
    }
}

impl From<scm::Error> for CliError {
    fn from(error: scm::Error) -> Self {
        match error {
            scm::Error::NoRepository { .. } => {
                Self::new(&error).hint("`git init` makes it one; comparing needs commits")
            }
            scm::Error::UnknownRevision { ref help, .. } => {
                let hint = match &error {
                    scm::Error::UnknownRevision { name, .. } if name == "HEAD" => {
                        Some("there is no commit yet: `git commit` makes the first".to_owned())
                    }
                    _ => help.clone(),
                };
                let fetch =
                    "`git fetch` gets what only the remote has; in CI, check out with full history";
                Self::new(&error).hint(hint.unwrap_or_else(|| fetch.to_owned()))
            }
            scm::Error::File(error) => error.into(),
            scm::Error::Foreign { ref path } => {
                let hint = format!("`git config --global --add safe.directory {path}` trusts it");
                Self::new(&error).hint(hint)
            }
            scm::Error::Closed { .. } => Self::new(&error)
                .hint("mend it, or let its owner run this: `git status` says what is wrong"),
            scm::Error::Hook { .. } => Self::new(&error).hint(
                "call `mlpipe status` in it yourself, or move it away and run `mlpipe install` again; \
                 the merge of data.lock is set up without it",
            ),
            scm::Error::TagExists { ref name } => {
                let hint = format!("`git tag -d {name}` deletes it here");
                Self::new(&error).hint(hint)
            }
            scm::Error::TagName { .. } => {
                Self::new(&error).hint("letters, digits, `-`, `_` and `.` are safe")
            }
            scm::Error::Nobody => Self::new(&error)
                .hint("`git config user.name NAME` and `git config user.email EMAIL` say it"),
            scm::Error::Git(_) => Self::new(&error),
        }
    }
}

impl From<crate::base::source::Error> for CliError {
    fn from(error: crate::base::source::Error) -> Self {
        use std::io::ErrorKind;
        let cause = error.source.downcast_ref::<std::io::Error>();
        let is_folder = cause.is_some_and(|cause| cause.kind() == ErrorKind::IsADirectory);
        let told = Self::new(&error);
        if is_folder {
            told.hint("name the files in it")
        } else {
            told
        }
    }
}

impl From<store::Error> for CliError {
    fn from(error: store::Error) -> Self {
        match error {
            store::Error::File(error) => error.into(),
            error @ store::Error::Lost { .. } => Self::new(&error).hint(
                "`mlpipe fsck` says what the cache lacks and what brings it back; else put the file in \
                 place of the link, or delete the link if the file is to go, and `mlpipe add --force` its folder",
            ),
            error => Self::new(&error),
        }
    }
}

impl From<report::Unreadable> for CliError {
    fn from(error: report::Unreadable) -> Self {
        let hint = "post only what `mlpipe report --json` of this version has printed";
        Self::new(&error).hint(hint)
    }
}

impl From<report::Error> for CliError {
    fn from(error: report::Error) -> Self {
        match error {
            report::Error::Pipeline(error) => error.into(),
            report::Error::Lock(error) => error.into(),
            report::Error::Git(error) => error.into(),
            report::Error::Template(problem) => problem.into(),
        }
    }
}

#[cfg(feature = "ml")]
impl From<crate::ml::Error> for CliError {
    fn from(error: crate::ml::Error) -> Self {
        match error {
            crate::ml::Error::Params(problem) => problem.into(),
            crate::ml::Error::Broken(ref flaw) => Self::new(&error).hint(flaw.help()),
            crate::ml::Error::Unusable { .. } => Self::new(&error)
                .hint("mend the source and run `mlpipe ml prepare` again; what was found is in the metrics file too"),
            crate::ml::Error::NoFindings { .. } => Self::new(&error)
                .hint("name a revision at which `mlpipe ml inspect` had run, or a file that it wrote"),
            crate::ml::Error::Unfit { .. } => Self::new(&error)
                .hint("`data.size` and `data.color` in params.yaml bring images to what it takes"),
            crate::ml::Error::Checkpoints { .. } => Self::new(&error)
                .hint("without `--resume` training begins anew, and they are replaced"),
            crate::ml::Error::Stale { .. } => Self::new(&error)
                .hint("without `--resume` training begins anew, and the checkpoint is replaced"),
            error => Self::new(&error),
        }
    }
}
