//! Labelled images: the three parts that `prepare` writes, and what `dataset.json` says of them.

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};

use candle_core::{Device, Tensor};
use serde::{Deserialize, Serialize};

use crate::base::digest::Digest;
use crate::base::fs;
use crate::ml::error::Error;
use crate::ml::tensors;

/// A digit is this many pixels wide and high.
pub(crate) const SIDE: usize = 28;
/// The pixels of a digit.
pub(crate) const PIXELS: usize = SIDE * SIDE;
/// The digits.
pub(crate) const CLASSES: usize = 10;
/// A label is two bytes.
pub(crate) const MOST_CLASSES: usize = 1 << 16;
/// With more classes than this there is no matrix of them: nobody could read it.
pub(crate) const MOST_SHOWN: usize = 256;

/// What every image of a data set looks like: planes of bytes, row by row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Shape {
    /// 1 for grey, 3 for red, green and blue.
    pub(crate) channels: usize,
    /// The rows of an image.
    pub(crate) height: usize,
    /// The columns of an image.
    pub(crate) width: usize,
}

impl Shape {
    /// Returns how many bytes an image takes.
    pub(crate) fn bytes(self) -> usize {
        self.channels * self.height * self.width
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { height, width, .. } = self;
        let color = if self.channels == 1 { "grey" } else { "RGB" };
        write!(out, "{width}×{height} {color}")
    }
}

/// What all examples of a data set have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Form {
    /// The shape of each image.
    pub(crate) shape: Shape,
    /// Labels are below this.
    pub(crate) classes: usize,
}

impl Form {
    /// Returns how labels are written.
    pub(crate) fn labels(self) -> LabelKind {
        if self.classes <= 1 << 8 {
            LabelKind::Bytes
        } else {
            LabelKind::Words
        }
    }

    /// The form of MNIST and of the rendered digits.
    pub(crate) const DIGITS: Self = Self {
        shape: Shape {
            channels: 1,
            height: SIDE,
            width: SIDE,
        },
        classes: CLASSES,
    };
}

/// The type of the labels in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LabelKind {
    /// A byte, where there are few enough classes.
    Bytes,
    /// Four bytes: candle writes no type of two.
    Words,
}

impl LabelKind {
    /// Returns the type's name in a safetensors file.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Bytes => "U8",
            Self::Words => "U32",
        }
    }

    fn tensor(self, labels: &[u16]) -> candle_core::Result<Tensor> {
        match self {
            Self::Bytes => {
                let byte = |label: &u16| u8::try_from(*label).unwrap_or(u8::MAX);
                let bytes: Vec<u8> = labels.iter().map(byte).collect();
                Tensor::new(bytes, &Device::Cpu)
            }
            Self::Words => {
                let words: Vec<u32> = labels.iter().copied().map(u32::from).collect();
                Tensor::new(words, &Device::Cpu)
            }
        }
    }

    /// Returns what [`Self::tensor`] was made of; `None` if the type is another.
    fn read(self, labels: &Tensor) -> Option<Vec<u16>> {
        match self {
            Self::Bytes => {
                let bytes: Vec<u8> = labels.to_vec1().ok()?;
                Some(bytes.into_iter().map(u16::from).collect())
            }
            Self::Words => {
                let words: Vec<u32> = labels.to_vec1().ok()?;
                // A label that is too large is of no class, which is looked at next.
                let word = |word| u16::try_from(word).unwrap_or(u16::MAX);
                Some(words.into_iter().map(word).collect())
            }
        }
    }
}

/// Images with their labels and where they stood in their source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    form: Form,
    images: Vec<u8>,
    labels: Vec<u16>,
    ids: Vec<u32>,
}

impl Part {
    /// Makes a whole source: the ids count up from 0.
    pub(crate) fn in_order(form: Form, images: Vec<u8>, labels: Vec<u16>) -> Self {
        let ids = (0u32..).take(labels.len()).collect();
        let part = Self {
            form,
            images,
            labels,
            ids,
        };
        assert!(
            part.fault().is_none(),
            "invariant: sources agree with themselves"
        );
        part
    }

    /// Returns what all examples have in common.
    pub(crate) fn form(&self) -> Form {
        self.form
    }

    /// Returns the examples at `positions`, in that order.
    pub(crate) fn select(&self, positions: &[usize]) -> Self {
        Self {
            form: self.form,
            images: positions
                .iter()
                .flat_map(|at| self.image(*at))
                .copied()
                .collect(),
            labels: positions.iter().map(|at| self.labels[*at]).collect(),
            ids: positions.iter().map(|at| self.ids[*at]).collect(),
        }
    }

    /// Returns how many examples there are.
    pub(crate) fn len(&self) -> usize {
        self.labels.len()
    }

    /// Returns the pixels of all images, one image after the other.
    pub(crate) fn images(&self) -> &[u8] {
        &self.images
    }

    /// Returns the pixels of the image at `position`.
    pub(crate) fn image(&self, position: usize) -> &[u8] {
        let size = self.form.shape.bytes();
        &self.images[position * size..(position + 1) * size]
    }

    /// Returns the label of each image.
    pub(crate) fn labels(&self) -> &[u16] {
        &self.labels
    }

    /// Returns where each image stood in its source.
    pub(crate) fn ids(&self) -> &[u32] {
        &self.ids
    }

    /// Writes the part as a safetensors file.
    pub(crate) fn write(&self, path: &Path) -> Result<(), Error> {
        let count = self.len();
        let Shape {
            channels,
            height,
            width,
        } = self.form.shape;
        // Grey images have no axis of channels, as in MNIST.
        let shape = match channels {
            1 => vec![count, height, width],
            _ => vec![count, channels, height, width],
        };
        let tensors = HashMap::from([
            (
                "images",
                Tensor::from_slice(&self.images, shape, &Device::Cpu)?,
            ),
            ("labels", self.form.labels().tensor(&self.labels)?),
            ("ids", Tensor::from_slice(&self.ids, count, &Device::Cpu)?),
        ]);
        tensors::write(&tensors, path)
    }

    /// Reads what [`Part::write`] wrote.
    pub(crate) fn read(path: &Path, form: Form) -> Result<Self, Error> {
        let damaged = |what: &str| Error::Damaged {
            path: path.to_owned(),
            what: what.to_owned(),
            stage: "prepare",
        };
        let tensors = tensors::read(path, "prepare")?;
        let flat = |name| {
            let tensor: Option<&Tensor> = tensors.get(name);
            tensor.and_then(|tensor| tensor.flatten_all().ok())
        };
        let kind = form.labels();
        let part = Self {
            form,
            images: flat("images")
                .and_then(|images| images.to_vec1::<u8>().ok())
                .ok_or_else(|| damaged("it has no `images` of bytes"))?,
            labels: flat("labels")
                .and_then(|labels| kind.read(&labels))
                .ok_or_else(|| damaged(&format!("it has no `labels` of type {}", kind.name())))?,
            ids: flat("ids")
                .and_then(|ids| ids.to_vec1::<u32>().ok())
                .ok_or_else(|| damaged("it has no `ids`"))?,
        };
        part.fault().map_or(Ok(part), |what| Err(damaged(what)))
    }

    /// Returns what does not fit together, if something does not.
    fn fault(&self) -> Option<&'static str> {
        let count = self.labels.len();
        if count == 0 {
            Some("it has no examples")
        } else if self.images.len() != count * self.form.shape.bytes() || self.ids.len() != count {
            Some("its images, labels and ids differ in number")
        } else if self
            .labels
            .iter()
            .any(|label| usize::from(*label) >= self.form.classes)
        {
            Some("a label is of no class")
        } else {
            None
        }
    }
}

/// How many examples each part has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Counts {
    pub(crate) test: usize,
    pub(crate) train: usize,
    pub(crate) validation: usize,
}

/// What `dataset.json` says; the fields are in the order of the alphabet, and so are its keys.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Summary {
    /// What the classes are called, by their label.
    pub(crate) classes: Vec<String>,
    /// How many examples each part has.
    pub(crate) counts: Counts,
    /// The mean of the train part's pixels, white being 1.
    pub(crate) mean: f64,
    /// What each image looks like.
    pub(crate) shape: Shape,
    /// Where the images came from.
    pub(crate) source: String,
    /// The standard deviation of the train part's pixels.
    pub(crate) std: f64,
    /// The SHA-256 of the test part's file.
    pub(crate) test_set: Digest,
}

impl Summary {
    /// Returns what all examples have in common.
    pub(crate) fn form(&self) -> Form {
        Form {
            shape: self.shape,
            classes: self.classes.len(),
        }
    }

    /// Writes the summary into `folder`.
    pub(crate) fn write(&self, folder: &Path) -> Result<(), Error> {
        let mut text = serde_json::to_string_pretty(self)
            .expect("invariant: the summary's fields are numbers and text");
        text.push('\n');
        Ok(fs::write_atomic(&folder.join(SUMMARY), text.as_bytes())?)
    }

    /// Reads the summary of the prepared data in `folder`.
    pub(crate) fn read(folder: &Path) -> Result<Self, Error> {
        let path = folder.join(SUMMARY);
        let bytes = fs::read(&path)?.ok_or_else(|| Error::Missing {
            path: path.clone(),
            stage: "prepare",
        })?;
        let damaged = |what| Error::Damaged {
            path: path.clone(),
            what,
            stage: "prepare",
        };
        let summary: Self =
            serde_json::from_slice(&bytes).map_err(|error| damaged(error.to_string()))?;
        summary
            .fault()
            .map_or(Ok(summary), |what| Err(damaged(what)))
    }

    /// Returns what no data have, if the summary says so.
    fn fault(&self) -> Option<String> {
        let Shape {
            channels,
            height,
            width,
        } = self.shape;
        let (mean, std, classes) = (self.mean, self.std, self.classes.len());
        if !(1..=MOST_CLASSES).contains(&classes) {
            Some(format!("it has {classes} classes"))
        } else if !matches!(channels, 1 | 3) || height.min(width) == 0 {
            Some(format!("its `shape` is {channels}×{height}×{width}"))
        } else if !(0.0..=1.0).contains(&mean) {
            Some(format!("its `mean` is {mean}, which is not from 0 to 1"))
        } else if !(std > 0.0 && std <= 1.0) {
            Some(format!(
                "its `std` is {std}, which is not above 0 and at most 1"
            ))
        } else {
            None
        }
    }
}

/// Returns the names of classes that have none but their numbers.
pub(crate) fn numbered(classes: usize) -> Vec<String> {
    (0..classes).map(|class| class.to_string()).collect()
}

/// The file with the summary of a prepared folder.
pub(crate) const SUMMARY: &str = "dataset.json";
/// The file with the part that is trained on.
pub(crate) const TRAIN: &str = "train.safetensors";
/// The file with the part that tells how training goes.
pub(crate) const VALIDATION: &str = "validation.safetensors";
/// The file with the part that the result is measured on.
pub(crate) const TEST: &str = "test.safetensors";

/// Returns the mean and standard deviation of the pixels, white being 1.
///
/// The sums are of whole numbers, so that they are exact.
#[expect(clippy::cast_precision_loss, reason = "the sums stay below 2^53")]
pub(crate) fn brightness(part: &Part) -> (f64, f64) {
    let sum: u64 = part.images().iter().map(|pixel| u64::from(*pixel)).sum();
    let squares: u64 = part
        .images()
        .iter()
        .map(|pixel| u64::from(*pixel).pow(2))
        .sum();
    let count = part.images().len() as f64;
    let mean = sum as f64 / count;
    let variance = squares as f64 / count - mean * mean;
    (mean / 255.0, variance.sqrt() / 255.0)
}

/// Returns the SHA-256 of the test part's file in the prepared `folder`.
pub(crate) fn test_set(folder: &Path) -> Result<Digest, Error> {
    let path = folder.join(TEST);
    let (digest, _size) = Digest::of_file(&path).map_err(fs::failed("cannot read", &path))?;
    Ok(digest)
}

/// Returns the paths that a prepared folder consists of.
pub(crate) fn files(folder: &Path) -> [PathBuf; 4] {
    [SUMMARY, TRAIN, VALIDATION, TEST].map(|name| folder.join(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part() -> Part {
        Part::in_order(
            Form::DIGITS,
            (0..=255).cycle().take(3 * PIXELS).collect(),
            vec![4, 0, 9],
        )
    }

    #[test]
    fn a_part_survives_its_file_and_the_bytes_are_the_same_each_time() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (one, two) = (folder.path().join("one"), folder.path().join("two"));
        part().write(&one).expect("writes");
        part().write(&two).expect("writes");
        assert_eq!(Part::read(&one, Form::DIGITS).expect("reads"), part());
        assert_eq!(
            std::fs::read(one).expect("reads"),
            std::fs::read(two).expect("reads")
        );
    }

    #[test]
    fn selecting_keeps_images_labels_and_ids_together() {
        let chosen = part().select(&[2, 0]);
        assert_eq!(chosen.labels(), [9, 4]);
        assert_eq!(chosen.ids(), [2, 0]);
        assert_eq!(chosen.image(1), part().image(0));
    }

    #[test]
    fn a_file_that_does_not_fit_together_is_refused() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("part");
        let odd = Part {
            labels: vec![4, 0],
            ..part()
        };
        odd.write(&path).expect_err("the shape does not fit");
        let wrong = Part {
            labels: vec![4, 0, 10],
            ..part()
        };
        wrong.write(&path).expect("writes");
        let error = Part::read(&path, Form::DIGITS)
            .expect_err("a label too high")
            .to_string();
        assert!(
            error.ends_with("a label is of no class; run `mlpipe ml prepare` again"),
            "{error}"
        );
    }

    #[test]
    fn labels_of_many_classes_survive_their_file() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("part");
        let form = Form {
            classes: MOST_CLASSES,
            ..Form::DIGITS
        };
        let part = Part::in_order(form, vec![7; 3 * PIXELS], vec![0, 256, u16::MAX]);
        part.write(&path).expect("writes");
        assert_eq!(Part::read(&path, form).expect("reads"), part);
    }

    #[test]
    fn brightness_is_exact_for_black_and_white() {
        let mut images = vec![0; PIXELS];
        images[..PIXELS / 2].fill(255);
        let (mean, std) = brightness(&Part::in_order(Form::DIGITS, images, vec![1]));
        assert_eq!(
            (mean.to_bits(), std.to_bits()),
            (0.5f64.to_bits(), 0.5f64.to_bits())
        );
    }
}
