//! `Random`: the pseudo-random numbers that resampling draws.

/// `SplitMix64` (Steele, Lea and Flood, *Fast splittable pseudorandom number generators*, 2014): a
/// counter whose values are mixed. Passes `BigCrush`, and any number is a good seed.
pub(super) struct Random(u64);

impl Random {
    /// Makes the sequence of this number; those of different numbers begin far apart.
    pub(super) fn new(number: u64) -> Self {
        Self(mix(number.wrapping_add(SEED)))
    }

    /// Returns a number from 0 up to, but not including, 1: a multiple of 2⁻⁵³.
    pub(super) fn share(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let bits = mix(self.0) >> 11;
        #[expect(clippy::cast_precision_loss, reason = "53 bits fit")]
        let share = bits as f64 * (0.5_f64).powi(53);
        share
    }
}

/// The seed of everything: the same files give the same intervals, on every machine.
const SEED: u64 = 0x6d6c_7069_7065;

fn mix(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}
