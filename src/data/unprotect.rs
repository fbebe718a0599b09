//! `unprotect`: files that are links into the cache become files of their own, which can be written.

use crate::base::fs;
use crate::base::path::RepoPath;
use crate::data::access::Access;
use crate::data::error::Error;

/// Makes the files at `path` and below it the user's own; returns how many were not.
pub(crate) fn unprotect(access: &Access<'_>, path: &RepoPath) -> Result<u64, Error> {
    let location = access.workspace.locate(path);
    if !fs::exists(&location)? {
        let is_tracked = access.data.contains_key(path);
        let path = path.clone();
        return Err(Error::Absent { path, is_tracked });
    }
    Ok(access.workspace.cache.unprotect(&location)?)
}
