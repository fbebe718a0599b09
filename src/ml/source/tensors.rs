//! Safetensors with `images` (`[image, row, column]` or `[image, channel, row, column]`) and `labels`.

use std::path::Path;

use super::gathered::Gathered;
use super::raster;
use crate::ml::dataset::{MOST_CLASSES, Shape};
use crate::ml::error::Error;
use crate::ml::flaw::Flaw;
use crate::ml::params::Files;
use crate::ml::tensor_file::{TensorFile, class};

/// Reads the file at `path`.
pub(super) fn read(path: &Path, files: &Files) -> Result<Gathered, Error> {
    let mut file = TensorFile::open(path)?;
    let (count, own) = images_shape(path, &file)?;
    let labels = labels(path, &mut file, count)?;
    // Whole types hold bytes, the others brightnesses between 0 and 1.
    let is_whole = file
        .info("images")
        .is_some_and(|info| !info.dtype.starts_with('F'));
    let wanted = raster::target(own, files);
    let (mut images, mut number) = (Vec::new(), 0);
    file.read("images", own.bytes(), &mut |pixels| {
        let white = if is_whole { 1.0 } else { 255.0 };
        let bytes = pixels.iter().map(|pixel| byte(*pixel, white).ok_or(*pixel));
        let bytes = bytes.collect::<Result<Vec<u8>, f64>>().map_err(|pixel| {
            let most = if is_whole { 255 } else { 1 };
            let what = format!("its pixel {pixel} does not lie between 0 and {most}");
            let help = "whole numbers go from 0 to 255, floats from 0 to 1";
            Flaw::new(path, what, help).at(format!("image {number}"))
        })?;
        raster::append(&mut images, &bytes, own, wanted);
        number += 1;
        Ok(())
    })?;
    Ok(Gathered::with_numbers(path, wanted, images, labels))
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "checked to be a byte"
)]
fn byte(pixel: f64, white: f64) -> Option<u8> {
    let scaled = (pixel * white).round();
    // What is not a number fails here too.
    (0.0..=255.0)
        .contains(&(pixel * white))
        .then_some(scaled as u8)
}

fn images_shape(path: &Path, file: &TensorFile) -> Result<(usize, Shape), Error> {
    let help = "it needs `images` of [image, row, column] or [image, channel, row, column], and `labels` of [image]";
    let Some(info) = file.info("images") else {
        let what = format!(
            "it has no tensor `images`, but: {}",
            file.names().join(", ")
        );
        return Err(Flaw::new(path, what, help).into());
    };
    match info.shape[..] {
        [count, height, width] if height * width > 0 => Ok((
            count,
            Shape {
                channels: 1,
                height,
                width,
            },
        )),
        [count, channels @ (1 | 3), height, width] if height * width > 0 => Ok((
            count,
            Shape {
                channels,
                height,
                width,
            },
        )),
        _ => {
            let what = format!("its `images` have the shape {:?}", info.shape);
            Err(Flaw::new(path, what, help).into())
        }
    }
}

fn labels(path: &Path, file: &mut TensorFile, count: usize) -> Result<Vec<usize>, Error> {
    let help = "it needs a label for each image, counted from 0";
    let found = file.info("labels").map(|info| info.shape.clone());
    if found != Some(vec![count]) {
        let what = match found {
            Some(shape) => {
                format!("its `labels` have the shape {shape:?}, and there are {count} images")
            }
            None => "it has no tensor `labels`".to_owned(),
        };
        return Err(Flaw::new(path, what, help).into());
    }
    let mut labels = Vec::new();
    file.read("labels", count, &mut |numbers| {
        for number in numbers {
            let place = labels.len();
            labels.push(label(*number).ok_or_else(|| {
                let what = format!("the label {number} is no whole number below {MOST_CLASSES}");
                Flaw::new(path, what, help).at(format!("label {place}"))
            })?);
        }
        Ok(())
    })?;
    Ok(labels)
}

fn label(number: f64) -> Option<usize> {
    class(number).filter(|class| *class < MOST_CLASSES)
}
