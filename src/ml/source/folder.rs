//! PNG and JPEG files in folders, one for each class.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use image::{ImageReader, Limits};
use rayon::prelude::*;

use super::gathered::Gathered;
use super::layout::names;
use super::raster;
use crate::base::fs;
use crate::ml::dataset::Shape;
use crate::ml::error::Error;
use crate::ml::flaw::Flaw;
use crate::ml::params::Files;

const ENDINGS: [&str; 3] = ["png", "jpg", "jpeg"];
/// A single image may not take more than this: a file that says so is damaged, or an attack.
const MOST_BYTES: u64 = 512 << 20;

/// Returns the names of the folders at `path`, sorted: each is a class.
pub(super) fn classes(path: &Path) -> Result<Vec<String>, Error> {
    let mut classes = names(path)?;
    classes.retain(|name| path.join(name).is_dir());
    Ok(classes)
}

/// Decodes all images below `path`, class by class, in the order of their names.
pub(super) fn read(path: &Path, files: &Files) -> Result<Gathered, Error> {
    let wanted = wanted(path, files)?;
    let classes = classes(path)?;
    let mut found = Vec::new();
    for (label, class) in classes.iter().enumerate() {
        let before = found.len();
        for image in images(&path.join(class))? {
            found.push((label, image));
        }
        if found.len() == before {
            let help = "put its PNG or JPEG files there, or delete the folder";
            let what = "the folder of this class has no images";
            return Err(Flaw::new(&path.join(class), what, help).into());
        }
    }
    let mut bytes = vec![0; found.len() * wanted.bytes()];
    // Each image has its place, so that neither order nor memory depends on the threads; the first
    // that is broken, by name, is the one that is told of.
    let outcomes: Vec<Result<(), Error>> = bytes
        .par_chunks_mut(wanted.bytes())
        .zip(&found)
        .map(|(place, (_, image))| {
            place.copy_from_slice(&decode(image, wanted)?);
            Ok(())
        })
        .collect();
    outcomes.into_iter().collect::<Result<(), Error>>()?;
    Ok(Gathered {
        path: path.to_owned(),
        shape: wanted,
        images: bytes,
        labels: found.iter().map(|(label, _)| *label).collect(),
        classes,
    })
}

/// Returns the form that images are brought to; files of their own sizes have none in common.
fn wanted(path: &Path, files: &Files) -> Result<Shape, Error> {
    let (Some(size), Some(color)) = (files.size, files.color) else {
        let what = "images in folders may be of any size and colours, and nothing says which to bring them to";
        let help = "set `data.size` (the side in pixels) and `data.color` (`grey` or `rgb`) in params.yaml";
        return Err(Flaw::new(path, what, help).into());
    };
    Ok(Shape {
        channels: color.channels(),
        height: size,
        width: size,
    })
}

/// Returns the images in the folder of a class, and refuses what is no image.
fn images(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let mut images = Vec::new();
    for name in names(folder)? {
        let path = folder.join(name);
        let ending = path.extension().unwrap_or_default().to_ascii_lowercase();
        if !ENDINGS.iter().any(|known| ending == *known) {
            let what = "it is neither PNG nor JPEG, by its name";
            let help = "folders of classes hold images only: convert it or move it away";
            return Err(Flaw::new(&path, what, help).into());
        }
        images.push(path);
    }
    Ok(images)
}

fn decode(path: &Path, wanted: Shape) -> Result<Vec<u8>, Error> {
    let file = File::open(path).map_err(fs::failed("cannot read", path))?;
    // Not the name but the content says which of the two formats it is.
    let guessed = ImageReader::new(BufReader::new(file)).with_guessed_format();
    let mut reader = guessed.map_err(fs::failed("cannot read", path))?;
    let mut limits = Limits::default();
    limits.max_alloc = Some(MOST_BYTES);
    reader.limits(limits);
    let picture = reader.decode().map_err(|error| {
        let help = "replace it or delete it: an image that cannot be decoded teaches nothing";
        Flaw::new(path, format!("it cannot be decoded: {error}"), help)
    })?;
    Ok(raster::planes(&picture, wanted))
}
