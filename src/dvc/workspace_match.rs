//! Whether what is in the workspace is what DVC has recorded.

use std::collections::BTreeMap;
use std::path::Path;

use rayon::prelude::*;

use crate::base::any_path::AnyPath;
use crate::dvc::error::Error;
use crate::dvc::manifest::Member;
use crate::dvc::records::Object;
use crate::dvc::storage::is_object;
use crate::store::{EntryKind, Tree};
use crate::workspace::Workspace;

/// Returns whether the file at `path` is what was recorded.
pub(super) fn has_file(
    workspace: &Workspace,
    path: &AnyPath,
    object: &Object,
) -> Result<bool, Error> {
    let place = workspace.locate_any(path);
    Ok(place.is_file() && is_object(&place, object)?)
}

/// Returns whether the folder at `path` has exactly the files that were recorded. Modes and empty
/// folders, which DVC does not record, may be any.
pub(super) fn has_folder(
    workspace: &Workspace,
    path: &AnyPath,
    members: &[Member],
) -> Result<bool, Error> {
    let Some(tree) = workspace.tree(path)? else {
        return Ok(false);
    };
    let wanted: BTreeMap<&str, &Object> = members
        .iter()
        .map(|member| (member.path.as_str(), &member.object))
        .collect();
    let found = files(&tree);
    if found.len() != wanted.len() || !found.iter().all(|name| wanted.contains_key(name)) {
        return Ok(false);
    }
    let folder = workspace.locate_any(path);
    let is_same = |(name, object): (&&str, &&Object)| -> Result<bool, Error> {
        is_object(&folder.join(Path::new(name)), object)
    };
    let same: Result<Vec<bool>, Error> = wanted.par_iter().map(is_same).collect();
    Ok(same?.into_iter().all(|is_same| is_same))
}

/// Returns what DVC takes for files: links too.
fn files(tree: &Tree) -> Vec<&str> {
    let entries = tree.entries().iter();
    let files = entries.filter(|entry| !matches!(entry.kind, EntryKind::EmptyFolder));
    files.map(|entry| entry.path.as_str()).collect()
}
