//! `Examined`: what one file of prepared data holds, whatever that is.

use std::path::Path;

use rayon::prelude::*;
use serde::Serialize;

use super::pixels::Pixels;
use crate::base::digest::Digest;
use crate::ml::dataset::{Form, Shape, Summary};
use crate::ml::error::Error;
use crate::ml::tensor_file::{Kind, TensorFile, TensorInfo, class};

/// So much of a file is held at a time, if an image is not larger.
const AT_ONCE: usize = 4 << 20;

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
            part.labels(&mut tensors, summary.form())?;
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
        if Kind::named(&info.dtype).is_none() {
            return Ok(());
        }
        self.look_at_images(file, &info, shape)
    }

    /// Looks at images that can be read, on all cores; some of them are held at a time.
    fn look_at_images(
        &mut self,
        file: &mut TensorFile,
        info: &TensorInfo,
        shape: Shape,
    ) -> Result<(), Error> {
        let white = if info.dtype.starts_with('F') {
            1.0
        } else {
            255.0
        };
        let examined = &mut self.examined;
        let pixels = shape.bytes();
        let images = (AT_ONCE / pixels).max(1);
        file.read_bytes("images", images * pixels, &mut |bytes, kind| {
            let images = bytes.par_chunks_exact(pixels * kind.bytes());
            let looks: Vec<Look> = images.map(|image| Look::at(image, kind, white)).collect();
            for look in looks {
                examined.pixels.append(&look.pixels);
                examined.constant += usize::from(look.is_constant);
                examined.hashes.push(look.hash);
            }
            Ok(())
        })?;
        self.pixels_in_range(white);
        Ok(())
    }

    fn pixels_in_range(&mut self, white: f64) {
        let pixels = &mut self.examined.pixels;
        let (not_finite, outside) = (pixels.not_finite, pixels.out_of_range);
        let (least, most) = (pixels.least, pixels.most);
        pixels.scale(white);
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

    fn labels(&mut self, file: &mut TensorFile, form: Form) -> Result<(), Error> {
        let Some(info) = file.info("labels").cloned() else {
            self.fault("labels", "it is missing".to_owned());
            return Ok(());
        };
        let (classes, wanted) = (form.classes, form.labels().name());
        if info.dtype != wanted {
            let what = format!("its type is {} instead of {wanted}", info.dtype);
            self.fault("labels", what);
        }
        if info.shape != [self.examined.count] {
            let (count, shape) = (self.examined.count, &info.shape);
            let what = format!("its shape is {shape:?}, and there are {count} images");
            self.fault("labels", what);
        }
        if Kind::named(&info.dtype).is_none() {
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

/// What there is to know of one image.
struct Look {
    pixels: Pixels,
    hash: Digest,
    /// Whether all its pixels are the same.
    is_constant: bool,
}

impl Look {
    fn at(image: &[u8], kind: Kind, white: f64) -> Self {
        let mut pairs = image.chunks_exact(kind.bytes());
        let first = pairs.next();
        Self {
            pixels: Pixels::of(image, kind, white),
            hash: Digest::of(image),
            is_constant: pairs.all(|pixel| Some(pixel) == first),
        }
    }
}

fn list(numbers: &[usize]) -> String {
    let texts: Vec<String> = numbers.iter().map(usize::to_string).collect();
    texts.join(", ")
}
