//! `Kept`: what only the user has, moved out of the way instead of being overwritten.

use std::path::{Path, PathBuf};

use crate::base::any_path::AnyPath;
use crate::base::fs;
use crate::workspace::Workspace;

/// Something of the user's that gave way to what is recorded.
#[derive(Debug)]
pub(crate) struct Kept {
    /// Where it was.
    pub(crate) path: AnyPath,
    /// Where it is now, relative to the root.
    pub(crate) to: String,
}

/// Moves something to `.mlpipe/kept`, or beside where it was if that is another file system; under
/// a name of its own.
pub(crate) fn keep(workspace: &Workspace, from: &Path, path: &AnyPath) -> Result<Kept, fs::Error> {
    let mut to = place(workspace, path)?;
    if !fs::try_rename(from, &to)? {
        to = place_beside(workspace, path)?;
        fs::rename(from, &to)?;
    }
    Ok(Kept {
        path: path.clone(),
        to: workspace.shown(&to),
    })
}

/// Moves some files of the folder at `path` to a folder in `.mlpipe/kept`, or beside it, where each
/// has the path that it had in the folder.
pub(crate) fn keep_files(
    workspace: &Workspace,
    path: &AnyPath,
    files: &[String],
) -> Result<Kept, fs::Error> {
    let location = workspace.locate_any(path);
    let mut to = place(workspace, path)?;
    for file in files {
        let from = location.join(file);
        if !fs::try_rename(&from, &to.join(file))? {
            // Nothing has been moved so far: they are all of one file system, or nearly so.
            to = place_beside(workspace, path)?;
            fs::rename(&from, &to.join(file))?;
        }
    }
    Ok(Kept {
        path: path.clone(),
        to: workspace.shown(&to),
    })
}

fn place(workspace: &Workspace, path: &AnyPath) -> Result<PathBuf, fs::Error> {
    unused(&workspace.state("kept").join(flat_name(path)))
}

fn place_beside(workspace: &Workspace, path: &AnyPath) -> Result<PathBuf, fs::Error> {
    unused(&workspace.locate_any(path).with_added_extension("kept"))
}

/// Adds a number to a name that is taken.
fn unused(name: &Path) -> Result<PathBuf, fs::Error> {
    let mut free = name.to_owned();
    let mut number = 0;
    while fs::exists(&free)? {
        number += 1;
        free = name.with_added_extension(number.to_string());
    }
    Ok(free)
}

/// Writes a path as one name, so that a file and a folder of other times never meet.
pub(crate) fn flat_name(path: &AnyPath) -> String {
    path.as_str().replace('/', "__")
}
