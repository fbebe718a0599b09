//! What git knows of where a commit came from and goes to: remote, branch, commit.

use crate::base::path::RepoPath;
use crate::scm::repo::{Repo, inner_path};

impl Repo {
    /// Returns the address of the remote: `origin`'s, else that of the only one there is.
    pub(crate) fn remote_url(&self) -> Option<String> {
        let git = self.git();
        let address = |name: &str| {
            let remote = git.find_remote(name).ok()?;
            remote.url().ok().map(str::to_owned)
        };
        if let Some(address) = address("origin") {
            return Some(address);
        }
        let names = git.remotes().ok()?;
        let names: Vec<&str> = names
            .iter()
            .filter_map(|name| name.ok().flatten())
            .collect();
        match names.as_slice() {
            [only] => address(only),
            _ => None,
        }
    }

    /// Returns the commit of HEAD, with all its digits.
    pub(crate) fn head_commit(&self) -> Option<String> {
        let commit = self.git().head().ok()?.peel_to_commit().ok()?;
        Some(commit.id().to_string())
    }

    /// Returns the branch that is checked out; `None` where a commit is.
    pub(crate) fn branch(&self) -> Option<String> {
        let head = self.git().head().ok()?;
        let name = head.shorthand().ok().filter(|_| head.is_branch())?;
        Some(name.to_owned())
    }

    /// Returns the path below the repository of a path below the project.
    pub(crate) fn path_in_repository(&self, path: &RepoPath) -> String {
        inner_path(self.prefix(), path)
    }
}
