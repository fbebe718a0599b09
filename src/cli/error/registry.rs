//! Errors about versions and stages of artifacts: what to do about them.

use crate::cli::error::{CliError, Exit};
use crate::registry;

impl From<registry::Error> for CliError {
    fn from(error: registry::Error) -> Self {
        let list = |known: &[String]| match known {
            [] => "there is none; `mlpipe artifacts register` and `assign` make them".to_owned(),
            known => format!("there are: {}", known.join(", ")),
        };
        let hint = match &error {
            registry::Error::NoVersion { name, help } => help
                .clone()
                .unwrap_or_else(|| format!("`mlpipe artifacts register {name}` makes the first; `git fetch --tags` gets those of others")),
            registry::Error::UnknownVersion { known, .. }
            | registry::Error::UnknownStage { known, .. } => list(known),
            registry::Error::Name { .. } => {
                let hint = "letters and digits, with `-`, `_` and `.` between them";
                return Self::new(&error).hint(hint).exit(Exit::Usage);
            }
            registry::Error::Version { .. } => {
                return Self::new(&error).hint("write it as in `v1.2.0`").exit(Exit::Usage);
            }
            registry::Error::Registered { name, .. } => {
                format!("`mlpipe artifacts show {name}` lists its versions")
            }
            registry::Error::Assigned { name, .. } => {
                format!("`mlpipe artifacts show {name}` says what is in which stage")
            }
            registry::Error::Git(_) => return Self::of_git(error),
        };
        Self::new(&error).hint(hint)
    }
}

impl CliError {
    fn of_git(error: registry::Error) -> Self {
        match error {
            registry::Error::Git(error) => error.into(),
            other => Self::new(&other),
        }
    }
}
