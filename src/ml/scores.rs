//! Scores that need the probability of every class: top-k accuracy, calibration, ROC AUC.

use std::collections::BTreeMap;

use mlpipe_kernels::math::exp;

/// Top-k accuracy is told for these k, where there are more classes than that.
const TOPS: [usize; 3] = [2, 3, 5];
/// The expected calibration error has this many bins of equal width, as is usual.
const BINS: usize = 15;

/// What of an image's probabilities most scores need.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Standing {
    /// How many classes are likelier than the image's own.
    rank: usize,
    /// The probability of the likeliest class.
    confidence: f64,
}

impl Standing {
    /// Reads off the probabilities of an image of the class `label`.
    ///
    /// Of classes that are equally likely the first comes first, as with the prediction itself.
    pub(crate) fn new(probabilities: &[f64], label: u16) -> Self {
        Self {
            rank: rank(probabilities, label.into()),
            confidence: probabilities.iter().copied().fold(0.0, f64::max),
        }
    }
}

/// Returns for each k the share of images whose class is among the k likeliest.
pub(crate) fn top_k(standings: &[Standing], classes: usize) -> BTreeMap<String, f64> {
    let is_in = |k: usize| move |standing: &Standing| f64::from(u8::from(standing.rank < k));
    let share = |k: usize| mean(standings.iter().map(is_in(k)));
    let tops = TOPS.into_iter().filter(|k| *k < classes);
    tops.map(|k| (k.to_string(), share(k))).collect()
}

/// Returns the expected calibration error: by how much the probability of the predicted class is
/// off on average from how often the prediction is right (Guo et al., 2017, equation 3).
pub(crate) fn calibration_error(standings: &[Standing]) -> f64 {
    let mut bins = [(0.0, 0.0); BINS];
    for standing in standings {
        let (sum, right) = &mut bins[bin(standing.confidence)];
        *sum += standing.confidence;
        *right += f64::from(u8::from(standing.rank == 0));
    }
    let gaps = bins.iter().map(|(sum, right)| (sum - right).abs());
    gaps.sum::<f64>() / count(standings.len())
}

/// Returns the softmax of a row of logits, in double precision.
pub(crate) fn softmax(logits: &[f32]) -> Vec<f64> {
    let most = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let powers: Vec<f64> = logits
        .iter()
        .map(|logit| exp(f64::from(*logit) - f64::from(most)))
        .collect();
    let sum: f64 = powers.iter().sum();
    powers.into_iter().map(|power| power / sum).collect()
}

/// The probabilities of all classes for images whose labels are known.
pub(crate) struct Probabilities<'a> {
    /// A row for each image.
    pub(crate) rows: &'a [Vec<f64>],
    /// The label of each image.
    pub(crate) labels: &'a [u16],
}

impl Probabilities<'_> {
    /// Returns the area under the ROC curve of each class against the rest, and of those the mean;
    /// `None` where the images are all of one class.
    pub(crate) fn roc_auc(&self) -> Option<f64> {
        let classes = self.rows.first().map_or(0, Vec::len);
        let areas: Vec<f64> = (0..classes).filter_map(|class| self.area(class)).collect();
        (!areas.is_empty()).then(|| mean(areas.into_iter()))
    }

    /// Returns the probability that a random image of the class ranks above a random other one,
    /// ties counting half (the Mann-Whitney statistic); `None` where there is none of either.
    fn area(&self, class: usize) -> Option<f64> {
        let mut scores: Vec<(f64, bool)> = self
            .examples()
            .map(|(row, label)| (row[class], label == class))
            .collect();
        scores.sort_by(|one, other| one.0.total_cmp(&other.0));
        let (mut below, mut wins) = (0.0, 0.0);
        let same = |one: &(f64, bool), other: &(f64, bool)| one.0.total_cmp(&other.0).is_eq();
        for tied in scores.chunk_by(same) {
            let positives = count(tied.iter().filter(|(_, is_positive)| *is_positive).count());
            let negatives = count(tied.len()) - positives;
            wins += positives * (below + negatives / 2.0);
            below += negatives;
        }
        let positives = count(scores.len()) - below;
        (positives > 0.0 && below > 0.0).then(|| wins / (positives * below))
    }

    fn examples(&self) -> impl Iterator<Item = (&[f64], usize)> {
        let labels = self.labels.iter().map(|label| usize::from(*label));
        self.rows.iter().map(Vec::as_slice).zip(labels)
    }
}

/// Returns how many classes come before `class`.
fn rank(row: &[f64], class: usize) -> usize {
    let own = row[class];
    let is_before = |(at, value): (usize, &f64)| *value > own || (at < class && *value >= own);
    row.iter()
        .enumerate()
        .filter(|pair| is_before(*pair))
        .count()
}

/// Returns the bin of a confidence; a bin includes its upper end.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a share of 15"
)]
fn bin(confidence: f64) -> usize {
    let upper = (confidence * BINS as f64).ceil() as usize;
    upper.clamp(1, BINS) - 1
}

#[expect(clippy::cast_precision_loss, reason = "counts stay below 2^53")]
fn count(number: usize) -> f64 {
    number as f64
}

fn mean(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let number = count(values.len());
    values.sum::<f64>() / number
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn close(found: f64, wanted: f64) -> bool {
        (found - wanted).abs() < 1e-12
    }

    #[test]
    fn a_perfect_order_has_the_area_one_and_ties_count_half() {
        let rows = [vec![0.9, 0.1], vec![0.6, 0.4], vec![0.2, 0.8]];
        let perfect = Probabilities {
            rows: &rows,
            labels: &[0, 0, 1],
        };
        assert!(close(perfect.roc_auc().expect("two classes"), 1.0));
        let rows = [vec![0.5, 0.5], vec![0.5, 0.5]];
        let tied = Probabilities {
            rows: &rows,
            labels: &[0, 1],
        };
        assert!(close(tied.roc_auc().expect("two classes"), 0.5));
        let one = Probabilities {
            rows: &rows,
            labels: &[0, 0],
        };
        assert_eq!(one.roc_auc(), None);
    }

    fn standings(rows: &[Vec<f64>], labels: &[u16]) -> Vec<Standing> {
        let rows = rows.iter().zip(labels);
        rows.map(|(row, label)| Standing::new(row, *label))
            .collect()
    }

    #[test]
    fn a_model_that_is_sure_and_wrong_is_off_by_one() {
        let rows = [vec![1.0, 0.0], vec![1.0, 0.0]];
        let of = |labels: [u16; 2]| calibration_error(&standings(&rows, &labels));
        assert!(close(of([1, 1]), 1.0));
        assert!(close(of([0, 1]), 0.5));
        assert!(close(of([0, 0]), 0.0));
    }

    proptest! {
        #[test]
        fn a_wider_top_never_has_less(rows in prop::collection::vec(prop::collection::vec(0.0..1.0, 8), 1..40)) {
            let labels: Vec<u16> = (0..rows.len()).map(|at| u16::try_from(at % 8).expect("small")).collect();
            let top = top_k(&standings(&rows, &labels), 8);
            prop_assert!(top["2"] <= top["3"] && top["3"] <= top["5"]);
        }
    }
}
