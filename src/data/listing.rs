//! `Listing`: what the project has at a path: files of git and tracked data together, as if all were
//! checked out.

use std::collections::BTreeMap;

use crate::base::digest::Digest;
use crate::base::fs;
use crate::base::ignore_rules::IgnoreRules;
use crate::base::path::RepoPath;
use crate::base::source::{Entry, Snapshot};
use crate::data::error::Error;
use crate::data::inventory::Inventory;
use crate::data::item::Item;
use crate::pipeline::Content;
use crate::scm::Revision;
use crate::workspace::Workspace;

/// How deep a listing goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Depth {
    /// What lies in the folder; folders in it are one line each.
    Folder,
    /// All files below.
    Files,
}

/// Which files are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    /// All of the project's.
    Anybody,
    /// Tracked data and outs.
    Data,
}

/// Whether git is asked for the sizes of its files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sizes {
    Recorded,
    All,
}

/// A file or folder of the project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Listed {
    /// Its path below what is listed; a folder's ends with `/`.
    pub(crate) path: String,
    /// Whether it is tracked data or an out, or lies in one.
    pub(crate) is_data: bool,
    /// Whether it may be executed, as far as `data.lock` says.
    pub(crate) executable: bool,
    /// Its size in bytes; git's files have none unless it is asked for.
    pub(crate) size: Option<u64>,
    /// The digest that is recorded of it.
    pub(crate) digest: Option<Digest>,
}

/// What there is at a path.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    /// The entries, sorted by path.
    pub(crate) entries: Vec<Listed>,
    /// Tracked folders whose files are unknown, for no cache has their list.
    pub(crate) unknown: Vec<RepoPath>,
}

/// What is listed.
pub(crate) struct Inquiry<'a> {
    pub(crate) workspace: &'a Workspace,
    /// The revision; now without one.
    pub(crate) revision: Option<&'a Revision>,
    pub(crate) inventory: &'a Inventory,
    pub(crate) path: &'a RepoPath,
    pub(crate) depth: Depth,
    pub(crate) owner: Owner,
    pub(crate) sizes: Sizes,
}

impl Inquiry<'_> {
    /// Lists; `None` if nothing of the project's is at the path.
    pub(crate) fn list(&self) -> Result<Option<Listing>, Error> {
        let mut gathered = Gathered {
            top: self.path,
            depth: self.depth,
            entries: BTreeMap::new(),
            unknown: Vec::new(),
            is_file: false,
        };
        if self.owner == Owner::Anybody {
            for entry in self.git_files()? {
                gathered.add(&Found::Git(&entry));
            }
        }
        for (path, content) in self.inventory.contents() {
            if path.overlaps(self.path) {
                self.add_data(path, content, &mut gathered)?;
            }
        }
        if self.sizes == Sizes::All {
            self.add_sizes(&mut gathered)?;
        }
        let Gathered {
            entries, unknown, ..
        } = gathered;
        if entries.is_empty() && unknown.is_empty() && !self.is_empty_folder() {
            return Ok(None);
        }
        let entries = entries.into_values().collect();
        Ok(Some(Listing { entries, unknown }))
    }

    /// The root is there always, and a tracked folder is, even with nothing in it.
    fn is_empty_folder(&self) -> bool {
        self.path.is_root() || self.inventory.contents().contains_key(self.path)
    }

    fn add_data(
        &self,
        path: &RepoPath,
        content: &Content,
        gathered: &mut Gathered<'_>,
    ) -> Result<(), Error> {
        let whole = Item::tracked(path, content);
        let is_opened = self.depth == Depth::Files || self.path.is_within(path);
        if content.files.is_none() || !is_opened {
            gathered.add(&Found::Data(path, &whole));
            return Ok(());
        }
        let recorded = self.inventory.tree(self.workspace, path, content)?;
        let tree = match recorded {
            // What is in place does as well, even if it may have changed.
            None if self.revision.is_none() => self.workspace.tree(&path.clone().into())?,
            recorded => recorded,
        };
        let Some(tree) = tree else {
            gathered.unknown.push(path.clone());
            if path != self.path && path.is_within(self.path) {
                gathered.add(&Found::Data(path, &whole));
            }
            return Ok(());
        };
        for item in Item::all_inside(path, &tree) {
            gathered.add(&Found::Data(path, &item));
        }
        Ok(())
    }

    /// Lists git's files at the path; without git, those on disk.
    fn git_files(&self) -> Result<Vec<GitEntry>, Error> {
        if let Some(revision) = self.revision {
            return self.walk(revision, |_| Ok(true));
        }
        if let Some(repo) = self.workspace.repo()? {
            let mut files = repo.tracked_files()?;
            files.retain(|file| file.is_within(self.path));
            return Ok(files.into_iter().map(GitEntry::File).collect());
        }
        let rules = IgnoreRules::open(self.workspace.root());
        self.walk(&self.workspace.worktree, |entry| {
            Ok(rules.ignored(&entry.path(), entry.is_folder)?.is_none())
        })
    }

    /// Lists what a snapshot has. Folders are not entered where only their names are asked for.
    fn walk(
        &self,
        snapshot: &dyn Snapshot,
        is_counted: impl Fn(&Entry<'_>) -> Result<bool, fs::Error>,
    ) -> Result<Vec<GitEntry>, Error> {
        let mut found = Vec::new();
        let mut failed = None;
        let files = snapshot.list(self.path, &mut |entry| {
            let is_wanted = is_counted(entry).unwrap_or_else(|error| {
                failed = Some(error);
                false
            });
            if is_wanted && entry.is_folder && self.depth == Depth::Folder {
                found.push(GitEntry::Folder(entry.path()));
                return false;
            }
            is_wanted
        })?;
        if let Some(error) = failed {
            return Err(error.into());
        }
        found.extend(files.into_iter().map(GitEntry::File));
        if found.is_empty() && !self.path.is_root() && snapshot.read(self.path)?.is_some() {
            found.push(GitEntry::File(self.path.clone()));
        }
        Ok(found)
    }

    fn add_sizes(&self, gathered: &mut Gathered<'_>) -> Result<(), Error> {
        let is_file = gathered.is_file;
        let entries = gathered.entries.values_mut();
        for entry in entries.filter(|entry| !entry.is_data && !entry.path.ends_with('/')) {
            let inner = self.path.join(&entry.path).ok().filter(|_| !is_file);
            let path = inner.as_ref().unwrap_or(self.path);
            entry.size = if let Some(revision) = self.revision {
                revision.size(path)?
            } else {
                let metadata = self.workspace.locate(path).symlink_metadata();
                metadata.ok().map(|metadata| metadata.len())
            };
        }
        Ok(())
    }
}

/// A file of git's, or a folder with some.
enum GitEntry {
    File(RepoPath),
    Folder(RepoPath),
}

/// Something at or below the path that is listed.
enum Found<'a> {
    /// A file of git's, or a folder with some.
    Git(&'a GitEntry),
    /// Something tracked, or in it.
    Data(&'a RepoPath, &'a Item),
}

/// The entries met so far, by path below what is listed.
struct Gathered<'a> {
    top: &'a RepoPath,
    depth: Depth,
    entries: BTreeMap<String, Listed>,
    unknown: Vec<RepoPath>,
    /// Whether what is listed is no folder but a file.
    is_file: bool,
}

impl Gathered<'_> {
    fn add(&mut self, found: &Found<'_>) {
        let (path, end) = match found {
            Found::Git(GitEntry::File(path)) => (path.as_str(), ""),
            Found::Git(GitEntry::Folder(path)) => (path.as_str(), "/"),
            Found::Data(_, item) => match item.path.strip_suffix('/') {
                Some(path) => (path, "/"),
                None => (item.path.as_str(), ""),
            },
        };
        let Some(inner) = below(path, self.top) else {
            return;
        };
        self.is_file |= path == self.top.as_str() && end.is_empty();
        match inner.split_once('/') {
            Some((folder, _)) if self.depth == Depth::Folder => self.add_to_folder(folder, found),
            _ => self.add_whole(format!("{inner}{end}"), found),
        }
    }

    fn add_whole(&mut self, path: String, found: &Found<'_>) {
        let listed = match found {
            Found::Git(_) => Listed {
                path: path.clone(),
                is_data: false,
                executable: false,
                size: None,
                digest: None,
            },
            Found::Data(_, item) => Listed {
                path: path.clone(),
                is_data: true,
                executable: item.executable,
                size: Some(item.size),
                digest: item.digest,
            },
        };
        self.entries.insert(path, listed);
    }

    /// Adds to a folder of which only the name is listed. Its size is known where all is data.
    fn add_to_folder(&mut self, folder: &str, found: &Found<'_>) {
        let (is_data, size) = match found {
            Found::Git(_) => (false, None),
            Found::Data(tracked, item) => {
                let is_inside = self
                    .top
                    .join(folder)
                    .is_ok_and(|folder| folder.is_within(tracked));
                (is_inside, Some(item.size))
            }
        };
        let path = format!("{folder}/");
        let listed = self.entries.entry(path.clone()).or_insert(Listed {
            path,
            is_data,
            executable: false,
            size: Some(0),
            digest: None,
        });
        listed.is_data &= is_data;
        listed.size = listed.size.zip(size).map(|(sum, size)| sum + size);
    }
}

/// Returns the path below `top`; of `top` itself, its name.
fn below<'p>(path: &'p str, top: &'p RepoPath) -> Option<&'p str> {
    if top.is_root() {
        return Some(path);
    }
    match path.strip_prefix(top.as_str())? {
        "" => Some(top.name()),
        rest => rest.strip_prefix('/').filter(|rest| !rest.is_empty()),
    }
}
