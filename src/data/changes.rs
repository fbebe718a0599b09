//! `Changes`: what differs between two inventories: tracked files and folders, and the files inside.

use std::collections::HashMap;

use rayon::prelude::*;

use crate::base::digest::Digest;
use crate::base::path::RepoPath;
use crate::data::error::Error;
use crate::data::inventory::Inventory;
use crate::data::item::Item;
use crate::pipeline::Content;
use crate::store::{self, Entry, EntryChange, Presence, Tree, tree_changes};
use crate::workspace::Workspace;

/// How far a comparison goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Detail {
    /// A folder is one thing.
    #[default]
    Tracked,
    /// A folder is its files.
    Files,
}

/// What differs between an old and a new inventory. Each list is sorted by path.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    /// Files; those inside of folders only where that was asked for.
    pub(crate) files: Kinds,
    /// Tracked folders as a whole.
    pub(crate) folders: Kinds,
    /// Tracked folders of which one side's files are unknown, for no cache has their list.
    pub(crate) unknown: Vec<String>,
    /// How far the comparison went.
    pub(crate) detail: Detail,
}

/// Changes by what they are.
#[derive(Debug, Default)]
pub(crate) struct Kinds {
    pub(crate) added: Vec<Item>,
    pub(crate) modified: Vec<Pair>,
    pub(crate) renamed: Vec<Pair>,
    pub(crate) deleted: Vec<Item>,
}

/// Something before and after.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pair {
    pub(crate) old: Item,
    pub(crate) new: Item,
}

impl Pair {
    /// Returns what is there now.
    pub(crate) fn now(&self) -> &Item {
        &self.new
    }
}

/// Two inventories, and what of them is compared.
pub(crate) struct Comparison<'a> {
    pub(crate) workspace: &'a Workspace,
    pub(crate) old: &'a Inventory,
    pub(crate) new: &'a Inventory,
    pub(crate) detail: Detail,
    /// Only these paths are looked at; all without any.
    pub(crate) targets: &'a [RepoPath],
}

/// A tracked path on one side.
type Side<'a> = (&'a RepoPath, &'a Content);

impl Comparison<'_> {
    /// Compares.
    pub(crate) fn run(&self) -> Result<Changes, Error> {
        let mut changes = Changes {
            detail: self.detail,
            ..Changes::default()
        };
        let (mut deleted, mut added) = (Vec::new(), Vec::new());
        let (old, new) = (self.old.contents(), self.new.contents());
        for (path, content) in old {
            match new.get(path) {
                Some(now) if now == content => {}
                Some(now) if now.files.is_some() == content.files.is_some() => {
                    self.modify(path, (content, now), &mut changes)?;
                }
                _ => deleted.push((path, content)),
            }
        }
        for (path, content) in new {
            let before = old.get(path);
            if before.is_none_or(|before| before.files.is_some() != content.files.is_some()) {
                added.push((path, content));
            }
        }
        self.move_folders(&mut deleted, &mut added, &mut changes)?;
        for side in deleted {
            self.drop_whole(side, &mut changes)?;
        }
        for side in added {
            self.add_whole(side, &mut changes)?;
        }
        changes.files.pair_up();
        changes.restrict(self.targets);
        changes.sort();
        Ok(changes)
    }

    fn modify(
        &self,
        path: &RepoPath,
        (old, new): (&Content, &Content),
        changes: &mut Changes,
    ) -> Result<(), Error> {
        let pair = Pair {
            old: Item::tracked(path, old),
            new: Item::tracked(path, new),
        };
        if old.files.is_none() {
            changes.files.modified.push(pair);
            return Ok(());
        }
        if self.detail == Detail::Files {
            let before = self.old.tree(self.workspace, path, old)?;
            let now = self.new.tree(self.workspace, path, new)?;
            match (before, now) {
                (Some(before), Some(now)) => {
                    changes.compare(path, &before, &now);
                }
                _ => changes.unknown.push(pair.new.path.clone()),
            }
        }
        changes.folders.modified.push(pair);
        Ok(())
    }

    /// Finds folders that are elsewhere now, as they were.
    fn move_folders<'s>(
        &self,
        deleted: &mut Vec<Side<'s>>,
        added: &mut Vec<Side<'s>>,
        changes: &mut Changes,
    ) -> Result<(), Error> {
        let mut by_digest: HashMap<Digest, Vec<Side<'s>>> = HashMap::new();
        for side in deleted.iter().rev().filter(|(_, old)| is_movable(old)) {
            by_digest.entry(side.1.sha256).or_default().push(*side);
        }
        let mut pairs: HashMap<&RepoPath, Side<'s>> = HashMap::new();
        added.retain(|(path, content)| {
            let found = by_digest
                .get_mut(&content.sha256)
                .filter(|_| is_movable(content));
            let Some(old) = found.and_then(Vec::pop) else {
                return true;
            };
            pairs.insert(old.0, (*path, *content));
            false
        });
        deleted.retain(|(path, _)| !pairs.contains_key(path));
        for (old, (new, content)) in pairs {
            self.move_folder(old, new, content, changes)?;
        }
        Ok(())
    }

    fn move_folder(
        &self,
        old: &RepoPath,
        new: &RepoPath,
        content: &Content,
        changes: &mut Changes,
    ) -> Result<(), Error> {
        changes.folders.renamed.push(Pair {
            old: Item::tracked(old, content),
            new: Item::tracked(new, content),
        });
        if self.detail == Detail::Files {
            match self.new.tree(self.workspace, new, content)? {
                Some(tree) => {
                    let old = Item::all_inside(old, &tree);
                    let pairs = old.zip(Item::all_inside(new, &tree));
                    let pairs = pairs.map(|(old, new)| Pair { old, new });
                    changes.files.renamed.extend(pairs);
                }
                None => changes.unknown.push(format!("{new}/")),
            }
        }
        Ok(())
    }

    fn drop_whole(&self, whole: Side<'_>, changes: &mut Changes) -> Result<(), Error> {
        let (files, folders) = (&mut changes.files.deleted, &mut changes.folders.deleted);
        self.list_whole(self.old, whole, (files, folders), &mut changes.unknown)
    }

    fn add_whole(&self, whole: Side<'_>, changes: &mut Changes) -> Result<(), Error> {
        let (files, folders) = (&mut changes.files.added, &mut changes.folders.added);
        self.list_whole(self.new, whole, (files, folders), &mut changes.unknown)
    }

    /// Lists what only one side has.
    fn list_whole(
        &self,
        side: &Inventory,
        (path, content): Side<'_>,
        (files, folders): (&mut Vec<Item>, &mut Vec<Item>),
        unknown: &mut Vec<String>,
    ) -> Result<(), Error> {
        let item = Item::tracked(path, content);
        if content.files.is_none() {
            files.push(item);
            return Ok(());
        }
        if self.detail == Detail::Files {
            match side.tree(self.workspace, path, content)? {
                Some(tree) => files.extend(Item::all_inside(path, &tree)),
                None => unknown.push(item.path.clone()),
            }
        }
        folders.push(item);
        Ok(())
    }
}

/// A folder with something in it: that two others are empty makes none the other's new name.
fn is_movable(content: &Content) -> bool {
    content.files.is_some_and(|files| files > 0)
}

impl Changes {
    /// Returns whether nothing differs.
    pub(crate) fn is_empty(&self) -> bool {
        self.files.is_empty() && self.folders.is_empty()
    }

    /// Compares the entries of a folder.
    fn compare(&mut self, folder: &RepoPath, old: &Tree, new: &Tree) {
        let item = |entry: &Entry| Item::inside(folder, entry);
        for change in tree_changes(old, new) {
            match change {
                EntryChange::Added(now) => self.files.added.push(item(now)),
                EntryChange::Deleted(before) => self.files.deleted.push(item(before)),
                EntryChange::Modified(before, now) => self.files.modified.push(Pair {
                    old: item(before),
                    new: item(now),
                }),
            }
        }
    }

    fn restrict(&mut self, targets: &[RepoPath]) {
        if !targets.is_empty() {
            self.files.restrict(targets);
            self.folders.restrict(targets);
        }
    }

    fn sort(&mut self) {
        self.files.sort();
        self.folders.sort();
        self.unknown.sort();
    }
}

impl Kinds {
    fn is_empty(&self) -> bool {
        self.added.is_empty()
            && self.modified.is_empty()
            && self.renamed.is_empty()
            && self.deleted.is_empty()
    }

    /// Takes files that went as files that came where the bytes are the same, in the order of their
    /// paths. That a file is empty makes it nobody's other name.
    fn pair_up(&mut self) {
        if self.added.is_empty() || self.deleted.is_empty() {
            return;
        }
        self.sort();
        let mut gone: HashMap<Digest, Vec<usize>> = HashMap::new();
        for (index, item) in self.deleted.iter().enumerate().rev() {
            if let Some(digest) = item.digest.filter(|_| item.size > 0) {
                gone.entry(digest).or_default().push(index);
            }
        }
        let mut deleted: Vec<Option<Item>> = self.deleted.drain(..).map(Some).collect();
        let mut added = Vec::new();
        for new in self.added.drain(..) {
            let found = new.digest.and_then(|digest| gone.get_mut(&digest)?.pop());
            match found.and_then(|index| deleted[index].take()) {
                Some(old) => self.renamed.push(Pair { old, new }),
                None => added.push(new),
            }
        }
        self.added = added;
        self.deleted = deleted.into_iter().flatten().collect();
    }

    fn restrict(&mut self, targets: &[RepoPath]) {
        let is_either = |pair: &Pair| pair.old.is_among(targets) || pair.new.is_among(targets);
        self.added.retain(|item| item.is_among(targets));
        self.deleted.retain(|item| item.is_among(targets));
        self.modified.retain(is_either);
        self.renamed.retain(is_either);
    }

    fn sort(&mut self) {
        self.added.sort_by(|one, other| one.path.cmp(&other.path));
        self.deleted.sort_by(|one, other| one.path.cmp(&other.path));
        for pairs in [&mut self.modified, &mut self.renamed] {
            pairs.sort_by(|one, other| one.new.path.cmp(&other.new.path));
        }
    }
}

/// Lists what of an inventory the cache lacks, sorted by path. A folder whose list is lost is one.
pub(crate) fn missing(
    workspace: &Workspace,
    inventory: &Inventory,
    detail: Detail,
) -> Result<Vec<Item>, Error> {
    let sides: Vec<Side<'_>> = inventory.contents().iter().collect();
    let look = |side: &Side<'_>| missing_of(workspace, inventory, *side, detail);
    let found: Result<Vec<Vec<Item>>, Error> = sides.par_iter().map(look).collect();
    let mut items: Vec<Item> = found?.into_iter().flatten().collect();
    items.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(items)
}

fn missing_of(
    workspace: &Workspace,
    inventory: &Inventory,
    (path, content): Side<'_>,
    detail: Detail,
) -> Result<Vec<Item>, Error> {
    if workspace.cache.presence(content)? == Presence::Whole {
        return Ok(Vec::new());
    }
    let whole = Item::tracked(path, content);
    if detail == Detail::Tracked || content.files.is_none() {
        return Ok(vec![whole]);
    }
    let Some(tree) = inventory.tree(workspace, path, content)? else {
        return Ok(vec![whole]);
    };
    let is_missing = |item: Item| match item.content() {
        None => Ok(None),
        Some(content) => {
            let presence = workspace.cache.presence(&content)?;
            Ok((presence == Presence::Missing).then_some(item))
        }
    };
    let items: Result<Vec<Option<Item>>, store::Error> =
        Item::all_inside(path, &tree).map(is_missing).collect();
    Ok(items?.into_iter().flatten().collect())
}
