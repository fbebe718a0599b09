//! Which format files are in, and which of them are for training and which for the test.

use std::path::{Path, PathBuf};

use crate::base::fs;
use crate::ml::error::Error;
use crate::ml::flaw::Flaw;
use crate::ml::params::{Files, Format};

/// What is where.
pub(super) struct Layout {
    pub(super) format: Format,
    pub(super) sides: Sides,
}

/// The files of the two parts.
pub(super) enum Sides {
    /// Each part has its own.
    Both { train: PathBuf, test: PathBuf },
    /// There is no test part.
    Whole(PathBuf),
}

/// Looks at the names below the path that the user gave.
pub(super) fn find(files: &Files) -> Result<Layout, Error> {
    let path = &files.path;
    if !fs::exists(path)? {
        let help = "`data.path` in params.yaml names the data set, as seen from the current folder";
        return Err(Flaw::new(path, "there is no such file or folder", help).into());
    }
    let formats = match files.format {
        Some(format) => vec![format],
        None => vec![
            Format::Idx,
            Format::Csv,
            Format::Safetensors,
            Format::Folder,
        ],
    };
    for format in formats {
        if let Some(sides) = sides(path, format)? {
            return Ok(Layout { format, sides });
        }
    }
    let what = match files.format {
        Some(format) => format!("nothing in it looks like the format `{}`", name(format)),
        None => "it is no data set that is known".to_owned(),
    };
    let help = "known are IDX files, folders of PNG or JPEG by class, CSV and safetensors: \
                docs/data-sets.md shows their layouts";
    Err(Flaw::new(path, what, help).into())
}

/// Returns a format's name in the params file.
fn name(format: Format) -> &'static str {
    match format {
        Format::Idx => "idx",
        Format::Folder => "folder",
        Format::Csv => "csv",
        Format::Safetensors => "safetensors",
    }
}

fn sides(path: &Path, format: Format) -> Result<Option<Sides>, Error> {
    if path.is_file() {
        let is_it = match format {
            Format::Csv => has_ending(path, "csv"),
            Format::Safetensors => has_ending(path, "safetensors"),
            // Of IDX, which has two files, and of folders there is no single one.
            Format::Idx | Format::Folder => false,
        };
        return Ok(is_it.then(|| Sides::Whole(path.to_owned())));
    }
    match format {
        Format::Idx => idx_sides(path),
        Format::Csv => Ok(pair(path.join("train.csv"), path.join("test.csv"))),
        Format::Safetensors => {
            let [train, test] =
                ["train", "test"].map(|name| path.join(format!("{name}.safetensors")));
            Ok(pair(train, test))
        }
        Format::Folder => {
            if let Some(sides) = pair(path.join("train"), path.join("test")) {
                return Ok(Some(sides));
            }
            let has_classes = !super::folder::classes(path)?.is_empty();
            Ok(has_classes.then(|| Sides::Whole(path.to_owned())))
        }
    }
}

fn has_ending(path: &Path, ending: &str) -> bool {
    path.extension()
        .is_some_and(|found| found.eq_ignore_ascii_case(ending))
}

fn pair(train: PathBuf, test: PathBuf) -> Option<Sides> {
    if !train.exists() {
        return None;
    }
    Some(if test.exists() {
        Sides::Both { train, test }
    } else {
        Sides::Whole(train)
    })
}

/// Finds the images of both parts by MNIST's names, which may have something in front.
fn idx_sides(folder: &Path) -> Result<Option<Sides>, Error> {
    let names = names(folder)?;
    let images = |part: &str| {
        let is_one = |name: &&String| {
            let stem = name.strip_suffix(".gz").unwrap_or(name);
            let stem = stem.replace('.', "-");
            stem.ends_with(&format!("{part}-images-idx3-ubyte"))
        };
        // An unpacked file comes before its gzipped one, by which it is sorted.
        names.iter().find(is_one).map(|name| folder.join(name))
    };
    let test = images("t10k").or_else(|| images("test"));
    Ok(match (images("train"), test) {
        (Some(train), Some(test)) => Some(Sides::Both { train, test }),
        (Some(train), None) => Some(Sides::Whole(train)),
        (None, _) => None,
    })
}

/// Returns the names in a folder, sorted.
pub(super) fn names(folder: &Path) -> Result<Vec<String>, Error> {
    let unreadable = || fs::failed("cannot read", folder);
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable())? {
        let name = entry.map_err(unreadable())?.file_name();
        let name = name.into_string().map_err(|name| {
            let path = folder.join(name);
            Flaw::new(&path, "its name is not UTF-8", "rename it")
        })?;
        if !name.starts_with('.') {
            names.push(name);
        }
    }
    names.sort_unstable();
    Ok(names)
}
