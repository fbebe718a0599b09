//! Finds the pipeline files of a project, without walking through its data.

use std::collections::{BTreeMap, BTreeSet};

use ignore::Match;
use ignore::gitignore::{Gitignore, GitignoreBuilder};

use crate::base::path::RepoPath;
use crate::base::source::{self, Entry, Snapshot};

/// The file that describes the stages of a folder.
pub(crate) const PIPELINE_FILE: &str = "pipeline.yaml";

/// DVC's name for it, read where the folder has none of ours.
pub(crate) const DVC_FILE: &str = "dvc.yaml";

/// Folders that never hold a pipeline of the project's own, whether git ignores them or not.
const FOREIGN: &[&str] = &["node_modules", "__pycache__", "site-packages", "target"];

/// Finds the pipeline files below the root's own. Hidden folders, `outs`, what git ignores and
/// projects of their own are not entered.
pub(super) fn find_below(
    snapshot: &dyn Snapshot,
    outs: &BTreeSet<&RepoPath>,
) -> Result<Vec<RepoPath>, source::Error> {
    let mut rules = Rules {
        snapshot,
        folders: BTreeMap::new(),
    };
    let found = snapshot.list(&RepoPath::root(), &mut |entry| {
        if !entry.is_folder {
            let is_pipeline = matches!(entry.name, PIPELINE_FILE | DVC_FILE);
            return is_pipeline && !entry.folder.is_root() && !rules.ignore(entry);
        }
        let is_own = !entry.name.starts_with('.') && !FOREIGN.contains(&entry.name);
        is_own && {
            let path = entry.path();
            !outs.contains(&path) && !rules.ignore(entry) && !is_project(snapshot, &path)
        }
    })?;
    let ours: BTreeSet<RepoPath> = found
        .iter()
        .filter(|path| path.name() == PIPELINE_FILE)
        .map(RepoPath::parent)
        .collect();
    let is_read = |path: &RepoPath| path.name() == PIPELINE_FILE || !ours.contains(&path.parent());
    Ok(found.into_iter().filter(is_read).collect())
}

/// Finds the files of a project whose names are wanted, sorted. Hidden folders, what git ignores and
/// projects of their own are not entered.
pub(crate) fn find_files(
    snapshot: &dyn Snapshot,
    is_wanted: &dyn Fn(&str) -> bool,
) -> Result<Vec<RepoPath>, source::Error> {
    let mut rules = Rules {
        snapshot,
        folders: BTreeMap::new(),
    };
    snapshot.list(&RepoPath::root(), &mut |entry| {
        if !entry.is_folder {
            return is_wanted(entry.name) && !rules.ignore(entry);
        }
        let is_own = !entry.name.starts_with('.') && !FOREIGN.contains(&entry.name);
        is_own && !rules.ignore(entry) && !is_project(snapshot, &entry.path())
    })
}

/// A folder with a state folder is a project of its own, with a lock of its own.
fn is_project(snapshot: &dyn Snapshot, folder: &RepoPath) -> bool {
    let mark = folder.join(".mlpipe/.gitignore");
    mark.is_ok_and(|mark| matches!(snapshot.read(&mark), Ok(Some(_))))
}

/// The `.gitignore` files met so far, each read when first needed.
struct Rules<'a> {
    snapshot: &'a dyn Snapshot,
    folders: BTreeMap<RepoPath, Option<Gitignore>>,
}

impl Rules<'_> {
    /// Returns whether git ignores what a listing came by; the nearest file with a word on it wins.
    fn ignore(&mut self, entry: &Entry<'_>) -> bool {
        let path = entry.path();
        let mut folder = entry.folder.clone();
        loop {
            let inner = if folder.is_root() {
                path.as_str()
            } else {
                &path.as_str()[folder.as_str().len() + 1..]
            };
            let matched = self
                .of(&folder)
                .map_or(Match::None, |rules| rules.matched(inner, entry.is_folder));
            match matched {
                Match::Ignore(_) => return true,
                Match::Whitelist(_) => return false,
                Match::None if folder.is_root() => return false,
                Match::None => folder = folder.parent(),
            }
        }
    }

    fn of(&mut self, folder: &RepoPath) -> Option<&Gitignore> {
        if !self.folders.contains_key(folder) {
            let rules = read_rules(self.snapshot, folder);
            self.folders.insert(folder.clone(), rules);
        }
        self.folders.get(folder)?.as_ref()
    }
}

/// Reads the rules of one folder. Rules that cannot be read only make the search longer.
fn read_rules(snapshot: &dyn Snapshot, folder: &RepoPath) -> Option<Gitignore> {
    let path = folder.join(".gitignore").ok()?;
    let bytes = snapshot.read(&path).ok()??;
    let mut builder = GitignoreBuilder::new("");
    for line in String::from_utf8_lossy(&bytes).lines() {
        // A line that is no pattern ignores nothing, as in git.
        drop(builder.add_line(None, line));
    }
    builder.build().ok()
}
