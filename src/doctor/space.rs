//! Free room on disk, against what is still to come: what is restored, fetched and made.

use std::path::{Path, PathBuf};

use crate::base::any_path::AnyPath;
use crate::base::fs;
use crate::base::human;
use crate::doctor::finding::{Finding, State, Topic};
use crate::pipeline::{Content, Lock};
use crate::store::Presence;
use crate::workspace::Workspace;

/// Room that is left for all else that the machine does.
const RESERVE: u64 = 256 << 20;

/// What is to be written, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Demand {
    /// To the workspace, from the cache.
    restored: u64,
    /// To the cache and to the workspace: neither has it.
    lacking: u64,
    /// Once more, if all stages run anew: what they made the last time.
    made: u64,
}

/// Looks at the disks of the workspace and of the cache.
pub(super) fn space(workspace: &Workspace, lock: &Lock) -> Vec<Finding> {
    let demand = Demand::of(workspace, lock);
    let folder = workspace.root().to_owned();
    let cache = existing(&workspace.settings().cache.dir);
    let in_workspace = demand.restored + demand.lacking;
    if fs::same_device(&folder, &cache).unwrap_or(true) {
        let sure = in_workspace + demand.lacking;
        return vec![judge("disk", &folder, sure, demand.made * 2)];
    }
    vec![
        judge("disk", &folder, in_workspace, demand.made),
        judge("disk of the cache", &cache, demand.lacking, demand.made),
    ]
}

impl Demand {
    fn of(workspace: &Workspace, lock: &Lock) -> Self {
        let data = lock.data.iter();
        let data = data.map(|(path, content)| (AnyPath::from(path.clone()), content));
        let outs = || lock.stages.values().flat_map(|entry| entry.outs.iter());
        let mut demand = Self {
            made: outs().map(|(_, content)| content.size).sum(),
            ..Self::default()
        };
        let outs = outs().map(|(path, content)| (path.clone(), content));
        let is_missing = |(path, _): &(AnyPath, &Content)| {
            // What cannot be looked at is no reason to want room for it.
            matches!(fs::exists(&workspace.locate_any(path)), Ok(false))
        };
        for (_, content) in data.chain(outs).filter(is_missing) {
            match workspace.cache.presence(content) {
                Ok(Presence::Whole) => demand.restored += content.size,
                _ => demand.lacking += content.size,
            }
        }
        demand
    }
}

/// Judges the free room where `folder` is: what is sure to come must fit, and a whole run should.
fn judge(name: &'static str, folder: &Path, sure: u64, run: u64) -> Finding {
    let Some(free) = free(folder) else {
        return Finding::fine(Topic::Machine, name, "free room cannot be known here").into_note();
    };
    let size = human::size;
    let found = match (sure, run) {
        (0, 0) => format!("{} free", size(free)),
        (0, _) => format!(
            "{} free; a whole run writes about {}",
            size(free),
            size(run)
        ),
        _ => format!(
            "{} free; {} are to be brought here, a whole run writes about {}",
            size(free),
            size(sure),
            size(run)
        ),
    };
    let finding = Finding::fine(Topic::Machine, name, found);
    let hint = "free some, or put the cache on another disk (`mlpipe config cache.dir`); \
                `mlpipe gc` deletes from it what nobody needs";
    if free < sure.saturating_add(RESERVE) {
        finding.but(State::Failure, hint)
    } else if free < sure.saturating_add(run).saturating_add(RESERVE) {
        finding.but(State::Warning, hint)
    } else {
        finding
    }
}

/// Returns how many bytes we may still write to the file system of a folder.
fn free(folder: &Path) -> Option<u64> {
    let found = rustix::fs::statvfs(folder).ok()?;
    Some(found.f_bavail.saturating_mul(found.f_frsize))
}

/// Returns the folder, or the nearest one around it that is there.
pub(super) fn existing(folder: &Path) -> PathBuf {
    let found = folder.ancestors().find(|path| path.is_dir());
    found.unwrap_or(Path::new("/")).to_owned()
}
