//! What all clones of a repository have in common: its first commits.

use git2::{ErrorCode, Sort};

use crate::scm::error::Error;
use crate::scm::repo::Repo;

impl Repo {
    /// Returns a text that is the same in each clone of this project, whatever folder it is in; `None`
    /// while there is no commit, and in a clone that lacks the first ones.
    pub(crate) fn identity(&self) -> Result<Option<String>, Error> {
        if self.git().is_shallow() {
            return Ok(None);
        }
        let head = match self.git().head() {
            Ok(head) => head.peel_to_commit()?.id(),
            Err(error) if matches!(error.code(), ErrorCode::UnbornBranch | ErrorCode::NotFound) => {
                return Ok(None);
            }
            Err(error) => return Err(error.into()),
        };
        let mut walk = self.git().revwalk()?;
        walk.push(head)?;
        walk.set_sorting(Sort::NONE)?;
        let mut first = Vec::new();
        for id in walk {
            let id = id?;
            if self.git().find_commit(id)?.parent_count() == 0 {
                first.push(id.to_string());
            }
        }
        first.sort_unstable();
        Ok(Some(format!("{} {}", first.join(" "), self.prefix())))
    }
}
