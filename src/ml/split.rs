//! Splits a part off a source: for validation, and for the test where there is no test part.

use crate::ml::dataset::Part;
use crate::ml::random::{Purpose, Random};

/// Splits `share` of `source` off, chosen by `seed`; returns what stays, at least `least` examples,
/// and what was split off. Both keep the order of the source.
pub(crate) fn split(
    source: &Part,
    (share, least): (f64, usize),
    seed: u64,
    purpose: Purpose,
) -> (Part, Part) {
    let count = source.len();
    let mut order = Random::new(seed, purpose, 0).permutation(count);
    let mut rest = order.split_off(split_count(count, share, least));
    let mut chosen = order;
    rest.sort_unstable();
    chosen.sort_unstable();
    (source.select(&rest), source.select(&chosen))
}

/// Returns the share of `count` as a whole number from 1 on that leaves at least `least`.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "a share of a count below 2^53"
)]
fn split_count(count: usize, share: f64, least: usize) -> usize {
    ((count as f64 * share).round() as usize).clamp(1, count - least)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ml::dataset::{Form, PIXELS};
    use proptest::prelude::*;

    fn source(count: usize) -> Part {
        Part::in_order(Form::DIGITS, vec![0; count * PIXELS], vec![3; count])
    }

    #[test]
    fn another_seed_splits_otherwise() {
        let ids = |seed| {
            split(&source(100), (0.2, 1), seed, Purpose::Split)
                .1
                .ids()
                .to_vec()
        };
        assert_eq!(ids(1), ids(1));
        assert_ne!(ids(1), ids(2));
    }

    proptest! {
        #[test]
        fn the_split_is_a_partition(count in 2usize..200, share in 0.001..0.999, seed: u64) {
            let (train, validation) = split(&source(count), (share, 1), seed, Purpose::Split);
            let mut ids = [train.ids(), validation.ids()].concat();
            ids.sort_unstable();
            prop_assert_eq!(ids, (0u32..).take(count).collect::<Vec<_>>());
            prop_assert!(train.len() > 0 && validation.len() > 0);
        }
    }
}
