//! `Finding`: what was looked at, how it is, and what to do about it.

use std::error::Error;

use serde::Serialize;

/// What a finding is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Topic {
    /// The programs themselves.
    Versions,
    /// The project, its settings and its pipeline.
    Project,
    /// What commands of stages call.
    Tools,
    /// Cores, memory, cards and disks.
    Machine,
    /// The repository.
    Git,
    /// The cache.
    Cache,
    /// Where objects are pushed to.
    Remotes,
    /// The job that this runs in, and its forge.
    Ci,
    /// Variables that hold secrets.
    Credentials,
}

/// How it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum State {
    /// As it should be.
    Fine,
    /// Good to know.
    Note,
    /// It may go wrong.
    Warning,
    /// It will go wrong.
    Failure,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    /// What it is about.
    pub(crate) topic: Topic,
    /// Which thing of that.
    pub(crate) name: String,
    /// How it is.
    pub(crate) state: State,
    /// What was found.
    pub(crate) found: String,
    /// What to do about it.
    pub(crate) hint: Option<String>,
}

impl Topic {
    /// Returns the name that people and JSON know it by.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Versions => "versions",
            Self::Project => "project",
            Self::Tools => "tools",
            Self::Machine => "machine",
            Self::Git => "git",
            Self::Cache => "cache",
            Self::Remotes => "remotes",
            Self::Ci => "ci",
            Self::Credentials => "credentials",
        }
    }
}

impl Finding {
    /// Makes one of what is as it should be.
    pub(super) fn fine(topic: Topic, name: impl Into<String>, found: impl Into<String>) -> Self {
        Self {
            topic,
            name: name.into(),
            state: State::Fine,
            found: found.into(),
            hint: None,
        }
    }

    /// Says what it is, if not as it should be, and what to do about it.
    pub(super) fn but(self, state: State, hint: impl Into<String>) -> Self {
        Self {
            state,
            hint: Some(hint.into()),
            ..self
        }
    }

    /// Makes it something that is only good to know.
    pub(super) fn into_note(self) -> Self {
        Self {
            state: State::Note,
            ..self
        }
    }
}

/// Writes an error with all that is behind it in one line.
pub(super) fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text += &format!(": {error}");
        cause = error.source();
    }
    text
}
