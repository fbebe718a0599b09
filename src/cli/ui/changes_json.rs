//! Changes of tracked data as JSON. There may be a million: they are written as they are, without a
//! tree of values in between.

use serde::{Serialize, Serializer};

use crate::base::digest::Digest;
use crate::data::{Changes, Item, Pair};

/// A comparison in DVC's shape: kind → list of paths with their hashes.
#[derive(Serialize)]
pub(crate) struct DiffJson<'a> {
    added: Vec<ItemJson<'a>>,
    deleted: Vec<ItemJson<'a>>,
    modified: Vec<ModifiedJson<'a>>,
    #[serde(rename = "not in cache", skip_serializing_if = "Option::is_none")]
    missing: Option<Vec<ItemJson<'a>>>,
    renamed: Vec<RenamedJson<'a>>,
    unknown: &'a [String],
}

#[derive(Serialize)]
struct ItemJson<'a> {
    hash: Option<Digest>,
    path: &'a str,
    size: u64,
}

#[derive(Serialize)]
struct ModifiedJson<'a> {
    hash: Sides<Option<Digest>>,
    path: &'a str,
    size: Sides<u64>,
}

#[derive(Serialize)]
struct RenamedJson<'a> {
    hash: Option<Digest>,
    path: Sides<&'a str>,
    size: u64,
}

#[derive(Serialize)]
struct Sides<T> {
    new: T,
    old: T,
}

/// The paths of changes: kind → list.
#[derive(Serialize)]
pub(crate) struct PathsJson<'a> {
    added: Vec<Path<'a>>,
    deleted: Vec<Path<'a>>,
    modified: Vec<&'a str>,
    renamed: Vec<Sides<&'a str>>,
    unknown: &'a [String],
}

/// An item of which only the path is written.
pub(crate) struct Path<'a>(pub(crate) &'a Item);

impl Serialize for Path<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0.path)
    }
}

impl<'a> DiffJson<'a> {
    /// Takes a comparison, and what the cache lacks, if that was looked for.
    pub(crate) fn new(changes: &'a Changes, missing: Option<&'a [Item]>) -> Self {
        let (files, folders) = (&changes.files, &changes.folders);
        Self {
            added: items(&folders.added, &files.added, ItemJson::new),
            deleted: items(&folders.deleted, &files.deleted, ItemJson::new),
            modified: pairs(&folders.modified, &files.modified, ModifiedJson::new),
            missing: missing.map(|items| items.iter().map(ItemJson::new).collect()),
            renamed: pairs(&folders.renamed, &files.renamed, RenamedJson::new),
            unknown: &changes.unknown,
        }
    }
}

impl<'a> PathsJson<'a> {
    /// Takes a comparison.
    pub(crate) fn new(changes: &'a Changes) -> Self {
        let (files, folders) = (&changes.files, &changes.folders);
        let path = |pair: &'a Pair| pair.new.path.as_str();
        Self {
            added: items(&folders.added, &files.added, Path),
            deleted: items(&folders.deleted, &files.deleted, Path),
            modified: pairs(&folders.modified, &files.modified, path),
            renamed: pairs(&folders.renamed, &files.renamed, |pair| Sides {
                new: pair.new.path.as_str(),
                old: pair.old.path.as_str(),
            }),
            unknown: &changes.unknown,
        }
    }
}

impl<'a> ItemJson<'a> {
    fn new(item: &'a Item) -> Self {
        Self {
            hash: item.digest,
            path: &item.path,
            size: item.size,
        }
    }
}

impl<'a> ModifiedJson<'a> {
    fn new(Pair { old, new }: &'a Pair) -> Self {
        Self {
            hash: Sides {
                new: new.digest,
                old: old.digest,
            },
            path: &new.path,
            size: Sides {
                new: new.size,
                old: old.size,
            },
        }
    }
}

impl<'a> RenamedJson<'a> {
    fn new(Pair { old, new }: &'a Pair) -> Self {
        Self {
            hash: new.digest,
            path: Sides {
                new: &new.path,
                old: &old.path,
            },
            size: new.size,
        }
    }
}

/// Writes what can be written with two spaces of indent, as all JSON for people to read is.
pub(crate) fn pretty(value: &impl Serialize) -> String {
    let text = serde_json::to_string_pretty(value);
    text.expect("invariant: plain data") + "\n"
}

fn items<'a, T>(one: &'a [Item], other: &'a [Item], write: impl Fn(&'a Item) -> T) -> Vec<T> {
    let mut all: Vec<&Item> = one.iter().chain(other).collect();
    all.sort_by(|one, other| one.path.cmp(&other.path));
    all.into_iter().map(write).collect()
}

fn pairs<'a, T>(one: &'a [Pair], other: &'a [Pair], write: impl Fn(&'a Pair) -> T) -> Vec<T> {
    let mut all: Vec<&Pair> = one.iter().chain(other).collect();
    all.sort_by(|one, other| one.new.path.cmp(&other.new.path));
    all.into_iter().map(write).collect()
}
