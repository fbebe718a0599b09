//! The area under the ROC curve, of one score and of two on the same examples.

use crate::statistics::Estimate;

/// Returns the probability that a positive example scores higher than a negative one, ties counting
/// half; `None` if there is none of either, or the lists differ in length.
pub fn area(is_positive: &[bool], scores: &[f64]) -> Option<f64> {
    Placements::of(is_positive, scores).map(|placements| placements.area)
}

/// Compares the areas of two scores of the same examples; `None` as for [`area`].
///
/// The test and interval of `DeLong`, `DeLong` and Clarke-Pearson, Biometrics 44:837, 1988, with
/// placements by one sort (Sun and Xu 2014). There is no error where there is but one example of a
/// class, or the areas differ although the difference of no placement does.
pub fn compare(is_positive: &[bool], base: &[f64], here: &[f64]) -> Option<Estimate> {
    let old = Placements::of(is_positive, base)?;
    let new = Placements::of(is_positive, here)?;
    let variance = variance_of_mean(&new.positive, &old.positive)
        .zip(variance_of_mean(&new.negative, &old.negative))
        .map(|(positive, negative)| positive + negative);
    let is_same = (new.area - old.area).abs() <= 0.0;
    Some(Estimate {
        base: old.area,
        here: new.area,
        error: variance
            .filter(|variance| *variance > 0.0 || is_same)
            .map(f64::sqrt),
        freedom: None,
    })
}

/// For each example the share of those of the other class that it is on the right side of.
struct Placements {
    area: f64,
    positive: Vec<f64>,
    negative: Vec<f64>,
}

impl Placements {
    fn of(is_positive: &[bool], scores: &[f64]) -> Option<Self> {
        if is_positive.len() != scores.len() {
            return None;
        }
        let all = u32::try_from(scores.len()).ok()?;
        let positives = u32::try_from(is_positive.iter().filter(|is| **is).count()).ok()?;
        let (positives, negatives) = (f64::from(positives), f64::from(all - positives));
        if positives <= 0.0 || negatives <= 0.0 {
            return None;
        }
        let mut order: Vec<u32> = (0..all).collect();
        let score = |index: &u32| scores[*index as usize];
        order.sort_unstable_by(|one, other| score(one).total_cmp(&score(other)));
        let mut placements = vec![0.0; scores.len()];
        let (mut positives_below, mut negatives_below) = (0.0, 0.0);
        // Zeros of either sign are the same score.
        for tied in order.chunk_by(|one, other| score(one) >= score(other)) {
            let count = |wanted: bool| -> f64 {
                let is_wanted = |index: &&u32| is_positive[**index as usize] == wanted;
                let count = tied.iter().filter(is_wanted).count();
                u32::try_from(count).map_or(0.0, f64::from)
            };
            let (tied_positives, tied_negatives) = (count(true), count(false));
            let above = positives - positives_below - tied_positives;
            for index in tied {
                let index = *index as usize;
                placements[index] = if is_positive[index] {
                    (negatives_below + tied_negatives / 2.0) / negatives
                } else {
                    (above + tied_positives / 2.0) / positives
                };
            }
            positives_below += tied_positives;
            negatives_below += tied_negatives;
        }
        let of = |wanted: bool| -> Vec<f64> {
            let pairs = placements.iter().zip(is_positive);
            let wanted = pairs.filter(|(_, is_positive)| **is_positive == wanted);
            wanted.map(|(placement, _)| *placement).collect()
        };
        let (positive, negative) = (of(true), of(false));
        let area = positive.iter().sum::<f64>() / positives;
        Some(Self {
            area,
            positive,
            negative,
        })
    }
}

/// Returns the variance of the mean difference; `None` for fewer than two.
fn variance_of_mean(here: &[f64], base: &[f64]) -> Option<f64> {
    let n = f64::from(u32::try_from(here.len()).ok()?);
    if n < 2.0 {
        return None;
    }
    let differences = || here.iter().zip(base).map(|(here, base)| here - base);
    let mean = differences().sum::<f64>() / n;
    let squares: f64 = differences().map(|one| (one - mean) * (one - mean)).sum();
    Some(squares / (n - 1.0) / n)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ties_count_half() {
        let classes = [true, true, false, false];
        assert_eq!(area(&classes, &[0.9, 0.5, 0.5, 0.1]), Some(0.875));
        assert_eq!(area(&classes, &[0.0, -0.0, 0.0, -0.0]), Some(0.5));
        assert_eq!(area(&[true, true], &[0.1, 0.2]), None);
    }

    #[test]
    fn edges_say_that_nothing_is_known() {
        let classes = [true, true, false, false];
        let scores = [0.9, 0.5, 0.5, 0.1];
        let same = compare(&classes, &scores, &scores).expect("has both classes");
        assert_eq!(same.p_value(), Some(1.0));
        let flat = [0.0; 4];
        let perfect = [1.0, 1.0, 0.0, 0.0];
        let apart = compare(&classes, &flat, &perfect).expect("has both classes");
        assert_eq!((apart.difference(), apart.error), (0.5, None));
        let single = compare(&[true, false], &[0.1, 0.2], &[0.2, 0.1]);
        assert_eq!(single.expect("has both classes").p_value(), None);
    }
}
