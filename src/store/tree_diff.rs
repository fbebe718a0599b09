//! What differs between two manifests of a folder, entry by entry.

use std::cmp::Ordering;

use crate::store::tree::{Entry, Tree};

/// What became of one entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EntryChange<'a> {
    /// Only the new side has it.
    Added(&'a Entry),
    /// Only the old side has it.
    Deleted(&'a Entry),
    /// It was the first and is the second now.
    Modified(&'a Entry, &'a Entry),
}

impl<'a> EntryChange<'a> {
    /// Returns the entry as it is now, or as it was last.
    pub(crate) fn entry(&self) -> &'a Entry {
        match self {
            Self::Added(entry) | Self::Deleted(entry) | Self::Modified(_, entry) => entry,
        }
    }
}

/// Lists what differs between two manifests, sorted by path.
pub(crate) fn tree_changes<'a>(old: &'a Tree, new: &'a Tree) -> Vec<EntryChange<'a>> {
    let (mut old, mut new) = (old.entries(), new.entries());
    let mut changes = Vec::new();
    while let (Some(before), Some(now)) = (old.first(), new.first()) {
        let order = before.path.cmp(&now.path);
        match order {
            Ordering::Less => changes.push(EntryChange::Deleted(before)),
            Ordering::Greater => changes.push(EntryChange::Added(now)),
            Ordering::Equal if before == now => {}
            Ordering::Equal => changes.push(EntryChange::Modified(before, now)),
        }
        old = &old[usize::from(order.is_le())..];
        new = &new[usize::from(order.is_ge())..];
    }
    changes.extend(old.iter().map(EntryChange::Deleted));
    changes.extend(new.iter().map(EntryChange::Added));
    changes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::digest::Digest;
    use crate::store::tree::{EntryKind, FileContent};

    fn tree(files: &[(&str, &str)]) -> Tree {
        let entry = |(path, text): &(&str, &str)| Entry {
            path: (*path).to_owned(),
            kind: EntryKind::File(FileContent {
                digest: Digest::of(text.as_bytes()),
                size: text.len() as u64,
                executable: false,
            }),
        };
        Tree::new(files.iter().map(entry).collect())
    }

    #[test]
    fn each_entry_is_paired_with_its_own() {
        let old = tree(&[("a", "1"), ("b", "2"), ("c", "3")]);
        let new = tree(&[("b", "two"), ("c", "3"), ("d", "4")]);
        let changes = tree_changes(&old, &new);
        let shown: Vec<String> = changes
            .iter()
            .map(|change| {
                let kind = match change {
                    EntryChange::Added(_) => '+',
                    EntryChange::Deleted(_) => '-',
                    EntryChange::Modified(..) => '~',
                };
                format!("{kind}{}", change.entry().path)
            })
            .collect();
        assert_eq!(shown, ["-a", "~b", "+d"]);
        assert_eq!(tree_changes(&old, &old), []);
    }
}
