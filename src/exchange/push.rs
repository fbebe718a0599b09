//! Pushing what a project needs, and its runs.

use std::collections::HashSet;

use crate::base::digest::Digest;
use crate::exchange::error::Error;
use crate::exchange::needed::{Needed, Objects, Scope, needed};
use crate::pipeline::Content;
use crate::remote::{Depot, Run};
use crate::store::Meter;
use crate::workspace::Workspace;

/// What a push has done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sent {
    /// How many objects were not there before.
    pub(crate) objects: usize,
    /// Their bytes.
    pub(crate) bytes: u64,
    /// How many runs were not.
    pub(crate) runs: usize,
    /// What the workspace needs and neither the cache nor the remote has.
    pub(crate) lacking: Vec<String>,
}

/// Uploads what is needed and the remote lacks; with `has_runs` the runs of this project as well, and
/// what they made.
pub(crate) fn push(
    workspace: &Workspace,
    depot: &Depot,
    scope: &Scope,
    has_runs: bool,
    meter: &Meter,
) -> Result<Sent, Error> {
    let cache = &workspace.cache;
    let all = needed(workspace, scope)?;
    let current: HashSet<Digest> = {
        let current: Vec<Needed> = all.iter().filter(|one| one.is_current).cloned().collect();
        let objects = Objects::of(&current, cache)?;
        objects.wants.iter().map(|want| want.digest).collect()
    };
    let runs = if has_runs {
        workspace.runs.own()?
    } else {
        Vec::new()
    };
    let mut everything = all.clone();
    for run in &runs {
        everything.extend(run.outs.iter().map(of_run));
    }
    let objects = Objects::of(&everything, cache)?;
    let pushed = depot.push(&objects.wants, cache, meter)?;
    let lacking: HashSet<Digest> = pushed.lacking.iter().copied().collect();
    let missing: Vec<Digest> = pushed
        .lacking
        .iter()
        .filter(|digest| current.contains(digest))
        .copied()
        .collect();
    let mut paths = objects.paths_of(&missing);
    paths.extend(unlisted(&objects, depot)?);
    let unlisted: HashSet<Digest> = objects
        .unlisted
        .iter()
        .map(|one| one.content.sha256)
        .collect();
    let is_there = |content: &Content| {
        let is_known = |digest| !lacking.contains(&digest) && !unlisted.contains(&digest);
        if !is_known(content.sha256) {
            return Ok(false);
        }
        let tree = cache.manifest(content)?;
        Ok(tree.is_none_or(|tree| tree.files().all(|(_, file)| is_known(file.digest))))
    };
    let mut whole = Vec::new();
    for run in runs {
        let outs: Result<Vec<bool>, Error> = run.outs.iter().map(is_there).collect();
        if outs?.into_iter().all(|is_there| is_there) {
            whole.push(Run {
                fingerprint: run.fingerprint,
                entry: run.entry,
            });
        }
    }
    Ok(Sent {
        objects: pushed.objects,
        bytes: pushed.bytes,
        runs: depot.push_runs(&whole)?,
        lacking: paths,
    })
}

/// Returns the folders of the workspace whose files nobody here knows and the remote does not have.
fn unlisted(objects: &Objects, depot: &Depot) -> Result<Vec<String>, Error> {
    let current = objects.unlisted.iter().filter(|one| one.is_current);
    let wants: Vec<_> = current
        .clone()
        .map(|one| crate::remote::Want {
            digest: one.content.sha256,
            size: None,
        })
        .collect();
    if wants.is_empty() {
        return Ok(Vec::new());
    }
    let there = depot.survey(&wants)?.there;
    let lost = current.filter(|one| !there.contains(&one.content.sha256));
    Ok(lost.map(|one| format!("{}/", one.path)).collect())
}

fn of_run(content: &Content) -> Needed {
    Needed {
        path: crate::base::path::RepoPath::root(),
        content: *content,
        is_current: false,
        inner: Vec::new(),
    }
}
