//! What only the workspace has: content that overwriting would destroy.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use rayon::prelude::*;
use walkdir::WalkDir;

use crate::base::any_path::AnyPath;
use crate::base::fs::{self, failed};
use crate::base::path::RepoPath;
use crate::data::error::Error;
use crate::pipeline::Content;
use crate::store::{
    self, EntryKind, Presence, Standing, Tree, folders_of, is_object_link, is_within,
    leads_elsewhere,
};
use crate::workspace::{self, Kept, Workspace};

/// What in the place of tracked data is in no cache.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Unsaved {
    /// Nothing.
    Nothing,
    /// All of it, or so much that it cannot be told apart.
    Whole,
    /// These files of the folder.
    Files(Vec<String>),
}

impl Unsaved {
    /// Looks at what is standing at `path`, where `recorded` is to be put. Files that are as recorded
    /// stay as they are and count as saved.
    pub(super) fn find(
        workspace: &Workspace,
        path: &RepoPath,
        standing: &Standing,
        recorded: &Content,
    ) -> Result<Self, Error> {
        let known = workspace.cache.manifest(recorded)?.unwrap_or_default();
        let is_folder = recorded.files.is_some();
        Self::look(workspace, path, standing, (&known, is_folder))
    }

    /// Looks at what is at `path` and is about to go, with all that is in it.
    pub(super) fn find_all(
        workspace: &Workspace,
        path: &RepoPath,
        found: Option<Content>,
    ) -> Result<Self, Error> {
        let standing = Standing {
            content: found,
            folder: None,
        };
        Self::look(workspace, path, &standing, (&Tree::default(), false))
    }

    /// Looks at what gives way to `known`, which is a folder or not.
    fn look(
        workspace: &Workspace,
        path: &RepoPath,
        standing: &Standing,
        (known, is_folder): (&Tree, bool),
    ) -> Result<Self, Error> {
        workspace.cache.begin_reading()?;
        let location = workspace.locate(path);
        let metadata = fs::absent_as_none(location.symlink_metadata());
        let Some(metadata) = metadata.map_err(failed("cannot read", &location))? else {
            return Ok(Self::Nothing);
        };
        if standing.content.is_none() && is_object_link(&location) {
            return Ok(Self::Nothing);
        }
        let Some(found) = standing.content else {
            // A link to nothing, which only the user can have made.
            return Ok(Self::Whole);
        };
        let is_link = metadata.is_symlink();
        if is_link && !is_object_link(&location) {
            // Where it leads is written down nowhere.
            return Ok(Self::Whole);
        }
        if is_link || found.files.is_none() {
            return Ok(match workspace.cache.verify(&found)? {
                Presence::Whole => Self::Nothing,
                Presence::Missing => Self::Whole,
            });
        }
        // A folder that takes the place of another one leaves alone what does not count.
        if !is_folder && workspace.has_uncounted(&location)? {
            return Ok(Self::Whole);
        }
        let seen;
        let tree = match &standing.folder {
            Some(folder) => &folder.tree,
            None => match workspace.tree(&AnyPath::from(path.clone()))? {
                Some(tree) => {
                    seen = tree;
                    &seen
                }
                None => return Ok(Self::Whole),
            },
        };
        Self::look_inside(workspace, &location, (&found, tree), known)
    }

    /// Looks at what is in the folder at `location`: its content, and its manifest.
    fn look_inside(
        workspace: &Workspace,
        location: &Path,
        (found, tree): (&Content, &Tree),
        known: &Tree,
    ) -> Result<Self, Error> {
        let links = other_links(location, tree, known)?;
        let links: BTreeSet<&str> = links.iter().map(String::as_str).collect();
        let mut files = files_in_no_cache(workspace, tree, known)?;
        // The manifest of what is there has its links.
        if workspace.cache.manifest(found)?.is_none() {
            files.extend(unrecorded_links(tree, known));
        }
        files.extend(uncounted_in_the_way(location, tree, known)?);
        // What is behind a link stays where it is.
        files.retain(|file| !is_within(file, &links));
        files.extend(links.iter().map(|&link| link.to_owned()));
        files.sort();
        files.dedup();
        Ok(if files.is_empty() {
            Self::Nothing
        } else if files.iter().any(|file| leads_elsewhere(location, file)) {
            // What is behind a link to a folder elsewhere must not be moved from there.
            Self::Whole
        } else {
            Self::Files(files)
        })
    }

    /// Returns the paths that it is about.
    pub(super) fn paths(&self, path: &RepoPath) -> Vec<String> {
        match self {
            Self::Nothing => Vec::new(),
            Self::Whole => vec![path.to_string()],
            Self::Files(files) => files.iter().map(|file| format!("{path}/{file}")).collect(),
        }
    }

    /// Moves it out of the way.
    pub(super) fn keep(
        &self,
        workspace: &Workspace,
        path: &RepoPath,
    ) -> Result<Option<Kept>, fs::Error> {
        let any = AnyPath::from(path.clone());
        Ok(match self {
            Self::Nothing => None,
            Self::Whole => Some(workspace::keep(workspace, &workspace.locate(path), &any)?),
            Self::Files(files) => Some(workspace::keep_files(workspace, &any, files)?),
        })
    }
}

fn files_in_no_cache(
    workspace: &Workspace,
    tree: &Tree,
    known: &Tree,
) -> Result<Vec<String>, store::Error> {
    let known: BTreeMap<&str, Content> = known
        .files()
        .map(|(path, file)| (path, file.into()))
        .collect();
    let is_unsaved = |(path, content): &(&str, Content)| {
        let is_recorded = known.get(path) == Some(content);
        Ok(!is_recorded && workspace.cache.verify(content)? == Presence::Missing)
    };
    let found: Vec<(&str, Content)> = tree
        .files()
        .map(|(path, file)| (path, file.into()))
        .collect();
    let verdicts: Result<Vec<bool>, store::Error> = found.par_iter().map(is_unsaved).collect();
    let files = found.into_iter().zip(verdicts?);
    let files = files.filter(|(_, is_unsaved)| *is_unsaved);
    Ok(files.map(|((path, _), _)| path.to_owned()).collect())
}

/// Returns the links at `path`, or in the folder there, that only the user can have made.
pub(super) fn own_links(
    workspace: &Workspace,
    path: &RepoPath,
    found: &Content,
) -> Result<Vec<String>, Error> {
    let location = workspace.locate(path);
    if location.is_symlink() {
        let is_own = !is_object_link(&location);
        return Ok(is_own.then(|| path.to_string()).into_iter().collect());
    }
    let links = links_out(&location)?;
    if found.files.is_none() || links.is_empty() {
        return Ok(Vec::new());
    }
    let tree = workspace.tree(&AnyPath::from(path.clone()))?;
    let tree = tree.unwrap_or_default();
    let links = links
        .into_iter()
        .filter(|link| !is_recorded_link(&tree, link));
    Ok(links.map(|link| format!("{path}/{link}")).collect())
}

/// Returns the links in a folder that only the user can have made, and that lead to something else than
/// `known` has there.
fn other_links(location: &Path, tree: &Tree, known: &Tree) -> Result<Vec<String>, fs::Error> {
    let is_other =
        |link: &String| !is_recorded_link(tree, link) && !tree.part(link).eq(known.part(link));
    Ok(links_out(location)?.into_iter().filter(is_other).collect())
}

/// Whether a link is one that manifests have.
fn is_recorded_link(tree: &Tree, inner: &str) -> bool {
    let mut entries = tree.part(inner);
    entries.any(|entry| entry.path == inner && matches!(entry.kind, EntryKind::Link(_)))
}

/// Returns the links in a folder that do not lead to objects, by their paths in it.
fn links_out(location: &Path) -> Result<Vec<String>, fs::Error> {
    let mut found = Vec::new();
    for entry in WalkDir::new(location).min_depth(1) {
        let entry = entry.map_err(|error| failed("cannot read", location)(error.into()))?;
        let path = entry.path();
        if entry.path_is_symlink() && !is_object_link(path) {
            let inner = path.strip_prefix(location).unwrap_or(path);
            found.extend(inner.to_str().map(str::to_owned));
        }
    }
    Ok(found)
}

fn unrecorded_links(tree: &Tree, known: &Tree) -> Vec<String> {
    let recorded: BTreeSet<(&str, &str)> = links(known).collect();
    let links = links(tree).filter(|link| !recorded.contains(link));
    links.map(|(path, _)| path.to_owned()).collect()
}

fn links(tree: &Tree) -> impl Iterator<Item = (&str, &str)> {
    tree.entries().iter().filter_map(|entry| match &entry.kind {
        EntryKind::Link(target) => Some((entry.path.as_str(), &**target)),
        EntryKind::File(_) | EntryKind::EmptyFolder => None,
    })
}

/// Returns the paths where `known` has something, or a folder around that, and something stands that
/// is no data here: an ignored file, or a link that nobody may write behind.
pub(super) fn uncounted_in_the_way(
    location: &Path,
    tree: &Tree,
    known: &Tree,
) -> Result<Vec<String>, fs::Error> {
    let counted: BTreeSet<&str> = tree.entries().iter().map(|entry| &*entry.path).collect();
    let is_folder = |place: &Path| place.is_dir() && !place.is_symlink();
    let mut taken: BTreeSet<&str> = BTreeSet::new();
    for inner in folders_of(known.entries()) {
        let place = location.join(inner);
        if !is_folder(&place)
            && fs::exists(&place)?
            && !counts(&counted, inner)
            && !is_within(inner, &taken)
        {
            taken.insert(inner);
        }
    }
    for entry in known.entries() {
        let is_folder_wanted = entry.kind == EntryKind::EmptyFolder;
        let inner = entry.path.as_str();
        if is_folder_wanted || counted.contains(inner) || is_within(inner, &taken) {
            continue;
        }
        let place = location.join(inner);
        if !is_folder(&place) && fs::exists(&place)? && !is_object_link(&place) {
            taken.insert(inner);
        }
    }
    Ok(taken.into_iter().map(str::to_owned).collect())
}

/// Whether something is data: a file, or a link whose files are.
fn counts(counted: &BTreeSet<&str>, inner: &str) -> bool {
    let start = format!("{inner}/");
    let mut after = counted.range(start.as_str()..);
    counted.contains(inner) || after.next().is_some_and(|path| path.starts_with(&start))
}
