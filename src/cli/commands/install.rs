//! `mlpipe install`.

use std::path::Path;

use clap::Args;

use crate::cli::commands::Context;
use crate::cli::error::{CliError, Exit};
use crate::cli::ui;
use crate::scm::Repo;

#[derive(Debug, Args)]
pub(crate) struct InstallArgs {
    /// Take out again what was put in
    #[arg(long)]
    uninstall: bool,
}

/// Ties the repository's git to mlpipe, or unties it. Doing it twice is fine.
pub(crate) fn run(args: &InstallArgs, context: &Context) -> Result<Exit, CliError> {
    let workspace = context.workspace()?;
    let repo = Repo::open(workspace.root())?;
    let say = |text: &str| {
        if context.quiet {
            Ok(())
        } else {
            ui::print(text)
        }
    };
    if args.uninstall {
        repo.uninstall_hooks()?;
        repo.uninstall_merge_driver()?;
        say("took mlpipe out of .gitattributes, git's settings and hooks\n")?;
        return Ok(Exit::Success);
    }
    repo.install_merge_driver()?;
    say("git merges data.lock stage by stage (.gitattributes, local settings)\n")?;
    for (hook, path) in repo.install_hooks()? {
        let shown = shown(&repo, &path);
        let (name, command) = (hook.name, hook.command.trim_end_matches(" --hook"));
        say(&format!("{name} runs `mlpipe {command}` ({shown})\n"))?;
    }
    say("next: commit .gitattributes; each clone needs `mlpipe install` once\n")?;
    Ok(Exit::Success)
}

/// Paths below the repository's folder are short.
fn shown(repo: &Repo, path: &Path) -> String {
    let inner = path.strip_prefix(repo.top()).unwrap_or(path);
    inner.display().to_string()
}
