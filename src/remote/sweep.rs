//! Sweeping a remote, in two phases: what our project does not need any more is taken out of its
//! indexes and marked; it is deleted when the mark has stood for a while and still no index names it.
//!
//! What is not in an index of our project is never touched: it is not provably ours.

use std::collections::{BTreeMap, HashSet};

use crate::base::digest::Digest;
use crate::remote::backend::{Depth, Found, UNFINISHED, in_parallel};
use crate::remote::catalog::{Catalog, INDEX};
use crate::remote::depot::{Depot, Layout, OBJECTS};
use crate::remote::error::Error;
use crate::remote::index::{Index, PackEntry};
use crate::remote::push::{merge, pack_path};

/// The folder of the marks: each a list of files that are to go.
pub(super) const GONE: &str = "gone";

/// Written to learn what time it is there.
const CLOCK: &str = "gone/clock";

/// How long a mark stands before its files go, in seconds: longer than any push takes.
pub(crate) const GRACE: i64 = 24 * 60 * 60;

/// No mark is longer.
const LONGEST: u64 = 1 << 28;

/// What was swept, or would be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct SweptAway {
    /// Files that nobody needs any more and that are marked from now on, with their sizes.
    pub(crate) marked: BTreeMap<String, u64>,
    /// Objects that nobody needs in packs that others or other objects keep.
    pub(crate) waste: usize,
    /// Files that were marked long ago and are deleted.
    pub(crate) deleted: BTreeMap<String, u64>,
    /// Files that were marked not so long ago.
    pub(crate) waiting: usize,
}

/// Whether anything is changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sweeping {
    /// It is only said what would be.
    Try,
    /// Marks are set, and what was marked long ago goes.
    Do,
}

impl Depot {
    /// Sweeps away what our project does not need. `grace` is in seconds.
    pub(crate) fn sweep(
        &self,
        live: &HashSet<Digest>,
        grace: i64,
        how: Sweeping,
    ) -> Result<SweptAway, Error> {
        if self.layout == Layout::Plain {
            return Err(Error::Refused {
                message: format!(
                    "`{}` has the layout `plain`, where nothing says whose an object is",
                    self.url()
                ),
                help: "delete there by hand what you know that nobody needs".to_owned(),
            });
        }
        let mut swept = SweptAway::default();
        if !self.check_marker()? {
            return Ok(swept);
        }
        if how == Sweeping::Do {
            self.backend.write(CLOCK, Vec::new())?;
        }
        self.delete_marked(grace, how, &mut swept)?;
        self.mark(live, how, &mut swept)?;
        if how == Sweeping::Do {
            self.backend.remove(CLOCK)?;
        }
        Ok(swept)
    }

    /// Deletes what was marked long ago, unless somebody needs it again.
    fn delete_marked(&self, grace: i64, how: Sweeping, swept: &mut SweptAway) -> Result<(), Error> {
        let found = self.backend.list(GONE, Depth::Flat)?;
        let marks: Vec<&Found> = found.iter().filter(|found| found.path != CLOCK).collect();
        let now = match how {
            // By the clock of the other side, for ours may be wrong.
            Sweeping::Do => self.modified(CLOCK)?,
            Sweeping::Try => seconds_now(),
        };
        let is_old = |time: i64| now - time >= grace;
        let mut old = Vec::new();
        for mark in marks {
            let bytes = self.backend.read(&mark.path, LONGEST)?.unwrap_or_default();
            let text = String::from_utf8_lossy(&bytes).into_owned();
            if is_old(self.modified(&mark.path)?) {
                old.push((mark.path.clone(), text));
            } else {
                swept.waiting += text.lines().count();
            }
        }
        // After the marks: who needs something again has said so in an index before it was looked at.
        let needed = named(&self.catalog()?);
        let mut going = BTreeMap::new();
        for (_, text) in &old {
            for line in text.lines() {
                let Some((size, path)) = line.split_once(' ') else {
                    continue;
                };
                let is_ours = path.starts_with("packs/") || path.starts_with("objects/");
                if is_ours && !path.contains("..") && !needed.contains(path) {
                    going.insert(path.to_owned(), size.parse().unwrap_or(0));
                }
            }
        }
        for litter in self.backend.list(UNFINISHED, Depth::Flat)? {
            if is_old(self.modified(&litter.path)?) {
                going.insert(litter.path, litter.size);
            }
        }
        if how == Sweeping::Do {
            let paths: Vec<&String> = going.keys().collect();
            let remove = |path: &&String| self.backend.remove(path);
            in_parallel(self.backend.jobs(), &paths, self.cancel(), remove)?;
            for (mark, _) in &old {
                self.backend.remove(mark)?;
            }
        }
        swept.deleted = going;
        Ok(())
    }

    fn modified(&self, path: &str) -> Result<i64, Error> {
        let found = self.backend.stat(path)?;
        found
            .and_then(|found| found.modified)
            .ok_or_else(|| Error::Refused {
                message: format!("`{}` does not say when a file was written", self.url()),
                help: "nothing was deleted; delete there by hand what you know that nobody needs"
                    .to_owned(),
            })
    }

    /// Takes what is not live out of our indexes, and marks the files that no index names then.
    fn mark(
        &self,
        live: &HashSet<Digest>,
        how: Sweeping,
        swept: &mut SweptAway,
    ) -> Result<(), Error> {
        let catalog = self.catalog()?;
        let own: Vec<&(Digest, Index)> = catalog.of_project(self.project).collect();
        let all = merge(self.project, own.iter().map(|(_, index)| index));
        let kept = restrict(&all, live);
        if kept.to_text() == all.to_text() {
            return Ok(());
        }
        let others = catalog.indexes.iter().map(|(_, index)| index);
        let others = others.filter(|index| index.project != self.project);
        let mut needed: HashSet<String> = others.flat_map(paths_of).collect();
        needed.extend(paths_of(&kept));
        let sizes = sizes_of(&all);
        swept.marked = sizes
            .into_iter()
            .filter(|(path, _)| !needed.contains(path))
            .collect();
        let slots = |index: &Index| {
            index
                .packs
                .iter()
                .map(|pack| pack.slots.len())
                .sum::<usize>()
        };
        let marked_packs = all
            .packs
            .iter()
            .filter(|pack| swept.marked.contains_key(&pack_path(pack.name)));
        let in_marked: usize = marked_packs.map(|pack| pack.slots.len()).sum();
        swept.waste = slots(&all).saturating_sub(slots(&kept) + in_marked);
        if how == Sweeping::Try {
            return Ok(());
        }
        let name = self.write_index(&kept)?;
        let mut text = String::new();
        for (path, size) in &swept.marked {
            text += &format!("{size} {path}\n");
        }
        if !text.is_empty() {
            let mark = Digest::of(text.as_bytes());
            self.backend
                .write(&format!("{GONE}/{mark}"), text.into_bytes())?;
        }
        for (old, _) in own.iter().filter(|(old, _)| *old != name) {
            self.backend.remove(&format!("{INDEX}/{old}"))?;
        }
        self.write_names()
    }

    /// Returns whether something is marked, so that what was taken for granted may go.
    pub(super) fn has_marks(&self) -> Result<bool, Error> {
        Ok(!self.backend.list(GONE, Depth::Flat)?.is_empty())
    }
}

fn seconds_now() -> i64 {
    use std::time::{SystemTime, UNIX_EPOCH};
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
    })
}

/// Leaves out what is not live.
fn restrict(index: &Index, live: &HashSet<Digest>) -> Index {
    let mut kept = Index::new(index.project);
    for pack in &index.packs {
        let slots = pack.slots.iter().filter(|slot| live.contains(&slot.digest));
        let slots: Vec<_> = slots.copied().collect();
        if !slots.is_empty() {
            kept.packs.push(PackEntry {
                slots,
                ..pack.clone()
            });
        }
    }
    let objects = index
        .objects
        .iter()
        .filter(|(digest, _)| live.contains(digest));
    kept.objects = objects.copied().collect();
    kept
}

/// Returns the files that an index names, with their sizes.
fn sizes_of(index: &Index) -> BTreeMap<String, u64> {
    let packs = index
        .packs
        .iter()
        .map(|pack| (pack_path(pack.name), pack.size));
    let objects = index
        .objects
        .iter()
        .map(|(digest, size)| (format!("{OBJECTS}/{digest}"), *size));
    packs.chain(objects).collect()
}

pub(super) fn paths_of(index: &Index) -> impl Iterator<Item = String> + use<> {
    sizes_of(index).into_keys()
}

fn named(catalog: &Catalog) -> HashSet<String> {
    let indexes = catalog.indexes.iter();
    indexes.flat_map(|(_, index)| paths_of(index)).collect()
}
