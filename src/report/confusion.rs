//! `Confusion`: how often each class was taken for each other.

use std::collections::BTreeMap;

use crate::base::human::thousands;
use crate::plots::classes;

/// With more classes than this nobody reads a matrix, and it would fill the memory.
const MOST_CLASSES: usize = 1_000;

/// Counts of (actual, predicted) pairs over all labels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Confusion {
    /// The labels, numbers in their order, else by the alphabet.
    pub(crate) labels: Vec<String>,
    /// One row for each actual label, one column for each predicted one. All of them together are no
    /// more than an `u64` holds.
    pub(crate) counts: Vec<Vec<u64>>,
}

impl Confusion {
    /// Counts pairs of an actual and a predicted class, each as often as it says; or says why that
    /// cannot be.
    pub(crate) fn count<'t>(
        pairs: impl Iterator<Item = (&'t str, &'t str, u64)>,
    ) -> Result<Self, String> {
        let mut counts: BTreeMap<(&str, &str), u64> = BTreeMap::new();
        let mut total = 0_u64;
        for (actual, predicted, count) in pairs {
            let sum = total.checked_add(count);
            total = sum.ok_or("its counts add up to more than can be counted")?;
            *counts.entry((actual, predicted)).or_default() += count;
        }
        let pairs = counts.keys();
        let labels = pairs.map(|(one, other)| vec![(*one).to_owned(), (*other).to_owned()]);
        let labels = classes(labels);
        if labels.len() > MOST_CLASSES {
            let (found, most) = (thousands(labels.len()), thousands(MOST_CLASSES));
            return Err(format!("it has {found} classes, more than {most}"));
        }
        let row = |actual: &String| -> Vec<u64> {
            let count = |predicted: &String| {
                let count = counts.get(&(actual.as_str(), predicted.as_str()));
                count.copied().unwrap_or(0)
            };
            labels.iter().map(count).collect()
        };
        Ok(Self {
            counts: labels.iter().map(row).collect(),
            labels,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_counted_as_often_as_they_say() {
        let single = [("2", "10", 1), ("2", "2", 1), ("2", "2", 1)];
        let confusion = Confusion::count(single.into_iter()).expect("counts");
        assert_eq!(confusion.labels, ["2", "10"]);
        assert_eq!(confusion.counts, [[2, 1], [0, 0]]);
        let weighted = [("2", "10", 1), ("2", "2", 2)];
        assert_eq!(Confusion::count(weighted.into_iter()), Ok(confusion));
    }

    #[test]
    fn what_is_too_much_is_not_counted() {
        let most = [("a", "a", u64::MAX), ("a", "b", 2)];
        let why = Confusion::count(most.into_iter()).expect_err("too many");
        assert_eq!(why, "its counts add up to more than can be counted");
        let names: Vec<String> = (0..1_001).map(|name| name.to_string()).collect();
        let many = names.iter().map(|name| (name.as_str(), name.as_str(), 1));
        let why = Confusion::count(many).expect_err("too many");
        assert_eq!(why, "it has 1,001 classes, more than 1,000");
    }
}
