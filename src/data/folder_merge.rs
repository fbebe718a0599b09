//! `FolderMerge`: a tracked folder that both sides of a merge have changed, merged file by file.

use std::collections::{BTreeMap, BTreeSet};

use crate::base::path::RepoPath;
use crate::data::add::alike;
use crate::pipeline::{Content, merge_records};
use crate::store::{Cache, Entry, EntryKind, Error, Tree};

/// What became of a folder.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct FolderMerge {
    /// Its content, of which the cache has the list of files.
    pub(crate) content: Content,
    /// The files that both sides have changed, each in its way; `content` has them as ours has.
    pub(crate) conflicts: Vec<String>,
    /// The files that ours has deleted and theirs changed; `content` has them as theirs has.
    pub(crate) deleted: Vec<String>,
    /// Two files in the folder that differ only in capitals, if there are such.
    pub(crate) alike: Option<[String; 2]>,
}

impl FolderMerge {
    /// Merges what `ours` and `theirs` have changed since `base`; where there was no folder, all of
    /// both is new. `None` if the cache lacks a list of files, or one side has a file where the other
    /// has a folder.
    pub(crate) fn of(
        cache: &Cache,
        path: &RepoPath,
        base: Option<&Content>,
        [ours, theirs]: [&Content; 2],
    ) -> Result<Option<Self>, Error> {
        let base = match base {
            None => Some(Tree::default()),
            Some(base) => cache.manifest(base)?,
        };
        let sides = (base, cache.manifest(ours)?, cache.manifest(theirs)?);
        let (Some(base), Some(ours), Some(theirs)) = sides else {
            return Ok(None);
        };
        let (tree, conflicts) = merge_trees(&base, &ours, &theirs);
        let ours = by_path(&ours);
        let (conflicts, deleted): (Vec<String>, Vec<String>) = conflicts
            .into_iter()
            .partition(|inner| ours.contains_key(inner));
        // Whoever reads it must find it as sound as one that was measured.
        if Tree::parse(&tree.to_text()).as_ref() != Some(&tree) {
            return Ok(None);
        }
        cache.store_manifest(&tree)?;
        let name = |inner: String| format!("{path}/{inner}");
        Ok(Some(Self {
            content: tree.content(),
            alike: alike(&tree).map(|pair| pair.map(|inner| name(inner.to_owned()))),
            conflicts: conflicts.into_iter().map(name).collect(),
            deleted: deleted.into_iter().map(name).collect(),
        }))
    }
}

/// Merges the entries of three manifests, each by itself; returns the paths of the conflicts too.
fn merge_trees(base: &Tree, ours: &Tree, theirs: &Tree) -> (Tree, Vec<String>) {
    let [base, ours, theirs] = [base, ours, theirs].map(by_path);
    let (mut merged, conflicts) = merge_records(&base, &ours, &theirs);
    let full: BTreeSet<String> = merged
        .iter()
        .filter(|(path, kind)| **kind == EntryKind::EmptyFolder && has_more(&merged, path))
        .map(|(path, _)| path.clone())
        .collect();
    merged.retain(|path, _| !full.contains(path));
    let entries = merged.into_iter();
    let entries = entries.map(|(path, kind)| Entry { path, kind });
    (Tree::new(entries.collect()), conflicts)
}

fn by_path(tree: &Tree) -> BTreeMap<String, EntryKind> {
    let entries = tree.entries().iter();
    entries
        .map(|entry| (entry.path.clone(), entry.kind.clone()))
        .collect()
}

/// Whether a side has put something into a folder that is empty on the other.
fn has_more(entries: &BTreeMap<String, EntryKind>, folder: &str) -> bool {
    let start = format!("{folder}/");
    let mut inside = entries.range(start.clone()..);
    inside
        .next()
        .is_some_and(|(path, _)| path.starts_with(&start))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::base::digest::Digest;
    use crate::store::FileContent;

    fn file(size: u64) -> EntryKind {
        EntryKind::File(FileContent {
            digest: Digest::of(&size.to_le_bytes()),
            size,
            executable: false,
        })
    }

    fn tree() -> impl Strategy<Value = Tree> {
        let path = prop::sample::select(vec!["a", "b/c", "b/d", "e"]).prop_map(str::to_owned);
        let entries = prop::collection::btree_map(path, (0..3_u64).prop_map(file), 0..4);
        entries.prop_map(|entries| {
            let entries = entries.into_iter();
            let entries = entries.map(|(path, kind)| Entry { path, kind });
            Tree::new(entries.collect())
        })
    }

    proptest! {
        #[test]
        fn a_change_of_one_side_or_the_same_of_both_wins(base in tree(), new in tree()) {
            let none = Vec::new();
            prop_assert_eq!(merge_trees(&base, &base, &new), (new.clone(), none.clone()));
            prop_assert_eq!(merge_trees(&base, &new, &base), (new.clone(), none.clone()));
            prop_assert_eq!(merge_trees(&base, &new, &new), (new, none));
        }

        #[test]
        fn sides_differ_only_in_conflicts(base in tree(), ours in tree(), theirs in tree()) {
            let (one, conflicts) = merge_trees(&base, &ours, &theirs);
            let (other, same) = merge_trees(&base, &theirs, &ours);
            prop_assert_eq!(&conflicts, &same);
            let [mut one, mut other] = [one, other].map(|tree| by_path(&tree));
            one.retain(|path, _| !conflicts.contains(path));
            other.retain(|path, _| !conflicts.contains(path));
            prop_assert_eq!(one, other);
        }
    }

    #[test]
    fn a_folder_that_one_side_has_filled_is_no_longer_empty() {
        let tree = |entries: &[(&str, EntryKind)]| {
            let entries = entries.iter();
            let entry = |(path, kind): &(&str, EntryKind)| Entry {
                path: (*path).to_owned(),
                kind: kind.clone(),
            };
            Tree::new(entries.map(entry).collect())
        };
        let ours = tree(&[("a", file(1)), ("void", EntryKind::EmptyFolder)]);
        let theirs = tree(&[("void/b", file(2))]);
        let both = tree(&[("a", file(1)), ("void/b", file(2))]);
        let merged = merge_trees(&Tree::default(), &ours, &theirs);
        assert_eq!(merged, (both, Vec::new()));
    }
}
