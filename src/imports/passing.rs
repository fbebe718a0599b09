//! `Passing`: content on its way from elsewhere to a remote. It is hashed here and kept nowhere.

use tempfile::TempDir;

use crate::base::fs::{self, LITTER, failed};
use crate::imports::error::Error;
use crate::imports::web::{Origin, Part};
use crate::pipeline::Content;
use crate::remote::{Depot, Want};
use crate::store::{Cache, LinkType, Meter, Tree};
use crate::workspace::Workspace;

/// A cache that lasts only for the way.
struct Passing {
    cache: Cache,
    _folder: TempDir,
}

impl Passing {
    /// Makes it in the state folder, where there is room for data.
    fn open(workspace: &Workspace) -> Result<Self, Error> {
        let state = workspace.state("");
        fs::make_folder(&state)?;
        let folder = tempfile::Builder::new().prefix(LITTER).tempdir_in(&state);
        let folder = folder.map_err(failed("cannot write", &state))?;
        let inner = folder.path().to_owned();
        let roster = inner.join("roster");
        let links = vec![LinkType::Copy];
        Ok(Self {
            cache: Cache::open(inner.join("cache"), links, inner, roster),
            _folder: folder,
        })
    }
}

/// Brings what is at a URL to a remote. The cache here gets no more than the list of a folder's files.
pub(crate) fn pass_on(
    origin: &Origin,
    parts: &[Part],
    (workspace, depot): (&Workspace, &Depot),
    meter: &Meter,
) -> Result<Content, Error> {
    let passing = Passing::open(workspace)?;
    let content = origin.bring(parts, &passing.cache, meter)?;
    let tree = passing.cache.manifest(&content)?;
    let mut wants = vec![Want {
        digest: content.sha256,
        size: tree.is_none().then_some(content.size),
    }];
    for (_, file) in tree.iter().flat_map(Tree::files) {
        wants.push(Want {
            digest: file.digest,
            size: Some(file.size),
        });
    }
    depot.push(&wants, &passing.cache, meter)?;
    if let Some(tree) = tree {
        workspace.cache.store_manifest(&tree)?;
    }
    Ok(content)
}
