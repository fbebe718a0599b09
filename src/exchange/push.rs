//! Pushing what a project needs, and its runs.

use std::collections::HashSet;

use crate::base::digest::Digest;
use crate::exchange::error::Error;
use crate::exchange::needed::{Needed, Objects, Scope, needed, refuse_unknown_parts};
use crate::exchange::transferred::Transferred;
use crate::pipeline::Content;
use crate::remote::{Depot, Run};
use crate::store::{Cache, Meter, OwnRun};
use crate::workspace::Workspace;

/// Uploads what is needed and the remote lacks; with `has_runs` the runs of this project as well, and
/// what they made.
pub(crate) fn push(
    workspace: &Workspace,
    depot: &Depot,
    scope: &Scope,
    has_runs: bool,
    meter: &Meter,
) -> Result<Transferred, Error> {
    let cache = &workspace.cache;
    let mut all = needed(workspace, scope)?;
    let current: Vec<Needed> = all.iter().filter(|one| one.is_current).cloned().collect();
    // A folder may be there whose files are neither there nor here.
    let (current, _) = Objects::known_there(&current, cache, depot, meter)?;
    refuse_unknown_parts(&all, cache)?;
    let runs = if has_runs {
        workspace.runs.own()?
    } else {
        Vec::new()
    };
    let outs = runs.iter().flat_map(|run| &run.outs);
    all.extend(outs.map(|content| Needed::alone(*content)));
    let objects = Objects::of(&all, cache)?;
    let pushed = depot.push(&objects.wants, cache, meter)?;
    let mut lacking = current.paths_of(&pushed.lacking);
    lacking.extend(current.unlisted.iter().map(|one| format!("{}/", one.path)));
    let others = objects.others_among(pushed.lacking.iter().copied(), &current);
    let unlisted = objects.unlisted.iter().map(|one| one.content.sha256);
    let absent: HashSet<Digest> = pushed.lacking.iter().copied().chain(unlisted).collect();
    Ok(Transferred {
        objects: pushed.objects,
        bytes: pushed.bytes,
        runs: depot.push_runs(&whole_ones(runs, &absent, cache)?)?,
        lacking,
        damaged: Vec::new(),
        others,
        mended: pushed.mended,
    })
}

/// Returns the runs that made nothing that is absent.
fn whole_ones(
    runs: Vec<OwnRun>,
    absent: &HashSet<Digest>,
    cache: &Cache,
) -> Result<Vec<Run>, Error> {
    let is_there = |content: &Content| {
        if absent.contains(&content.sha256) {
            return Ok(false);
        }
        let tree = cache.manifest(content)?;
        Ok::<_, Error>(
            tree.is_none_or(|tree| tree.files().all(|(_, file)| !absent.contains(&file.digest))),
        )
    };
    let mut whole = Vec::new();
    for run in runs {
        let outs: Vec<bool> = run.outs.iter().map(is_there).collect::<Result<_, _>>()?;
        if outs.into_iter().all(|is_there| is_there) {
            whole.push(Run {
                fingerprint: run.fingerprint,
                entry: run.entry,
            });
        }
    }
    Ok(whole)
}
