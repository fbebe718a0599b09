//! Commands that people know from DVC and CML and that are not here, with what does their work.

use clap::error::{ContextKind, ContextValue};

use super::error::CliError;

/// Names of commands, and what to do instead.
const FOREIGN: [(&[&str], &str); 8] = [
    (
        &["exp", "experiments", "queue"],
        "an experiment is a branch: `git checkout -b NAME`, `mlpipe repro --set-param KEY=VALUE`, then \
         `mlpipe metrics diff main`",
    ),
    (
        &["run"],
        "`mlpipe repro` runs the pipeline; `mlpipe stage add` adds a stage to it",
    ),
    (
        &["purge"],
        "`mlpipe remove TARGET --outs` and then `mlpipe gc --workspace` delete data here and in the cache",
    ),
    (
        &["destroy"],
        "`mlpipe unprotect` what is to stay, then delete `.mlpipe` and `data.lock`",
    ),
    (
        &["import-db"],
        "make it a stage: a `cmd` that asks the database, with `always_changed: true`",
    ),
    (
        &["version"],
        "`mlpipe --version` prints it; `mlpipe doctor` says what of the machine matters",
    ),
    (
        &["send-comment", "publish"],
        "`mlpipe comment` keeps one comment with the report on the pull request",
    ),
    (
        &["send-github-check"],
        "`mlpipe check` sets a check on the commit",
    ),
];

/// Returns what to do in place of a command that only others have; `None` for other mistakes.
pub(super) fn explain(error: &clap::Error) -> Option<CliError> {
    let ContextValue::String(name) = error.get(ContextKind::InvalidSubcommand)? else {
        return None;
    };
    let (_, instead) = FOREIGN
        .iter()
        .find(|(names, _)| names.contains(&name.as_str()))?;
    Some(CliError::usage(
        format!("there is no command `{name}`"),
        instead,
    ))
}
