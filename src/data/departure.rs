//! What commits that were left had tracked, and nobody tracks here: it goes with them, as git takes
//! away files, unless something of it would be lost.

use std::collections::{BTreeMap, BTreeSet};

use walkdir::WalkDir;

use crate::base::fs;
use crate::base::path::RepoPath;
use crate::data::access::Access;
use crate::data::admission::refuse_behind_link;
use crate::data::error::Error;
use crate::data::followed::Followed;
use crate::data::inventory::{Inventory, Uncached};
use crate::data::let_go::LetGo;
use crate::data::past::Past;
use crate::data::unsaved::{Unsaved, own_links};
use crate::pipeline::{self, Content, Dep, Lock, Pattern, Pipeline};
use crate::scm::{self, Repo, Since};
use crate::store::{self, Presence};
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
    /// It stays as it is.
    Stays(Reason),
    /// It cannot be looked at, or not be deleted.
    Failed(Error),
}

/// Why data that is tracked no longer was not taken away.
#[derive(Debug)]
pub(crate) enum Reason {
    /// It is not what was recorded.
    Changed,
    /// The cache does not have all of it.
    Unsaved,
    /// There are files in it that are no data.
    Company,
    /// These are links that mlpipe has not made.
    Links(Vec<String>),
    /// It cannot be measured.
    Unreadable(store::Error),
}

/// Takes away what the commits that were left tracked and nothing here names. Each move of git's is
/// followed once: what is at such a path later is the user's.
pub(crate) fn take_away_left(access: &Access<'_>) -> Result<Vec<Departure>, Error> {
    let workspace = access.workspace;
    // Whoever needs git will tell what is wrong with it.
    let Ok(Some(repo)) = workspace.repo() else {
        return Ok(Vec::new());
    };
    // Before anything is looked at: git may move on meanwhile.
    let last = repo.last_move();
    let followed = Followed::load(workspace)?;
    let Some(left) = left(workspace, &repo, followed.rest())? else {
        return Ok(Vec::new());
    };
    let departures = take_all_away(access, left)?;
    let has_failed = |one: &Departure| matches!(one.fate, Fate::Failed(_));
    if let Some(last) = last
        && !departures.iter().any(has_failed)
    {
        followed.note(workspace, last)?;
    }
    Ok(departures)
}

fn take_all_away(
    access: &Access<'_>,
    left: BTreeMap<RepoPath, Vec<Content>>,
) -> Result<Vec<Departure>, Error> {
    let workspace = access.workspace;
    let mut departures = Vec::new();
    let left: Vec<_> = left
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
        // A link to nothing as well.
        Ok(_) => return Ok(Fate::Stays(Reason::Changed)),
        Err(error) => return Ok(Fate::Stays(Reason::Unreadable(error))),
    };
    if let Some(reason) = objection(workspace, path, &found)? {
        return Ok(Fate::Stays(reason));
    }
    fs::remove(&workspace.locate(path))?;
    let mut folder = path.parent();
    while !folder.is_root() && fs::remove_empty_folder(&workspace.locate(&folder))? {
        folder = folder.parent();
    }
    Ok(Fate::Removed)
}

/// Returns what would be lost with what is at `path`, if something would.
fn objection(
    workspace: &Workspace,
    path: &RepoPath,
    found: &Content,
) -> Result<Option<Reason>, Error> {
    let links = own_links(workspace, path, found)?;
    if !links.is_empty() {
        return Ok(Some(Reason::Links(links)));
    }
    if workspace.cache.presence(found)? == Presence::Missing {
        return Ok(Some(Reason::Unsaved));
    }
    // Every byte is looked at: what goes must be in the cache.
    Ok(match Unsaved::find_all(workspace, path, Some(*found))? {
        Unsaved::Nothing => None,
        Unsaved::Whole if found.files.is_some() => Some(Reason::Company),
        Unsaved::Whole | Unsaved::Files(_) => Some(Reason::Unsaved),
    })
}

/// Lists what the commits that were left recorded, where nothing here names it; `None` if that cannot
/// be known.
fn left(
    workspace: &Workspace,
    repo: &Repo,
    since: Since<'_>,
) -> Result<Option<BTreeMap<RepoPath, Vec<Content>>>, Error> {
    let now = Inventory::here(workspace, &Uncached::default())?;
    let Past(mut found) = Past::left_by(repo, since);
    let own = LetGo::load(workspace)?;
    found.retain(|path, _| !now.holds(path) && !own.has(path));
    if found.is_empty() {
        return Ok(Some(found));
    }
    let Some(names) = names_here(workspace, repo)? else {
        return Ok(None);
    };
    found.retain(|path, _| !names.have(workspace, path));
    let in_git = repo.tracked_among(found.keys())?;
    found.retain(|path, _| !in_git.contains(path));
    Ok(Some(found))
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
                Dep::Command { .. } | Dep::Url { .. } => {}
            }
        }
        let outs = stage.outs.iter().filter_map(|out| out.path.inside());
        names.paths.extend(outs.cloned());
        // A stage that reads or makes the whole project has no claim to all that was ever in it.
        names.paths.retain(|path| !path.is_root());
    }
    Ok(Some(names))
}
