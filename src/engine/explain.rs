//! Which files of a folder are behind a change: its manifest of then against that of now.

use crate::base::any_path::AnyPath;
use crate::engine::decide::Reason;
use crate::engine::error::Failure;
use crate::engine::fingerprint::{Change, Fact, FactValue};
use crate::pipeline::Content;
use crate::store::{EntryChange, tree_changes};
use crate::workspace::Workspace;

/// What has become of one file of a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FileChange {
    /// Its path below the folder.
    pub(crate) path: String,
    /// What has become of it.
    pub(crate) kind: FileChangeKind,
}

/// What has become of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FileChangeKind {
    Added,
    Modified,
    Deleted,
}

impl FileChangeKind {
    /// Returns the word for it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Modified => "modified",
            Self::Deleted => "deleted",
        }
    }
}

/// Returns the files behind the change of a folder; empty where it is no folder, or where nobody
/// has kept its manifest.
pub(crate) fn changed_files(
    workspace: &Workspace,
    reason: &Reason,
) -> Result<Vec<FileChange>, Failure> {
    let Reason::Input(Change {
        fact: Fact::Dep(path),
        before,
        after,
    }) = reason
    else {
        return Ok(Vec::new());
    };
    match (before, after) {
        (Some(FactValue::Content(Some(before))), Some(FactValue::Content(Some(_)))) => {
            compare(workspace, path, before)
        }
        _ => Ok(Vec::new()),
    }
}

fn compare(
    workspace: &Workspace,
    path: &AnyPath,
    before: &Content,
) -> Result<Vec<FileChange>, Failure> {
    let old = workspace.cache.manifest(before)?;
    let (Some(old), Some(new)) = (old, workspace.tree(path)?) else {
        return Ok(Vec::new());
    };
    let change = |change: EntryChange<'_>| FileChange {
        path: change.entry().path.clone(),
        kind: match change {
            EntryChange::Added(_) => FileChangeKind::Added,
            EntryChange::Modified(..) => FileChangeKind::Modified,
            EntryChange::Deleted(_) => FileChangeKind::Deleted,
        },
    };
    Ok(tree_changes(&old, &new).into_iter().map(change).collect())
}
