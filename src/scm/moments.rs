//! What a few files were in the commits of a branch, one moment for each time that one changed.

use std::path::Path;
use std::rc::Rc;

use git2::{ErrorCode, ObjectType, Oid, Tree};

use crate::base::path::RepoPath;
use crate::scm::error::Error;
use crate::scm::repo::{Repo, inner_path};

/// Commits that are looked at: a metric that has not moved for as long shows no trend.
const FARTHEST: usize = 500;

/// The files as of one commit.
pub(crate) struct Moment {
    /// The first digits of the commit that made them so.
    pub(crate) commit: String,
    /// Their bytes, in the order in which they were asked for; `None` where one was not there.
    pub(crate) files: Vec<Option<Rc<[u8]>>>,
}

impl Repo {
    /// Returns what `paths` were in the last commits that changed one of them, from the one that
    /// `from` means back by first parents, newest first, at most so many. A commit in which none of
    /// them is there ends it.
    pub(crate) fn moments(
        &self,
        from: &str,
        paths: &[RepoPath],
        most: usize,
    ) -> Result<Vec<Moment>, Error> {
        let inner: Vec<String> = paths
            .iter()
            .map(|path| inner_path(self.prefix(), path))
            .collect();
        let mut next = Some(self.commit(from)?);
        let mut moments: Vec<(Oid, Vec<Option<Oid>>)> = Vec::new();
        for _ in 0..FARTHEST {
            let Some(commit) = next else {
                break;
            };
            let tree = commit.tree()?;
            let blobs: Result<Vec<Option<Oid>>, Error> =
                inner.iter().map(|path| blob(&tree, path)).collect();
            let blobs = blobs?;
            if blobs.iter().all(Option::is_none) {
                break;
            }
            let count = moments.len();
            match moments.last_mut() {
                // The older of two commits with the same files made them so.
                Some((made, same)) if *same == blobs => *made = commit.id(),
                _ if count == most => break,
                _ => moments.push((commit.id(), blobs)),
            }
            next = commit.parents().next();
        }
        moments
            .into_iter()
            .map(|(commit, blobs)| self.moment(commit, blobs))
            .collect()
    }

    fn moment(&self, commit: Oid, blobs: Vec<Option<Oid>>) -> Result<Moment, Error> {
        let read = |id: Oid| Ok(Rc::from(self.git().find_blob(id)?.content()));
        let files = blobs.into_iter().map(|id| id.map(read).transpose());
        Ok(Moment {
            commit: commit.to_string()[..7].to_owned(),
            files: files.collect::<Result<_, Error>>()?,
        })
    }
}

fn blob(tree: &Tree<'_>, path: &str) -> Result<Option<Oid>, Error> {
    match tree.get_path(Path::new(path)) {
        Ok(entry) => Ok((entry.kind() == Some(ObjectType::Blob)).then(|| entry.id())),
        Err(error) if error.code() == ErrorCode::NotFound => Ok(None),
        Err(error) => Err(error.into()),
    }
}
