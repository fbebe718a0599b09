//! Unfolding images into a matrix with a column for each position of a window, and the reverse.

use std::ops::Range;

/// Images, and the square windows without padding that are laid over them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Windows {
    pub(super) size: usize,
    pub(super) channels: usize,
    pub(super) images: usize,
    pub(super) height: usize,
    pub(super) width: usize,
}

impl Windows {
    /// Returns the height and width of what a window's positions make up.
    pub(super) fn output(&self) -> (usize, usize) {
        (self.height + 1 - self.size, self.width + 1 - self.size)
    }

    /// Returns how many positions a window has in one image.
    pub(super) fn positions(&self) -> usize {
        let (down, across) = self.output();
        down * across
    }

    /// Returns how many values a window sees.
    pub(super) fn inputs(&self) -> usize {
        self.channels * self.size * self.size
    }

    /// Returns how many pixels a channel of one image has.
    pub(super) fn plane(&self) -> usize {
        self.height * self.width
    }

    /// Returns the columns `[inputs, images · positions]` of the chosen images.
    pub(super) fn unfold(&self, source: &[f32], images: Range<usize>) -> Vec<f32> {
        let mut matrix = Vec::with_capacity(self.inputs() * images.len() * self.positions());
        let (down, across) = self.output();
        for row in 0..self.inputs() {
            let (channel, y, x) = self.place(row);
            for image in images.clone() {
                let plane = &source[(channel * self.images + image) * self.plane()..];
                let lines = plane[y * self.width..].chunks(self.width).take(down);
                for line in lines {
                    matrix.extend_from_slice(&line[x..x + across]);
                }
            }
        }
        matrix
    }

    /// Adds the columns of `images` images up where windows overlap: `[channel, image, row, column]`.
    pub(super) fn fold(&self, matrix: &[f32], images: usize) -> Vec<f32> {
        let mut sums = vec![0.0; self.channels * images * self.plane()];
        let across = self.output().1;
        let rows = matrix.chunks(images * self.positions());
        for (row, values) in rows.enumerate() {
            let (channel, y, x) = self.place(row);
            let planes = sums[channel * images * self.plane()..].chunks_mut(self.plane());
            for (plane, values) in planes.zip(values.chunks(self.positions())) {
                let lines = plane[y * self.width..].chunks_mut(self.width);
                for (line, values) in lines.zip(values.chunks(across)) {
                    let pairs = line[x..x + across].iter_mut().zip(values);
                    pairs.for_each(|(sum, value)| *sum += value);
                }
            }
        }
        sums
    }

    /// Returns the channel, row and column in the window that a row of the matrix is about.
    fn place(&self, row: usize) -> (usize, usize, usize) {
        let square = self.size * self.size;
        let within = row % square;
        (row / square, within / self.size, within % self.size)
    }
}

/// Takes the columns of some images out of `[rows, images · columns]`.
pub(super) fn gather(source: &[f32], all: usize, columns: usize, images: Range<usize>) -> Vec<f32> {
    let rows = source.chunks(all * columns);
    rows.flat_map(|row| &row[images.start * columns..images.end * columns])
        .copied()
        .collect()
}

/// Joins matrices of the same number of rows side by side.
pub(super) fn join(parts: &[Vec<f32>], rows: usize) -> Vec<f32> {
    let mut joined = Vec::with_capacity(parts.iter().map(Vec::len).sum());
    for row in 0..rows {
        for part in parts {
            let columns = part.len() / rows;
            joined.extend_from_slice(&part[row * columns..(row + 1) * columns]);
        }
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn windows(size: usize) -> Windows {
        Windows {
            size,
            channels: 2,
            images: 3,
            height: 5,
            width: 4,
        }
    }

    fn numbers(count: usize) -> Vec<f32> {
        (0u8..).cycle().take(count).map(f32::from).collect()
    }

    #[test]
    fn a_window_of_one_pixel_changes_nothing() {
        let source = numbers(2 * 3 * 20);
        assert_eq!(windows(1).unfold(&source, 0..3), source);
        assert_eq!(windows(1).fold(&source, 3), source);
    }

    #[test]
    fn joining_what_was_gathered_gives_the_whole() {
        let source = numbers(4 * 5 * 2);
        let parts = [gather(&source, 5, 2, 0..3), gather(&source, 5, 2, 3..5)];
        assert_eq!(join(&parts, 4), source);
    }

    proptest! {
        // ⟨unfold x, m⟩ = ⟨x, fold m⟩: exactly what a gradient has to be, with exact whole numbers.
        #[test]
        fn folding_is_the_transpose_of_unfolding(
            size in 1usize..4,
            x in prop::collection::vec(-9i8..9, 120),
            m in prop::collection::vec(-9i8..9, 1080),
        ) {
            let windows = windows(size);
            let x: Vec<f32> = x.into_iter().map(f32::from).collect();
            let unfolded = windows.unfold(&x, 0..3);
            let m: Vec<f32> = m.into_iter().cycle().take(unfolded.len()).map(f32::from).collect();
            let product = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
            let (left, right) = (product(&unfolded, &m), product(&x, &windows.fold(&m, 3)));
            prop_assert!((left - right).abs() < 0.5);
        }
    }
}
