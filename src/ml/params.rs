//! The section `data` of the params file, typed and checked.
//!
//! Nothing has a default: what a result depends on stands in the file. Each stage reads only its
//! own section, and other top-level keys belong to the user.

use std::path::{Path, PathBuf};

use crate::base::problem::Problem;
use crate::ml::error::Error;
use crate::ml::params_file::ParamsFile;
use crate::ml::section::{BETWEEN, Section};

/// More examples or larger batches than this are a slip of the finger.
pub(crate) const MOST: usize = 1_000_000;

/// Images that are wider than this are not what a small network is for.
const MOST_SIDE: usize = 1024;

/// What `prepare` makes its data of.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct DataParams {
    pub(crate) source: Source,
    /// The share of the training source that is split off for validation; between 0 and 1.
    pub(crate) validation: f64,
    pub(crate) seed: u64,
}

/// Where images come from.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Source {
    /// Images are rendered.
    Synthetic {
        train_count: usize,
        test_count: usize,
    },
    /// Images are read from the IDX files in the folder.
    Mnist { path: PathBuf },
    /// Images are read from the user's own files.
    Files(Files),
}

/// The user's own files, and how to read them.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Files {
    /// A file or a folder.
    pub(crate) path: PathBuf,
    /// What they are; `None` to see by their names.
    pub(crate) format: Option<Format>,
    /// The column of labels, of CSV.
    pub(crate) label: String,
    /// The side in pixels that images are brought to; `None` to leave them as they are.
    pub(crate) size: Option<usize>,
    /// Whether images are brought to grey or to RGB; `None` to leave them as they are.
    pub(crate) color: Option<Color>,
    /// The share that is split off for the test, where the files have no test part.
    pub(crate) test: Option<f64>,
}

/// How examples lie in files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// The four files of MNIST and of what is laid out like it.
    Idx,
    /// PNG and JPEG files in a folder for each class.
    Folder,
    /// A row for each image: its label and its pixels.
    Csv,
    /// The tensors `images` and `labels`.
    Safetensors,
}

/// How many channels images have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Color {
    /// One.
    Grey,
    /// Red, green and blue.
    Rgb,
}

impl Color {
    /// Returns the number of channels.
    pub(crate) fn channels(self) -> usize {
        match self {
            Self::Grey => 1,
            Self::Rgb => 3,
        }
    }
}

impl Source {
    /// Returns the source's name in the params file.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Synthetic { .. } => "synthetic",
            Self::Mnist { .. } => "mnist",
            Self::Files(_) => "files",
        }
    }
}

impl DataParams {
    /// Reads and checks the section `data` of the file at `path`.
    pub(crate) fn read(path: &Path) -> Result<Self, Error> {
        let file = ParamsFile::read(path)?;
        Ok(Self::of(&file)?)
    }

    fn of(file: &ParamsFile) -> Result<Self, Problem> {
        let Some(section) = Section::top(file, "data")? else {
            return Err(file
                .complaint("the section `data` is missing")
                .help("it says which images there are: docs/data-sets.md"));
        };
        section.only(&KEYS)?;
        let kind = section.needed_choice("source", &SOURCES)?;
        let path = || path(&section, kind);
        let source = match kind {
            SourceKind::Synthetic => Source::Synthetic {
                // One image must stay for each of training and validation.
                train_count: section.needed_count("train_count", 2..=MOST)?,
                test_count: section.needed_count("test_count", 1..=MOST)?,
            },
            SourceKind::Mnist => Source::Mnist { path: path()? },
            SourceKind::Files => Source::Files(files(&section, path()?)?),
        };
        Ok(Self {
            source,
            validation: section.needed_number("validation", BETWEEN)?,
            seed: section.seed()?,
        })
    }
}

/// All keys of the section, of whichever source.
const KEYS: [&str; 11] = [
    "source",
    "path",
    "format",
    "label",
    "size",
    "color",
    "test",
    "train_count",
    "test_count",
    "validation",
    "seed",
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum SourceKind {
    Synthetic,
    Mnist,
    Files,
}

const SOURCES: [(&str, SourceKind); 3] = [
    ("synthetic", SourceKind::Synthetic),
    ("mnist", SourceKind::Mnist),
    ("files", SourceKind::Files),
];

const FORMATS: [(&str, Format); 4] = [
    ("idx", Format::Idx),
    ("folder", Format::Folder),
    ("csv", Format::Csv),
    ("safetensors", Format::Safetensors),
];

fn path(section: &Section, kind: SourceKind) -> Result<PathBuf, Problem> {
    let rule = match kind {
        SourceKind::Mnist => "the folder with the four files",
        _ => "a file or a folder",
    };
    let path = section.text("path")?.map(PathBuf::from);
    path.ok_or_else(|| section.missing("path", rule))
}

fn files(section: &Section, path: PathBuf) -> Result<Files, Problem> {
    let colors = [("grey", Color::Grey), ("rgb", Color::Rgb)];
    Ok(Files {
        path,
        format: section.choice("format", &FORMATS)?,
        label: section.text("label")?.unwrap_or("label").to_owned(),
        size: section.count("size", 1..=MOST_SIDE)?,
        color: section.choice("color", &colors)?,
        test: section.number("test", BETWEEN)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ml::train_params::TrainParams;

    const GOOD: &str = "\
mine: [1, 2]
data:
  source: synthetic
  train_count: 100
  test_count: 20
  validation: 0.1
  seed: 7
train:
  batch_size: 10
  epochs: 1
  lr: 0.01
  optimizer: adam
  seed: 42
";

    fn file(text: &str) -> ParamsFile {
        ParamsFile::of("params.yaml", text).expect("YAML")
    }

    fn complaint(from: &str, to: &str) -> String {
        let file = file(&GOOD.replace(from, to));
        let train = || TrainParams::read(&file).err();
        let problem = DataParams::of(&file).err().or_else(train);
        problem.expect("a problem").to_string()
    }

    #[test]
    fn reads_both_sections_and_leaves_other_keys_alone() {
        let file = file(GOOD);
        let source = Source::Synthetic {
            train_count: 100,
            test_count: 20,
        };
        assert_eq!(DataParams::of(&file).expect("data").source, source);
        assert_eq!(TrainParams::read(&file).expect("train").seed, 42);
    }

    #[test]
    fn values_out_of_range_are_named_with_their_place() {
        assert_eq!(
            complaint("0.1", "1.5"),
            "`data.validation` must be a number between 0 and 1, and is `1.5` (params.yaml:6:15)"
        );
        assert_eq!(
            complaint("lr: 0.01", "lr: -1"),
            "`train.lr` must be a number greater than 0, and is `-1` (params.yaml:11:7)"
        );
        assert_eq!(
            complaint("train_count: 100", "train_count: 1"),
            "`data.train_count` must be a whole number from 2 to 1000000, and is `1` (params.yaml:4:16)"
        );
    }

    #[test]
    fn a_source_names_the_keys_that_it_needs() {
        assert_eq!(
            complaint("source: synthetic", "source: mnist"),
            "`data.path` is missing: it must be the folder with the four files (params.yaml:2:1)"
        );
    }

    #[test]
    fn unknown_missing_and_mistyped_keys_are_refused() {
        assert!(complaint("epochs: 1", "epochs: 1\n  epoch: 1").contains("unknown key `epoch`"));
        assert!(complaint("  epochs: 1\n", "").contains("`train.epochs` is missing"));
        assert!(complaint("optimizer: adam", "optimizer: adamant").contains("adamant"));
        assert!(complaint("epochs: 1", "epochs: 0").contains("epochs"));
    }

    #[test]
    fn a_missing_file_says_what_to_write() {
        let error = DataParams::read(Path::new("/nowhere/params.yaml")).err();
        let text = error.expect("an error").to_string();
        assert_eq!(text, "there is no such params file (/nowhere/params.yaml)");
    }
}
