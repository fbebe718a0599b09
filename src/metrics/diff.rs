//! How two collections differ, value by value.

use std::collections::{BTreeMap, BTreeSet};

use crate::base::path::RepoPath;
use crate::base::value::Value;
use crate::metrics::collect::Collection;

/// One value on both sides; a side that lacks it has `None`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Difference {
    /// The file.
    pub(crate) path: RepoPath,
    /// The dotted key.
    pub(crate) key: String,
    /// The value of the base.
    pub(crate) old: Option<Value>,
    /// The value compared with it.
    pub(crate) new: Option<Value>,
}

impl Difference {
    /// Returns whether both sides are the same.
    pub(crate) fn is_equal(&self) -> bool {
        self.old == self.new
    }

    /// Returns new minus old, where both are numbers.
    pub(crate) fn delta(&self) -> Option<f64> {
        Some(self.new.as_ref()?.as_number()? - self.old.as_ref()?.as_number()?)
    }
}

/// Pairs the values of two collections, sorted by file; keys in the order of the new side.
pub(crate) fn diff(old: &Collection, new: &Collection) -> Vec<Difference> {
    let paths: BTreeSet<&RepoPath> = old.files.keys().chain(new.files.keys()).collect();
    let mut differences = Vec::new();
    for path in paths {
        let side = |collection: &Collection| -> Vec<(String, Value)> {
            collection.files.get(path).cloned().unwrap_or_default()
        };
        let new_leaves = side(new);
        let mut old_leaves: BTreeMap<String, Value> = side(old).into_iter().collect();
        let old_order: Vec<String> = side(old).into_iter().map(|(key, _)| key).collect();
        let differ = |key, old, new| Difference {
            path: path.clone(),
            key,
            old,
            new,
        };
        for (key, value) in new_leaves {
            let old = old_leaves.remove(&key);
            differences.push(differ(key, old, Some(value)));
        }
        for key in old_order {
            if let Some(value) = old_leaves.remove(&key) {
                differences.push(differ(key, Some(value), None));
            }
        }
    }
    differences
}

#[cfg(test)]
mod tests {
    use super::*;

    fn collection(pairs: &[(&str, i64)]) -> Collection {
        let path = RepoPath::parse("m.json").expect("a path");
        let leaves = pairs
            .iter()
            .map(|(key, value)| ((*key).to_owned(), Value::Int(*value)));
        Collection {
            files: BTreeMap::from([(path, leaves.collect())]),
            ..Collection::default()
        }
    }

    #[test]
    fn both_sides_are_paired_and_none_is_lost() {
        let differences = diff(
            &collection(&[("gone", 1), ("same", 2), ("moved", 3)]),
            &collection(&[("moved", 5), ("same", 2), ("new", 7)]),
        );
        let shown: Vec<(String, Option<f64>, bool)> = differences
            .iter()
            .map(|one| (one.key.clone(), one.delta(), one.is_equal()))
            .collect();
        let wanted = [
            ("moved", Some(2.0), false),
            ("same", Some(0.0), true),
            ("new", None, false),
            ("gone", None, false),
        ];
        assert_eq!(
            shown,
            wanted.map(|(key, delta, equal)| (key.to_owned(), delta, equal))
        );
    }
}
