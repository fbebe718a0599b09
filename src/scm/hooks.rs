//! Hooks of git's that call mlpipe: a marked block in a script that may have been there before.

use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use git2::{ConfigLevel, ErrorCode};

use crate::base::fs::{self, AtomicFile, failed};
use crate::pipeline::LOCK_FILE;
use crate::scm::block::{Block, Spot};
use crate::scm::error::Error;
use crate::scm::repo::Repo;

/// What git is to call, and when.
#[derive(Debug)]
pub(crate) struct Hook {
    /// Git's name of the moment.
    pub(crate) name: &'static str,
    /// The command of ours.
    pub(crate) command: &'static str,
    /// The commit that was left, whose data is to go, in the words of a shell.
    left: Option<&'static str>,
    /// When it is called, if not always.
    condition: Option<&'static str>,
    /// What the shell does when that fails.
    otherwise: &'static str,
}

/// All hooks. What is at stake decides whether git goes on after a failure: half-done work may be
/// committed, so `status` only informs; a commit whose data cannot be had helps nobody, so git pushes
/// only what was pushed.
///
/// Files that git checks out one by one (`$3` is 0), and the many steps of a rebase, are no reason
/// to bring the outs of another commit; its end is, which `post-rewrite` tells.
const HOOKS: &[Hook] = &[
    Hook {
        name: "pre-commit",
        command: "status --hook",
        left: None,
        condition: None,
        otherwise: "true",
    },
    Hook {
        name: "pre-push",
        command: "push --hook",
        left: None,
        condition: None,
        otherwise: "exit 1",
    },
    Hook {
        name: "post-checkout",
        command: "checkout",
        left: Some("\"$1\""),
        condition: Some(r#"[ "$3" = 1 ] && [ ! -d "$(git rev-parse --git-path rebase-merge)" ]"#),
        otherwise: "true",
    },
    Hook {
        name: "post-merge",
        command: "checkout --quiet",
        left: Some("ORIG_HEAD"),
        condition: None,
        otherwise: "true",
    },
    Hook {
        name: "post-rewrite",
        command: "checkout --quiet",
        left: Some("ORIG_HEAD"),
        condition: Some(r#"[ "$1" = rebase ]"#),
        otherwise: "true",
    },
];

/// The shells whose scripts a block of ours can be part of.
const SHELLS: [&str; 6] = ["sh", "bash", "dash", "ash", "ksh", "zsh"];

/// How a script begins that consists of our blocks alone.
const EMPTY_SCRIPT: &[u8] = b"#!/bin/sh\n";

impl Repo {
    /// Puts our block into each hook; returns the hooks and where they are.
    pub(crate) fn install_hooks(&self) -> Result<Vec<(&'static Hook, PathBuf)>, Error> {
        let folder = self.hooks_folder()?;
        if let Hooks::Shared(path) = folder {
            let reason = "git looks there in all your repositories";
            return Err(Error::Hook { path, reason });
        }
        let install = |hook: &'static Hook| {
            let path = folder.path().join(hook.name);
            let text = match fs::read(&path)? {
                Some(text) => {
                    let refuse = |reason| {
                        let path = path.clone();
                        Err(Error::Hook { path, reason })
                    };
                    fault(&path, &text)?.map_or(Ok(text), refuse)?
                }
                None => EMPTY_SCRIPT.to_owned(),
            };
            // At the top: a script may end early, by `exit` or `exec`.
            write_script(&path, &self.block(hook).put_into(&text, Spot::BelowFirst))?;
            Ok((hook, path))
        };
        HOOKS.iter().map(install).collect()
    }

    /// Takes our blocks out of the hooks.
    pub(crate) fn uninstall_hooks(&self) -> Result<(), Error> {
        let folder = self.hooks_folder()?;
        for hook in HOOKS {
            let path = folder.path().join(hook.name);
            let text = fs::read(&path)?.unwrap_or_default();
            match self.block(hook).take_out_of(&text) {
                None => {}
                Some(rest) if rest == EMPTY_SCRIPT => fs::remove(&path)?,
                Some(rest) => write_script(&path, &rest)?,
            }
        }
        Ok(())
    }

    /// Returns each hook's name, and whether it has our block.
    pub(super) fn hooks(&self) -> Result<Vec<(&'static str, bool)>, Error> {
        let folder = self.hooks_folder()?;
        let has_block = |hook: &'static Hook| {
            let text = fs::read(&folder.path().join(hook.name))?.unwrap_or_default();
            Ok((hook.name, self.block(hook).take_out_of(&text).is_some()))
        };
        HOOKS.iter().map(has_block).collect()
    }

    fn hooks_folder(&self) -> Result<Hooks, Error> {
        const NAME: &str = "core.hooksPath";
        let config = self.git().config()?;
        let path = match config.get_path(NAME) {
            Ok(path) => path,
            Err(error) if error.code() == ErrorCode::NotFound => {
                return Ok(Hooks::Own(self.git().commondir().join("hooks")));
            }
            Err(error) => return Err(error.into()),
        };
        let level = config.get_entry(NAME)?.level();
        let is_own = matches!(level, ConfigLevel::Local | ConfigLevel::Worktree);
        Ok(if is_own || path.is_relative() {
            Hooks::Own(self.top().join(path))
        } else {
            Hooks::Shared(path)
        })
    }

    /// Hooks start at the top of the worktree, where another branch may have no such project.
    fn block(&self, hook: &Hook) -> Block {
        let Hook {
            name,
            command,
            left,
            condition,
            otherwise,
        } = hook;
        let folder = match self.prefix() {
            "" => ".",
            prefix => prefix,
        };
        let mark = folder.replace(char::is_control, "?");
        let lock = quoted(&format!("{folder}/{LOCK_FILE}"));
        let cd = quoted(folder);
        let path = match self.prefix() {
            "" => LOCK_FILE.to_owned(),
            prefix => format!("{prefix}/{LOCK_FILE}"),
        };
        let nor = left.map_or_else(String::new, |left| {
            let path = quoted(&path);
            format!(" && ! git cat-file -e {left}:{path} 2>/dev/null")
        });
        let unless = condition.map_or_else(String::new, |when| format!(" || ! {{ {when}; }}"));
        let lines = [
            format!("# >>> mlpipe in {mark} >>> (`mlpipe install --uninstall` takes this out)"),
            format!("if [ ! -e {lock} ]{nor}{unless}; then"),
            "    :".to_owned(),
            "elif command -v mlpipe >/dev/null 2>&1; then".to_owned(),
            format!("    mlpipe --cd {cd} {command} </dev/null >&2 || {otherwise}"),
            "else".to_owned(),
            format!("    echo 'mlpipe is not on the PATH: {name} goes on without it' >&2"),
            "fi".to_owned(),
            format!("# <<< mlpipe in {mark} <<<"),
        ];
        Block(lines.into())
    }
}

/// The folder of the hooks.
enum Hooks {
    /// Of this repository alone.
    Own(PathBuf),
    /// Of all repositories of the user.
    Shared(PathBuf),
}

impl Hooks {
    fn path(&self) -> &Path {
        let (Self::Own(path) | Self::Shared(path)) = self;
        path
    }
}

/// Returns why a hook of the user's cannot take our block; `None` if it can.
fn fault(path: &Path, text: &[u8]) -> Result<Option<&'static str>, fs::Error> {
    let metadata = path
        .symlink_metadata()
        .map_err(failed("cannot read", path))?;
    Ok(if metadata.is_symlink() {
        Some("it is a link to a file elsewhere")
    } else if !is_shell_script(text) {
        Some("it is not a shell script")
    } else if metadata.permissions().mode() & 0o111 == 0 {
        Some("it is not executable, so git passes over it")
    } else {
        None
    })
}

/// Judges by the first line: `#!/bin/sh`, `#!/usr/bin/env bash`, `#!/usr/bin/env -S bash -e`.
fn is_shell_script(text: &[u8]) -> bool {
    let first = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let first = String::from_utf8_lossy(first);
    let Some(call) = first.strip_prefix("#!") else {
        return false;
    };
    let mut words = call
        .split_whitespace()
        .map(|word| word.rsplit('/').next().unwrap_or(word));
    match words.next() {
        Some("env") => words
            .find(|word| !word.starts_with('-'))
            .is_some_and(|word| SHELLS.contains(&word)),
        program => program.is_some_and(|word| SHELLS.contains(&word)),
    }
}

/// Writes a script with the permissions that it has, or as one that can be executed.
fn write_script(path: &Path, text: &[u8]) -> Result<(), Error> {
    if fs::read(path)?.as_deref() == Some(text) {
        return Ok(());
    }
    let mut file = AtomicFile::begin(path)?;
    file.file()
        .write_all(text)
        .map_err(failed("cannot write", path))?;
    let before = fs::absent_as_none(path.metadata()).map_err(failed("cannot read", path))?;
    match before {
        Some(metadata) => file
            .file()
            .set_permissions(metadata.permissions())
            .map_err(failed("cannot write", path))?,
        None => file.make_executable()?,
    }
    Ok(file.commit()?)
}

/// Quotes a text for the shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shell_scripts_are_known_by_their_first_line() {
        let yes = [
            "#!/bin/sh",
            "#! /bin/bash -e\n",
            "#!/usr/bin/env zsh\n",
            "#!/usr/bin/env -S bash -e",
        ];
        let no = [
            "",
            "echo x\n",
            "#!/usr/bin/env python3\n",
            "#!/usr/bin/fish\n",
            "# /bin/sh\n",
            "#!",
        ];
        assert!(yes.iter().all(|text| is_shell_script(text.as_bytes())));
        assert!(!no.iter().any(|text| is_shell_script(text.as_bytes())));
    }
}
