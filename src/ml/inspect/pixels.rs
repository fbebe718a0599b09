//! `Pixels`: sums over the pixels of images, the same for any number of threads.

use crate::ml::tensor_file::Kind;

/// Sums over all pixels that are numbers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pixels {
    pub(super) count: usize,
    pub(super) sum: f64,
    pub(super) squares: f64,
    pub(super) least: f64,
    pub(super) most: f64,
    pub(super) not_finite: usize,
    pub(super) out_of_range: usize,
}

impl Default for Pixels {
    fn default() -> Self {
        Self {
            count: 0,
            sum: 0.0,
            squares: 0.0,
            least: f64::INFINITY,
            most: f64::NEG_INFINITY,
            not_finite: 0,
            out_of_range: 0,
        }
    }
}

impl Pixels {
    /// Sums an image up whose pixels go from 0 to `white`.
    pub(super) fn of(image: &[u8], kind: Kind, white: f64) -> Self {
        match kind {
            Kind::U8 => Self::of_bytes(image),
            kind => Self::of_numbers(kind.numbers(image), white),
        }
    }

    fn of_bytes(image: &[u8]) -> Self {
        let mut counts = [0usize; 256];
        for byte in image {
            counts[usize::from(*byte)] += 1;
        }
        let mut pixels = Self::default();
        let brightnesses = (0u8..=255).map(f64::from).zip(counts);
        for (brightness, count) in brightnesses.filter(|(_, count)| *count > 0) {
            pixels.add(brightness, count);
        }
        pixels
    }

    fn of_numbers(image: impl Iterator<Item = f64>, white: f64) -> Self {
        let mut pixels = Self::default();
        for pixel in image {
            if !pixel.is_finite() {
                pixels.not_finite += 1;
                continue;
            }
            pixels.add(pixel, 1);
            pixels.out_of_range += usize::from(!(0.0..=white).contains(&pixel));
        }
        pixels
    }

    /// Adds so many pixels of one brightness. Bytes add up to whole numbers, which is exact; they
    /// are scaled at the end.
    #[expect(clippy::cast_precision_loss, reason = "counts stay below 2^53")]
    fn add(&mut self, brightness: f64, count: usize) {
        self.count += count;
        self.sum += brightness * count as f64;
        self.squares += brightness * brightness * count as f64;
        self.least = self.least.min(brightness);
        self.most = self.most.max(brightness);
    }

    /// Adds the sums of the next image.
    pub(super) fn append(&mut self, next: &Self) {
        self.count += next.count;
        self.sum += next.sum;
        self.squares += next.squares;
        self.least = self.least.min(next.least);
        self.most = self.most.max(next.most);
        self.not_finite += next.not_finite;
        self.out_of_range += next.out_of_range;
    }

    /// Makes white 1.
    pub(super) fn scale(&mut self, white: f64) {
        self.sum /= white;
        self.squares /= white * white;
        self.least /= white;
        self.most /= white;
    }

    /// Returns the mean and the standard deviation.
    #[expect(clippy::cast_precision_loss, reason = "counts stay below 2^53")]
    pub(super) fn brightness(&self) -> (f64, f64) {
        let count = self.count.max(1) as f64;
        let mean = self.sum / count;
        let variance = (self.squares / count - mean * mean).max(0.0);
        (mean, variance.sqrt())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_summed_like_numbers() {
        let image: Vec<u8> = (0..=255).chain([7, 7, 255]).collect();
        let (fast, plain) = (
            Pixels::of_bytes(&image),
            Pixels::of_numbers(image.iter().copied().map(f64::from), 255.0),
        );
        assert_eq!(format!("{fast:?}"), format!("{plain:?}"));
    }
}
