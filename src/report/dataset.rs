//! How tracked data differs: files, sizes, and rows of tables.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::pipeline::Content;
use crate::report::side::{Changed, Side};
use crate::store::{EntryChange, tree_changes};

/// Tables beyond this are not read for their rows.
const LARGEST: u64 = 64 << 20;

/// How many files are named.
const NAMED: usize = 10;

/// Ends of names that say data; all else that people write and no `mlpipe add` tracks is code.
const DATA: &[&str] = &[
    "csv",
    "tsv",
    "jsonl",
    "ndjson",
    "parquet",
    "arrow",
    "feather",
    "npy",
    "npz",
    "h5",
    "hdf5",
    "pkl",
    "pickle",
    "gz",
    "zip",
    "tar",
    "zst",
    "png",
    "jpg",
    "jpeg",
    "webp",
    "bmp",
    "tif",
    "tiff",
    "wav",
    "mp3",
    "flac",
    "mp4",
    "txt",
    "bin",
    "safetensors",
    "onnx",
    "pt",
    "pth",
    "idx",
];

/// A file or folder of data that differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DataChange {
    /// Where it is.
    pub(crate) path: String,
    /// `new`, `removed` or `changed`.
    pub(crate) state: Cow<'static, str>,
    /// What it was, if it was there.
    pub(crate) old: Option<Extent>,
    /// What it is, if it is there.
    pub(crate) new: Option<Extent>,
    /// Of a folder: files that came.
    pub(crate) added: usize,
    /// Of a folder: files that are others now.
    pub(crate) modified: usize,
    /// Of a folder: files that went.
    pub(crate) deleted: usize,
    /// Of a folder: the first of these files.
    pub(crate) examples: Vec<String>,
}

/// How much data there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Extent {
    /// Bytes.
    pub(crate) size: u64,
    /// Files of a folder.
    pub(crate) files: Option<u64>,
    /// Rows of a table, without its header.
    pub(crate) rows: Option<usize>,
}

/// Returns whether a changed input is data rather than code.
pub(crate) fn is_data(old: Side<'_>, new: Side<'_>, changed: &Changed) -> bool {
    let is_tracked = old.tracks(&changed.path) || new.tracks(&changed.path);
    is_tracked || extension(changed).is_some_and(|end| DATA.contains(&end.as_str()))
}

fn extension(changed: &Changed) -> Option<String> {
    let (_, end) = changed.path.name().rsplit_once('.')?;
    Some(end.to_ascii_lowercase())
}

/// Says how a file or folder of data differs.
pub(crate) fn data_change(old: Side<'_>, new: Side<'_>, changed: &Changed) -> DataChange {
    let extent = |side: Side<'_>, content: Content| Extent {
        size: content.size,
        files: content.files,
        rows: rows(side, changed, &content),
    };
    let mut change = DataChange {
        path: changed.path.to_string(),
        state: Cow::Borrowed(match (changed.old, changed.new) {
            (None, _) => "new",
            (_, None) => "removed",
            _ => "changed",
        }),
        old: changed.old.map(|content| extent(old, content)),
        new: changed.new.map(|content| extent(new, content)),
        added: 0,
        modified: 0,
        deleted: 0,
        examples: Vec::new(),
    };
    if let (Some(before), Some(now)) = (changed.old, changed.new) {
        change.look_inside(old, new, (&before, &now));
    }
    change
}

impl DataChange {
    fn look_inside(&mut self, old: Side<'_>, new: Side<'_>, (before, now): (&Content, &Content)) {
        let (Some(before), Some(now)) = (old.tree(before), new.tree(now)) else {
            return;
        };
        for change in tree_changes(&before, &now) {
            let (count, sign) = match change {
                EntryChange::Added(_) => (&mut self.added, '+'),
                EntryChange::Modified(..) => (&mut self.modified, '~'),
                EntryChange::Deleted(_) => (&mut self.deleted, '−'),
            };
            *count += 1;
            if self.examples.len() < NAMED {
                self.examples.push(format!("{sign}{}", change.entry().path));
            }
        }
    }
}

/// Counts the rows of a table that can be had and is not too large.
fn rows(side: Side<'_>, changed: &Changed, content: &Content) -> Option<usize> {
    let delimiter = match extension(changed)?.as_str() {
        "csv" => Some(b','),
        "tsv" => Some(b'\t'),
        "jsonl" | "ndjson" => None,
        _ => return None,
    };
    if content.files.is_some() || content.size > LARGEST {
        return None;
    }
    let bytes = side.snapshot.read(&changed.path).ok().flatten()?;
    let Some(delimiter) = delimiter else {
        let lines = bytes.split(|byte| *byte == b'\n');
        return Some(lines.filter(|line| !line.trim_ascii().is_empty()).count());
    };
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(delimiter)
        .flexible(true)
        .from_reader(bytes.as_slice());
    // Only records are counted: a cell may have several lines.
    Some(reader.byte_records().count())
}
