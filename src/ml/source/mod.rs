//! The user's own files as a data set: IDX, folders of images, CSV and safetensors.
//!
//! Whatever they are, examples come in one order, that of the file or of the sorted names, on any
//! number of threads. Files are read piece by piece: only the images at the size that is asked for
//! are held.

mod folder;
mod gathered;
mod idx;
mod layout;
mod raster;
mod table;
mod tensors;

use std::path::Path;

use crate::ml::dataset::Part;
use crate::ml::error::Error;
use crate::ml::flaw::Flaw;
use crate::ml::params::{Files, Format};
use crate::ml::random::Purpose;
use crate::ml::split::split;
use layout::{Layout, Sides};

/// A source in two parts, and what its classes are called.
pub(crate) struct Loaded {
    pub(crate) train: Part,
    pub(crate) test: Part,
    pub(crate) classes: Vec<String>,
}

/// Reads the data set that `files` names; `seed` decides what is split off for the test.
pub(crate) fn load(files: &Files, seed: u64) -> Result<Loaded, Error> {
    let Layout { format, sides } = layout::find(files)?;
    let read = |path: &Path| match format {
        Format::Idx => idx::read(path, files),
        Format::Folder => folder::read(path, files),
        Format::Csv => table::read(path, files),
        Format::Safetensors => tensors::read(path, files),
    };
    match (sides, files.test) {
        (Sides::Both { train, test }, None) => {
            let mut train = read(&train)?.sorted();
            let mut test = read(&test)?.with_classes_of(&mut train, format)?;
            Ok(Loaded {
                train: train.part()?,
                test: test.part()?,
                classes: train.classes,
            })
        }
        (Sides::Whole(path), Some(share)) => {
            let mut whole = read(&path)?.sorted();
            let part = whole.part()?;
            if part.len() < 3 {
                let what = "it has fewer than 3 images, so that nothing can be split off";
                return Err(Flaw::new(&path, what, "add images").into());
            }
            // Of what is left some are to validate.
            let (train, test) = split(&part, (share, 2), seed, Purpose::TestSplit);
            Ok(Loaded {
                train,
                test,
                classes: whole.classes,
            })
        }
        (Sides::Both { test, .. }, Some(_)) => {
            let what = "it is the test part, and `data.test` asks for another";
            let help = "take `test` out of the section `data` of params.yaml, or move this away";
            Err(Flaw::new(&test, what, help).into())
        }
        (Sides::Whole(path), None) => {
            let what = "it has no test part";
            let help = "set `data.test` in params.yaml to the share to split off for the test, as 0.2, \
                        or bring one beside it: the formats are in docs/data-sets.md";
            Err(Flaw::new(&path, what, help).into())
        }
    }
}
