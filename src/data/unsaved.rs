//! What only the workspace has: content that overwriting would destroy.

use std::collections::BTreeMap;
use std::path::Path;

use crate::base::any_path::AnyPath;
use crate::base::fs::{self, failed};
use crate::base::path::RepoPath;
use crate::data::error::Error;
use crate::pipeline::Content;
use crate::store::{self, Presence, Tree};
use crate::workspace::{self, Kept, Workspace};

/// What in the place of tracked data is in no cache.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Unsaved {
    /// Nothing.
    Nothing,
    /// All of it, or so much that it cannot be told apart.
    Whole,
    /// These files of the folder.
    Files(Vec<String>),
}

impl Unsaved {
    /// Looks at what is at `path`; `found` is what was measured there. Files that are as in
    /// `recorded` stay as they are and count as saved.
    pub(super) fn find(
        workspace: &Workspace,
        path: &RepoPath,
        found: Option<Content>,
        recorded: &Content,
    ) -> Result<Self, Error> {
        let location = workspace.locate(path);
        let metadata = fs::absent_as_none(location.symlink_metadata());
        let Some(metadata) = metadata.map_err(failed("cannot read", &location))? else {
            return Ok(Self::Nothing);
        };
        let Some(found) = found else {
            // A link to nothing, which only the user can have made.
            return Ok(Self::Whole);
        };
        if metadata.is_symlink() || found.files.is_none() {
            return Ok(match workspace.cache.verify(&found)? {
                Presence::Whole => Self::Nothing,
                Presence::Missing => Self::Whole,
            });
        }
        // A folder that takes the place of another one leaves alone what does not count.
        if recorded.files.is_none() && workspace.has_uncounted(&location)? {
            return Ok(Self::Whole);
        }
        let Some(tree) = workspace.tree(&AnyPath::from(path.clone()))? else {
            return Ok(Self::Whole);
        };
        let known = workspace.cache.manifest(recorded)?.unwrap_or_default();
        let files = files_in_no_cache(workspace, &tree, &known)?;
        if files.is_empty() {
            return Ok(Self::Nothing);
        }
        // What is behind a link to a folder elsewhere must not be moved from there.
        if files.iter().any(|file| leads_elsewhere(&location, file)) {
            Ok(Self::Whole)
        } else {
            Ok(Self::Files(files))
        }
    }

    /// Returns the paths that it is about.
    pub(super) fn paths(&self, path: &RepoPath) -> Vec<String> {
        match self {
            Self::Nothing => Vec::new(),
            Self::Whole => vec![path.to_string()],
            Self::Files(files) => files.iter().map(|file| format!("{path}/{file}")).collect(),
        }
    }

    /// Moves it out of the way.
    pub(super) fn keep(
        &self,
        workspace: &Workspace,
        path: &RepoPath,
    ) -> Result<Option<Kept>, fs::Error> {
        let any = AnyPath::from(path.clone());
        Ok(match self {
            Self::Nothing => None,
            Self::Whole => Some(workspace::keep(workspace, &workspace.locate(path), &any)?),
            Self::Files(files) => Some(workspace::keep_files(workspace, &any, files)?),
        })
    }
}

fn files_in_no_cache(
    workspace: &Workspace,
    tree: &Tree,
    known: &Tree,
) -> Result<Vec<String>, store::Error> {
    let known: BTreeMap<&str, Content> = known
        .files()
        .map(|(path, file)| (path, file.into()))
        .collect();
    let mut files = Vec::new();
    for (path, file) in tree.files() {
        let content = Content::from(file);
        let is_recorded = known.get(path) == Some(&content);
        if !is_recorded && workspace.cache.verify(&content)? == Presence::Missing {
            files.push(path.to_owned());
        }
    }
    Ok(files)
}

/// Whether a file's way from the folder leads over a link to another folder.
pub(super) fn leads_elsewhere(folder: &Path, file: &str) -> bool {
    let ends = file.match_indices('/').map(|(end, _)| end);
    ends.map(|end| folder.join(&file[..end]))
        .any(|above| above.is_symlink())
}
