//! What commits that were left had tracked, and nobody tracks here: it goes with them, as git takes
//! away files, unless something of it would be lost.

use std::collections::{BTreeMap, BTreeSet};

use walkdir::WalkDir;

use crate::base::fs;
use crate::base::path::RepoPath;
use crate::data::access::Access;
use crate::data::admission::refuse_behind_link;
use crate::data::error::Error;
use crate::data::inventory::{Inventory, Uncached};
use crate::data::let_go::LetGo;
use crate::data::past::Past;
use crate::data::unsaved::Unsaved;
use crate::pipeline::{self, Content, Dep, Lock, Pattern, Pipeline};
use crate::scm::{self, Repo};
use crate::store::Presence;
use crate::workspace::Workspace;

/// Something that was tracked before git moved on.
#[derive(Debug)]
pub(crate) struct Departure {
    /// Where it is, or was.
    pub(crate) path: RepoPath,
    /// What became of it.
    pub(crate) fate: Fate,
}

/// What becomes of data that is tracked no longer.
#[derive(Debug)]
pub(crate) enum Fate {
    /// It is gone; the cache has it.
    Removed,
    /// It stays: it is not what was recorded, or the cache does not have all of it.
    Stays,
    /// It cannot be looked at, or not be deleted.
    Failed(Error),
}

/// Takes away what the commits that were left tracked and nothing here names.
pub(crate) fn take_away_left(access: &Access<'_>) -> Result<Vec<Departure>, Error> {
    let workspace = access.workspace;
    let mut departures = Vec::new();
    let left: Vec<_> = left(workspace)?
        .into_iter()
        .filter(|(path, _)| is_here(access, path))
        .collect();
    if !left.is_empty() {
        // It takes long: what is measured after it is what goes.
        workspace.cache.settle()?;
    }
    for (path, recorded) in left {
        let fate = access.clean(&path);
        let fate = fate.and_then(|()| take_away(workspace, &path, &recorded));
        let fate =
            fate.unwrap_or_else(|error| Fate::Failed(error.doing(workspace, "take away", &path)));
        departures.push(Departure { path, fate });
    }
    if !departures.is_empty() {
        workspace.try_save_index();
    }
    Ok(departures)
}

/// Whether something is at `path` that is ours: what is behind a link is not, and what cannot be looked
/// at stays.
fn is_here(access: &Access<'_>, path: &RepoPath) -> bool {
    let workspace = access.workspace;
    access.clean_around(path).is_ok()
        && refuse_behind_link(workspace, path).is_ok()
        && fs::exists(&workspace.locate(path)).unwrap_or(false)
}

fn take_away(workspace: &Workspace, path: &RepoPath, recorded: &[Content]) -> Result<Fate, Error> {
    let found = match workspace.measure(&path.clone().into()) {
        Ok(Some(found)) if recorded.contains(&found) => found,
        // What cannot be measured is no longer what was recorded, either.
        _ => return Ok(Fate::Stays),
    };
    // Every byte is looked at: what goes must be in the cache.
    if Unsaved::find_all(workspace, path, Some(found))? != Unsaved::Nothing
        || workspace.cache.presence(&found)? == Presence::Missing
    {
        return Ok(Fate::Stays);
    }
    fs::remove(&workspace.locate(path))?;
    let mut folder = path.parent();
    while !folder.is_root() && fs::remove_empty_folder(&workspace.locate(&folder))? {
        folder = folder.parent();
    }
    Ok(Fate::Removed)
}

/// Lists what the commits that were left recorded, where nothing here names it.
fn left(workspace: &Workspace) -> Result<BTreeMap<RepoPath, Vec<Content>>, Error> {
    // Whoever needs git will tell what is wrong with it.
    let Ok(Some(repo)) = workspace.repo() else {
        return Ok(BTreeMap::new());
    };
    let now = Inventory::here(workspace, &Uncached::default())?;
    let Past(mut found) = Past::left_by(&repo);
    let own = LetGo::load(workspace)?;
    found.retain(|path, _| !now.holds(path) && !own.has(path));
    if found.is_empty() {
        return Ok(found);
    }
    let Some(names) = names_here(workspace, &repo)? else {
        return Ok(BTreeMap::new());
    };
    found.retain(|path, _| !names.have(workspace, path));
    let in_git = repo.tracked_among(found.keys())?;
    found.retain(|path, _| !in_git.contains(path));
    Ok(found)
}

/// What something here names.
#[derive(Default)]
struct Names {
    paths: BTreeSet<RepoPath>,
    patterns: Vec<Pattern>,
}

impl Names {
    /// Returns whether something at `path`, around it or in it is named.
    fn have(&self, workspace: &Workspace, path: &RepoPath) -> bool {
        let mut patterns = self.patterns.iter();
        self.paths.iter().any(|name| name.overlaps(path))
            || patterns.any(|pattern| names_something(pattern, workspace, path))
    }
}

/// Returns whether a pattern names the file at `path`, or one of those in the folder there.
fn names_something(pattern: &Pattern, workspace: &Workspace, path: &RepoPath) -> bool {
    if pattern.matches(path) {
        return true;
    }
    let is_named = |entry: &walkdir::DirEntry| {
        let inner = RepoPath::from_disk(workspace.root(), entry.path());
        inner.is_ok_and(|inner| pattern.matches(&inner))
    };
    // What cannot be looked at is nobody's to take away, which is for others to find.
    let mut inside = WalkDir::new(workspace.locate(path)).into_iter().flatten();
    pattern.may_match_in(path) && inside.any(|entry| is_named(&entry))
}

/// Returns what the last commit, `data.lock` or the pipeline names here; `None` if that cannot be
/// known.
fn names_here(workspace: &Workspace, repo: &Repo) -> Result<Option<Names>, Error> {
    let pipeline = match workspace.load_pipeline() {
        Ok(pipeline) => pipeline,
        Err(pipeline::Error::NoPipeline { .. }) => Pipeline::default(),
        Err(_) => return Ok(None),
    };
    let committed = match repo.revision("HEAD") {
        Ok(head) => match Lock::load(&head) {
            Ok(lock) => lock,
            Err(_) => return Ok(None),
        },
        Err(scm::Error::UnknownRevision { .. }) => Lock::default(),
        Err(error) => return Err(error.into()),
    };
    let mut names = Names::default();
    for lock in [workspace.load_lock()?, committed] {
        let inventory = Inventory::of(&lock, &Uncached::default());
        names.paths.extend(inventory.contents().keys().cloned());
    }
    for stage in &pipeline.stages {
        for dep in &stage.deps {
            match dep {
                Dep::Path { path, .. } => names.paths.extend(path.inside().cloned()),
                Dep::Glob { pattern, .. } => names.patterns.push(pattern.clone()),
                Dep::Command { .. } => {}
            }
        }
        let outs = stage.outs.iter().filter_map(|out| out.path.inside());
        names.paths.extend(outs.cloned());
        // A stage that reads or makes the whole project has no claim to all that was ever in it.
        names.paths.retain(|path| !path.is_root());
    }
    Ok(Some(names))
}
