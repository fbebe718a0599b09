//! Splits the validation part off the training source.

use crate::ml::dataset::Part;
use crate::ml::random::{Purpose, Random};

/// A training source in two: what is learned from, and what tells how that goes.
pub(crate) struct Split {
    pub(crate) train: Part,
    pub(crate) validation: Part,
}

/// Splits `share` of `source` off, chosen by `seed`; both parts keep the order of the source.
pub(crate) fn split(source: &Part, share: f64, seed: u64) -> Split {
    let count = source.len();
    let mut order = Random::new(seed, Purpose::Split, 0).permutation(count);
    let mut train = order.split_off(validation_count(count, share));
    let mut validation = order;
    train.sort_unstable();
    validation.sort_unstable();
    Split {
        train: source.select(&train),
        validation: source.select(&validation),
    }
}

/// Returns the share of `count` as a whole number that leaves at least one example on each side.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "a share of a count below 2^53"
)]
fn validation_count(count: usize, share: f64) -> usize {
    ((count as f64 * share).round() as usize).clamp(1, count - 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ml::dataset::PIXELS;
    use proptest::prelude::*;

    fn source(count: usize) -> Part {
        Part::in_order(vec![0; count * PIXELS], vec![3; count])
    }

    #[test]
    fn another_seed_splits_otherwise() {
        let ids = |seed| split(&source(100), 0.2, seed).validation.ids().to_vec();
        assert_eq!(ids(1), ids(1));
        assert_ne!(ids(1), ids(2));
    }

    proptest! {
        #[test]
        fn the_split_is_a_partition(count in 2usize..200, share in 0.001..0.999, seed: u64) {
            let Split { train, validation } = split(&source(count), share, seed);
            let mut ids = [train.ids(), validation.ids()].concat();
            ids.sort_unstable();
            prop_assert_eq!(ids, (0u32..).take(count).collect::<Vec<_>>());
            prop_assert!(train.len() > 0 && validation.len() > 0);
        }
    }
}
