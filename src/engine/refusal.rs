//! What a stage lacks, or must not write: its command is not even started then.

use std::collections::BTreeSet;

use crate::base::any_path::AnyPath;
use crate::base::document::Origin;
use crate::base::path::RepoPath;
use crate::engine::error::Failure;
use crate::engine::inputs::Inputs;
use crate::pipeline::{Dep, Lock, Out, Pattern, Stage, tracked_around};

/// Refuses a stage of which a dep is missing.
pub(super) fn refuse_missing_deps(
    stage: &Stage,
    inputs: &Inputs,
    lock: &Lock,
) -> Result<(), Failure> {
    let mut lacks = stage.deps.iter().filter_map(|dep| lack(dep, inputs, lock));
    lacks.next().map_or(Ok(()), Err)
}

/// Returns what is to be said of a dep that is missing.
fn lack(dep: &Dep, inputs: &Inputs, lock: &Lock) -> Option<Failure> {
    match dep {
        Dep::Url { url, origin } if inputs.urls.get(url) == Some(&None) => {
            let problem = origin.problem(format!("there is nothing at `{url}`"));
            let (url, problem) = (url.clone(), Box::new(problem));
            Some(Failure::UrlMissing { url, problem })
        }
        Dep::Path { path, origin } if inputs.deps.get(path) == Some(&None) => {
            Some(absence(path.clone(), origin, lock))
        }
        Dep::Glob { pattern, origin } if !matches_any(pattern, inputs) => {
            Some(absence(pattern.path().clone().into(), origin, lock))
        }
        _ => None,
    }
}

fn matches_any(pattern: &Pattern, inputs: &Inputs) -> bool {
    let mut inside = inputs.deps.keys().filter_map(AnyPath::inside);
    inside.any(|dep| pattern.matches(dep))
}

/// Says of a path with nothing at it how it could come.
fn absence(path: AnyPath, origin: &Origin, lock: &Lock) -> Failure {
    let problem = Box::new(origin.problem(format!("`{path}` does not exist")));
    let inside = path.inside();
    let tracked = inside.and_then(|dep| tracked_around(&lock.data, dep));
    let imported = inside.and_then(|dep| tracked_around(&lock.sources, dep));
    match (tracked.cloned(), imported.cloned()) {
        (Some(tracked), import) => Failure::DataMissing {
            tracked,
            path,
            is_imported: import.is_some(),
            problem,
        },
        (None, Some(import)) => Failure::Undownloaded {
            import,
            path,
            problem,
        },
        (None, None) => Failure::DepMissing { path, problem },
    }
}

/// Refuses an out in git that is to go into the cache as well; `tracked` are those in git.
pub(super) fn refuse_tracked(stage: &Stage, tracked: &BTreeSet<RepoPath>) -> Result<(), Failure> {
    let is_tracked = |out: &&Out| out.cached_path().is_some_and(|path| tracked.contains(path));
    match stage.outs.iter().find(is_tracked) {
        None => Ok(()),
        Some(out) => Err(Failure::OutTracked {
            path: out.path.clone(),
        }),
    }
}
