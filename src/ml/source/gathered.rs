//! `Gathered`: what a reader has made of the files of one part.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use crate::base::human;
use crate::ml::dataset::{Form, MOST_CLASSES, Part, Shape, numbered};
use crate::ml::error::Error;
use crate::ml::flaw::Flaw;
use crate::ml::params::Format;

/// The examples of one part, in their order.
pub(super) struct Gathered {
    pub(super) path: PathBuf,
    pub(super) shape: Shape,
    pub(super) images: Vec<u8>,
    /// For each image the position of its class among `classes`.
    pub(super) labels: Vec<usize>,
    /// The names of the classes.
    pub(super) classes: Vec<String>,
}

impl Gathered {
    /// Makes the examples of a format whose labels are numbers.
    pub(super) fn with_numbers(
        path: &Path,
        shape: Shape,
        images: Vec<u8>,
        labels: Vec<usize>,
    ) -> Self {
        let most = labels.iter().max().map_or(0, |most| most + 1);
        Self {
            path: path.to_owned(),
            shape,
            images,
            labels,
            classes: numbered(most),
        }
    }

    /// Puts the classes in order: by number where all are numbers, else by name.
    pub(super) fn sorted(mut self) -> Self {
        let mut classes = self.classes.clone();
        if classes.iter().all(|name| number(name).is_some()) {
            classes.sort_by_key(|name| number(name));
        } else {
            classes.sort_unstable();
        }
        self.rename(&classes);
        self
    }

    /// Takes the class names of `train` over, of which this is the test part.
    pub(super) fn with_classes_of(
        mut self,
        train: &mut Self,
        format: Format,
    ) -> Result<Self, Error> {
        if self.shape != train.shape {
            let what = format!(
                "its images are {}, and those of `{}` are {}",
                self.shape,
                train.path.display(),
                train.shape
            );
            let help = "set `data.size` and `data.color` in params.yaml to bring them to one form";
            return Err(Flaw::new(&self.path, what, help).into());
        }
        let numbers = matches!(format, Format::Idx | Format::Safetensors);
        if numbers && self.classes.len() < train.classes.len() {
            self.classes.clone_from(&train.classes);
        }
        let unknown = |name: &&String| !train.classes.contains(name);
        if let Some(name) = self.classes.iter().find(unknown) {
            let what = format!(
                "the class `{name}` is not among those of `{}`",
                train.path.display()
            );
            let help = "the test part can only have classes that there are to train on";
            return Err(Flaw::new(&self.path, what, help).into());
        }
        let classes = train.classes.clone();
        self.rename(&classes);
        Ok(self)
    }

    /// Gives labels their positions among `classes`, which has all names of ours.
    fn rename(&mut self, classes: &[String]) {
        let places: HashMap<&String, usize> = classes.iter().zip(0..).collect();
        let moved: Vec<usize> = self.classes.iter().map(|name| places[name]).collect();
        for label in &mut self.labels {
            *label = moved[*label];
        }
        self.classes = classes.to_vec();
    }

    /// Takes the examples out, as a part of a data set.
    pub(super) fn part(&mut self) -> Result<Part, Error> {
        if self.classes.len() > MOST_CLASSES {
            let [found, most] = [self.classes.len(), MOST_CLASSES].map(human::thousands);
            let what = format!("it has {found} classes, and {most} are the most");
            let help = "take fewer; of CSV, `data.label` in params.yaml names the column of labels";
            return Err(Flaw::new(&self.path, what, help).into());
        }
        if self.labels.len() < 2 {
            let what = "it has fewer than 2 images";
            return Err(Flaw::new(&self.path, what, "add images").into());
        }
        let word =
            |label: &usize| u16::try_from(*label).expect("invariant: at most 65,536 classes");
        let labels = self.labels.iter().map(word).collect();
        let form = Form {
            shape: self.shape,
            classes: self.classes.len(),
        };
        Ok(Part::in_order(
            form,
            std::mem::take(&mut self.images),
            labels,
        ))
    }
}

fn number(name: &str) -> Option<u64> {
    name.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_sorted_as_numbers_and_labels_follow() {
        let gathered = Gathered {
            path: PathBuf::new(),
            shape: Form::DIGITS.shape,
            images: Vec::new(),
            labels: vec![0, 1, 2, 0],
            classes: ["10", "9", "2"].map(str::to_owned).to_vec(),
        };
        let sorted = gathered.sorted();
        assert_eq!(sorted.classes, ["2", "9", "10"]);
        assert_eq!(sorted.labels, [2, 1, 0, 2]);
    }
}
