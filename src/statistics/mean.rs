//! Means of one number per example, such as a loss, of two models on the same examples.

use crate::statistics::Estimate;

/// Returns the mean; `None` of no number.
pub fn of(numbers: &[f64]) -> Option<f64> {
    let count = u32::try_from(numbers.len()).ok()?;
    (count > 0).then(|| sum(numbers.iter().copied()) / f64::from(count))
}

/// Compares the means of `base` and `here`, which have a number for each example, in the same order.
/// `None` for no examples or for lists of different lengths.
///
/// The paired t test (Student 1908): what a bootstrap of a mean comes to, without its noise. There is
/// no error for a single example, nor where all differ by the same number other than 0: that is no
/// evidence of noise being absent.
pub fn compare(base: &[f64], here: &[f64]) -> Option<Estimate> {
    let count = u32::try_from(base.len()).ok()?;
    if count == 0 || base.len() != here.len() {
        return None;
    }
    let n = f64::from(count);
    let differences = || here.iter().zip(base).map(|(here, base)| here - base);
    let mean = sum(differences()) / n;
    let squares = sum(differences().map(|one| (one - mean) * (one - mean)));
    let error = match squares {
        _ if count < 2 => None,
        _ if base == here => Some(0.0),
        squares if squares > 0.0 => Some((squares / (n - 1.0) / n).sqrt()),
        _ => None,
    };
    Some(Estimate {
        base: of(base)?,
        here: of(here)?,
        error,
        freedom: Some(n - 1.0),
    })
}

/// Adds many numbers so that their count does no harm (Neumaier 1974).
fn sum(numbers: impl Iterator<Item = f64>) -> f64 {
    let (mut sum, mut lost) = (0.0_f64, 0.0_f64);
    for number in numbers {
        let next = sum + number;
        lost += if sum.abs() >= number.abs() {
            (sum - next) + number
        } else {
            (number - next) + sum
        };
        sum = next;
    }
    sum + lost
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::Confidence;

    #[test]
    fn edges_say_that_nothing_is_known() {
        assert_eq!(compare(&[], &[]), None);
        assert_eq!(compare(&[1.0], &[1.0, 2.0]), None);
        let one = compare(&[1.0], &[2.0]).expect("has an example");
        assert_eq!(
            (one.interval(Confidence::default()), one.p_value()),
            (None, None)
        );
        let shifted = compare(&[1.0, 2.0], &[2.0, 3.0]).expect("has examples");
        assert_eq!(shifted.p_value(), None);
        let same = compare(&[1.0, 2.0], &[1.0, 2.0]).expect("has examples");
        assert_eq!(same.p_value(), Some(1.0));
        let zero = same
            .interval(Confidence::default())
            .expect("nothing differs");
        assert!(zero.low >= 0.0 && zero.high <= 0.0);
    }
}
