//! The file of probabilities: a row for each image and class, written as they come.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use crate::base::fs::{self, AtomicFile};
use crate::ml::error::Error;
use crate::ml::report::csv_rows;

/// The unfinished file.
pub(crate) struct ProbabilityFile {
    file: AtomicFile,
    path: PathBuf,
    classes: Vec<String>,
}

impl ProbabilityFile {
    /// Begins the file at `path`, of images in these classes.
    pub(crate) fn begin(path: &Path, classes: &[String]) -> Result<Self, Error> {
        let mut file = AtomicFile::begin(path)?;
        let header = ["id", "class", "probability"].map(str::to_owned);
        write(&mut file, path, std::iter::once(header))?;
        Ok(Self {
            file,
            path: path.to_owned(),
            classes: classes.to_vec(),
        })
    }

    /// Adds the probabilities of some images, a row for each.
    pub(crate) fn add(&mut self, ids: &[u32], rows: &[Vec<f64>]) -> Result<(), Error> {
        let classes = &self.classes;
        let rows = ids.iter().zip(rows).flat_map(|(id, row)| {
            let row = row.iter().zip(classes);
            row.map(move |(probability, class)| {
                [id.to_string(), class.clone(), probability.to_string()]
            })
        });
        write(&mut self.file, &self.path, rows)
    }

    /// Puts the finished file in place.
    pub(crate) fn commit(self) -> Result<(), Error> {
        Ok(self.file.commit()?)
    }
}

fn write(
    file: &mut AtomicFile,
    path: &Path,
    rows: impl Iterator<Item = [String; 3]>,
) -> Result<(), Error> {
    let text = csv_rows(rows);
    let written = file.file().write_all(text.as_bytes());
    Ok(written.map_err(fs::failed("cannot write", path))?)
}
