//! Measures what is on disk: the content of a file or of a folder, hashed on all cores.

use std::fs::{self, Metadata};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use walkdir::WalkDir;

use crate::base::fs::{LITTER, absent_as_none, failed};
use crate::base::path::PathError;
use crate::pipeline::Content;
use crate::store::error::Error;
use crate::store::index::Index;
use crate::store::tree::{Entry, EntryKind, FileContent, Tree};

/// Names that are never part of a folder's content: git's folder, ours, and our unfinished files.
fn is_ignored(name: &str) -> bool {
    matches!(name, ".git" | ".mlpipe")
        || name.starts_with(LITTER)
        || name.starts_with(".mlpipe-aside-")
}

/// Returns whether a folder holds something that is not part of its content.
pub(crate) fn has_uncounted(path: &Path) -> Result<bool, Error> {
    for entry in WalkDir::new(path).min_depth(1) {
        let entry = entry.map_err(|source| Error::Walk {
            path: path.to_owned(),
            source,
        })?;
        if entry.file_name().to_str().is_some_and(is_ignored) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// What was found at a path, before it is hashed. Links are followed.
pub(crate) enum Found {
    /// A file with its metadata.
    File(Metadata),
    /// A folder with all that is in it.
    Folder(Vec<FoundEntry>),
}

/// Something in a folder.
pub(crate) struct FoundEntry {
    /// Its path below the folder.
    pub(crate) path: String,
    /// Where it is on disk.
    pub(crate) location: PathBuf,
    /// The metadata of a file; an empty folder has none here.
    pub(crate) file: Option<Metadata>,
}

/// Returns the content of the file or folder at `path`, or `None` if nothing is there.
pub(crate) fn measure(path: &Path, index: &Index) -> Result<Option<Content>, Error> {
    match find(path)? {
        None => Ok(None),
        Some(Found::File(metadata)) => Ok(Some(hash(path, &metadata, index)?.into())),
        Some(Found::Folder(found)) => {
            let tree = tree_of(found, |file, metadata| hash(file, metadata, index))?;
            Ok(Some(tree.content()))
        }
    }
}

/// Returns the manifest of the folder at `path`; `None` if that is no folder.
pub(crate) fn measure_folder(path: &Path, index: &Index) -> Result<Option<Tree>, Error> {
    match find(path)? {
        Some(Found::Folder(found)) => Ok(Some(tree_of(found, |file, metadata| {
            hash(file, metadata, index)
        })?)),
        _ => Ok(None),
    }
}

fn hash(path: &Path, metadata: &Metadata, index: &Index) -> Result<FileContent, Error> {
    let digest = index.digest(path, metadata);
    let (digest, size) = digest.map_err(failed("cannot read", path))?;
    Ok(FileContent {
        digest,
        size,
        executable: is_executable(metadata),
    })
}

/// Makes the manifest of a folder from what was found in it; `hash` gives each file's content and
/// is called on all cores.
pub(crate) fn tree_of(
    found: Vec<FoundEntry>,
    hash: impl Fn(&Path, &Metadata) -> Result<FileContent, Error> + Sync,
) -> Result<Tree, Error> {
    let entry = |FoundEntry {
                     path,
                     location,
                     file,
                 }: FoundEntry| {
        let kind = match file {
            Some(metadata) => EntryKind::File(hash(&location, &metadata)?),
            None => EntryKind::EmptyFolder,
        };
        Ok(Entry { path, kind })
    };
    let entries: Result<Vec<Entry>, Error> = found.into_par_iter().map(entry).collect();
    Ok(Tree::new(entries?))
}

/// Looks at `path` and, if it is a folder, at everything in it.
pub(crate) fn find(path: &Path) -> Result<Option<Found>, Error> {
    let metadata = absent_as_none(fs::metadata(path)).map_err(failed("cannot read", path))?;
    match metadata {
        None => Ok(None),
        Some(metadata) if metadata.is_file() => Ok(Some(Found::File(metadata))),
        Some(metadata) if metadata.is_dir() => Ok(Some(Found::Folder(walk(path)?))),
        Some(_) => Err(Error::Special {
            path: path.to_owned(),
        }),
    }
}

fn walk(folder: &Path) -> Result<Vec<FoundEntry>, Error> {
    let mut found = Vec::new();
    let mut empty = Vec::new();
    let wanted = |entry: &walkdir::DirEntry| {
        entry.depth() == 0 || !entry.file_name().to_str().is_some_and(is_ignored)
    };
    let walker = WalkDir::new(folder)
        .follow_links(true)
        .into_iter()
        .filter_entry(wanted);
    for entry in walker {
        let failed = |source| Error::Walk {
            path: folder.to_owned(),
            source,
        };
        let entry = entry.map_err(failed)?;
        // A folder is empty until something below it turns up, which comes right after it.
        while empty
            .last()
            .is_some_and(|(depth, _)| *depth < entry.depth())
        {
            empty.pop();
        }
        let inner = entry.path().strip_prefix(folder).unwrap_or(entry.path());
        let not_utf8 = || PathError::NotUtf8(entry.path().display().to_string());
        let path = inner.to_str().ok_or_else(not_utf8)?.to_owned();
        let file = entry.metadata().map_err(failed)?;
        let location = entry.path().to_owned();
        if file.is_file() {
            found.push(FoundEntry {
                path,
                location,
                file: Some(file),
            });
        } else if file.is_dir() {
            found.extend(empty.pop().map(|(_, entry)| entry));
            empty.push((
                entry.depth(),
                FoundEntry {
                    path,
                    location,
                    file: None,
                },
            ));
        } else {
            return Err(Error::Special { path: location });
        }
    }
    found.extend(empty.pop().map(|(_, entry)| entry));
    found.retain(|entry| !entry.path.is_empty());
    Ok(found)
}

pub(crate) fn is_executable(metadata: &Metadata) -> bool {
    metadata.permissions().mode() & 0o111 != 0
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests lay out small folders")]
mod tests {
    use super::*;

    fn measure(path: &Path) -> Result<Option<Content>, Error> {
        super::measure(path, &Index::open(PathBuf::new(), PathBuf::from("/")))
    }

    #[test]
    fn a_folder_is_measured_with_modes_and_empty_folders() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let root = folder.path();
        fs::create_dir_all(root.join("full/deep")).expect("makes");
        fs::create_dir_all(root.join("void/inner")).expect("makes");
        fs::create_dir_all(root.join(".git")).expect("makes");
        fs::write(root.join("full/deep/a"), "a").expect("writes");
        fs::write(root.join(".git/b"), "b").expect("writes");
        let mut paths: Vec<(String, bool)> = walk(root)
            .expect("walks")
            .into_iter()
            .map(|entry| (entry.path, entry.file.is_some()))
            .collect();
        paths.sort();
        assert_eq!(
            paths,
            [
                ("full/deep/a".to_owned(), true),
                ("void/inner".to_owned(), false)
            ]
        );
        let before = measure(root).expect("measures");
        let path = root.join("full/deep/a");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("sets");
        assert_ne!(measure(root).expect("measures"), before);
    }

    #[test]
    fn an_empty_folder_is_content_and_an_absent_one_is_not() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let content = measure(folder.path()).expect("measures").expect("is there");
        assert_eq!((content.files, content.size), (Some(0), 0));
        assert_eq!(
            measure(&folder.path().join("absent")).expect("measures"),
            None
        );
    }

    #[test]
    fn a_link_that_leads_in_circles_is_an_error() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        std::os::unix::fs::symlink(folder.path(), folder.path().join("loop")).expect("links");
        assert!(matches!(measure(folder.path()), Err(Error::Walk { .. })));
    }
}
