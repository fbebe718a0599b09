//! Convolutions by tiles: input is transformed, multiplied place by place, and transformed back.
//!
//! The sum of products at a place is taken in one order, that of the input channels.

use std::ops::Range;

use crate::conv::add;
use crate::field::Field;
use crate::kernel::{BLOCK, Blocks, Kernel, step};
use crate::simd::{Lanes, Simd, Task};
use crate::tile::{Tile, of_input, of_products};

/// A 3×3 convolution with a stride of one.
pub(crate) struct TiledConv<'a> {
    pub(crate) input: &'a [Lanes],
    pub(crate) input_field: Field,
    pub(crate) output: &'a mut [Lanes],
    pub(crate) output_field: Field,
    /// Transformed.
    pub(crate) weights: &'a [[f32; BLOCK]],
    pub(crate) bias: Option<&'a [f32]>,
    pub(crate) kernel: Kernel,
    /// The rows of the output that are computed; they begin with a tile, and end with one or with
    /// the output.
    pub(crate) rows: Range<usize>,
    pub(crate) tile: Tile,
    pub(crate) values: &'a mut TiledValues,
    /// Scratch: the products of a block of channels, `[channel][place][tile]`.
    pub(crate) products: &'a mut Vec<Lanes>,
}

/// Some rows of tiles of an input, transformed.
#[derive(Default)]
pub(crate) struct TiledValues {
    /// `[channel][place][tile]`.
    lanes: Vec<Lanes>,
    /// A row of tiles that is transformed along its columns.
    strip: Vec<Lanes>,
    /// How many tiles there are.
    pub(crate) tiles: usize,
    points: usize,
}

impl TiledValues {
    /// Returns how far apart channels are: not so that all of them are in each other's way in the
    /// cache.
    #[inline(always)]
    fn pitch(&self) -> usize {
        self.points * self.tiles + 3
    }

    /// Returns the values of a channel at a place, tile by tile.
    #[inline(always)]
    pub(crate) fn at(&self, channel: usize, point: usize) -> &[Lanes] {
        &self.lanes[channel * self.pitch() + point * self.tiles..][..self.tiles]
    }

    /// Returns scratch of some length.
    pub(crate) fn strip(&mut self, length: usize) -> &mut [Lanes] {
        enlarge(&mut self.strip, length);
        &mut self.strip[..length]
    }

    /// Transforms some rows of tiles.
    #[inline(always)]
    pub(crate) fn fill<S: Simd, const P: usize>(
        &mut self,
        (input, field): (&[Lanes], &Field),
        padding: usize,
        rows: Range<usize>,
        columns: usize,
    ) {
        (self.tiles, self.points) = (rows.len() * columns, P * P);
        let (pitch, wide) = (self.pitch(), columns * (P - 2) + 2);
        enlarge(&mut self.lanes, field.channels * pitch);
        enlarge(&mut self.strip, (P + 1) * wide);
        let (strip, zeros) = self.strip.split_at_mut(P * wide);
        zeros.fill(Lanes::ZERO);
        let origin = field.halo - padding;
        let planes = input.chunks_exact(field.plane());
        for (plane, to) in planes.zip(self.lanes.chunks_exact_mut(pitch)) {
            for (number, row) in rows.clone().enumerate() {
                let first = row * (P - 2) + origin;
                let mut there: [&[Lanes]; P] = [zeros; P];
                for y in 0..P {
                    if first + y < field.height + 2 * field.halo {
                        let row = &plane[(first + y) * field.pitch()..][..field.pitch()];
                        there[y] = &row[origin..];
                    }
                }
                along_columns::<S, P>(there, &mut strip[..P * wide]);
                for (y, strip) in strip.chunks_exact(wide).enumerate() {
                    let to = &mut to[y * P * self.tiles + number * columns..];
                    along_rows::<S, P>(strip, to, self.tiles);
                }
            }
        }
    }
}

/// Makes a buffer as long as is needed.
pub(crate) fn enlarge<T: Copy + Default>(buffer: &mut Vec<T>, length: usize) {
    if buffer.len() < length {
        buffer.resize(length, T::default());
    }
}

/// Transforms rows along their columns, to as many rows of a strip. What lies behind the end of the
/// shortest row is zero.
#[inline(always)]
fn along_columns<S: Simd, const P: usize>(rows: [&[Lanes]; P], strip: &mut [Lanes]) {
    let wide = strip.len() / P;
    let mut there = wide;
    for row in rows {
        there = there.min(row.len());
    }
    for x in 0..there {
        // Not by `from_fn`, into which vector instructions are not inlined.
        let mut column = [S::splat(0.0); P];
        for y in 0..P {
            column[y] = S::load(&rows[y][x]);
        }
        let column = of_input::<S, P>(column);
        for y in 0..P {
            S::store(column[y], &mut strip[y * wide + x]);
        }
    }
    for row in strip.chunks_exact_mut(wide) {
        row[there..].fill(Lanes::ZERO);
    }
}

/// Transforms a row of tiles along it; places are so many `tiles` apart.
#[inline(always)]
fn along_rows<S: Simd, const P: usize>(strip: &[Lanes], to: &mut [Lanes], tiles: usize) {
    for tile in 0..strip.len() / (P - 2) {
        let values = &strip[tile * (P - 2)..];
        if values.len() < P {
            break;
        }
        let mut row = [S::splat(0.0); P];
        for x in 0..P {
            row[x] = S::load(&values[x]);
        }
        let row = of_input::<S, P>(row);
        for x in 0..P {
            S::store(row[x], &mut to[x * tiles + tile]);
        }
    }
}

impl Task for TiledConv<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(mut self) {
        match self.tile {
            Tile::Two => self.passes::<S, 4>(),
            Tile::Four => self.passes::<S, 6>(),
        }
    }
}

impl TiledConv<'_> {
    /// Computes some rows of tiles at a time.
    #[inline(always)]
    fn passes<S: Simd, const P: usize>(&mut self) {
        let width = self.output_field.width;
        let columns = self.tile.columns(width);
        let at_once = self.tile.rows(width) / (P - 2);
        let blocks = Blocks::of(self.kernel.outputs);
        let end = self.rows.end.div_ceil(P - 2);
        let mut row = self.rows.start / (P - 2);
        while row < end {
            let rows = row..(row + at_once).min(end);
            let input = (self.input, &self.input_field);
            self.values
                .fill::<S, P>(input, self.kernel.padding, rows.clone(), columns);
            for block in 0..blocks.count() {
                let channels = blocks.channels(block);
                self.multiply::<S, P>(block, channels.len());
                for (place, channel) in channels.enumerate() {
                    self.transform_back::<S, P>((place, channel), rows.clone(), columns);
                }
            }
            row = rows.end;
        }
    }

    /// Multiplies all places of a block of channels.
    #[inline(always)]
    fn multiply<S: Simd, const P: usize>(&mut self, block: usize, channels: usize) {
        let tiles = self.values.tiles;
        let needed = BLOCK * P * P * tiles;
        enlarge(self.products, needed);
        for point in 0..P * P {
            let mut tile = 0;
            while tile < tiles {
                let count = step(tiles - tile);
                let at = (point, tile);
                match count {
                    3 => self.channels::<S, P, 3>(at, block, channels),
                    2 => self.channels::<S, P, 2>(at, block, channels),
                    _ => self.channels::<S, P, 1>(at, block, channels),
                }
                tile += count;
            }
        }
    }

    #[inline(always)]
    fn channels<S: Simd, const P: usize, const C: usize>(
        &mut self,
        at: (usize, usize),
        block: usize,
        channels: usize,
    ) {
        if S::MANY_REGISTERS {
            match channels {
                8 => self.sums::<S, P, 8, C>(at, block, 0),
                7 => self.sums::<S, P, 7, C>(at, block, 0),
                6 => self.sums::<S, P, 6, C>(at, block, 0),
                5 => self.sums::<S, P, 5, C>(at, block, 0),
                _ => self.sums::<S, P, 4, C>(at, block, 0),
            }
        } else {
            for first in (0..channels).step_by(2) {
                self.sums::<S, P, 2, C>(at, block, first);
            }
        }
    }

    /// Sums the products of `B` channels at a place of `C` tiles.
    #[inline(always)]
    fn sums<S: Simd, const P: usize, const B: usize, const C: usize>(
        &mut self,
        (point, tile): (usize, usize),
        block: usize,
        first: usize,
    ) {
        let (inputs, tiles) = (self.kernel.inputs, self.values.tiles);
        let blocks = Blocks::of(self.kernel.outputs).count();
        let weights = &self.weights[(point * blocks + block) * inputs..][..inputs];
        let pitch = self.values.pitch();
        let values = self.values.lanes[point * tiles + tile..].chunks(pitch);
        let mut sums = [[S::splat(0.0); C]; B];
        for (values, weights) in values.zip(weights) {
            let values = &values[..C];
            let mut loaded = [S::splat(0.0); C];
            for column in 0..C {
                loaded[column] = S::load(&values[column]);
            }
            add::<S, B, C>(&mut sums, loaded, weights, first);
        }
        for (place, sums) in sums.into_iter().enumerate() {
            let at = ((first + place) * P * P + point) * tiles + tile;
            for (sum, to) in sums.into_iter().zip(&mut self.products[at..at + C]) {
                S::store(sum, to);
            }
        }
    }

    /// Makes the values of a channel of its products.
    #[inline(always)]
    fn transform_back<S: Simd, const P: usize>(
        &mut self,
        (place, channel): (usize, usize),
        rows: Range<usize>,
        columns: usize,
    ) {
        let (field, tiles, side) = (self.output_field, self.values.tiles, P - 2);
        let products = &self.products[place * P * P * tiles..][..P * P * tiles];
        let bias = S::splat(self.bias.map_or(0.0, |bias| bias[channel]));
        let wide = columns * side;
        let strip = self.values.strip(P * wide);
        for (number, row) in rows.enumerate() {
            for (y, strip) in strip.chunks_exact_mut(wide).enumerate() {
                let from = &products[y * P * tiles + number * columns..];
                for (tile, to) in strip.chunks_exact_mut(side).enumerate() {
                    let mut row = [S::splat(0.0); P];
                    for x in 0..P {
                        row[x] = S::load(&from[x * tiles + tile]);
                    }
                    let row = of_products::<S, P>(row);
                    for x in 0..side {
                        S::store(row[x], &mut to[x]);
                    }
                }
            }
            let first = row * side;
            let there = (self.rows.end - first).min(side);
            let to = &mut self.output[field.at(channel, first, 0)..];
            for x in 0..field.width {
                let mut column = [S::splat(0.0); P];
                for y in 0..P {
                    column[y] = S::load(&strip[y * wide + x]);
                }
                let column = of_products::<S, P>(column);
                for y in 0..side {
                    if y < there {
                        S::store(S::add(column[y], bias), &mut to[y * field.pitch() + x]);
                    }
                }
            }
        }
    }
}
