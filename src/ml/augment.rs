//! Changes images a little while learning: shifted, rotated, stretched here and there.
//!
//! What becomes of an image depends on the seed, the epoch and the image alone.

use mlpipe_kernels::math::cos_pi;

use crate::ml::dataset::Shape;
use crate::ml::random::{Purpose, Random};
use crate::ml::train_params::Augment;

/// Elastic changes are drawn at this many places a side, and go over from one to the next.
const KNOTS: usize = 5;

/// Where each pixel of a changed image comes from.
pub(crate) struct Warp {
    shape: Shape,
    /// Pixels, right and down.
    shift: (f64, f64),
    cosine: f64,
    sine: f64,
    /// Pixels, right and down, for each knot; empty for none.
    knots: Vec<(f64, f64)>,
}

impl Warp {
    /// Draws the change of image `id` in an epoch.
    pub(crate) fn draw(augment: Augment, shape: Shape, seed: u64, epoch: usize, id: u32) -> Self {
        let stream = epoch << 32 | id as usize;
        let mut random = Random::new(seed, Purpose::Augment, stream);
        let mut around = |most: f64| random.between(-most, most);
        let shift = (around(augment.shift), around(augment.shift));
        let half_turns = around(augment.rotate) / 180.0;
        let count = if augment.elastic > 0.0 {
            KNOTS * KNOTS
        } else {
            0
        };
        let knots = (0..count).map(|_| (around(augment.elastic), around(augment.elastic)));
        Self {
            shape,
            shift,
            knots: knots.collect(),
            cosine: cos_pi(half_turns.abs()),
            // The sine is the cosine of what lacks to a quarter turn.
            sine: cos_pi(0.5 - half_turns.abs()).copysign(half_turns),
        }
    }

    /// Writes the values of the changed image; `values` are those of the brightnesses, and what
    /// comes from outside is black.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        reason = "images are some hundred pixels wide"
    )]
    pub(crate) fn apply(&self, image: &[u8], values: &[f32; 256], to: &mut [f32]) {
        let (height, width) = (self.shape.height, self.shape.width);
        let plane = height * width;
        let (middle_x, middle_y) = ((width - 1) as f64 / 2.0, (height - 1) as f64 / 2.0);
        for row in 0..height {
            for column in 0..width {
                let (x, y) = (column as f64 - middle_x, row as f64 - middle_y);
                let (right, down) = self.elastic(column as f64, row as f64);
                let from_x = self.cosine * x + self.sine * y + middle_x - self.shift.0 + right;
                let from_y = self.cosine * y - self.sine * x + middle_y - self.shift.1 + down;
                for channel in 0..self.shape.channels {
                    let image = &image[channel * plane..][..plane];
                    let value = self.sample(image, values, from_x, from_y);
                    to[channel * plane + row * width + column] = value as f32;
                }
            }
        }
    }

    /// Returns how far the place of a pixel is moved.
    #[expect(clippy::cast_precision_loss, reason = "a handful of knots")]
    fn elastic(&self, column: f64, row: f64) -> (f64, f64) {
        if self.knots.is_empty() {
            return (0.0, 0.0);
        }
        let place = |at: f64, side: usize| {
            let at = at / (side.max(2) - 1) as f64 * (KNOTS - 1) as f64;
            let knot = whole(at.floor()).min(KNOTS - 2);
            (knot, at - knot as f64)
        };
        let (left, across) = place(column, self.shape.width);
        let (top, along) = place(row, self.shape.height);
        let knot = |x: usize, y: usize| self.knots[(top + y) * KNOTS + left + x];
        let mix = |of: fn((f64, f64)) -> f64| {
            let row = |y| of(knot(0, y)) * (1.0 - across) + of(knot(1, y)) * across;
            row(0) * (1.0 - along) + row(1) * along
        };
        (mix(|knot| knot.0), mix(|knot| knot.1))
    }

    /// Returns the value between pixels.
    fn sample(&self, image: &[u8], values: &[f32; 256], x: f64, y: f64) -> f64 {
        let (left, top) = (x.floor(), y.floor());
        let (across, along) = (x - left, y - top);
        let at = |x: f64, y: f64| {
            let inside = x >= 0.0 && y >= 0.0;
            let (column, row) = (whole(x.max(0.0)), whole(y.max(0.0)));
            let inside = inside && column < self.shape.width && row < self.shape.height;
            let byte = if inside {
                image[row * self.shape.width + column]
            } else {
                0
            };
            f64::from(values[usize::from(byte)])
        };
        let row = |y| at(left, y) * (1.0 - across) + at(left + 1.0, y) * across;
        row(top) * (1.0 - along) + row(top + 1.0) * along
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a small positive whole number"
)]
fn whole(number: f64) -> usize {
    number as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: Shape = Shape {
        channels: 1,
        height: 4,
        width: 4,
    };

    fn values() -> [f32; 256] {
        std::array::from_fn(|byte| f32::from(u8::try_from(byte).expect("a byte")))
    }

    fn warped(augment: Augment, id: u32) -> Vec<f32> {
        let image: Vec<u8> = (1..=16).collect();
        let mut to = vec![0.0; 16];
        Warp::draw(augment, SHAPE, 7, 1, id).apply(&image, &values(), &mut to);
        to
    }

    const NOTHING: Augment = Augment {
        shift: 0.0,
        rotate: 0.0,
        elastic: 0.0,
    };

    #[test]
    fn nothing_changes_where_nothing_is_asked_for() {
        let expected: Vec<f32> = (1..=16u8).map(f32::from).collect();
        assert_eq!(warped(NOTHING, 3), expected);
    }

    #[test]
    fn each_image_has_its_own_change_which_stays() {
        for augment in [
            Augment {
                shift: 1.0,
                ..NOTHING
            },
            Augment {
                rotate: 20.0,
                ..NOTHING
            },
            Augment {
                elastic: 1.0,
                ..NOTHING
            },
        ] {
            assert_eq!(warped(augment, 3), warped(augment, 3));
            assert_ne!(warped(augment, 3), warped(augment, 4));
            assert_ne!(warped(augment, 3), warped(NOTHING, 3));
        }
    }

    #[test]
    fn a_quarter_turn_is_one() {
        let warp = Warp {
            shape: SHAPE,
            shift: (0.0, 0.0),
            cosine: 0.0,
            sine: 1.0,
            knots: Vec::new(),
        };
        let image: Vec<u8> = (1..=16).collect();
        let mut to = vec![0.0; 16];
        warp.apply(&image, &values(), &mut to);
        assert_eq!(to[..4].to_vec(), vec![13.0, 9.0, 5.0, 1.0]);
    }
}
