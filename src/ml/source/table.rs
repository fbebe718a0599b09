//! CSV with a row for each image: its label in one column, its pixels in the others.

use std::collections::HashMap;
use std::path::Path;

use csv::ByteRecord;
use rayon::prelude::*;

use super::gathered::Gathered;
use super::raster;
use crate::base::fs;
use crate::ml::dataset::Shape;
use crate::ml::error::Error;
use crate::ml::flaw::Flaw;
use crate::ml::params::{Color, Files};

/// So many rows are read, then decoded on all cores, before the next are read.
const ROWS: usize = 2048;

/// Reads the file at `path`.
pub(super) fn read(path: &Path, files: &Files) -> Result<Gathered, Error> {
    let file = std::fs::File::open(path).map_err(fs::failed("cannot read", path))?;
    let mut reader = csv::Reader::from_reader(file);
    let header = reader.headers().map_err(|error| broken(path, &error))?;
    let columns = Columns::of(path, &header.clone(), files)?;
    let wanted = raster::target(columns.shape, files);
    let mut gathered = Gathered {
        path: path.to_owned(),
        shape: wanted,
        images: Vec::new(),
        labels: Vec::new(),
        classes: Vec::new(),
    };
    let mut positions = HashMap::new();
    loop {
        let rows = take(&mut reader, path)?;
        if rows.is_empty() {
            return Ok(gathered);
        }
        let decode = |row: &ByteRecord| columns.decode(path, row);
        let decoded: Vec<Result<_, Error>> = rows.par_iter().map(decode).collect();
        for example in decoded {
            let (name, pixels) = example?;
            raster::append(&mut gathered.images, &pixels, columns.shape, wanted);
            let next = positions.len();
            let label = *positions.entry(name).or_insert_with_key(|name| {
                gathered.classes.push(name.clone());
                next
            });
            gathered.labels.push(label);
        }
    }
}

fn take(reader: &mut csv::Reader<std::fs::File>, path: &Path) -> Result<Vec<ByteRecord>, Error> {
    let rows = reader.byte_records().take(ROWS);
    rows.map(|row| row.map_err(|error| broken(path, &error)))
        .collect()
}

fn broken(path: &Path, error: &csv::Error) -> Error {
    let line = error.position().map(csv::Position::line);
    let what = match error.kind() {
        csv::ErrorKind::UnequalLengths {
            expected_len, len, ..
        } => format!("the row has {len} fields instead of {expected_len}"),
        csv::ErrorKind::Utf8 { .. } => "a column's name is not UTF-8 text".to_owned(),
        _ => format!("it cannot be read: {error}"),
    };
    let flaw = Flaw::new(path, what, "mend the row, or delete it");
    match line {
        Some(line) => flaw.at(format!("line {line}")),
        None => flaw,
    }
    .into()
}

/// Which column is what.
struct Columns {
    label: usize,
    names: Vec<String>,
    shape: Shape,
}

impl Columns {
    fn of(path: &Path, header: &csv::StringRecord, files: &Files) -> Result<Self, Error> {
        if header.is_empty() {
            let help =
                "it needs a first line with the names of the columns, and a line for each image";
            return Err(Flaw::new(path, "it is empty", help).into());
        }
        let names: Vec<String> = header.iter().map(|name| name.trim().to_owned()).collect();
        let Some(label) = names.iter().position(|name| *name == files.label) else {
            let what = format!("there is no column `{}`", files.label);
            let first: Vec<&str> = names.iter().take(5).map(String::as_str).collect();
            let help = format!(
                "`data.label` in params.yaml names the column of labels; the first columns are: {}",
                first.join(", ")
            );
            return Err(Flaw::new(path, what, help).at("line 1").into());
        };
        let pixels = names.len() - 1;
        let channels = files.color.map_or(1, Color::channels);
        let fits = |channels: usize| {
            let side = (pixels / channels).isqrt();
            (side > 0 && channels * side * side == pixels).then_some(Shape {
                channels,
                height: side,
                width: side,
            })
        };
        // Grey pixels may be asked for as RGB, and the other way round.
        let Some(shape) = fits(channels).or_else(|| fits(1)).or_else(|| fits(3)) else {
            let what = format!("{pixels} columns of pixels are no square image, grey or RGB");
            let help = "each row is its label and all pixels of one image, row by row; of RGB first all \
                        red ones, then the green, then the blue";
            return Err(Flaw::new(path, what, help).at("line 1").into());
        };
        Ok(Self {
            label,
            names,
            shape,
        })
    }

    /// Returns the label and the pixels of a row.
    fn decode(&self, path: &Path, row: &ByteRecord) -> Result<(String, Vec<u8>), Error> {
        let line = row.position().map_or(0, csv::Position::line);
        let flaw = |what: String, help: &str| {
            Error::from(Flaw::new(path, what, help).at(format!("line {line}")))
        };
        let text = |column: usize| String::from_utf8_lossy(&row[column]).trim().to_owned();
        let label = text(self.label);
        if label.is_empty() {
            return Err(flaw(
                "its label is empty".to_owned(),
                "give it one, or delete the row",
            ));
        }
        let mut pixels = Vec::with_capacity(row.len() - 1);
        for column in (0..row.len()).filter(|column| *column != self.label) {
            let byte = std::str::from_utf8(&row[column])
                .ok()
                .and_then(|text| text.trim().parse().ok());
            pixels.push(byte.ok_or_else(|| {
                let name = &self.names[column];
                match text(column) {
                    found if found.is_empty() => flaw(
                        format!("column `{name}` is empty"),
                        "give the pixel a brightness, or delete the row",
                    ),
                    found => flaw(
                        format!("`{found}` in column `{name}` is no whole number from 0 to 255"),
                        "pixels are bytes: scale what lies between 0 and 1 by 255",
                    ),
                }
            })?);
        }
        Ok((label, pixels))
    }
}
