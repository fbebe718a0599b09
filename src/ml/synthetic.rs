//! Renders digits that look handwritten, so that the example needs no download.
//!
//! Only `+ - * /`, square roots and rounding are used, which IEEE 754 defines exactly: every machine
//! renders the same bytes. The sine of a system's library would not be the same everywhere.

use rayon::prelude::*;

use crate::ml::dataset::{Form, PIXELS, Part, SIDE};
use crate::ml::random::{Purpose, Random};
use crate::ml::strokes::{HANDS, Point, Stroke};

/// The width and height of an image in pixels.
#[expect(clippy::cast_precision_loss, reason = "28 pixels")]
const WIDTH: f64 = SIDE as f64;
/// A curve's piece between two of its points is drawn with this many straight lines.
const LINES_PER_PIECE: usize = 6;
/// Points of a hand move by up to this share of the square.
const JITTER: f64 = 0.09;
/// The edge of a line fades over this many pixels.
const FADE: f64 = 1.3;

/// Renders `count` images with their labels; image `index` depends on `seed` and `index` alone.
pub(crate) fn render(count: usize, seed: u64, purpose: Purpose) -> Part {
    let rendered: Vec<(Vec<u8>, u16)> = (0..count)
        .into_par_iter()
        .map(|index| digit(&mut Random::new(seed, purpose, index)))
        .collect();
    let labels = rendered.iter().map(|(_, label)| *label).collect();
    let images = rendered.into_iter().flat_map(|(image, _)| image).collect();
    Part::in_order(Form::DIGITS, images, labels)
}

/// Renders one digit in a hand and with a label of the random stream's choice.
fn digit(random: &mut Random) -> (Vec<u8>, u16) {
    let label = random.below(HANDS.len());
    let hands = HANDS[label];
    let hand = hands[random.below(hands.len())];
    let slant = Slant::draw(random);
    let radius = random.between(0.7, 1.75);
    let mut ink = vec![0.0; PIXELS];
    for stroke in hand {
        let path: Vec<Point> = path(*stroke, random)
            .into_iter()
            .map(|at| slant.apply(at))
            .collect();
        for line in path.windows(2) {
            draw_line(&mut ink, line[0], line[1], radius);
        }
    }
    let label = u16::try_from(label).expect("invariant: there are ten digits");
    (develop(&ink, random), label)
}

/// How a digit lies on the paper: turned, leaning, stretched and moved.
struct Slant {
    columns: [Point; 2],
    centre: Point,
}

impl Slant {
    fn draw(random: &mut Random) -> Self {
        // The half angle's tangent gives a rotation without sine and cosine.
        let t = random.between(-0.16, 0.16);
        let (cosine, sine) = ((1.0 - t * t) / (1.0 + t * t), 2.0 * t / (1.0 + t * t));
        let lean = random.between(-0.3, 0.45);
        let (width, height) = (random.between(12.5, 20.5), random.between(16.5, 22.5));
        let half = WIDTH / 2.0;
        Self {
            columns: [
                (cosine * width, sine * width),
                (
                    (-sine - lean * cosine) * height,
                    (cosine - lean * sine) * height,
                ),
            ],
            centre: (
                half + random.between(-2.5, 2.5),
                half + random.between(-2.0, 2.0),
            ),
        }
    }

    /// Moves a point of the unit square to its place in pixels.
    fn apply(&self, (x, y): Point) -> Point {
        let (x, y) = (x - 0.5, y - 0.5);
        let [across, down] = self.columns;
        (
            self.centre.0 + across.0 * x + down.0 * y,
            self.centre.1 + across.1 * x + down.1 * y,
        )
    }
}

/// Returns the corners of a stroke's lines, written with an unsteady hand.
fn path(stroke: Stroke, random: &mut Random) -> Vec<Point> {
    let (Stroke::Curve(points) | Stroke::Line(points)) = stroke;
    let points: Vec<Point> = points
        .iter()
        .map(|(x, y)| {
            (
                x + random.between(-JITTER, JITTER),
                y + random.between(-JITTER, JITTER),
            )
        })
        .collect();
    match stroke {
        Stroke::Line(_) => points,
        Stroke::Curve(_) => smooth(&points),
    }
}

/// Returns points on the Catmull–Rom curve through `points`.
fn smooth(points: &[Point]) -> Vec<Point> {
    let last = points.len() - 1;
    let mut curve = vec![points[0]];
    for piece in 0..last {
        let corners = [
            points[piece.saturating_sub(1)],
            points[piece],
            points[piece + 1],
            points[(piece + 2).min(last)],
        ];
        for line in 1..=LINES_PER_PIECE {
            #[expect(clippy::cast_precision_loss, reason = "a handful of lines")]
            let t = line as f64 / LINES_PER_PIECE as f64;
            let along = |axis: fn(Point) -> f64| between_corners(corners.map(axis), t);
            curve.push((along(|at| at.0), along(|at| at.1)));
        }
    }
    curve
}

fn between_corners([before, from, to, after]: [f64; 4], t: f64) -> f64 {
    let slope = to - before;
    let second = 2.0 * before - 5.0 * from + 4.0 * to - after;
    let third = 3.0 * (from - to) + after - before;
    from + 0.5 * t * (slope + t * (second + t * third))
}

/// Draws a line with round ends; where lines meet, the darker ink wins.
fn draw_line(ink: &mut [f64], from: Point, to: Point, radius: f64) {
    let reach = radius + FADE;
    let rows = pixels_near(from.1.min(to.1) - reach, from.1.max(to.1) + reach);
    let columns = pixels_near(from.0.min(to.0) - reach, from.0.max(to.0) + reach);
    for row in rows {
        for column in columns.clone() {
            #[expect(clippy::cast_precision_loss, reason = "28 pixels")]
            let centre = (column as f64 + 0.5, row as f64 + 0.5);
            let edge = (radius - distance(centre, from, to)) / FADE + 0.5;
            let pixel = &mut ink[row * SIDE + column];
            *pixel = pixel.max(edge.clamp(0.0, 1.0));
        }
    }
}

/// Returns the rows or columns of the image between two places.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped to the image"
)]
fn pixels_near(low: f64, high: f64) -> std::ops::Range<usize> {
    low.floor().clamp(0.0, WIDTH) as usize..high.ceil().clamp(0.0, WIDTH) as usize
}

/// Returns how far `at` is from the line.
fn distance(at: Point, from: Point, to: Point) -> f64 {
    let (dx, dy) = (to.0 - from.0, to.1 - from.1);
    let square = dx * dx + dy * dy;
    let along = if square > 0.0 {
        (((at.0 - from.0) * dx + (at.1 - from.1) * dy) / square).clamp(0.0, 1.0)
    } else {
        0.0
    };
    let (x, y) = (at.0 - from.0 - along * dx, at.1 - from.1 - along * dy);
    (x * x + y * y).sqrt()
}

/// Turns ink into bytes: paler or darker as a whole, and with more or less grain.
fn develop(ink: &[f64], random: &mut Random) -> Vec<u8> {
    let darkness = random.between(0.65, 1.0);
    let grain = random.between(0.0, 0.28);
    let bytes = ink.iter().map(|ink| {
        let noise = random.between(-grain, grain);
        to_byte(darkness * ink + noise * (0.25 + 0.75 * ink))
    });
    bytes.collect()
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped to a byte"
)]
fn to_byte(ink: f64) -> u8 {
    (ink * 255.0).round().clamp(0.0, 255.0) as u8
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::digest::Digest;

    #[test]
    fn the_rendered_bytes_never_change() {
        let part = render(50, 7, Purpose::TrainImage);
        assert_eq!(Digest::of(part.images()).short(), "c2ab694f");
    }

    #[test]
    fn a_longer_series_begins_with_the_shorter_one() {
        let short = render(5, 7, Purpose::TestImage);
        let long = render(9, 7, Purpose::TestImage);
        assert_eq!(short.images(), &long.images()[..5 * PIXELS]);
    }

    #[test]
    fn every_digit_has_ink_and_paper() {
        let part = render(200, 1, Purpose::TrainImage);
        for image in part.images().chunks(PIXELS) {
            let dark = image.iter().filter(|pixel| **pixel > 100).count();
            assert!((15..500).contains(&dark), "{dark} dark pixels");
        }
    }

    #[test]
    fn a_curve_goes_through_its_points() {
        let curve = smooth(&[(0.0, 0.0), (0.5, 1.0), (1.0, 0.0)]);
        assert_eq!(curve[LINES_PER_PIECE], (0.5, 1.0));
        assert_eq!(curve.len(), 1 + 2 * LINES_PER_PIECE);
    }
}
