//! Why settings cannot be had or changed.

use crate::base::fs;
use crate::base::problem::Problem;

/// Why settings cannot be had or changed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// A file of settings cannot be read or written.
    #[error(transparent)]
    File(#[from] fs::Error),
    /// A file of settings, or a variable, is wrong.
    #[error(transparent)]
    Problem(#[from] Problem),
    /// No setting has this key.
    #[error("there is no setting `{key}`")]
    UnknownKey {
        /// The key.
        key: String,
        /// Which may be meant.
        help: String,
    },
    /// A setting cannot have the value that it was to get.
    #[error("{message}")]
    Value {
        /// What is wrong with it.
        message: String,
        /// What may be written.
        help: String,
    },
    /// Nobody has set it.
    #[error("`{key}` is not set{}", place.as_ref().map(|place| format!(" in `{place}`")).unwrap_or_default())]
    NotSet {
        /// The key.
        key: String,
        /// The only file that was asked.
        place: Option<String>,
        /// What is so instead.
        help: String,
    },
    /// The machine has no place for the settings of this level.
    #[error("there is no folder for settings of the user")]
    Homeless,
}

impl Error {
    /// Says what to do about it.
    pub(super) fn help(&self) -> String {
        match self {
            Self::UnknownKey { help, .. }
            | Self::Value { help, .. }
            | Self::NotSet { help, .. } => help.clone(),
            Self::File(_) | Self::Problem(_) | Self::Homeless => String::new(),
        }
    }
}
