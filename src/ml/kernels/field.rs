//! How the values of a group of images lie in memory: `[channel][row][column]` of lanes.

use std::ops::Range;

use crate::simd::Lanes;

/// The extent of a tensor of one group, with a halo of zeros around each channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Field {
    pub(crate) channels: usize,
    pub(crate) height: usize,
    pub(crate) width: usize,
    /// So many rows and columns of zeros are on each side.
    pub(crate) halo: usize,
}

impl Field {
    /// Returns how many lanes a row takes.
    #[inline(always)]
    pub(crate) fn pitch(&self) -> usize {
        self.width + 2 * self.halo
    }

    /// Returns how many lanes a channel takes.
    #[inline(always)]
    pub(crate) fn plane(&self) -> usize {
        (self.height + 2 * self.halo) * self.pitch()
    }

    /// Returns how many lanes the tensor takes.
    pub(crate) fn len(&self) -> usize {
        self.channels * self.plane()
    }

    /// Returns how many values of one image there are in a channel.
    pub(crate) fn area(&self) -> usize {
        self.height * self.width
    }

    /// Returns where a value lies.
    #[inline(always)]
    pub(crate) fn at(&self, channel: usize, row: usize, column: usize) -> usize {
        channel * self.plane() + (row + self.halo) * self.pitch() + self.halo + column
    }

    /// Returns where a row lies.
    #[inline(always)]
    pub(crate) fn row(&self, channel: usize, row: usize) -> Range<usize> {
        let start = self.at(channel, row, 0);
        start..start + self.width
    }
}

/// Copies a tensor into one that has the same values in other channels, rows and columns.
pub(crate) fn copy((from, from_field): (&[Lanes], &Field), (to, to_field): (&mut [Lanes], &Field)) {
    let mut places = places(to_field);
    for channel in 0..from_field.channels {
        for row in 0..from_field.height {
            for value in &from[from_field.row(channel, row)] {
                if let Some(place) = places.next() {
                    to[place] = *value;
                }
            }
        }
    }
}

/// Returns where the values of a tensor lie, in their order.
pub(crate) fn places(field: &Field) -> impl Iterator<Item = usize> {
    let field = *field;
    (0..field.channels)
        .flat_map(move |channel| (0..field.height).flat_map(move |row| field.row(channel, row)))
}
