//! Collecting garbage at a remote.

use std::collections::HashSet;

use crate::base::digest::Digest;
use crate::base::path::RepoPath;
use crate::base::source::as_text;
use crate::data::{Inventory, Uncached};
use crate::exchange::error::Error;
use crate::exchange::needed::{Needed, Objects, Scope, needed};
use crate::pipeline::{LOCK_FILE, Lock};
use crate::remote::{Depot, Sweeping, SweptAway, Want};
use crate::store::Meter;
use crate::workspace::Workspace;

/// Sweeps away what our project has at a remote and needs neither now nor in these commits.
pub(crate) fn sweep_cloud(
    workspace: &Workspace,
    depot: &Depot,
    scope: &Scope,
    grace: i64,
    how: Sweeping,
) -> Result<SweptAway, Error> {
    let mut all = needed(workspace, scope)?;
    all.extend(staged(workspace)?);
    let cache = &workspace.cache;
    let unlisted = Objects::of(&all, cache)?.unlisted;
    // What is in a folder is known by its manifest only; without it nothing of it could be kept.
    let manifests: Vec<Want> = unlisted
        .iter()
        .map(|one| Want {
            digest: one.content.sha256,
            size: None,
        })
        .collect();
    depot.fetch(&manifests, cache, &Meter::default())?;
    let objects = Objects::of(&all, cache)?;
    let mut live: HashSet<Digest> = objects.wants.iter().map(|want| want.digest).collect();
    live.extend(objects.unlisted.iter().map(|one| one.content.sha256));
    Ok(depot.sweep(&live, grace, how)?)
}

/// Returns what is staged.
fn staged(workspace: &Workspace) -> Result<Vec<Needed>, Error> {
    let Some(repo) = workspace.repo()? else {
        return Ok(Vec::new());
    };
    let path = RepoPath::parse(LOCK_FILE).expect("invariant: a plain file name");
    let mut all = Vec::new();
    for version in repo.staged_versions(&path)? {
        let label = format!("{}:{LOCK_FILE}", version.commit);
        let lock = Lock::parse(&label, as_text(&label, &version.bytes)?)?;
        let then = Inventory::of(&lock, &Uncached::default());
        all.extend(then.contents().iter().map(|(path, content)| Needed {
            path: path.clone(),
            content: *content,
            is_current: false,
            inner: Vec::new(),
        }));
    }
    Ok(all)
}
