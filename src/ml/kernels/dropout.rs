//! Dropout: what is kept while learning is scaled up, the rest is zero.

use crate::field::{Field, places};
use crate::simd::{LANES, Lanes};

/// Decides by `noise` which lanes a dropout keeps.
pub(crate) fn draw(
    rate: f64,
    kept: &mut [u16],
    words: &mut Vec<u32>,
    noise: impl FnOnce(&mut [u32]),
) {
    let limit = (rate * 4_294_967_296.0) as u32;
    words.resize(kept.len() * LANES, 0);
    noise(words);
    for (kept, words) in kept.iter_mut().zip(words.chunks_exact(LANES)) {
        *kept = words.iter().enumerate().fold(0, |bits, (lane, word)| {
            bits | u16::from(*word >= limit) << lane
        });
    }
}

/// Sets what is not kept to zero and scales the rest up, in place.
pub(crate) fn drop_out(rate: f64, kept: &[u16], values: &mut [Lanes], field: &Field) {
    let scale = (1.0 / (1.0 - rate)) as f32;
    for (place, kept) in places(field).zip(kept) {
        let value = &mut values[place];
        for lane in 0..LANES {
            let keeps = kept >> lane & 1 == 1;
            value.0[lane] = if keeps { value.0[lane] * scale } else { 0.0 };
        }
    }
}
