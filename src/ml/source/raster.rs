//! Brings images to the size and the colours that are asked for.

use image::imageops::{self, FilterType};
use image::{DynamicImage, GrayImage, RgbImage};

use crate::ml::dataset::Shape;
use crate::ml::params::{Color, Files};

/// Returns the shape that images of the shape `own` are brought to.
pub(super) fn target(own: Shape, files: &Files) -> Shape {
    Shape {
        channels: files.color.map_or(own.channels, Color::channels),
        height: files.size.unwrap_or(own.height),
        width: files.size.unwrap_or(own.width),
    }
}

/// Appends an image of the shape `own`, whose planes are `bytes`, to `images` in the shape `wanted`.
pub(super) fn append(images: &mut Vec<u8>, bytes: &[u8], own: Shape, wanted: Shape) {
    if own == wanted {
        images.extend_from_slice(bytes);
    } else {
        images.extend(planes(&picture(bytes, own), wanted));
    }
}

/// Returns the planes of `picture` in the shape `wanted`.
pub(super) fn planes(picture: &DynamicImage, wanted: Shape) -> Vec<u8> {
    let [width, height] = [wanted.width, wanted.height].map(side);
    let (filter, fits) = (
        FilterType::Triangle,
        (picture.width(), picture.height()) == (width, height),
    );
    if wanted.channels == 1 {
        let grey = picture.to_luma8();
        return if fits {
            grey.into_raw()
        } else {
            imageops::resize(&grey, width, height, filter).into_raw()
        };
    }
    let mut color = picture.to_rgb8();
    if !fits {
        color = imageops::resize(&color, width, height, filter);
    }
    let pixels = color.as_raw();
    let plane = |channel| pixels.iter().skip(channel).step_by(3).copied();
    (0..3).flat_map(plane).collect()
}

/// Makes a picture of planes.
fn picture(bytes: &[u8], own: Shape) -> DynamicImage {
    let [width, height] = [own.width, own.height].map(side);
    if own.channels == 1 {
        let grey = GrayImage::from_raw(width, height, bytes.to_vec());
        return grey.expect("invariant: the bytes are the shape's").into();
    }
    let plane = own.height * own.width;
    let pixels = (0..plane).flat_map(|at| (0..3).map(move |channel| bytes[channel * plane + at]));
    let color = RgbImage::from_raw(width, height, pixels.collect());
    color.expect("invariant: the bytes are the shape's").into()
}

fn side(pixels: usize) -> u32 {
    u32::try_from(pixels).expect("invariant: readers refuse images that are larger")
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn shape(channels: usize, side: usize) -> Shape {
        Shape {
            channels,
            height: side,
            width: side,
        }
    }

    #[test]
    fn planes_survive_becoming_a_picture() {
        let bytes: Vec<u8> = (0..12).collect();
        assert_eq!(planes(&picture(&bytes, shape(3, 2)), shape(3, 2)), bytes);
    }

    #[test]
    fn grey_becomes_three_equal_planes_and_halves_are_means() {
        let mut found = Vec::new();
        append(&mut found, &[0, 0, 0, 255], shape(1, 2), shape(3, 2));
        assert_eq!(found, [0, 0, 0, 255, 0, 0, 0, 255, 0, 0, 0, 255]);
        let mut found = Vec::new();
        append(&mut found, &[100; 16], shape(1, 4), shape(1, 2));
        assert_eq!(found, [100; 4]);
    }
}
