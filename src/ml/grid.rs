//! Draws images in a grid, each with its class and what it was taken for.

use std::io::Cursor;

use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{ExtendedColorType, ImageEncoder as _, Rgb, RgbImage};

use crate::ml::dataset::{Part, Shape};

/// An image is drawn at least this large; small ones have each pixel several times.
const DRAWN: usize = 84;
/// A pixel of a letter is drawn this large.
const DOT: u32 = 2;
/// The height of the line below an image.
const LINE: u32 = 16;
const GAP: u32 = 6;
const INK: Rgb<u8> = Rgb([20, 20, 20]);
const PAPER: Rgb<u8> = Rgb([255, 255, 255]);

/// An image to draw.
pub(crate) struct Cell {
    /// Where the image is in its part.
    pub(crate) position: usize,
    /// The line below it: digits and `>`.
    pub(crate) caption: String,
}

/// Draws the images of `cells`, row by row; returns a PNG, the same bytes each time.
pub(crate) fn draw(part: &Part, cells: &[Cell], columns: u32) -> Vec<u8> {
    let shape = part.form().shape;
    let scale = pixels((DRAWN / shape.width.max(shape.height)).max(1));
    let (width, height) = (
        scale * pixels(shape.width) + GAP,
        scale * pixels(shape.height) + LINE + GAP,
    );
    let rows = pixels(cells.len()).div_ceil(columns).max(1);
    let mut canvas = RgbImage::from_pixel(columns * width + GAP, rows * height + GAP, PAPER);
    for (cell, number) in cells.iter().zip(0..) {
        let left = GAP + (number % columns) * width;
        let top = GAP + (number / columns) * height;
        draw_image(
            &mut canvas,
            part.image(cell.position),
            shape,
            (left, top, scale),
        );
        let below = top + scale * pixels(shape.height) + 3;
        write(&mut canvas, &cell.caption, left, below);
    }
    encode(&canvas)
}

/// A picture as a PNG.
pub(crate) struct Picture {
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) png: Vec<u8>,
}

/// Draws counts as squares, the darker the more, the diagonal in green and the rest in red.
pub(crate) fn heat(counts: &[Vec<u32>]) -> Picture {
    // Of many classes squares are smaller, so that the picture is not.
    let classes = pixels(counts.len()).max(1);
    let square = (1536 / classes).clamp(4, 24);
    let side = classes * square;
    let mut canvas = RgbImage::from_pixel(side, side, PAPER);
    for (row, top) in counts.iter().zip(0u32..) {
        let all: u32 = row.iter().sum();
        for (count, left) in row.iter().zip(0u32..) {
            // The square root lets rare confusions be seen.
            let share = (f64::from(*count) / f64::from(all.max(1))).sqrt();
            let faded = fade(share);
            let color = match (*count, left == top) {
                (0, _) => PAPER,
                (_, true) => Rgb([faded, 255 - (255 - faded) / 3, faded]),
                (_, false) => Rgb([255, faded, faded]),
            };
            for y in 0..square - 1 {
                for x in 0..square - 1 {
                    canvas.put_pixel(left * square + x, top * square + y, color);
                }
            }
        }
    }
    Picture {
        width: canvas.width(),
        height: canvas.height(),
        png: encode(&canvas),
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "between 0 and 255"
)]
fn fade(share: f64) -> u8 {
    (255.0 * (1.0 - share)).round().clamp(0.0, 255.0) as u8
}

fn draw_image(canvas: &mut RgbImage, bytes: &[u8], shape: Shape, at: (u32, u32, u32)) {
    let (left, top, scale) = at;
    let plane = shape.width * shape.height;
    for y in 0..pixels(shape.height) * scale {
        for x in 0..pixels(shape.width) * scale {
            let pixel = (y / scale) as usize * shape.width + (x / scale) as usize;
            let channel = |channel: usize| bytes[(channel % shape.channels) * plane + pixel];
            canvas.put_pixel(left + x, top + y, Rgb([0, 1, 2].map(channel)));
        }
    }
}

/// Writes with letters of 3 by 5 dots: no font is needed, and none can differ.
fn write(canvas: &mut RgbImage, text: &str, left: u32, top: u32) {
    for (letter, number) in text.chars().zip(0u32..) {
        for (row, y) in glyph(letter).iter().zip(0u32..) {
            for x in (0u32..3).filter(|x| row >> (2 - x) & 1 == 1) {
                for (dx, dy) in [(0, 0), (1, 0), (0, 1), (1, 1)] {
                    let x = left + (number * 4 + x) * DOT + dx;
                    let y = top + y * DOT + dy;
                    if x < canvas.width() && y < canvas.height() {
                        canvas.put_pixel(x, y, INK);
                    }
                }
            }
        }
    }
}

/// Returns the rows of a letter, three bits each.
fn glyph(letter: char) -> [u8; 5] {
    match letter {
        '0' => [7, 5, 5, 5, 7],
        '1' => [2, 6, 2, 2, 7],
        '2' => [7, 1, 7, 4, 7],
        '3' => [7, 1, 7, 1, 7],
        '4' => [5, 5, 7, 1, 1],
        '5' => [7, 4, 7, 1, 7],
        '6' => [7, 4, 7, 5, 7],
        '7' => [7, 1, 1, 2, 2],
        '8' => [7, 5, 7, 5, 7],
        '9' => [7, 5, 7, 1, 7],
        '>' => [4, 2, 1, 2, 4],
        _ => [0; 5],
    }
}

fn encode(canvas: &RgbImage) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    let encoder =
        PngEncoder::new_with_quality(&mut bytes, CompressionType::Default, FilterType::Adaptive);
    let (width, height) = canvas.dimensions();
    encoder
        .write_image(canvas.as_raw(), width, height, ExtendedColorType::Rgb8)
        .expect("invariant: memory takes what is written");
    bytes.into_inner()
}

fn pixels(count: usize) -> u32 {
    u32::try_from(count).expect("invariant: images are small")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ml::dataset::{Form, PIXELS};

    #[test]
    fn a_grid_is_a_png_of_its_rows_and_columns() {
        let part = Part::in_order(Form::DIGITS, vec![200; 3 * PIXELS], vec![1, 2, 3]);
        let cells: Vec<Cell> = (0..3)
            .map(|position| Cell {
                position,
                caption: format!("{position}>9"),
            })
            .collect();
        let bytes = draw(&part, &cells, 2);
        let picture = image::load_from_memory(&bytes).expect("a picture");
        assert_eq!(
            (picture.width(), picture.height()),
            (2 * 90 + 6, 2 * 106 + 6)
        );
        assert_eq!(picture.to_rgb8().get_pixel(10, 10), &Rgb([200; 3]));
        assert_eq!(bytes, draw(&part, &cells, 2));
    }
}
