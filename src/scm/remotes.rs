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

    /// Returns where the repository is at home, however one gets there: the host and path of its
    /// remote. A fork is at home elsewhere.
    pub(crate) fn home(&self) -> Option<String> {
        self.remote_url().map(|address| home_of(&address))
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

/// Returns the host and path of an address, whether it is a URL, one of SSH's or a folder.
fn home_of(address: &str) -> String {
    let (authority, path) = match address.split_once("://") {
        Some(("file", path)) => ("", path),
        Some((_, rest)) => rest.split_once('/').unwrap_or((rest, "")),
        None => match address.split_once(':') {
            Some((host, path)) if !host.contains('/') => (host, path),
            _ => ("", address),
        },
    };
    let host = authority.rsplit('@').next().unwrap_or_default();
    let host = host.split(':').next().unwrap_or_default();
    let path = path.trim_matches('/').trim_end_matches(".git");
    format!("{}/{path}", host.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repository_is_at_home_in_one_place_however_one_gets_there() {
        for address in [
            "https://example.org/team/digits",
            "https://ci-token:secret@Example.org:8443/team/digits.git",
            "ssh://git@example.org:22/team/digits.git/",
            "git@example.org:team/digits.git",
            "example.org:/team/digits",
        ] {
            assert_eq!(home_of(address), "example.org/team/digits", "{address}");
        }
        assert_eq!(home_of("/srv/git/digits.git"), "/srv/git/digits");
        assert_eq!(home_of("file:///srv/git/digits"), "/srv/git/digits");
        assert_ne!(home_of("git@a:team/digits"), home_of("git@a:ann/digits"));
    }
}
