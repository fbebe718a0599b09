//! What nobody has any more of a recorded folder.

use std::collections::HashSet;

use crate::base::any_path::AnyPath;
use crate::base::digest::Digest;
use crate::pipeline::Content;
use crate::store::{self, Presence};
use crate::workspace::Workspace;

impl Workspace {
    /// Returns the files of a recorded folder that are neither in it nor in the cache, by their paths
    /// in it; none where nobody knows what was recorded. What lies there under another name is not
    /// lost, and what was deleted while the cache has it can be had back.
    pub(crate) fn lost_files(
        &self,
        path: &AnyPath,
        recorded: &Content,
    ) -> Result<Vec<String>, store::Error> {
        if recorded.files.is_none() || self.cache.presence(recorded)? == Presence::Whole {
            return Ok(Vec::new());
        }
        let tree = self.cache.manifest(recorded)?.unwrap_or_default();
        let location = self.locate_any(path);
        let mut lost: Vec<(&str, Digest)> = Vec::new();
        for (inner, file) in tree.files() {
            // A link to nothing is there, and is not.
            let is_here = location.join(inner).exists();
            if !is_here && self.cache.presence(&file.into())? == Presence::Missing {
                lost.push((inner, file.digest));
            }
        }
        if lost.is_empty() {
            return Ok(Vec::new());
        }
        let here = self.tree(path)?.unwrap_or_default();
        let here: HashSet<Digest> = here.files().map(|(_, file)| file.digest).collect();
        lost.retain(|(_, digest)| !here.contains(digest));
        Ok(lost
            .into_iter()
            .map(|(inner, _)| inner.to_owned())
            .collect())
    }
}
