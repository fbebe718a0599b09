//! Which tracked paths the targets of a command name.

use std::collections::BTreeSet;

use crate::base::path::RepoPath;
use crate::base::problem::did_you_mean;
use crate::data::error::Error;
use crate::data::part::Part;
use crate::pipeline::{Data, tracked_around, tracked_below};

/// Targets, told apart.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Chosen {
    /// The tracked paths.
    pub(crate) paths: BTreeSet<RepoPath>,
    /// Parts of tracked folders.
    pub(crate) parts: Vec<Part>,
    /// What names no tracked path, or something else as well.
    pub(crate) others: Vec<String>,
}

/// Finds the tracked paths that `targets` name to somebody in `folder`: themselves, or a folder that
/// they lie in; all of them for no target. `is_other` knows what else a target may name.
pub(crate) fn choose(
    data: &Data,
    folder: &RepoPath,
    targets: &[String],
    is_other: impl Fn(&str) -> bool,
) -> Chosen {
    let mut chosen = Chosen::default();
    if targets.is_empty() {
        chosen.paths = data.keys().cloned().collect();
    }
    for target in targets {
        let seen = [folder.join(target), RepoPath::parse(target)];
        let seen: Vec<RepoPath> = seen.into_iter().flatten().collect();
        let named = |path: &RepoPath| -> BTreeSet<RepoPath> {
            let own = data.get_key_value(path).map(|(tracked, _)| tracked);
            own.into_iter()
                .chain(tracked_below(data, path))
                .cloned()
                .collect()
        };
        let found = seen.iter().map(named).find(|found| !found.is_empty());
        let is_other = is_other(target);
        if found.is_none()
            && !is_other
            && let Some(part) = seen.iter().find_map(|path| part_of(data, path))
        {
            chosen.parts.push(part);
            continue;
        }
        if found.is_none() || is_other {
            chosen.others.push(target.clone());
        }
        chosen.paths.extend(found.unwrap_or_default());
    }
    chosen
}

fn part_of(data: &Data, path: &RepoPath) -> Option<Part> {
    let tracked = tracked_around(data, path)?;
    // There is nothing in a file.
    data.get(tracked)?.files?;
    let (tracked, path) = (tracked.clone(), path.clone());
    Some(Part { tracked, path })
}

/// Makes the error of a path that is not tracked.
pub(crate) fn untracked(data: &Data, path: &RepoPath) -> Error {
    let known = data.keys().map(RepoPath::as_str);
    Error::Untracked {
        path: path.clone(),
        help: did_you_mean(path.as_str(), known),
    }
}
