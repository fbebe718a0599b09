//! `Level`: whose settings a layer holds, and in which file.

use std::env;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// The folder of a project in which everything is that is not committed, and the settings.
pub(crate) const STATE_FOLDER: &str = ".mlpipe";

/// Whose settings they are; later ones win.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    /// Everybody's on the machine.
    System,
    /// The user's, in all projects.
    Global,
    /// The project's, which are committed.
    Project,
    /// Those of this clone.
    Local,
    /// Those of this process.
    Environment,
}

impl Level {
    /// All of them, the weakest first.
    pub(crate) const ALL: [Self; 5] = [
        Self::System,
        Self::Global,
        Self::Project,
        Self::Local,
        Self::Environment,
    ];

    /// Returns the name that flags and JSON know it by.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Global => "global",
            Self::Project => "project",
            Self::Local => "local",
            Self::Environment => "environment",
        }
    }

    /// Returns whether there is such a level only in a project.
    pub(crate) fn is_of_project(self) -> bool {
        matches!(self, Self::Project | Self::Local)
    }

    /// Returns its file, given the project's folder; `None` where it has none.
    pub(crate) fn file(self, root: Option<&Path>) -> Option<PathBuf> {
        match self {
            Self::System => {
                let file = env::var_os("MLPIPE_SYSTEM_CONFIG").filter(|file| !file.is_empty());
                Some(file.map_or_else(|| PathBuf::from("/etc/mlpipe/config.yaml"), PathBuf::from))
            }
            Self::Global => {
                let own = absolute(env::var_os("XDG_CONFIG_HOME").as_deref());
                let folder = own.or_else(|| Some(home()?.join(".config")))?;
                Some(folder.join("mlpipe/config.yaml"))
            }
            Self::Project => Some(root?.join(STATE_FOLDER).join("config.yaml")),
            Self::Local => Some(root?.join(STATE_FOLDER).join("config.local.yaml")),
            Self::Environment => None,
        }
    }

    /// Returns how its file is called in messages: in a project relative to the root.
    pub(crate) fn place(self, root: Option<&Path>) -> Option<String> {
        let file = self.file(root)?;
        let inner = root.and_then(|root| file.strip_prefix(root).ok());
        Some(inner.unwrap_or(&file).display().to_string())
    }
}

/// Returns the user's folder, which `~` stands for.
pub(super) fn home() -> Option<PathBuf> {
    absolute(env::var_os("HOME").as_deref())
}

/// A relative path in these variables is to be ignored, as the XDG specification has it.
fn absolute(path: Option<&OsStr>) -> Option<PathBuf> {
    path.map(PathBuf::from).filter(|path| path.is_absolute())
}
