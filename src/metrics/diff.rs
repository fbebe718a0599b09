//! How two collections differ, value by value.

use std::collections::{BTreeMap, BTreeSet};

use crate::base::path::RepoPath;
use crate::base::value::Value;
use crate::metrics::collect::Collection;
use crate::metrics::direction::direction;
use crate::metrics::number::change;
use crate::pipeline::{Better, Directions};

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
    /// Which way it is better, if anybody knows.
    pub(crate) better: Option<Better>,
    /// How its kind has changed, in words, if it has.
    pub(crate) reshaped: Option<String>,
}

impl Difference {
    /// Returns whether both sides are the same to the letter.
    pub(crate) fn is_equal(&self) -> bool {
        self.old == self.new
    }

    /// Returns whether both sides are the same to somebody who compares numbers: 1 is 1.0.
    pub(crate) fn is_same(&self) -> bool {
        self.is_equal() || self.delta() == Some(0.0)
    }

    /// Returns new minus old, where both are numbers.
    pub(crate) fn delta(&self) -> Option<f64> {
        self.change()?.as_number()
    }

    /// Returns the same as a value, which is whole where both are.
    pub(crate) fn change(&self) -> Option<Value> {
        change(self.old.as_ref()?, self.new.as_ref()?)
    }
}

/// Pairs the values of two collections, sorted by file; keys in the order of the new side.
pub(crate) fn diff(old: &Collection, new: &Collection) -> Vec<Difference> {
    let paths: BTreeSet<&RepoPath> = old.files.keys().chain(new.files.keys()).collect();
    let pair = |path| Pair {
        path,
        old: Side::of(old, path),
        new: Side::of(new, path),
        directions: &new.directions,
    };
    let pairs = paths.into_iter().map(pair);
    pairs.flat_map(|pair| pair.differences()).collect()
}

/// One file on both sides.
struct Pair<'a> {
    path: &'a RepoPath,
    old: Side<'a>,
    new: Side<'a>,
    directions: &'a Directions,
}

impl Pair<'_> {
    fn differences(&self) -> Vec<Difference> {
        let added = self.new.leaves.iter();
        let gone = self.old.leaves.iter();
        let gone = gone.filter(|(key, _)| !self.new.values.contains_key(key.as_str()));
        added
            .chain(gone)
            .map(|(key, _)| self.difference(key))
            .collect()
    }

    fn difference(&self, key: &str) -> Difference {
        let value = |side: &Side<'_>| side.values.get(key).copied().cloned();
        Difference {
            path: self.path.clone(),
            key: key.to_owned(),
            old: value(&self.old),
            new: value(&self.new),
            better: direction(self.directions, self.path, key),
            reshaped: self.reshaped(key),
        }
    }

    /// Says how the kind of a value has changed: a number that became text, a key that became a map.
    fn reshaped(&self, key: &str) -> Option<String> {
        let (old, new) = (self.old.kind(key), self.new.kind(key));
        match (old, new) {
            (Some(old), Some(new)) if old != new => Some(format!("was {old}, is {new}")),
            (None, Some(_)) => {
                let above = self.old.kind_above(key)?;
                Some(format!("`{}` was {}", above.0, above.1))
            }
            _ => None,
        }
    }
}

/// The values of a file on one side.
struct Side<'a> {
    leaves: &'a [(String, Value)],
    values: BTreeMap<&'a str, &'a Value>,
    left_out: BTreeMap<&'a str, &'static str>,
}

impl<'a> Side<'a> {
    fn of(collection: &'a Collection, path: &RepoPath) -> Self {
        let leaves = collection.files.get(path).map(Vec::as_slice);
        let leaves = leaves.unwrap_or_default();
        let left_out = collection.left_out.get(path).into_iter().flatten();
        Self {
            leaves,
            values: leaves
                .iter()
                .map(|(key, value)| (key.as_str(), value))
                .collect(),
            left_out: left_out.map(|(key, kind)| (key.as_str(), *kind)).collect(),
        }
    }

    /// Returns what stands under `key`; `None` if nothing does.
    fn kind(&self, key: &str) -> Option<&'static str> {
        let leaf = self.values.get(key).map(|value| value.kind());
        let kind = leaf.or_else(|| self.left_out.get(key).copied());
        let below = format!("{key}.");
        let next = self.values.range(below.as_str()..).next();
        let is_map = next.is_some_and(|(next, _)| next.starts_with(&below));
        kind.or_else(|| is_map.then_some("a map"))
    }

    /// Returns the leaf that stands where `key` has a map above it, and its kind.
    fn kind_above<'k>(&self, key: &'k str) -> Option<(&'k str, &'static str)> {
        let ends = key.match_indices('.').map(|(at, _)| at);
        let mut above = ends.map(|at| &key[..at]);
        above.find_map(|above| Some((above, self.values.get(above)?.kind())))
    }
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

    #[test]
    fn values_of_another_kind_are_told() {
        let side = |text: &str| {
            let value: Value = serde_json::from_str(text).expect("JSON");
            let leaves = value.flatten().into_iter();
            let leaves = leaves.map(|(key, value)| (key, value.clone()));
            let path = RepoPath::parse("m.json").expect("a path");
            Collection {
                files: BTreeMap::from([(path, leaves.collect())]),
                ..Collection::default()
            }
        };
        let old = side(r#"{"a": 1, "b": 2, "n": 1, "m": {"x": 1}}"#);
        let new = side(r#"{"a": "one", "b": {"c": 2}, "n": 1.0, "m": 3, "new": 1}"#);
        let told = |key: &str| {
            let differences = diff(&old, &new);
            let found = differences.iter().find(|one| one.key == key);
            found.and_then(|one| one.reshaped.clone())
        };
        assert_eq!(told("a").as_deref(), Some("was a number, is text"));
        assert_eq!(told("b").as_deref(), Some("was a number, is a map"));
        assert_eq!(told("b.c").as_deref(), Some("`b` was a number"));
        assert_eq!(told("m").as_deref(), Some("was a map, is a number"));
        assert_eq!((told("n"), told("new"), told("m.x")), (None, None, None));
        let differences = diff(&old, &new);
        let number = differences.iter().find(|one| one.key == "n");
        assert!(number.is_some_and(|one| one.is_same() && !one.is_equal()));
    }
}
