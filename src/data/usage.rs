//! `Usage`: how much tracked data there is, and how much of it the cache holds.

use std::collections::HashSet;

use crate::base::digest::Digest;
use crate::base::path::RepoPath;
use crate::data::error::Error;
use crate::data::inventory::Inventory;
use crate::data::item::Item;
use crate::pipeline::Content;
use crate::store::Presence;
use crate::workspace::Workspace;

/// The sizes of some tracked data.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Usage {
    /// The number of files.
    pub(crate) files: u64,
    /// Their size in bytes.
    pub(crate) size: u64,
    /// Their size with equal files counted once.
    pub(crate) distinct: u64,
    /// What of that the cache holds.
    pub(crate) cached: u64,
    /// Tracked folders whose files are unknown, for no cache has their list. They count as recorded,
    /// and as held by no cache.
    pub(crate) unknown: Vec<RepoPath>,
}

/// Adds up tracked data, with equal files counted once.
pub(crate) struct Meter<'a> {
    workspace: &'a Workspace,
    inventory: &'a Inventory,
    usage: Usage,
    /// Each file that was met.
    seen: HashSet<Digest>,
}

impl<'a> Meter<'a> {
    /// Starts with nothing.
    pub(crate) fn new(workspace: &'a Workspace, inventory: &'a Inventory) -> Self {
        Self {
            workspace,
            inventory,
            usage: Usage::default(),
            seen: HashSet::new(),
        }
    }

    /// Adds all that is tracked at or below these paths, or that part of it.
    pub(crate) fn add(&mut self, paths: &[RepoPath]) -> Result<(), Error> {
        for (tracked, content) in self.inventory.contents() {
            if paths.iter().any(|path| tracked.is_within(path)) {
                self.add_tracked(tracked, content, &[])?;
            } else if paths.iter().any(|path| path.is_within(tracked)) {
                self.add_tracked(tracked, content, paths)?;
            }
        }
        Ok(())
    }

    /// Adds something tracked, or what of it is `among` these paths.
    fn add_tracked(
        &mut self,
        path: &RepoPath,
        content: &Content,
        among: &[RepoPath],
    ) -> Result<(), Error> {
        let is_whole = self.workspace.cache.presence(content)? == Presence::Whole;
        if content.files.is_none() {
            self.add_file(content, is_whole);
            return Ok(());
        }
        let Some(tree) = self.inventory.tree(self.workspace, path, content)? else {
            self.usage.files += content.files.unwrap_or_default();
            self.usage.size += content.size;
            self.usage.distinct += content.size;
            self.usage.unknown.push(path.clone());
            return Ok(());
        };
        let items = Item::all_inside(path, &tree).filter(|item| item.is_among(among));
        for content in items.filter_map(|item| item.content()) {
            let is_cached = is_whole || self.workspace.cache.presence(&content)? == Presence::Whole;
            self.add_file(&content, is_cached);
        }
        Ok(())
    }

    /// Returns the sum.
    pub(crate) fn finish(self) -> Usage {
        self.usage
    }

    fn add_file(&mut self, content: &Content, is_cached: bool) {
        self.usage.files += 1;
        self.usage.size += content.size;
        if self.seen.insert(content.sha256) {
            self.usage.distinct += content.size;
            self.usage.cached += if is_cached { content.size } else { 0 };
        }
    }
}
