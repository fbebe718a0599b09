//! The params file, and its section `data`, typed and checked.
//!
//! Nothing has a default: what a result depends on stands in the file. Each stage reads only its
//! own section, and other top-level keys belong to the user.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::base::fs;
use crate::base::problem::Problem;
use crate::base::yaml::{self, Part, Step};
use crate::ml::error::Error;

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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
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

#[derive(Deserialize)]
struct DataFile {
    data: DataSection,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DataSection {
    source: SourceKind,
    path: Option<PathBuf>,
    format: Option<Format>,
    label: Option<String>,
    size: Option<NonZeroUsize>,
    color: Option<Color>,
    test: Option<f64>,
    train_count: Option<NonZeroUsize>,
    test_count: Option<NonZeroUsize>,
    validation: f64,
    seed: u64,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum SourceKind {
    Synthetic,
    Mnist,
    Files,
}

impl DataParams {
    /// Reads and checks the section `data` of the file at `path`.
    pub(crate) fn read(path: &Path) -> Result<Self, Error> {
        let file = ParamsFile::read(path)?;
        Ok(file.data()?)
    }
}

/// The text of a params file, which every complaint quotes.
pub(crate) struct ParamsFile {
    name: String,
    text: String,
}

impl ParamsFile {
    pub(crate) fn read(path: &Path) -> Result<Self, Error> {
        let name = path.display().to_string();
        let Some(bytes) = fs::read(path)? else {
            let help =
                "write one with the sections `data` and `train`, or name another with `--params`";
            return Err(Problem::new(&name, "", "there is no such params file")
                .help(help)
                .into());
        };
        match String::from_utf8(bytes) {
            Ok(text) => Ok(Self { name, text }),
            Err(_) => Err(Problem::new(&name, "", "the file is not UTF-8 text").into()),
        }
    }

    /// Takes `text` for the file `name`.
    #[cfg(test)]
    pub(crate) fn of(name: &str, text: &str) -> Self {
        Self {
            name: name.to_owned(),
            text: text.to_owned(),
        }
    }

    pub(crate) fn decode<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        yaml::decode(&self.name, &self.text)
    }

    fn data(&self) -> Result<DataParams, Problem> {
        let section = self.decode::<DataFile>()?.data;
        let share = section.validation;
        self.demand(
            share > 0.0 && share < 1.0,
            "data",
            "validation",
            "must lie between 0 and 1",
        )?;
        let source = match section.source {
            SourceKind::Synthetic => Source::Synthetic {
                // One image must stay for each of training and validation.
                train_count: self.count(section.train_count, "train_count", 2)?,
                test_count: self.count(section.test_count, "test_count", 1)?,
            },
            SourceKind::Mnist => Source::Mnist {
                path: section.path.ok_or_else(|| self.missing("path", "mnist"))?,
            },
            SourceKind::Files => Source::Files(self.files(&section)?),
        };
        Ok(DataParams {
            source,
            validation: share,
            seed: section.seed,
        })
    }

    fn files(&self, section: &DataSection) -> Result<Files, Problem> {
        let size = section.size.map(NonZeroUsize::get);
        let rule = format!("must be {MOST_SIDE} at most");
        let fits = size.is_none_or(|size| size <= MOST_SIDE);
        self.demand(fits, "data", "size", &rule)?;
        let fits = section.test.is_none_or(|share| share > 0.0 && share < 1.0);
        self.demand(fits, "data", "test", "must lie between 0 and 1")?;
        Ok(Files {
            path: section
                .path
                .clone()
                .ok_or_else(|| self.missing("path", "files"))?,
            format: section.format,
            label: section.label.clone().unwrap_or_else(|| "label".to_owned()),
            size,
            color: section.color,
            test: section.test,
        })
    }

    fn count(
        &self,
        count: Option<NonZeroUsize>,
        key: &str,
        least: usize,
    ) -> Result<usize, Problem> {
        let count = count.ok_or_else(|| self.missing(key, "synthetic"))?.get();
        let rule = format!("must lie between {least} and {MOST}");
        self.demand((least..=MOST).contains(&count), "data", key, &rule)?;
        Ok(count)
    }

    pub(crate) fn demand(
        &self,
        holds: bool,
        section: &str,
        key: &str,
        rule: &str,
    ) -> Result<(), Problem> {
        if holds {
            return Ok(());
        }
        let steps = [section, key].map(|step| Step::Key(step.to_owned()));
        Err(self.problem(&steps, &format!("`{section}.{key}` {rule}")))
    }

    /// Returns a complaint about the value at `steps`.
    pub(crate) fn problem(&self, steps: &[Step], message: &str) -> Problem {
        let place = yaml::locate(&self.text, steps, Part::Value);
        Problem::new(&self.name, &self.text, message).at(place)
    }

    fn missing(&self, key: &str, source: &str) -> Problem {
        let steps = ["data", "source"].map(|step| Step::Key(step.to_owned()));
        self.problem(&steps, &format!("the source `{source}` needs `data.{key}`"))
    }
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
        ParamsFile::of("params.yaml", text)
    }

    fn complaint(from: &str, to: &str) -> String {
        let file = file(&GOOD.replace(from, to));
        let train = || TrainParams::read(&file).err();
        let problem = file.data().err().or_else(train);
        problem.expect("a problem").to_string()
    }

    #[test]
    fn reads_both_sections_and_leaves_other_keys_alone() {
        let file = file(GOOD);
        let source = Source::Synthetic {
            train_count: 100,
            test_count: 20,
        };
        assert_eq!(file.data().expect("data").source, source);
        assert_eq!(TrainParams::read(&file).expect("train").seed, 42);
    }

    #[test]
    fn values_out_of_range_are_named_with_their_place() {
        assert_eq!(
            complaint("0.1", "1.5"),
            "`data.validation` must lie between 0 and 1 (params.yaml:6:15)"
        );
        assert_eq!(
            complaint("lr: 0.01", "lr: -1"),
            "`train.lr` must be greater than 0 (params.yaml:11:7)"
        );
        assert_eq!(
            complaint("train_count: 100", "train_count: 1"),
            "`data.train_count` must lie between 2 and 1000000 (params.yaml:4:16)"
        );
    }

    #[test]
    fn a_source_names_the_keys_that_it_needs() {
        assert_eq!(
            complaint("source: synthetic", "source: mnist"),
            "the source `mnist` needs `data.path` (params.yaml:3:11)"
        );
    }

    #[test]
    fn unknown_missing_and_mistyped_keys_are_refused() {
        assert!(complaint("epochs: 1", "epochs: 1\n  epoch: 1").contains("unknown key `epoch`"));
        assert!(complaint("  epochs: 1\n", "").contains("missing field `epochs`"));
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
