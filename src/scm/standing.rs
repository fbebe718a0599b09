//! `Standing`: how a clone is set up: who commits, what it knows of the history, whether git calls us.

use std::env;

use git2::ErrorCode;

use crate::scm::error::Error;
use crate::scm::repo::{Repo, short};

/// How a clone is set up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Standing {
    /// The branch that is checked out, or the first digits of a commit; `None` before the first.
    pub(crate) head: Option<String>,
    /// Whether it lacks the older part of the history.
    pub(crate) is_shallow: bool,
    /// The name that commits get.
    pub(crate) name: Option<String>,
    /// The address that commits get.
    pub(crate) email: Option<String>,
    /// Whether git merges `data.lock` by us.
    pub(crate) has_merge_driver: bool,
    /// The hooks that call us, and those that do not.
    pub(crate) hooks: Vec<(&'static str, bool)>,
}

impl Repo {
    /// Looks at how this clone is set up.
    pub(crate) fn standing(&self) -> Result<Standing, Error> {
        Ok(Standing {
            head: self
                .branch()
                .or_else(|| Some(short(&self.head_commit()?).to_owned())),
            is_shallow: self.git().is_shallow(),
            name: self.committed_as("user.name", "NAME")?,
            email: self.committed_as("user.email", "EMAIL")?,
            has_merge_driver: self.has_merge_driver()?,
            hooks: self.hooks()?,
        })
    }

    /// Returns what git writes into commits: its variables win over its settings.
    fn committed_as(&self, setting: &str, variable: &str) -> Result<Option<String>, Error> {
        let set = |role: &str| env::var(format!("GIT_{role}_{variable}")).ok();
        let both = set("AUTHOR").filter(|_| set("COMMITTER").is_some());
        let value = match both {
            Some(value) => Some(value),
            None => match self.git().config()?.get_string(setting) {
                Ok(value) => Some(value),
                Err(error) if error.code() == ErrorCode::NotFound => None,
                Err(error) => return Err(error.into()),
            },
        };
        Ok(value.filter(|value| !value.trim().is_empty()))
    }
}
