//! `Examined`: what one file of prepared data holds, whatever that is.

use std::path::Path;

use serde::Serialize;

use crate::base::digest::Digest;
use crate::ml::dataset::{MOST_CLASSES, Shape, Summary};
use crate::ml::error::Error;
use crate::ml::tensor_file::TensorFile;

/// Something that makes the data unusable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Fault {
    /// The file in the folder of prepared data.
    pub(crate) file: String,
    /// The tensor in it.
    pub(crate) tensor: String,
    /// What is wrong.
    pub(crate) what: String,
}

impl Fault {
    pub(super) fn new(file: &str, tensor: &str, what: String) -> Self {
        Self {
            file: file.to_owned(),
            tensor: tensor.to_owned(),
            what,
        }
    }
}

/// What was seen in one part, image by image.
#[derive(Debug, Default)]
pub(super) struct Examined {
    pub(super) faults: Vec<Fault>,
    pub(super) count: usize,
    /// The hash of each image.
    pub(super) hashes: Vec<Digest>,
    /// The label of each image; 0 where it has none that is usable.
    pub(super) labels: Vec<usize>,
    /// How many images each class has.
    pub(super) class_counts: Vec<usize>,
    /// Images whose pixels are all the same.
    pub(super) constant: usize,
    pub(super) pixels: Pixels,
}

/// Sums over all pixels that are numbers, white being 1.
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
    fn add(&mut self, pixels: &[f64], white: f64) {
        for pixel in pixels {
            if !pixel.is_finite() {
                self.not_finite += 1;
                continue;
            }
            self.count += 1;
            // Bytes add up to whole numbers, which is exact; they are scaled at the end.
            self.sum += pixel;
            self.squares += pixel * pixel;
            self.least = self.least.min(*pixel);
            self.most = self.most.max(*pixel);
            self.out_of_range += usize::from(!(0.0..=white).contains(pixel));
        }
    }
}

/// Examines the file at `path`. What cannot be read of it is a fault, not an error.
pub(super) fn examine(path: &Path, summary: &Summary) -> Result<Examined, Error> {
    let file = path.file_name().unwrap_or_default().to_string_lossy();
    let mut part = Part {
        file: file.into_owned(),
        examined: Examined {
            class_counts: vec![0; summary.classes.len()],
            ..Examined::default()
        },
    };
    match TensorFile::open(path) {
        Ok(mut tensors) => {
            part.images(&mut tensors, summary.shape)?;
            part.labels(&mut tensors, summary.classes.len())?;
            part.ids(&tensors);
        }
        Err(Error::Broken(flaw)) => part.fault("file", flaw.what().to_owned()),
        Err(Error::File(error)) => part.fault("file", format!("{error}: {}", error.source)),
        Err(error) => return Err(error),
    }
    Ok(part.examined)
}

struct Part {
    file: String,
    examined: Examined,
}

impl Part {
    fn fault(&mut self, tensor: &str, what: String) {
        self.examined
            .faults
            .push(Fault::new(&self.file, tensor, what));
    }

    /// Looks at each image, if there are any and they have the shape that the summary tells.
    fn images(&mut self, file: &mut TensorFile, shape: Shape) -> Result<(), Error> {
        let Some(info) = file.info("images").cloned() else {
            self.fault("images", "it is missing".to_owned());
            return Ok(());
        };
        // Labels and ids are held against their number even where nothing else is right.
        self.examined.count = info.shape.first().copied().unwrap_or_default();
        let wanted = match shape.channels {
            1 => vec![shape.height, shape.width],
            channels => vec![channels, shape.height, shape.width],
        };
        if info.shape.get(1..) != Some(&wanted) {
            let what = format!(
                "its shape is {:?} instead of [images, {}]",
                info.shape,
                list(&wanted)
            );
            self.fault("images", what);
            return Ok(());
        }
        if info.dtype != "U8" {
            self.fault(
                "images",
                format!("its type is {} instead of U8", info.dtype),
            );
        }
        if info.shape[0] == 0 {
            self.fault("images", "it has no images".to_owned());
        }
        if !TensorFile::can_read(&info.dtype) {
            return Ok(());
        }
        let white = if info.dtype.starts_with('F') {
            1.0
        } else {
            255.0
        };
        let examined = &mut self.examined;
        file.read("images", shape.bytes(), &mut |image| {
            examined.pixels.add(image, white);
            let first = image.first().map(|pixel| pixel.to_bits());
            let is_constant = image.iter().all(|pixel| Some(pixel.to_bits()) == first);
            examined.constant += usize::from(is_constant);
            examined.hashes.push(hash(image));
            Ok(())
        })?;
        self.pixels_in_range(white);
        Ok(())
    }

    fn pixels_in_range(&mut self, white: f64) {
        let pixels = &mut self.examined.pixels;
        let (not_finite, outside) = (pixels.not_finite, pixels.out_of_range);
        let (least, most) = (pixels.least, pixels.most);
        pixels.sum /= white;
        pixels.squares /= white * white;
        pixels.least /= white;
        pixels.most /= white;
        if not_finite > 0 {
            let what = format!("{not_finite} of its values are NaN or infinite");
            self.fault("images", what);
        }
        if outside > 0 {
            let what = format!(
                "{outside} of its values lie outside 0 to {white}: they go from {least} to {most}"
            );
            self.fault("images", what);
        }
    }

    fn labels(&mut self, file: &mut TensorFile, classes: usize) -> Result<(), Error> {
        let Some(info) = file.info("labels").cloned() else {
            self.fault("labels", "it is missing".to_owned());
            return Ok(());
        };
        if info.dtype != "U8" {
            self.fault(
                "labels",
                format!("its type is {} instead of U8", info.dtype),
            );
        }
        if info.shape != [self.examined.count] {
            let (count, shape) = (self.examined.count, &info.shape);
            let what = format!("its shape is {shape:?}, and there are {count} images");
            self.fault("labels", what);
        }
        if !TensorFile::can_read(&info.dtype) {
            return Ok(());
        }
        let (mut outside, mut example) = (0, None);
        let examined = &mut self.examined;
        file.read("labels", 4096, &mut |labels| {
            for label in labels {
                let class = class(*label).filter(|class| *class < classes);
                if let Some(class) = class {
                    examined.class_counts[class] += 1;
                } else {
                    outside += 1;
                    example.get_or_insert((examined.labels.len(), *label));
                }
                examined.labels.push(class.unwrap_or_default());
            }
            Ok(())
        })?;
        if let Some((position, label)) = example {
            let what = format!(
                "{outside} of its labels are of no class: there are {classes}, and label {position} is {label}"
            );
            self.fault("labels", what);
        }
        Ok(())
    }

    fn ids(&mut self, file: &TensorFile) {
        let found = file
            .info("ids")
            .map(|info| (info.dtype.as_str(), info.shape.clone()));
        let count = self.examined.count;
        if found != Some(("U32", vec![count])) {
            self.fault(
                "ids",
                format!("it is not a U32 for each of the {count} images"),
            );
        }
    }
}

fn class(label: f64) -> Option<usize> {
    (0..MOST_CLASSES).find(|class| {
        u8::try_from(*class).is_ok_and(|class| f64::from(class).total_cmp(&label).is_eq())
    })
}

fn hash(image: &[f64]) -> Digest {
    let bytes: Vec<u8> = image
        .iter()
        .flat_map(|pixel| pixel.to_bits().to_le_bytes())
        .collect();
    Digest::of(&bytes)
}

fn list(numbers: &[usize]) -> String {
    let texts: Vec<String> = numbers.iter().map(usize::to_string).collect();
    texts.join(", ")
}
