//! `import`: what has been fetched becomes tracked data, with its source.

use std::collections::{BTreeMap, BTreeSet};

use crate::base::any_path::AnyPath;
use crate::base::fs;
use crate::base::path::RepoPath;
use crate::data::{self, Access, Losses, Storage};
use crate::imports::error::Error;
use crate::imports::target::Overwrite;
use crate::pipeline::{Content, Source};
use crate::store::{Meter, Restored};
use crate::workspace::{Workspace, keep};

/// What was imported.
#[derive(Debug)]
pub(crate) struct Imported {
    /// Where it is.
    pub(crate) path: RepoPath,
    /// What it is.
    pub(crate) content: Content,
    /// Where what was there before is kept.
    pub(crate) kept: Option<String>,
}

/// Refuses a place where something is, or where nothing can be tracked, before anything is fetched.
pub(crate) fn check_place(
    access: &Access<'_>,
    workspace: &Workspace,
    path: &RepoPath,
    overwrite: Overwrite,
) -> Result<(), Error> {
    if overwrite == Overwrite::Never && fs::exists(&workspace.locate(path))? {
        let path = path.to_string();
        return Err(Error::Occupied { path });
    }
    Ok(data::check_new(access, path)?)
}

/// Puts what is in the cache to `path`, tracks it, and records its source.
pub(crate) fn import(
    access: &mut Access<'_>,
    workspace: &Workspace,
    (path, content): (&RepoPath, Content),
    source: &Source,
    meter: &Meter,
) -> Result<Imported, Error> {
    data::check_new(access, path)?;
    let kept = make_room(workspace, path)?;
    let paths = BTreeSet::from([path.clone()]);
    access.supersede(path);
    // What was recorded there before has been given up.
    let manner = (Storage::Cache, Losses::Accept);
    let tracked = put(workspace, path, &content, meter)
        .and_then(|()| Ok(data::add(access, &paths, manner, meter)?));
    if let Err(error) = tracked {
        // It is not tracked there, so it is not to lie there either.
        let place = workspace.locate(path);
        fs::remove(&place)?;
        if let Some(kept) = &kept {
            fs::rename(&workspace.root().join(kept), &place)?;
        }
        return Err(error);
    }
    workspace.update_sources(|sources| drop(sources.insert(path.clone(), source.clone())))?;
    let path = path.clone();
    Ok(Imported {
        path,
        content,
        kept,
    })
}

/// Records a source without its content, which `update` may bring: none at all, or one that is at a
/// remote only. Returns where what was there before is kept.
pub(crate) fn import_absent(
    access: &mut Access<'_>,
    workspace: &Workspace,
    (path, content): (&RepoPath, Option<Content>),
    source: &Source,
) -> Result<Option<String>, Error> {
    data::check_new(access, path)?;
    let kept = make_room(workspace, path)?;
    record_absent(access, workspace, (path, content), source)?;
    Ok(kept)
}

/// Moves what is at `path` out of the way; returns where it is kept.
fn make_room(workspace: &Workspace, path: &RepoPath) -> Result<Option<String>, Error> {
    let place = workspace.locate(path);
    if !fs::exists(&place)? {
        return Ok(None);
    }
    Ok(Some(keep(workspace, &place, &path.clone().into())?.to))
}

/// Records what is not in place: with its content, if that is at a remote.
pub(super) fn record_absent(
    access: &mut Access<'_>,
    workspace: &Workspace,
    (path, content): (&RepoPath, Option<Content>),
    source: &Source,
) -> Result<(), Error> {
    if let Some(content) = content {
        data::adopt(access, &BTreeMap::from([(path.clone(), content)]))?;
        workspace.update_sources(|sources| drop(sources.insert(path.clone(), source.clone())))?;
    } else {
        workspace.record_absent(path, source)?;
        access.data.remove(path);
        data::hide(access, path)?;
    }
    Ok(())
}

/// Puts what is in the cache to `path`.
pub(super) fn put(
    workspace: &Workspace,
    path: &RepoPath,
    content: &Content,
    meter: &Meter,
) -> Result<(), Error> {
    match workspace.restore(content, &AnyPath::from(path.clone()), meter)? {
        Restored::Done => Ok(()),
        Restored::Missing | Restored::Corrupt(_) => Err(Error::Changed {
            url: path.to_string(),
        }),
    }
}
