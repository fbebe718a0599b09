//! Fetching what a project needs into the cache, and the runs of others.

use std::collections::HashSet;

use crate::base::digest::Digest;
use crate::exchange::error::Error;
use crate::exchange::needed::{Needed, Objects, Scope, needed, refuse_unknown_parts};
use crate::exchange::transferred::Transferred;
use crate::pipeline::Content;
use crate::remote::Depot;
use crate::store::{Meter, Presence};
use crate::workspace::Workspace;

/// Brings what is needed and the cache lacks.
pub(crate) fn fetch(
    workspace: &Workspace,
    depot: &Depot,
    scope: &Scope,
    meter: &Meter,
) -> Result<Transferred, Error> {
    let all = needed(workspace, scope)?;
    fetch_all(workspace, depot, all, meter)
}

fn fetch_all(
    workspace: &Workspace,
    depot: &Depot,
    all: Vec<Needed>,
    meter: &Meter,
) -> Result<Transferred, Error> {
    let cache = &workspace.cache;
    cache.begin_use()?;
    let mut absent = Vec::new();
    for one in all {
        if !one.inner.is_empty() || cache.presence(&one.content)? == Presence::Missing {
            absent.push(one);
        }
    }
    let (objects, manifests) = Objects::known_there(&absent, cache, depot, meter)?;
    refuse_unknown_parts(&absent, cache)?;
    let fetched = depot.fetch(&objects.wants, cache, meter)?;
    let mut pulled = Transferred {
        objects: manifests.objects + fetched.objects,
        bytes: manifests.bytes + fetched.bytes,
        ..Transferred::default()
    };
    absent.retain(|one| one.is_current);
    let current = Objects::of(&absent, cache)?;
    let damaged: HashSet<Digest> = manifests.damaged.into_iter().collect();
    for one in &current.unlisted {
        let is_damaged = damaged.contains(&one.content.sha256);
        let paths = if is_damaged {
            &mut pulled.damaged
        } else {
            &mut pulled.lacking
        };
        paths.push(format!("{}/", one.path));
    }
    let failed = fetched.lacking.iter().chain(&fetched.damaged).copied();
    pulled.others = objects.others_among(failed, &current);
    pulled.lacking.extend(current.paths_of(&fetched.lacking));
    pulled.damaged.extend(current.paths_of(&fetched.damaged));
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
    fetch_all(workspace, depot, vec![Needed::alone(*content)], meter)?;
    Ok(workspace.cache.presence(content)? == Presence::Whole)
}
