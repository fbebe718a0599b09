//! Random draws that are the same on every machine and in every release: ChaCha8, and from there
//! on only arithmetic of our own.

use rand_chacha::ChaCha8Rng;
use rand_core::{Rng as _, SeedableRng as _};

/// What numbers are drawn for; each purpose has its own independent stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// A rendered image of the training source, by its position.
    TrainImage,
    /// A rendered image of the test part, by its position.
    TestImage,
    /// Splitting off the validation part.
    Split,
    /// The initial weights of a layer, by its position.
    Weights,
    /// The order of the examples in an epoch, by its number.
    Order,
    /// Splitting off the test part of files that have none.
    TestSplit,
    /// What a dropout keeps, by batch, layer and group of images.
    Dropout,
    /// How an image is changed while learning, by epoch and image.
    Augment,
}

/// A stream of random draws.
pub(crate) struct Random(ChaCha8Rng);

impl Random {
    /// Begins the stream of `purpose` number `index` under `seed`.
    pub(crate) fn new(seed: u64, purpose: Purpose, index: usize) -> Self {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        key[8] = purpose as u8;
        let mut generator = ChaCha8Rng::from_seed(key);
        generator.set_stream(index as u64);
        Self(generator)
    }

    /// Draws a number from 0 up to but not including `bound`, all equally likely.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        assert!(bound > 0, "invariant: there is something to choose from");
        let mask = bound.next_power_of_two() as u64 - 1;
        loop {
            let draw = self.0.next_u64() & mask;
            match usize::try_from(draw) {
                Ok(number) if number < bound => return number,
                _ => {}
            }
        }
    }

    /// Draws a number from 0 up to but not including 1, in steps of 2⁻³².
    pub(crate) fn unit(&mut self) -> f64 {
        f64::from(self.0.next_u32()) / 4_294_967_296.0
    }

    /// Draws whole words.
    pub(crate) fn fill(&mut self, words: &mut [u32]) {
        words.fill_with(|| self.0.next_u32());
    }

    /// Draws a number between `low` and `high`.
    pub(crate) fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// Draws an order of the numbers below `count`, all orders equally likely.
    pub(crate) fn permutation(&mut self, count: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..count).collect();
        for last in (1..count).rev() {
            order.swap(last, self.below(last + 1));
        }
        order
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_stream_never_changes() {
        let mut random = Random::new(7, Purpose::Split, 0);
        assert_eq!(random.permutation(10), [9, 5, 7, 4, 1, 8, 0, 2, 6, 3]);
    }

    #[test]
    fn purposes_and_indices_are_independent_streams() {
        let draw = |purpose, index| Random::new(7, purpose, index).unit().to_bits();
        assert_ne!(draw(Purpose::Split, 0), draw(Purpose::Order, 0));
        assert_ne!(draw(Purpose::Order, 0), draw(Purpose::Order, 1));
    }

    proptest! {
        #[test]
        fn a_permutation_has_every_number_once(seed: u64, count in 0usize..300) {
            let mut order = Random::new(seed, Purpose::Order, 0).permutation(count);
            order.sort_unstable();
            prop_assert_eq!(order, (0..count).collect::<Vec<_>>());
        }

        #[test]
        fn draws_stay_in_their_bounds(seed: u64, bound in 1usize..1000) {
            let mut random = Random::new(seed, Purpose::Order, 0);
            prop_assert!(random.below(bound) < bound);
            prop_assert!((0.0..1.0).contains(&random.unit()));
        }
    }
}
