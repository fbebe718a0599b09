//! Accuracy, precision, recall and F1 from counts.

/// What is counted of one class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Examples of the class.
    pub actual: u32,
    /// Examples that were taken for it.
    pub predicted: u32,
    /// Examples of it that were taken for it.
    pub right: u32,
}

/// How well a class is recognised.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Quality {
    /// The share of right ones among those predicted; 0 where none was.
    pub precision: f64,
    /// The share of right ones among those that are there; 0 where none is.
    pub recall: f64,
    /// The harmonic mean of both; 0 where the class is in neither.
    pub f1: f64,
}

impl Tally {
    /// Counts `times` examples of class `actual` that were taken for `predicted`.
    ///
    /// # Panics
    /// If `tallies` has no such class.
    pub fn add(tallies: &mut [Self], actual: usize, predicted: usize, times: u32) {
        tallies[actual].actual += times;
        tallies[predicted].predicted += times;
        if actual == predicted {
            tallies[actual].right += times;
        }
    }

    /// Returns how well the class is recognised; what is undefined is 0, as in scikit-learn.
    pub fn quality(&self) -> Quality {
        Quality {
            precision: ratio(self.right, self.predicted),
            recall: ratio(self.right, self.actual),
            f1: ratio(2 * self.right, self.actual + self.predicted),
        }
    }

    fn occurs(&self) -> bool {
        self.actual + self.predicted > 0
    }
}

/// Returns the share of examples that are right; NaN for none.
pub fn accuracy(tallies: &[Tally]) -> f64 {
    let sum = |count: fn(&Tally) -> u32| f64::from(tallies.iter().map(count).sum::<u32>());
    sum(|tally| tally.right) / sum(|tally| tally.actual)
}

/// Returns the mean over the classes that occur, actual or predicted, each weighing the same (`macro`
/// in scikit-learn); NaN for none.
pub fn macro_mean(tallies: &[Tally]) -> Quality {
    mean(tallies, |tally| u32::from(tally.occurs()))
}

/// Returns the mean over the classes, each weighing as much as it has examples (`weighted` in
/// scikit-learn); NaN for none.
pub fn weighted_mean(tallies: &[Tally]) -> Quality {
    mean(tallies, |tally| tally.actual)
}

fn mean(tallies: &[Tally], weight: impl Fn(&Tally) -> u32) -> Quality {
    let total: u32 = tallies.iter().map(&weight).sum();
    let mut sum = Quality::default();
    for tally in tallies {
        let (weight, quality) = (f64::from(weight(tally)), tally.quality());
        sum.precision += weight * quality.precision;
        sum.recall += weight * quality.recall;
        sum.f1 += weight * quality.f1;
    }
    let total = f64::from(total);
    Quality {
        precision: sum.precision / total,
        recall: sum.recall / total,
        f1: sum.f1 / total,
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

    #[test]
    fn classes_without_examples_do_not_hurt() {
        let mut tallies = [Tally::default(); 3];
        assert!(accuracy(&tallies).is_nan() && macro_mean(&tallies).f1.is_nan());
        for (actual, predicted, times) in [(0, 0, 3), (0, 1, 1)] {
            Tally::add(&mut tallies, actual, predicted, times);
        }
        assert!((accuracy(&tallies) - 0.75).abs() < 1e-16);
        // Class 1 is predicted but not there; class 2 is neither and does not count.
        assert!((macro_mean(&tallies).recall - 0.375).abs() < 1e-16);
        assert!((weighted_mean(&tallies).precision - 1.0).abs() < 1e-16);
        assert_eq!(tallies[2].quality(), Quality::default());
    }
}
