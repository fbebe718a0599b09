//! `CliError`: any error with its hints and exit code. The only place that gives either.

use std::error::Error;
use std::path::Path;
use std::process::ExitCode;

use crate::base::fs;
use crate::base::human;
use crate::base::lockfile;
use crate::base::problem::Problem;
use crate::config;
use crate::data::{self, Refusal};
use crate::engine::{self, Failure};
use crate::pipeline::{self, StageName};
use crate::report;
use crate::scm;
use crate::store;
use crate::workspace;

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
            causes: causes.map(ToString::to_string).collect(),
            problem: None,
            hints: Vec::new(),
            exit: Exit::Error,
            is_broken_pipe: false,
        }
    }

    fn hint(mut self, hint: impl Into<String>) -> Self {
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

    fn of_lower(error: data::Error) -> Self {
        match error {
            data::Error::Workspace(error) => error.into(),
            data::Error::Pipeline(error) => error.into(),
            data::Error::Lock(error) => error.into(),
            data::Error::Git(error) => error.into(),
            data::Error::Store(error) => error.into(),
            data::Error::File(error) => error.into(),
            error => Self::new(&error),
        }
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
            pipeline::Error::Read(_) => Self::new(&error),
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
            scm::Error::Hook { .. } => Self::new(&error).hint(
                "call `mlpipe status` in it yourself, or move it away and run `mlpipe install` again; \
                 the merge of data.lock is set up without it",
            ),
            scm::Error::Git(_) => Self::new(&error),
        }
    }
}

impl From<crate::base::source::Error> for CliError {
    fn from(error: crate::base::source::Error) -> Self {
        Self::new(&error)
    }
}

impl From<store::Error> for CliError {
    fn from(error: store::Error) -> Self {
        match error {
            store::Error::File(error) => error.into(),
            error => Self::new(&error),
        }
    }
}

impl From<Refusal> for CliError {
    fn from(error: Refusal) -> Self {
        match error {
            Refusal::Lock(error) => error.into(),
            Refusal::Workspace(error) => error.into(),
            Refusal::Git(error) => error.into(),
            Refusal::Store(error) => error.into(),
            Refusal::Busy(error) => error.into(),
            Refusal::Project { ref path, .. } => {
                let path = path.display();
                Self::new(&error)
                    .hint("nothing was deleted; mend that project, or bring its folder back")
                    .hint(format!(
                        "`mlpipe gc --forget-project {path}` is for one that is gone for good"
                    ))
            }
            Refusal::Registration { ref name } => Self::new(&error)
                .hint("nothing was deleted; `mlpipe fsck` may mend it")
                .hint(format!(
                    "else run `mlpipe fsck` in the other projects, which registers them again, then \
                     `mlpipe gc --forget-project {name}`"
                )),
            Refusal::Manifest { ref path } => Self::new(&error).hint(format!(
                "nothing was deleted; `mlpipe add {path}`, or `mlpipe repro` of the stage that makes \
                 it, writes the list again while the files are there"
            )),
        }
    }
}

impl From<engine::Error> for CliError {
    fn from(error: engine::Error) -> Self {
        match error {
            engine::Error::Pipeline(error) => error.into(),
            engine::Error::Lock(error) => error.into(),
            engine::Error::Workspace(error) => error.into(),
            engine::Error::Git(error) => error.into(),
            engine::Error::Store(error) => error.into(),
            engine::Error::File(error) => error.into(),
            engine::Error::Amend(error) => error.into(),
            engine::Error::Recover(Failure::Journal { .. }) => Self::new(&error).hint(
                "it may come from a newer mlpipe; what it names lies beside it in `.mlpipe/aside`: \
                 move that where you want it, then delete the file",
            ),
            engine::Error::Recover(_) => Self::new(&error),
            engine::Error::LockIgnored => Self::new(&error).hint(
                "take the line that matches `data.lock` out of .gitignore: it must be committed",
            ),
            engine::Error::Nested { .. } => {
                Self::new(&error).hint("make what it runs a stage of its own")
            }
        }
    }
}

impl From<data::Error> for CliError {
    fn from(error: data::Error) -> Self {
        let hint = match &error {
            data::Error::Path(_) => "name a path of this project".to_owned(),
            data::Error::Absent {
                path,
                is_tracked: true,
            } => format!(
                "`mlpipe checkout {path}` brings it back; `mlpipe remove {path}` stops tracking it"
            ),
            data::Error::Absent { .. } => "name a file or a folder that is there".to_owned(),
            data::Error::Root => "name the files and folders that are data".to_owned(),
            data::Error::State { .. } => "copy it to a place of its own, and add that".to_owned(),
            data::Error::ProjectFile { .. } => "leave it to git: `git add` it".to_owned(),
            data::Error::BehindLink { .. } => {
                "add what the link leads to by its own path, if it is in this project".to_owned()
            }
            data::Error::Dangling { .. } => "put a file there, or delete the link".to_owned(),
            data::Error::Inside { tracked, .. } => format!("name that instead: `{tracked}`"),
            data::Error::Around { tracked, .. } => {
                format!("stop that first: `mlpipe remove {tracked}`")
            }
            data::Error::Out { stage, .. } => {
                format!("`mlpipe commit {stage}` records it; or let the stage no longer make it")
            }
            data::Error::HoldsPipeline { .. } => "add the folders in it that are data".to_owned(),
            data::Error::InGit { path } => format!(
                "`git rm -r --cached {path}` takes it from git and leaves it here; then add it again"
            ),
            data::Error::Ignored { file, .. } => format!("take the line out of {file}"),
            data::Error::NoMatch { .. } => {
                "`*` stays within a folder, `**` does not; quote the pattern".to_owned()
            }
            data::Error::Untracked { help, .. } => help
                .clone()
                .unwrap_or_else(|| "`data` in data.lock has what is tracked".to_owned()),
            data::Error::NotRecorded { tracked, .. } => {
                format!("`mlpipe checkout {tracked}` brings all that is")
            }
            data::Error::LockIgnored => {
                return engine::Error::LockIgnored.into();
            }
            data::Error::Workspace(_)
            | data::Error::Pipeline(_)
            | data::Error::Lock(_)
            | data::Error::Git(_)
            | data::Error::Store(_)
            | data::Error::File(_)
            | data::Error::Read(_)
            | data::Error::Pattern(_)
            | data::Error::Walk { .. } => return Self::of_lower(error),
        };
        Self::new(&error).hint(hint)
    }
}

impl From<engine::AmendError> for CliError {
    fn from(error: engine::AmendError) -> Self {
        use engine::AmendError as Amend;
        let hint = match &error {
            Amend::StageName { .. } => {
                "use letters, digits, `-` and `_`; other names can be written by hand".to_owned()
            }
            Amend::StageExists { .. } => "`--force` replaces it".to_owned(),
            Amend::OutOfSight { .. } => {
                "hidden folders, outs, and what git ignores are not searched for pipelines"
                    .to_owned()
            }
            Amend::GroupItem { group, .. } => {
                format!("name the whole group, `{group}`, or edit its list by hand")
            }
            Amend::NotAnOut { help, .. } => help
                .clone()
                .unwrap_or_else(|| "`mlpipe stage list` shows the outs".to_owned()),
            Amend::NotAPlot { help, .. } => help.clone().unwrap_or_else(|| {
                "list it as a plot of its stage, or beside the stages, in `plots`".to_owned()
            }),
            Amend::OverlapsData { tracked, .. } => {
                format!("move it elsewhere, or stop tracking that: `mlpipe remove {tracked}`")
            }
            Amend::Occupied { .. } => "delete it first, or move to another name".to_owned(),
            Amend::NoPlace { .. } => "move it to another place".to_owned(),
            Amend::IntoItself { .. } => "move it to a place outside of it".to_owned(),
            Amend::NoParam { key, help, file } => help.clone().unwrap_or_else(|| {
                let prefix = if file.as_str() == "params.yaml" {
                    String::new()
                } else {
                    format!("{file}:")
                };
                format!("`-S {prefix}+{key}=…` adds it")
            }),
            Amend::Spelling { .. } => {
                "edit it by hand: rewriting it would change more than that value".to_owned()
            }
            Amend::Format { .. } => "edit it by hand: only YAML and JSON are rewritten".to_owned(),
        };
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
            error => Self::new(&error),
        }
    }
}

fn the_command_was(cmd: &str) -> String {
    let cmd = cmd.trim_end().replace('\n', "\n                 ");
    format!("the command was  {cmd}")
}

/// Explains why a stage failed: the error with its place, and what to do about it.
pub(crate) fn explain_failure(
    stage: &StageName,
    failure: &Failure,
    log: Option<&Path>,
) -> CliError {
    let error = CliError::new(failure).exit(Exit::StageFailed);
    let message = match failure {
        Failure::TimedOut { .. } => format!("stage `{stage}` {}", error.message),
        _ => format!("stage `{stage}` failed: {}", error.message),
    };
    let error = CliError { message, ..error };
    let error = match log {
        Some(log) => error.hint(format!("its output is in  {}", log.display())),
        None => error,
    };
    match failure {
        Failure::TimedOut { cmd, .. } => error.hint(the_command_was(cmd)).hint(format!(
            "give it a longer `timeout`, which makes nothing run again that has run; \
             `mlpipe repro {stage}` then runs it"
        )),
        Failure::Exit { cmd, .. } => error.hint(the_command_was(cmd)).hint(format!(
            "`mlpipe repro {stage}` runs it again; its outs are as before, but for persistent ones"
        )),
        Failure::DepMissing { path, problem } => error.at(problem).hint(format!(
            "make `{path}`, or add the stage that makes it, or remove the dep"
        )),
        Failure::DataMissing {
            tracked, problem, ..
        } => error.at(problem).hint(format!(
            "`mlpipe checkout {tracked}` brings it once the cache has it: fetch it from where it was added"
        )),
        Failure::DepAbsent {
            maker: Some(maker), ..
        } => error.hint(format!(
            "`mlpipe repro {maker}` makes it again; `--allow-missing` is for what nobody needs to read"
        )),
        Failure::DepAbsent { path, maker: None } => {
            error.hint(format!("no stage makes it: bring `{path}` here and run it again"))
        }
        Failure::OutsLost { .. } => error.hint(format!(
            "`mlpipe repro {stage}` makes what the cache has lost; all else was put in place"
        )),
        Failure::OutMissing { path, problem } => error
            .at(problem)
            .hint(format!("let the command write `{path}`, or remove the out")),
        Failure::OutTracked { path } => error.hint(format!(
            "`git rm --cached {path}` leaves it to the cache; `cache: false` leaves it to git"
        )),
        Failure::InputChanged { .. } => {
            error.hint("nothing was recorded, for nobody knows which version it read; run it again")
        }
        Failure::Frozen { .. } => error.hint("take `frozen: true` out to let it run"),
        Failure::Pipeline(pipeline::Error::Problem(problem)) => {
            let message = format!("stage `{stage}` failed: {}", problem.message);
            CliError {
                message,
                ..error.at(problem)
            }
        }
        Failure::CommandDep { said, .. } => {
            let causes = (!said.is_empty())
                .then(|| said.clone())
                .into_iter()
                .collect();
            let error = CliError { causes, ..error };
            error.hint("the command must succeed wherever the stage is looked at")
        }
        Failure::File(cause) | Failure::Store(store::Error::File(cause)) => {
            error.hint_if_full(&cause.source)
        }
        _ => error,
    }
}

/// Explains why tracked data was not put in place; `None` if it was.
pub(crate) fn explain_checkout(path: &str, outcome: &data::Outcome) -> Option<CliError> {
    let error = |message| CliError::plain(message);
    Some(match outcome {
        data::Outcome::Refused { files } => {
            let message = match files.as_slice() {
                [only] if only == path => {
                    format!("`{path}` is left as it is: what is there is in no cache")
                }
                files => {
                    let (count, names) =
                        (human::count(files.len(), "file"), human::first_of(files));
                    format!("`{path}` is left as it is: {count} in no cache: {names}")
                }
            };
            error(message)
                .hint(format!("`mlpipe add {path}` records what is there"))
                .hint(format!(
                    "`mlpipe checkout --force {path}` overwrites it, and keeps that in `.mlpipe/kept`"
                ))
        }
        data::Outcome::Lost { files, is_partial } => {
            let message = match files.as_slice() {
                [only] if only == path => format!("`{path}` is not in the cache"),
                files => {
                    let (count, names) =
                        (human::count(files.len(), "file"), human::first_of(files));
                    format!("`{path}` is not in the cache as a whole: {count} missing: {names}")
                }
            };
            let error = error(message).hint("fetch it from where the data was added");
            if *is_partial {
                return Some(error.hint("all its other files were put in place"));
            }
            error
        }
        data::Outcome::Failed(failure) => {
            let mut error = CliError::new(failure);
            error.message = format!("`{path}` was not put in place: {}", error.message);
            error
        }
        data::Outcome::Unchanged
        | data::Outcome::Relinked
        | data::Outcome::Restored
        | data::Outcome::Replaced => return None,
    })
}
