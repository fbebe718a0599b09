//! `add` and `commit`: what is in the workspace becomes what is recorded.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::base::any_path::AnyPath;
use crate::base::fs;
use crate::base::path::RepoPath;
use crate::data::access::Access;
use crate::data::admission::Gate;
use crate::data::error::Error;
use crate::data::let_go::LetGo;
use crate::pipeline::Content;
use crate::scm::IgnoreFiles;
use crate::store::{Entry, EntryChange, EntryKind, Meter, Tree, tree_changes};
use crate::workspace::Workspace;

/// Whether content goes into the cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Storage {
    /// It does.
    Cache,
    /// It is recorded and stays where it is.
    LockOnly,
}

/// What became of a path.
#[derive(Debug)]
pub(crate) struct Added {
    /// Where it is.
    pub(crate) path: RepoPath,
    /// What is there.
    pub(crate) content: Content,
    /// What that meant for the record.
    pub(crate) addition: Addition,
    /// The files that were edited through their links into the cache, which by that has lost what it
    /// had of them.
    pub(crate) written_over: Vec<String>,
    /// Two files in the folder that differ only in capitals, if there are such.
    pub(crate) alike: Option<[String; 2]>,
    /// The files that are not recorded any more and that nobody here has.
    pub(crate) dropped: Vec<String>,
}

/// What becomes of a folder of which recorded files are neither here nor in the cache, as after a pull
/// that did not bring all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Losses {
    /// Its record stays, and nothing else is recorded.
    Refuse,
    /// It is recorded without them.
    Accept,
}

impl Losses {
    /// Accepts them if the user says so.
    pub(crate) fn accepted_if(is_forced: bool) -> Self {
        if is_forced {
            Self::Accept
        } else {
            Self::Refuse
        }
    }
}

/// What recording a path meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Addition {
    /// It is tracked from now on.
    Added,
    /// It had other content before.
    Updated,
    /// It was recorded as it is, but the cache lacked some of it.
    Saved,
    /// Nothing.
    Unchanged,
}

/// Tracks new paths and brings the records of others up to date. All are judged before anything is
/// changed.
///
/// Their content is in the cache before the lock names it, and the lock names it before git is told
/// to look away: a kill in between leaves data that git sees, never data that nobody knows of.
pub(crate) fn add(
    access: &mut Access<'_>,
    paths: &BTreeSet<RepoPath>,
    (storage, losses): (Storage, Losses),
    meter: &Meter,
) -> Result<Vec<Added>, Error> {
    access.refuse_hidden_lock()?;
    Gate::open(access)?.admit(paths)?;
    let mut lost = lost(access, paths)?;
    if losses == Losses::Refuse && !lost.is_empty() {
        return Err(Error::Incomplete {
            folders: lost.keys().cloned().collect(),
            files: lost.into_values().flatten().collect(),
        });
    }
    let mut added = record(access, paths, storage, meter)?;
    for one in &mut added {
        one.dropped = lost.remove(&one.path).unwrap_or_default();
    }
    let mut ignored = IgnoreFiles::new(access.workspace.root());
    for path in paths {
        ignored.add(path)?;
    }
    LetGo::forget(access.workspace, paths.iter())?;
    Ok(added)
}

/// Brings the records of tracked paths up to date; those where nothing is are left out.
pub(crate) fn commit(
    access: &mut Access<'_>,
    paths: &BTreeSet<RepoPath>,
    losses: Losses,
    meter: &Meter,
) -> Result<Vec<Added>, Error> {
    let mut there = BTreeSet::new();
    for path in paths {
        if fs::exists(&access.workspace.locate(path))? {
            there.insert(path.clone());
        }
    }
    add(access, &there, (Storage::Cache, losses), meter)
}

/// Refuses a path that could not be tracked if something were there.
pub(crate) fn check_new(access: &Access<'_>, path: &RepoPath) -> Result<(), Error> {
    access.refuse_hidden_lock()?;
    Gate::open(access)?.expect(&BTreeSet::from([path.clone()]))
}

/// Hides from git what is not there yet.
pub(crate) fn hide(access: &Access<'_>, path: &RepoPath) -> Result<(), Error> {
    IgnoreFiles::new(access.workspace.root()).add(path)?;
    Ok(LetGo::forget(access.workspace, [path].into_iter())?)
}

/// Tracks what the cache holds already, wherever it came from. Nothing in the workspace is looked at.
pub(crate) fn adopt(
    access: &mut Access<'_>,
    news: &BTreeMap<RepoPath, Content>,
) -> Result<(), Error> {
    if news.is_empty() {
        return Ok(());
    }
    access.refuse_hidden_lock()?;
    access.update(|data| data.extend(news.clone()))?;
    let mut ignored = IgnoreFiles::new(access.workspace.root());
    for path in news.keys() {
        ignored.add(path)?;
    }
    Ok(LetGo::forget(access.workspace, news.keys())?)
}

/// Finds the recorded files of these folders that are neither here nor in the cache.
fn lost(
    access: &Access<'_>,
    paths: &BTreeSet<RepoPath>,
) -> Result<BTreeMap<RepoPath, Vec<String>>, Error> {
    let mut lost = BTreeMap::new();
    let recorded = access.data.iter().filter(|(path, _)| paths.contains(*path));
    for (path, recorded) in recorded {
        let any = AnyPath::from(path.clone());
        let files = access.workspace.lost_files(&any, recorded)?;
        if !files.is_empty() {
            // A link to an object that is gone has a message of its own.
            access.workspace.measure_whole(&any)?;
            let name = |inner: String| format!("{path}/{inner}");
            lost.insert(path.clone(), files.into_iter().map(name).collect());
        }
    }
    Ok(lost)
}

fn record(
    access: &mut Access<'_>,
    paths: &BTreeSet<RepoPath>,
    storage: Storage,
    meter: &Meter,
) -> Result<Vec<Added>, Error> {
    let mut added = Vec::new();
    for path in paths {
        access.clean(path)?;
        let recorded = access.data.get(path).copied();
        let taken = take(access.workspace, (path, recorded), storage, meter);
        added.push(taken.map_err(|error| error.doing(access.workspace, "add", path))?);
    }
    let news: BTreeMap<RepoPath, Content> = added
        .iter()
        .filter(|added| matches!(added.addition, Addition::Added | Addition::Updated))
        .map(|added| (added.path.clone(), added.content))
        .collect();
    if !news.is_empty() {
        access.update(|data| data.extend(news.clone()))?;
    }
    access.workspace.try_save_index();
    Ok(added)
}

/// Puts one path into the cache, unless it is there as recorded.
fn take(
    workspace: &Workspace,
    (path, recorded): (&RepoPath, Option<Content>),
    storage: Storage,
    meter: &Meter,
) -> Result<Added, Error> {
    let made = |content, addition| Added {
        path: path.clone(),
        content,
        addition,
        written_over: Vec::new(),
        alike: None,
        dropped: Vec::new(),
    };
    let gone = || Error::Absent {
        path: path.clone(),
        is_tracked: recorded.is_some(),
    };
    let any = AnyPath::from(path.clone());
    if storage == Storage::LockOnly {
        let found = workspace.measure_whole(&any)?.ok_or_else(gone)?;
        return Ok(made(found, addition(recorded, found)));
    }
    let before = meter.progress().objects;
    let (stored, tree) = workspace.store_and_list(&any, meter)?.ok_or_else(gone)?;
    let has_news = meter.progress().objects > before;
    Ok(match addition(recorded, stored) {
        Addition::Unchanged if has_news => made(stored, Addition::Saved),
        Addition::Unchanged => made(stored, Addition::Unchanged),
        addition => {
            let tree = tree.unwrap_or_default();
            let written_over = written_over(workspace, path, recorded, &tree)?;
            if !written_over.is_empty() {
                // A link may still lead to what has just been set aside.
                workspace.relink(&stored, &any, meter)?;
            }
            let alike = alike(&tree);
            Added {
                written_over,
                alike: alike.map(|pair| pair.map(|name| format!("{path}/{name}"))),
                ..made(stored, addition)
            }
        }
    })
}

/// Finds two paths of a folder that differ in capitals alone, of which other file systems keep only
/// one.
pub(super) fn alike(tree: &Tree) -> Option<[&str; 2]> {
    // Of two such paths one at least has a capital, which most folders have nowhere.
    let has_capitals = |entry: &Entry| !is_lower(&entry.path);
    if !tree.entries().iter().any(has_capitals) {
        return None;
    }
    let mut known: HashMap<String, &str> = HashMap::new();
    for entry in tree.entries() {
        let path = entry.path.as_str();
        let ends = path.match_indices('/').map(|(end, _)| end);
        for name in ends.chain([path.len()]).map(|end| &path[..end]) {
            let other = *known.entry(name.to_lowercase()).or_insert(name);
            if other != name {
                return Some([other, name]);
            }
        }
    }
    None
}

/// Whether a text is the one that stands for all which differ from it in capitals alone.
fn is_lower(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii() && !byte.is_ascii_uppercase();
    text.bytes().all(is_plain) || text.to_lowercase() == text
}

/// Finds the files whose bytes as recorded went when they were edited; `now` is the folder's manifest.
fn written_over(
    workspace: &Workspace,
    path: &RepoPath,
    recorded: Option<Content>,
    now: &Tree,
) -> Result<Vec<String>, Error> {
    let Some(recorded) = recorded else {
        return Ok(Vec::new());
    };
    let cache = &workspace.cache;
    if recorded.files.is_none() {
        let is_lost = cache.is_written_over(&recorded)?;
        return Ok(is_lost.then(|| path.to_string()).into_iter().collect());
    }
    let before = cache.manifest(&recorded)?.unwrap_or_default();
    let mut found = Vec::new();
    for change in tree_changes(&before, now) {
        if let EntryChange::Modified(Entry { kind, path: inner }, now) = change
            && let (EntryKind::File(old), EntryKind::File(new)) = (kind, &now.kind)
            && old.digest != new.digest
            && cache.is_written_over(&(*old).into())?
        {
            found.push(format!("{path}/{inner}"));
        }
    }
    Ok(found)
}

fn addition(recorded: Option<Content>, found: Content) -> Addition {
    match recorded {
        None => Addition::Added,
        Some(recorded) if recorded == found => Addition::Unchanged,
        Some(_) => Addition::Updated,
    }
}
