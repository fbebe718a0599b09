//! Comparing the cache with a remote.

use std::collections::BTreeMap;

use crate::exchange::error::Error;
use crate::exchange::needed::{Objects, Scope, needed, refuse_unknown_parts};
use crate::remote::{Depot, Survey, Want};
use crate::store::Meter;
use crate::workspace::Workspace;

/// Where something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum CloudState {
    /// In the cache alone.
    New,
    /// At the remote alone.
    Deleted,
    /// Nowhere.
    Missing,
}

/// How the cache and a remote differ.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct CloudStatus {
    /// The paths that are not in both, each with its state and how many of its objects that is.
    pub(crate) entries: BTreeMap<(String, CloudState), usize>,
    /// Indexes of the remote that are damaged.
    pub(crate) damaged: Vec<String>,
}

impl CloudStatus {
    /// Returns whether nothing differs.
    pub(crate) fn is_same(&self) -> bool {
        self.entries.is_empty() && self.damaged.is_empty()
    }
}

/// Compares what is needed.
pub(crate) fn cloud_status(
    workspace: &Workspace,
    depot: &Depot,
    scope: &Scope,
) -> Result<CloudStatus, Error> {
    let cache = &workspace.cache;
    let all = needed(workspace, scope)?;
    let mut status = CloudStatus::default();
    // Where only the remote knows what is in a folder, it says so.
    Objects::known_there(&all, cache, depot, &Meter::default())?;
    refuse_unknown_parts(&all, cache)?;
    let mut parts = Vec::new();
    let mut wants: Vec<Want> = Vec::new();
    for one in &all {
        let objects = Objects::of(std::slice::from_ref(one), cache)?;
        let own = if objects.unlisted.is_empty() {
            objects.wants
        } else {
            vec![Want {
                digest: one.content.sha256,
                size: None,
            }]
        };
        wants.extend(&own);
        parts.push((one, own));
    }
    let Survey { there, damaged } = depot.survey(&wants, cache)?;
    status.damaged = damaged;
    for (one, own) in parts {
        for want in own {
            let state = match (want.is_in(cache)?, there.contains(&want.digest)) {
                (true, true) => continue,
                (true, false) => CloudState::New,
                (false, true) => CloudState::Deleted,
                (false, false) => CloudState::Missing,
            };
            let end = if one.content.files.is_some() { "/" } else { "" };
            let key = (format!("{}{end}", one.path), state);
            *status.entries.entry(key).or_default() += 1;
        }
    }
    Ok(status)
}
