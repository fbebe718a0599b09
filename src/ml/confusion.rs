//! Which classes are taken for which, and what follows: precision, recall and F1.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Serialize;

use crate::ml::batch::Answer;
use crate::ml::dataset::CLASSES;
use crate::ml::report::significant;

/// How often each class was predicted for each actual class.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Confusion {
    counts: [[u32; CLASSES]; CLASSES],
}

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
    /// Counts the answers on images with `labels`.
    pub(crate) fn of(answers: &[Answer], labels: &[u8]) -> Self {
        let mut confusion = Self::default();
        for (answer, label) in answers.iter().zip(labels) {
            confusion.counts[usize::from(*label)][answer.predicted] += 1;
        }
        confusion
    }

    /// Returns how many images are of `class`.
    fn support(&self, class: usize) -> u32 {
        self.counts[class].iter().sum()
    }

    /// Returns how well `class` is recognised.
    pub(crate) fn quality(&self, class: usize) -> Quality {
        let right = self.counts[class][class];
        let predicted: u32 = self.counts.iter().map(|row| row[class]).sum();
        let support = self.support(class);
        Quality {
            f1: ratio(2 * right, predicted + support),
            precision: ratio(right, predicted),
            recall: ratio(right, support),
        }
    }

    /// Returns the mean over the classes, in which each weighs the same.
    pub(crate) fn macro_mean(&self) -> Quality {
        let qualities: [Quality; CLASSES] = std::array::from_fn(|class| self.quality(class));
        let mean = |field: fn(&Quality) -> f64| {
            let sum: f64 = qualities.iter().map(field).sum();
            #[expect(clippy::cast_precision_loss, reason = "ten classes")]
            let classes = CLASSES as f64;
            significant(sum / classes)
        };
        Quality {
            f1: mean(|quality| quality.f1),
            precision: mean(|quality| quality.precision),
            recall: mean(|quality| quality.recall),
        }
    }

    /// Returns the recall of each class, by the class's name.
    pub(crate) fn recalls(&self) -> BTreeMap<String, f64> {
        let recall = |class| significant(self.quality(class).recall);
        let named = (0..CLASSES).map(|class| (format!("class_{class}"), recall(class)));
        named.collect()
    }

    /// Writes the matrix as a table, a row for each pair of classes.
    pub(crate) fn matrix_csv(&self) -> String {
        let mut text = "actual,predicted,count\n".to_owned();
        for (actual, row) in self.counts.iter().enumerate() {
            for (predicted, count) in row.iter().enumerate() {
                writeln!(text, "{actual},{predicted},{count}")
                    .expect("invariant: text takes what is written");
            }
        }
        text
    }

    /// Writes the qualities as a table, a row for each class.
    pub(crate) fn classes_csv(&self) -> String {
        let mut text = "class,precision,recall,f1,support\n".to_owned();
        for class in 0..CLASSES {
            let quality = self.quality(class);
            let [precision, recall, f1] =
                [quality.precision, quality.recall, quality.f1].map(significant);
            let support = self.support(class);
            writeln!(text, "{class},{precision},{recall},{f1},{support}")
                .expect("invariant: text takes what is written");
        }
        text
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

    fn confusion() -> Confusion {
        let pairs: [(u8, usize); 5] = [(0, 0), (0, 0), (0, 1), (1, 1), (2, 0)];
        let answers = pairs.map(|(_, predicted)| Answer {
            predicted,
            probability: 1.0,
            loss: 0.0,
        });
        Confusion::of(&answers, &pairs.map(|(label, _)| label))
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
