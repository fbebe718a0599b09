//! The geometry of a convolution, and its weights as the kernels take them.

use std::ops::Range;

/// Weights are packed for at most so many output channels at a time.
pub(crate) const BLOCK: usize = 8;

/// Packed weights: `[block of channels][tap]` of up to eight channels' weights, and zeros.
pub(crate) type Packed = Vec<[f32; BLOCK]>;

/// Channels in blocks of at most eight, as even as they can be: an empty place in a block costs as
/// much time as a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Blocks {
    channels: usize,
}

impl Blocks {
    /// Puts so many channels into blocks.
    pub(crate) fn of(channels: usize) -> Self {
        Self { channels }
    }

    /// Returns how many blocks there are.
    #[inline(always)]
    pub(crate) fn count(self) -> usize {
        self.channels.div_ceil(BLOCK)
    }

    /// Returns how many channels the smaller blocks have, and how many blocks have one more.
    #[inline(always)]
    fn sizes(self) -> (usize, usize) {
        (self.channels / self.count(), self.channels % self.count())
    }

    /// Returns the channels of a block.
    #[inline(always)]
    pub(crate) fn channels(self, block: usize) -> Range<usize> {
        let (size, larger) = self.sizes();
        let start = block * size + block.min(larger);
        start..start + size + usize::from(block < larger)
    }

    /// Returns block and place of a channel.
    pub(crate) fn place(self, channel: usize) -> (usize, usize) {
        let (size, larger) = self.sizes();
        let before = larger * (size + 1);
        if channel < before {
            (channel / (size + 1), channel % (size + 1))
        } else {
            let after = channel - before;
            (larger + after / size, after % size)
        }
    }
}

/// The geometry of a convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Kernel {
    pub(crate) inputs: usize,
    pub(crate) outputs: usize,
    pub(crate) height: usize,
    pub(crate) width: usize,
    pub(crate) stride: usize,
    pub(crate) padding: usize,
}

impl Kernel {
    /// Returns how many products make an output value.
    #[inline(always)]
    pub(crate) fn taps(&self) -> usize {
        self.inputs * self.area()
    }

    /// Returns how many of them are of one input channel.
    #[inline(always)]
    pub(crate) fn area(&self) -> usize {
        self.height * self.width
    }

    /// Returns the convolution by which the gradient of the output becomes that of the input, where
    /// the stride is one.
    pub(crate) fn turned(&self) -> Self {
        Self {
            inputs: self.outputs,
            outputs: self.inputs,
            padding: self.height - 1 - self.padding,
            ..*self
        }
    }

    /// Packs `weights`, which lie `[output][input][kernel row][kernel column]`.
    pub(crate) fn pack(&self, weights: &[f32], packed: &mut Packed) {
        let (taps, blocks) = (self.taps(), Blocks::of(self.outputs));
        packed.clear();
        packed.resize(blocks.count() * taps, [0.0; BLOCK]);
        for (output, row) in weights.chunks_exact(taps).enumerate() {
            let (block, place) = blocks.place(output);
            let block = &mut packed[block * taps..][..taps];
            for (eight, weight) in block.iter_mut().zip(row) {
                eight[place] = *weight;
            }
        }
    }

    /// Returns the weights of one output, in their order.
    pub(crate) fn row(&self, packed: &Packed, output: usize) -> impl Iterator<Item = f32> {
        let taps = self.taps();
        let (block, place) = Blocks::of(self.outputs).place(output);
        let block = &packed[block * taps..][..taps];
        block.iter().map(move |eight| eight[place])
    }

    /// Packs `weights` for the gradient of the input: inputs and outputs change places.
    pub(crate) fn pack_transposed(&self, weights: &[f32], order: Order, packed: &mut Packed) {
        let (area, taps) = (self.area(), self.outputs * self.area());
        let blocks = Blocks::of(self.inputs);
        packed.clear();
        packed.resize(blocks.count() * taps, [0.0; BLOCK]);
        for (pair, kernel) in weights.chunks_exact(area).enumerate() {
            let (output, input) = (pair / self.inputs, pair % self.inputs);
            let (block, place) = blocks.place(input);
            let to = packed[block * taps + output * area..][..area].iter_mut();
            match order {
                Order::Straight => to
                    .zip(kernel)
                    .for_each(|(eight, weight)| eight[place] = *weight),
                Order::Flipped => to
                    .zip(kernel.iter().rev())
                    .for_each(|(eight, weight)| eight[place] = *weight),
            }
        }
    }
}

/// In which order the places of a kernel are packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    Straight,
    Flipped,
}

/// Splits `count` into parts of at most three that leave no single one behind, if possible.
#[inline(always)]
pub(crate) fn step(count: usize) -> usize {
    match count {
        0..=2 => count,
        4 => 2,
        _ => 3,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_hold_each_channel_once_and_differ_by_one_at_most() {
        for channels in 1..200 {
            let blocks = Blocks::of(channels);
            let sizes: Vec<usize> = (0..blocks.count())
                .map(|block| blocks.channels(block).len())
                .collect();
            assert_eq!(sizes.iter().sum::<usize>(), channels);
            let (least, most) = (sizes.iter().min(), sizes.iter().max());
            assert!(most <= Some(&BLOCK) && most <= least.map(|least| least + 1).as_ref());
            for channel in 0..channels {
                let (block, place) = blocks.place(channel);
                assert_eq!(blocks.channels(block).nth(place), Some(channel));
            }
        }
    }
}
