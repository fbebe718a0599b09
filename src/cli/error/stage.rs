//! Errors about stages, run or edited: what to do about them.

use std::path::Path;

use crate::cli::error::{CliError, Exit};
use crate::engine::{self, Failure};
use crate::pipeline::{self, StageName};
use crate::store;

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
            Amend::InGit { path } => {
                format!("`git rm -r --cached {path}` takes it from there; or move to another name")
            }
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
        Failure::OutIncomplete { .. } => {
            format!("stage `{stage}` is not recorded: {}", error.message)
        }
        _ if is_before_the_run(failure) => {
            format!("stage `{stage}` cannot run: {}", error.message)
        }
        _ => format!("stage `{stage}` failed: {}", error.message),
    };
    let error = CliError { message, ..error };
    let error = match log {
        Some(log) => error.hint(format!("its output is in  {}", log.display())),
        None => error,
    };
    let error = of_command(error, stage, failure);
    let error = of_deps(error, failure);
    of_outs(error, stage, failure)
}

/// Whether the stage lacks what it needs before its command starts: who looks at it finds that too.
fn is_before_the_run(failure: &Failure) -> bool {
    matches!(
        failure,
        Failure::DepMissing { .. }
            | Failure::UrlMissing { .. }
            | Failure::DepUnreached { .. }
            | Failure::DataMissing { .. }
            | Failure::Undownloaded { .. }
            | Failure::DataIncomplete { .. }
            | Failure::DepAbsent { .. }
            | Failure::Frozen { .. }
    )
}

/// Advises where the command is at fault, or not allowed to run.
fn of_command(error: CliError, stage: &StageName, failure: &Failure) -> CliError {
    match failure {
        Failure::TimedOut { cmd, .. } => error.hint(the_command_was(cmd)).hint(format!(
            "give it a longer `timeout`, which makes nothing run again that has run; \
             `mlpipe repro {stage}` then runs it"
        )),
        Failure::Exit { cmd, .. } => error.hint(the_command_was(cmd)).hint(format!(
            "`mlpipe repro {stage}` runs it again; its outs are as before, but for persistent ones"
        )),
        Failure::CommandDep { said, .. } => {
            let causes = (!said.is_empty())
                .then(|| said.clone())
                .into_iter()
                .collect();
            let error = CliError { causes, ..error };
            error.hint("the command must succeed wherever the stage is looked at")
        }
        Failure::Frozen { .. } => error.hint("take `frozen: true` out to let it run"),
        _ => error,
    }
}

/// Advises where something that the stage reads is at fault.
fn of_deps(error: CliError, failure: &Failure) -> CliError {
    match failure {
        Failure::DepMissing { path, problem } => error.at(problem).hint(format!(
            "make `{path}`, or add the stage that makes it, or remove the dep"
        )),
        Failure::UrlMissing { problem, .. } => error
            .at(problem)
            .hint("check the URL: names are told apart by capitals"),
        Failure::DepUnreached {
            problem, source, ..
        } => {
            let mut error = error.at(problem);
            error.causes.extend(source.causes.iter().cloned());
            error.hints.extend(source.hints.iter().cloned());
            error.hint("`--allow-missing` takes it for what data.lock says, and runs nothing that would read it")
        }
        Failure::DepGone { source, .. } => {
            let mut error = error;
            error.causes.push(source.message.clone());
            error.causes.extend(source.causes.iter().cloned());
            error.hints.extend(source.hints.iter().cloned());
            error.hint(
                "what it made is in `.mlpipe/partial`, until something fails again: put it in place and \
                 `mlpipe commit` records it, if you know what it has read; or run it again",
            )
        }
        Failure::DataMissing {
            tracked, problem, ..
        } => error.at(problem).hint(format!(
            "`mlpipe pull {tracked}` gets it, once it is pushed from where it was added"
        )),
        Failure::Undownloaded {
            import, problem, ..
        } => error
            .at(problem)
            .hint(format!("`mlpipe update {import}` downloads it")),
        Failure::DataIncomplete {
            tracked,
            maker: Some(maker),
            ..
        } => error.hint(format!(
            "`mlpipe pull {tracked}` brings them, once they are pushed from where they were made; \
             `mlpipe repro {maker}` makes them again"
        )),
        Failure::DataIncomplete { tracked, .. } => error
            .hint(format!(
                "`mlpipe pull {tracked}` brings them, once they are pushed from where they were added"
            ))
            .hint(format!(
                "`mlpipe add --force {tracked}` says that what is there is all that there is to be"
            )),
        Failure::DepAbsent {
            maker: Some(maker), ..
        } => error.hint(format!(
            "`mlpipe repro {maker}` makes it again; `--allow-missing` is for what nobody needs to read"
        )),
        Failure::DepAbsent { path, maker: None } => {
            error.hint(format!("no stage makes it: bring `{path}` here and run it again"))
        }
        Failure::InputChanged { .. } => {
            error.hint("nothing was recorded, for nobody knows which version it read; run it again")
        }
        _ => error,
    }
}

/// Advises where something that the stage makes is at fault, or the files of the project are.
fn of_outs(error: CliError, stage: &StageName, failure: &Failure) -> CliError {
    match failure {
        Failure::OutsLost { .. } => error.hint(format!(
            "`mlpipe repro {stage}` makes what the cache has lost; all else was put in place"
        )),
        Failure::OutIncomplete { path, .. } => error
            .hint(format!(
                "`mlpipe pull {path}` gets what is missing, once it is pushed from where it was made; a run \
                 of the stage makes it again"
            ))
            .hint(format!(
                "`mlpipe commit --force {stage}` records what is there without it"
            )),
        Failure::OutMissing { path, problem } => error
            .at(problem)
            .hint(format!("let the command write `{path}`, or remove the out")),
        Failure::OutTracked { path } => error.hint(format!(
            "`git rm --cached {path}` leaves it to the cache; `cache: false` leaves it to git"
        )),
        Failure::Pipeline(pipeline::Error::Problem(problem)) => {
            let message = format!("stage `{stage}` failed: {}", problem.message);
            CliError {
                message,
                ..error.at(problem)
            }
        }
        Failure::File(cause) | Failure::Store(store::Error::File(cause)) => {
            error.hint_if_full(&cause.source)
        }
        _ => error,
    }
}
