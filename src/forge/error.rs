//! `Error`: what goes wrong with forges. No variant holds a token.

use std::time::Duration;

use reqwest::StatusCode;

use crate::base::problem::Problem;
use crate::base::{fs, human};
use crate::forge::kind::Kind;
use crate::forge::permission::Permission;

/// What went wrong.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// Nothing says which forge.
    #[error(
        "it is not known which forge this is: no variable of a CI system and no remote of git says it"
    )]
    UnknownForge,
    /// A host of which nobody said that it is a forge.
    #[error("`{host}` is no host that is known to be a forge")]
    UnknownHost {
        /// The host.
        host: String,
    },
    /// Nothing says which repository.
    #[error("it is not known which repository on {kind} this is")]
    UnknownRepo {
        /// The forge.
        kind: Kind,
    },
    /// A repository that the forge cannot have.
    #[error("`{repo}` is no repository on {kind}")]
    BadRepo {
        /// The forge.
        kind: Kind,
        /// What was given.
        repo: String,
    },
    /// Nothing says which pull request.
    #[error("no open {} is known for this commit", kind.pull_noun())]
    UnknownPull {
        /// The forge.
        kind: Kind,
    },
    /// Nothing says which commit.
    #[error("it is not known which commit this is about")]
    UnknownCommit,
    /// A forge without comments on commits.
    #[error("{kind} has no comments on commits")]
    NoCommitComments {
        /// The forge.
        kind: Kind,
    },
    /// No token is there.
    #[error("there is no token for {kind}: {}", unset(variables))]
    NoToken {
        /// The forge.
        kind: Kind,
        /// The variables that were looked at.
        variables: Vec<String>,
        /// What the token must be allowed to do.
        need: Permission,
    },
    /// A token that no header can hold.
    #[error("the token in {variable} has characters that no token has")]
    BadToken {
        /// The variable.
        variable: String,
    },
    /// An address that is none.
    #[error("`{url}` is no address of an interface: {what}")]
    BadUrl {
        /// The address.
        url: String,
        /// What is wrong with it.
        what: String,
    },
    /// No connection.
    #[error("no connection to {host}")]
    Unreachable {
        /// The host.
        host: String,
        /// Why not.
        source: reqwest::Error,
    },
    /// An answer that does not come.
    #[error("{host} did not answer within {}", human::duration(*time))]
    Silent {
        /// The host.
        host: String,
        /// How long was waited.
        time: Duration,
    },
    /// Something new was to be made, and nobody knows whether it was.
    #[error("it is not known whether {host} carried out `{request}`: {what}")]
    Uncertain {
        /// The host.
        host: String,
        /// Method and path.
        request: String,
        /// What happened.
        what: String,
    },
    /// A refusal.
    #[error("{} refused `{}`: {}", .0.kind, .0.request, .0.reason())]
    Refused(Box<Refusal>),
    /// The forge wants the token to be sent to another host.
    #[error("{host} sends on to {other}, and the token goes to no other host")]
    Elsewhere {
        /// The host that was asked.
        host: String,
        /// The one that is not.
        other: String,
    },
    /// The repository has another address now.
    #[error("{host} has moved what `{request}` names")]
    Moved {
        /// The host.
        host: String,
        /// Method and path.
        request: String,
    },
    /// The forge wants to be left alone for longer than we wait.
    #[error("{host} wants no request for {}", human::duration(*wait))]
    Busy {
        /// The host.
        host: String,
        /// For how long.
        wait: Duration,
    },
    /// An answer that is not what the forge's documents say.
    #[error("{host} answered `{request}` with something else: {what}")]
    Answer {
        /// The host.
        host: String,
        /// Method and path.
        request: String,
        /// What is wrong.
        what: String,
    },
    /// A branch could not be begun as git does it.
    #[error("the branch `{branch}` could not be begun: {what}")]
    Unpacked {
        /// The branch.
        branch: String,
        /// Why not.
        what: String,
    },
    /// A file on a branch is not what it should be.
    #[error(transparent)]
    Content(#[from] Problem),
    /// A file could not be read or written.
    #[error(transparent)]
    File(#[from] fs::Error),
}

/// A refusal of a forge.
#[derive(Debug)]
pub(crate) struct Refusal {
    /// The forge.
    pub(crate) kind: Kind,
    /// Method and path.
    pub(crate) request: String,
    /// The status of the answer.
    pub(crate) status: StatusCode,
    /// What the forge said, on one line, without the token.
    pub(crate) message: String,
    /// The variable that the token is from, if one was sent.
    pub(crate) variable: Option<String>,
    /// What the token must be allowed to do.
    pub(crate) need: Permission,
}

impl Refusal {
    /// Returns whether the forge's words have this in them, in lower case.
    pub(super) fn says(&self, words: &str) -> bool {
        self.message.to_lowercase().contains(words)
    }

    fn reason(&self) -> String {
        let status = self.status.as_u16();
        if self.message.is_empty() {
            status.to_string()
        } else {
            format!("{status} {}", self.message)
        }
    }
}

/// Says that no variable is set.
pub(crate) fn unset(variables: &[String]) -> String {
    match variables {
        [only] => format!("{only} is not set"),
        several => format!("none of {} is set", several.join(", ")),
    }
}

impl Error {
    /// Says what the token must be allowed to do for what was refused.
    pub(super) fn needing(mut self, permission: Permission) -> Self {
        if let Self::Refused(refusal) = &mut self {
            refusal.need = permission;
        }
        self
    }

    /// Returns the refusal, if it is one.
    pub(crate) fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Refused(refusal) => Some(refusal),
            _ => None,
        }
    }

    /// Returns the status of the answer, if it is a refusal.
    pub(crate) fn status(&self) -> Option<u16> {
        self.refusal().map(|refusal| refusal.status.as_u16())
    }

    /// Returns whether the forge has no such thing.
    pub(crate) fn is_missing(&self) -> bool {
        matches!(self.status(), Some(404 | 410))
    }

    /// Returns whether nobody may write there any more.
    pub(crate) fn is_locked(&self) -> bool {
        self.refusal()
            .is_some_and(|refusal| refusal.status == StatusCode::LOCKED || refusal.says("locked"))
    }

    /// Returns whether a text was longer than the forge takes.
    pub(crate) fn is_too_long(&self) -> bool {
        self.refusal().is_some_and(|refusal| {
            let is_about_size = matches!(refusal.status.as_u16(), 400 | 413 | 422);
            is_about_size && (refusal.says("too long") || refusal.status.as_u16() == 413)
        })
    }

    /// Returns whether the token may not do this: what a pull request from a fork runs into.
    pub(crate) fn is_denied(&self) -> bool {
        matches!(self, Self::NoToken { .. }) || matches!(self.status(), Some(401 | 403))
    }
}
