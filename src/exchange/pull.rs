//! Fetching what a project needs into the cache, and the runs of others.

use std::collections::HashSet;

use crate::exchange::error::Error;
use crate::exchange::needed::{Needed, Objects, Scope, needed};
use crate::pipeline::Content;
use crate::remote::{Depot, Want};
use crate::store::{Meter, Presence};
use crate::workspace::Workspace;

/// What a fetch has done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Pulled {
    /// How many objects came.
    pub(crate) objects: usize,
    /// Their bytes.
    pub(crate) bytes: u64,
    /// How many runs came that were not known here.
    pub(crate) runs: usize,
    /// What the workspace needs and neither the cache nor the remote has.
    pub(crate) lacking: Vec<String>,
}

/// Brings what is needed and the cache lacks.
pub(crate) fn fetch(
    workspace: &Workspace,
    depot: &Depot,
    scope: &Scope,
    meter: &Meter,
) -> Result<Pulled, Error> {
    let all = needed(workspace, scope)?;
    fetch_all(workspace, depot, all, meter)
}

fn fetch_all(
    workspace: &Workspace,
    depot: &Depot,
    all: Vec<Needed>,
    meter: &Meter,
) -> Result<Pulled, Error> {
    let cache = &workspace.cache;
    cache.begin_use()?;
    let mut absent = Vec::new();
    for one in all {
        if !one.inner.is_empty() || cache.presence(&one.content)? == Presence::Missing {
            absent.push(one);
        }
    }
    let mut pulled = Pulled::default();
    let objects = Objects::of(&absent, cache)?;
    let manifests: Vec<Want> = objects
        .unlisted
        .iter()
        .map(|one| Want {
            digest: one.content.sha256,
            size: None,
        })
        .collect();
    let fetched = depot.fetch(&manifests, cache, meter)?;
    pulled.objects += fetched.objects;
    pulled.bytes += fetched.bytes;
    let lost: HashSet<_> = fetched.lacking.into_iter().collect();
    let unlisted = objects.unlisted.iter();
    let unlisted = unlisted.filter(|one| one.is_current && lost.contains(&one.content.sha256));
    pulled
        .lacking
        .extend(unlisted.map(|one| format!("{}/", one.path)));
    let objects = Objects::of(&absent, cache)?;
    let fetched = depot.fetch(&objects.wants, cache, meter)?;
    pulled.objects += fetched.objects;
    pulled.bytes += fetched.bytes;
    if !fetched.lacking.is_empty() {
        let current: Vec<Needed> = absent.into_iter().filter(|one| one.is_current).collect();
        let current = Objects::of(&current, cache)?;
        pulled.lacking.extend(current.paths_of(&fetched.lacking));
    }
    Ok(pulled)
}

/// Brings the runs that the remote knows; returns how many were not known here.
pub(crate) fn fetch_runs(workspace: &Workspace, depot: &Depot) -> Result<usize, Error> {
    let mut new = 0;
    for run in depot.runs()? {
        new += usize::from(workspace.runs.absorb(run.fingerprint, &run.entry)?);
    }
    Ok(new)
}

/// Brings one file or folder, for a run that is about to need it; returns whether it is there then.
pub(crate) fn provide(
    workspace: &Workspace,
    depot: &Depot,
    content: &Content,
    meter: &Meter,
) -> Result<bool, Error> {
    let one = Needed {
        path: crate::base::path::RepoPath::root(),
        content: *content,
        is_current: true,
        inner: Vec::new(),
    };
    fetch_all(workspace, depot, vec![one], meter)?;
    Ok(workspace.cache.presence(content)? == Presence::Whole)
}
