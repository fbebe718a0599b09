//! `Flaw`: what is wrong with a file of a data set, where, and what to do about it.

use std::fmt;
use std::path::{Path, PathBuf};

/// Something that is wrong with a file that the user brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Flaw {
    path: PathBuf,
    place: Option<String>,
    what: String,
    help: String,
}

impl Flaw {
    /// Makes a flaw of the file or folder at `path`; `help` says what to do about it.
    pub(crate) fn new(path: &Path, what: impl Into<String>, help: impl Into<String>) -> Self {
        Self {
            path: path.to_owned(),
            place: None,
            what: what.into(),
            help: help.into(),
        }
    }

    /// Names the place in the file, as in `line 7` or `image 12`.
    pub(crate) fn at(mut self, place: impl Into<String>) -> Self {
        self.place = Some(place.into());
        self
    }

    /// Returns what is wrong, without where.
    pub(crate) fn what(&self) -> &str {
        &self.what
    }

    /// Returns what to do about it.
    pub(crate) fn help(&self) -> &str {
        &self.help
    }
}

impl fmt::Display for Flaw {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "`{}`", self.path.display())?;
        if let Some(place) = &self.place {
            write!(out, ", {place}")?;
        }
        write!(out, ": {}", self.what)
    }
}

impl std::error::Error for Flaw {}
