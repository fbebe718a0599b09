//! Which classes are taken for which, and what follows: precision, recall and F1.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::ml::batch::Answer;
use crate::ml::dataset::MOST_SHOWN;
use crate::ml::report::{csv_table, significant};

/// How often each class was predicted for each actual class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Confusion {
    /// The names of the classes.
    classes: Vec<String>,
    /// How often each actual class was taken for each predicted one, where it was: of many classes
    /// few pairs are.
    counts: BTreeMap<(usize, usize), u32>,
    /// How many images are of each class.
    support: Vec<u32>,
    /// How often each class was predicted.
    predicted: Vec<u32>,
}

/// Two classes of which one is taken for the other.
struct Pair {
    actual: usize,
    predicted: usize,
    count: u32,
}

/// The table of confused pairs has this many rows at most.
const MOST_PAIRS: usize = 20;

/// How well one class, or the mean of all, is recognised. The fields are in their keys' order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Quality {
    /// The harmonic mean of precision and recall.
    pub(crate) f1: f64,
    /// The share of right ones among those predicted; 0 where none was.
    pub(crate) precision: f64,
    /// The share of right ones among those that are there; 0 where none is.
    pub(crate) recall: f64,
}

impl Confusion {
    /// Counts the answers on images with `labels`, which are of these `classes`.
    pub(crate) fn of(classes: &[String], answers: &[Answer], labels: &[u16]) -> Self {
        let mut confusion = Self {
            classes: classes.to_vec(),
            counts: BTreeMap::new(),
            support: vec![0; classes.len()],
            predicted: vec![0; classes.len()],
        };
        for (answer, label) in answers.iter().zip(labels) {
            let pair = (usize::from(*label), answer.predicted);
            *confusion.counts.entry(pair).or_default() += 1;
            confusion.support[pair.0] += 1;
            confusion.predicted[pair.1] += 1;
        }
        confusion
    }

    /// Returns how often one class was taken for another.
    fn count(&self, actual: usize, predicted: usize) -> u32 {
        let count = self.counts.get(&(actual, predicted));
        count.copied().unwrap_or_default()
    }

    /// Returns how well `class` is recognised.
    pub(crate) fn quality(&self, class: usize) -> Quality {
        let right = self.count(class, class);
        let (predicted, support) = (self.predicted[class], self.support[class]);
        Quality {
            f1: ratio(2 * right, predicted + support),
            precision: ratio(right, predicted),
            recall: ratio(right, support),
        }
    }

    /// Returns the mean over the classes, in which each weighs the same.
    pub(crate) fn macro_mean(&self) -> Quality {
        self.mean(|_| 1)
    }

    /// Returns the mean over the classes, in which each weighs as many images as are of it.
    pub(crate) fn weighted_mean(&self) -> Quality {
        self.mean(|class| self.support[class])
    }

    fn mean(&self, weight: impl Fn(usize) -> u32) -> Quality {
        let (mut sum, mut weights) = (Quality::default(), 0.0);
        for class in 0..self.classes.len() {
            let (quality, weight) = (self.quality(class), f64::from(weight(class)));
            sum.f1 += weight * quality.f1;
            sum.precision += weight * quality.precision;
            sum.recall += weight * quality.recall;
            weights += weight;
        }
        Quality {
            f1: significant(sum.f1 / weights),
            precision: significant(sum.precision / weights),
            recall: significant(sum.recall / weights),
        }
    }

    /// Returns one number of each class, by the class's name; none of too many classes to look at.
    pub(crate) fn of_each(&self, field: fn(&Quality) -> f64) -> BTreeMap<String, f64> {
        let value = |class| significant(field(&self.quality(class)));
        let shown = self.classes.len() <= MOST_SHOWN;
        let named = self.classes.iter().enumerate().filter(|_| shown);
        named
            .map(|(class, name)| (format!("class_{name}"), value(class)))
            .collect()
    }

    /// Returns which classes are taken for which, the most often confused pair first.
    fn pairs(&self) -> Vec<Pair> {
        let pairs = self.counts.iter();
        let pairs = pairs.map(|((actual, predicted), count)| Pair {
            actual: *actual,
            predicted: *predicted,
            count: *count,
        });
        let mut pairs: Vec<Pair> = pairs.filter(|pair| pair.actual != pair.predicted).collect();
        // The sort is stable: of equal ones the first classes come first.
        pairs.sort_by_key(|pair| std::cmp::Reverse(pair.count));
        pairs
    }

    /// Writes the most confused pairs as a table, with their share of the actual class.
    pub(crate) fn pairs_csv(&self) -> String {
        let rows = self.pairs().into_iter().take(MOST_PAIRS).map(|pair| {
            let share = significant(ratio(pair.count, self.support[pair.actual]));
            let [actual, predicted] =
                [pair.actual, pair.predicted].map(|at| self.classes[at].clone());
            [actual, predicted, pair.count.to_string(), share.to_string()]
        });
        csv_table(["actual", "predicted", "count", "share"], rows)
    }

    /// Returns the matrix for drawing: a row for each actual class, a column for each predicted one;
    /// `None` where there are too many classes to see something.
    pub(crate) fn matrix(&self) -> Option<Vec<Vec<u32>>> {
        let classes = self.classes.len();
        let row = |actual| (0..classes).map(move |predicted| self.count(actual, predicted));
        (classes <= MOST_SHOWN).then(|| (0..classes).map(|actual| row(actual).collect()).collect())
    }

    /// Writes the matrix as a table, a row for each pair of classes; of too many classes only those
    /// pairs that occur.
    pub(crate) fn matrix_csv(&self) -> String {
        let classes = self.classes.len();
        let pairs: Vec<(usize, usize)> = if classes <= MOST_SHOWN {
            let row = |actual| (0..classes).map(move |predicted| (actual, predicted));
            (0..classes).flat_map(row).collect()
        } else {
            self.counts.keys().copied().collect()
        };
        let rows = pairs.into_iter().map(|(actual, predicted)| {
            let count = self.count(actual, predicted).to_string();
            let [actual, predicted] = [actual, predicted].map(|at| self.classes[at].clone());
            [actual, predicted, count]
        });
        csv_table(["actual", "predicted", "count"], rows)
    }

    /// Writes the qualities as a table, a row for each class.
    pub(crate) fn classes_csv(&self) -> String {
        let rows = self.classes.iter().enumerate().map(|(class, name)| {
            let quality = self.quality(class);
            let [precision, recall, f1] = [quality.precision, quality.recall, quality.f1]
                .map(|value| significant(value).to_string());
            [
                name.clone(),
                precision,
                recall,
                f1,
                self.support[class].to_string(),
            ]
        });
        csv_table(["class", "precision", "recall", "f1", "support"], rows)
    }
}

fn ratio(part: u32, whole: u32) -> f64 {
    if whole == 0 {
        0.0
    } else {
        f64::from(part) / f64::from(whole)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ml::dataset::numbered;

    fn confusion() -> Confusion {
        let pairs: [(u16, usize); 5] = [(0, 0), (0, 0), (0, 1), (1, 1), (2, 0)];
        let answers = pairs.map(|(_, predicted)| Answer {
            predicted,
            probability: 1.0,
            loss: 0.0,
        });
        Confusion::of(&numbered(10), &answers, &pairs.map(|(label, _)| label))
    }

    #[test]
    fn precision_and_recall_follow_from_the_matrix() {
        let zero = confusion().quality(0);
        assert!((zero.precision - 2.0 / 3.0).abs() < 1e-12);
        assert!((zero.recall - 2.0 / 3.0).abs() < 1e-12);
        let one = confusion().quality(1);
        assert!((one.precision - 0.5).abs() < 1e-12);
        assert!((one.f1 - 2.0 / 3.0).abs() < 1e-12);
    }

    #[test]
    fn classes_that_never_occur_are_zero_and_not_undefined() {
        assert_eq!(confusion().quality(9), Quality::default());
        assert_eq!(confusion().quality(2), Quality::default());
    }

    #[test]
    fn of_many_classes_only_pairs_that_occur_are_told() {
        let answer = Answer {
            predicted: 60_000,
            probability: 1.0,
            loss: 0.0,
        };
        let confusion = Confusion::of(&numbered(65_536), &[answer], &[65_535]);
        assert_eq!(
            confusion.matrix_csv(),
            "actual,predicted,count\n65535,60000,1\n"
        );
        assert_eq!(confusion.matrix(), None);
        assert!(confusion.of_each(|quality| quality.f1).is_empty());
    }

    #[test]
    fn the_most_confused_pair_comes_first() {
        let text = confusion().pairs_csv();
        assert_eq!(
            text,
            "actual,predicted,count,share\n0,1,1,0.333333\n2,0,1,1\n"
        );
    }

    #[test]
    fn the_matrix_has_every_pair_and_its_zeros() {
        let text = confusion().matrix_csv();
        assert_eq!(text.lines().count(), 101);
        assert!(text.contains("\n0,1,1\n") && text.contains("\n9,9,0\n"));
        assert!(
            confusion()
                .classes_csv()
                .contains("\n0,0.666667,0.666667,0.666667,3\n")
        );
    }
}
