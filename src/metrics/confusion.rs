//! `Confusion`: how often each class was taken for each other.

use std::collections::BTreeMap;

use crate::base::tabular::Table;

/// Counts of (actual, predicted) pairs over all labels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Confusion {
    /// The labels, numbers in their order, else by the alphabet.
    pub(crate) labels: Vec<String>,
    /// One row for each actual label, one column for each predicted one.
    pub(crate) counts: Vec<Vec<u64>>,
}

impl Confusion {
    /// Counts the pairs in the columns `actual` and `predicted`. Rows count once, or as often as
    /// their column `count` says. `None` if a column is missing or a count is no number.
    pub(crate) fn count(table: &Table, actual: &str, predicted: &str) -> Option<Self> {
        let (actual, predicted) = (table.column(actual)?, table.column(predicted)?);
        let weight = table.column("count");
        let mut pairs: BTreeMap<(&str, &str), u64> = BTreeMap::new();
        for row in table.rows() {
            let count = weight.map_or(Some(1), |column| row[column].parse().ok())?;
            *pairs.entry((&row[actual], &row[predicted])).or_default() += count;
        }
        let mut labels: Vec<&str> = pairs
            .keys()
            .flat_map(|(one, other)| [*one, *other])
            .collect();
        labels.sort_by_key(|label| (label.parse::<i64>().unwrap_or(i64::MAX), *label));
        labels.dedup();
        let row = |actual: &&str| {
            let count = |predicted: &&str| pairs.get(&(*actual, *predicted)).copied().unwrap_or(0);
            labels.iter().map(count).collect()
        };
        let counts = labels.iter().map(row).collect();
        Some(Self {
            labels: labels.into_iter().map(str::to_owned).collect(),
            counts,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_counted_with_or_without_weights() {
        let examples =
            Table::parse("c.csv", "actual,predicted\n2,10\n2,2\n2,2\n").expect("a table");
        let confusion =
            Confusion::count(&examples, "actual", "predicted").expect("has the columns");
        assert_eq!(confusion.labels, ["2", "10"]);
        assert_eq!(confusion.counts, [[2, 1], [0, 0]]);
        let weighted = Table::parse("c.csv", "a,p,count\n2,10,1\n2,2,2\n").expect("a table");
        assert_eq!(Confusion::count(&weighted, "a", "p"), Some(confusion));
        assert_eq!(Confusion::count(&weighted, "a", "q"), None);
    }
}
