//! `Lacking`: what `data.lock` records and the cache does not have, or not whole.

use std::collections::HashMap;

use crate::base::any_path::AnyPath;
use crate::base::digest::Digest;
use crate::data::damage::{Affected, Remedy, User, remedy};
use crate::data::inventory::Uncached;
use crate::data::refusal::Refusal;
use crate::pipeline::{Content, Lock};
use crate::store::Presence;
use crate::workspace::Workspace;

/// A path of `data.lock` of which the cache lacks something.
pub(crate) struct Lacking {
    /// The path.
    pub(crate) path: AnyPath,
    /// Whose it is.
    pub(crate) user: User,
    /// What is lacking.
    pub(crate) extent: Extent,
    /// What brings it back.
    pub(crate) remedy: Remedy,
}

/// How much of a path is lacking.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Extent {
    /// All of a file.
    File,
    /// The list of the files in a folder, without which nobody knows what else is.
    List,
    /// Some of the files in a folder.
    Files {
        /// Their paths in the folder, sorted.
        names: Vec<String>,
        /// How many files are in the folder.
        total: u64,
    },
}

/// Looks for what the cache lacks, but for what is told as damage already.
pub(super) fn find(
    workspace: &Workspace,
    lock: &Lock,
    told: &HashMap<Digest, Affected>,
) -> Result<Vec<Lacking>, Refusal> {
    let uncached = Uncached::here(workspace);
    let data = lock.data.iter();
    let data = data.map(|(path, content)| (AnyPath::from(path.clone()), content, User::Data));
    let outs = lock.stages.iter().flat_map(|(stage, entry)| {
        let outs = entry.outs.iter().filter(|(path, _)| !uncached.has(path));
        outs.map(|(path, content)| (path.clone(), content, User::Out(stage.clone())))
    });
    let mut all = Vec::new();
    for (path, content, user) in data.chain(outs) {
        let extent = extent(workspace, content, told);
        if let Some(extent) = extent {
            let remedy = remedy(workspace, (&path, ""), content, &user)?;
            all.push(Lacking {
                path,
                user,
                extent,
                remedy,
            });
        }
    }
    all.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(all)
}

/// Returns what of this content is lacking; `None` if nothing is, or nothing that is not told.
fn extent(
    workspace: &Workspace,
    content: &Content,
    told: &HashMap<Digest, Affected>,
) -> Option<Extent> {
    let is_told = |content: &Content| told.contains_key(&content.sha256);
    if is_told(content) || !is_missing(workspace, content) {
        return None;
    }
    let Some(total) = content.files else {
        return Some(Extent::File);
    };
    let tree = match workspace.cache.manifest(content) {
        Ok(Some(tree)) => tree,
        Ok(None) => return Some(Extent::List),
        Err(_) => return None,
    };
    let files = tree.files().map(|(name, file)| (name, Content::from(file)));
    let names = files.filter(|(_, file)| !is_told(file) && is_missing(workspace, file));
    let names: Vec<String> = names.map(|(name, _)| name.to_owned()).collect();
    (!names.is_empty()).then_some(Extent::Files { names, total })
}

/// Whether the cache lacks something, as far as it can be read: what cannot be has been told.
fn is_missing(workspace: &Workspace, content: &Content) -> bool {
    matches!(workspace.cache.presence(content), Ok(Presence::Missing))
}
