//! Measures what is on disk: the content of a file or of a folder. What the index knows is not read.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use crate::base::digest::Digest;
use crate::base::fs::failed;
use crate::pipeline::Content;
use crate::store::error::Error;
use crate::store::index::{Index, Known, Lesson};
use crate::store::scan::{self, Found, FoundFile, FoundFolder};
use crate::store::stamp::Stamp;
use crate::store::tree::{Entry, EntryKind, FileContent, Tree};

/// Returns the content of the file or folder at `path`, or `None` if nothing is there.
pub(crate) fn measure(path: &Path, index: &Index) -> Result<Option<Content>, Error> {
    match scan::find(path, index)? {
        None => Ok(None),
        Some(Found::File(metadata)) => {
            let digest = index.digest(path, &metadata);
            let (digest, size) = digest.map_err(failed("cannot read", path))?;
            let executable = scan::is_executable(&metadata);
            Ok(Some(
                FileContent {
                    digest,
                    size,
                    executable,
                }
                .into(),
            ))
        }
        Some(Found::Folder(folders)) => Ok(Some(measured(path, folders, index)?.content())),
    }
}

/// Returns the manifest of the folder at `path`; `None` if that is no folder.
pub(crate) fn measure_folder(path: &Path, index: &Index) -> Result<Option<Tree>, Error> {
    match scan::find(path, index)? {
        Some(Found::Folder(folders)) => Ok(Some(measured(path, folders, index)?)),
        _ => Ok(None),
    }
}

/// A folder that is in place.
pub(super) struct Present {
    /// What is in it.
    pub(super) tree: Tree,
    /// The links in it that lead to folders elsewhere, whose content is in the manifest as well.
    pub(super) links: Vec<String>,
}

/// Looks at the folder at `path`; `None` if that is no folder.
pub(super) fn present(path: &Path, index: &Index) -> Result<Option<Present>, Error> {
    let Some(Found::Folder(folders)) = scan::find(path, index)? else {
        return Ok(None);
    };
    let links = folders.iter().filter(|folder| folder.is_link);
    let links = links.map(|folder| folder.path.clone()).collect();
    let tree = measured(path, folders, index)?;
    Ok(Some(Present { tree, links }))
}

fn measured(path: &Path, folders: Vec<FoundFolder>, index: &Index) -> Result<Tree, Error> {
    let mut folders = Recognised::new(path, folders, index);
    let unknown = folders.select(|_, digest| digest.is_none());
    let hash = |place: &Place| {
        let file = folders.file(*place);
        let location = folders.location(*place);
        let mut opened = File::open(&location).map_err(failed("cannot read", &location))?;
        Reading::hash(&mut opened, file).map_err(failed("cannot read", &location))
    };
    let readings: Result<Vec<Reading>, _> = unknown.par_iter().map(hash).collect();
    for (place, reading) in unknown.into_iter().zip(readings?) {
        folders.set(place, reading);
    }
    Ok(folders.into_tree(index))
}

/// What reading a file told of it.
#[derive(Clone, Copy)]
pub(super) struct Reading {
    /// The digest of what was read.
    pub(super) digest: Digest,
    /// How much that was.
    pub(super) size: u64,
    /// Whether the file's stat stands for it from now on.
    pub(super) is_settled: bool,
}

impl Reading {
    fn hash(opened: &mut File, file: &FoundFile) -> io::Result<Self> {
        let is_fresh = file.stamp.is_fresh();
        let (digest, size) = Digest::of_opened(opened)?;
        let is_same = Stamp::of(&opened.metadata()?) == file.stamp && size == file.stamp.size;
        Ok(Self {
            digest,
            size,
            is_settled: is_same && !is_fresh,
        })
    }
}

/// The place of a file: in which folder, and which one there.
#[derive(Clone, Copy)]
pub(super) struct Place {
    folder: usize,
    file: usize,
}

/// A folder as it was found, with what is known of its files.
pub(super) struct Recognised<'a> {
    top: &'a Path,
    folders: Vec<FoundFolder>,
    readings: Vec<Vec<Option<Reading>>>,
    /// Whether the index knew all files of a folder, and no others.
    is_known: Vec<bool>,
}

impl<'a> Recognised<'a> {
    /// Recalls what the index knows of the files of `folders`, which were found in `top`.
    pub(super) fn new(top: &'a Path, folders: Vec<FoundFolder>, index: &Index) -> Self {
        let name = index.name_of(top);
        let recall = |folder: &FoundFolder| {
            let Some(name) = name else {
                return (vec![None; folder.files.len()], false);
            };
            let files = folder.files.iter().map(|file| (&*file.name, file.stamp));
            let (digests, is_known) = index.find_all(&inner_name(name, &folder.path), files);
            let readings = digests.into_iter().zip(&folder.files);
            let reading = |(digest, file): (Option<Digest>, &FoundFile)| {
                digest.map(|digest| Reading {
                    digest,
                    size: file.stamp.size,
                    is_settled: true,
                })
            };
            (readings.map(reading).collect(), is_known)
        };
        let (readings, is_known) = folders.par_iter().map(recall).unzip();
        Self {
            top,
            folders,
            readings,
            is_known,
        }
    }

    /// Returns the places of the files that are wanted, by their stat and by what is known of them;
    /// in the order of their paths, more or less.
    pub(super) fn select(
        &self,
        is_wanted: impl Fn(&FoundFile, Option<Digest>) -> bool,
    ) -> Vec<Place> {
        let mut places = Vec::new();
        for (folder, (found, readings)) in self.folders.iter().zip(&self.readings).enumerate() {
            for (file, (found, reading)) in found.files.iter().zip(readings).enumerate() {
                if is_wanted(found, reading.map(|reading| reading.digest)) {
                    places.push(Place { folder, file });
                }
            }
        }
        places
    }

    /// Returns the file at a place.
    pub(super) fn file(&self, place: Place) -> &FoundFile {
        &self.folders[place.folder].files[place.file]
    }

    /// Returns where it is on disk.
    pub(super) fn location(&self, place: Place) -> PathBuf {
        let folder = &self.folders[place.folder];
        let name = &*folder.files[place.file].name;
        self.top.join(&folder.path).join(name)
    }

    /// Returns whether it lies elsewhere, behind a link.
    pub(super) fn is_elsewhere(&self, place: Place) -> bool {
        self.folders[place.folder].is_elsewhere
    }

    /// Says what reading the file at a place told.
    pub(super) fn set(&mut self, place: Place, reading: Reading) {
        self.readings[place.folder][place.file] = Some(reading);
    }

    /// Makes the manifest, and lets the index know. All files have been read by now.
    pub(super) fn into_tree(self, index: &Index) -> Tree {
        let name = index.name_of(self.top);
        let count = self.readings.iter().map(Vec::len).sum();
        let mut entries = Vec::with_capacity(count);
        let mut lessons = Vec::with_capacity(self.folders.len());
        let folders = self
            .folders
            .into_iter()
            .zip(self.readings)
            .zip(self.is_known);
        for ((folder, readings), is_known) in folders {
            let files = folder.files.iter().zip(&readings);
            let content = |file: &FoundFile, reading: &Reading| FileContent {
                digest: reading.digest,
                size: reading.size,
                executable: file.executable,
            };
            entries.extend(files.filter_map(|(file, reading)| {
                Some(Entry {
                    path: folder.path_of(&file.name),
                    kind: EntryKind::File(content(file, reading.as_ref()?)),
                })
            }));
            entries.extend(folder.links.iter().map(|(name, target)| Entry {
                path: folder.path_of(name),
                kind: EntryKind::Link(target.as_str().into()),
            }));
            if folder.is_empty && !folder.path.is_empty() {
                entries.push(Entry {
                    path: folder.path.clone(),
                    kind: EntryKind::EmptyFolder,
                });
            }
            if let Some(name) = name {
                lessons.push(Lesson {
                    folder: inner_name(name, &folder.path),
                    files: (!is_known).then(|| settled(folder.files, &readings)),
                });
            }
        }
        if let Some(name) = name {
            index.learn(name, lessons);
        }
        Tree::new(entries)
    }
}

/// Returns the files whose stat may be believed next time.
fn settled(files: Vec<FoundFile>, readings: &[Option<Reading>]) -> Vec<(Box<str>, Known)> {
    let known = |(file, reading): (FoundFile, &Option<Reading>)| {
        let reading = reading.filter(|reading| reading.is_settled)?;
        let known = Known {
            stamp: file.stamp,
            digest: reading.digest,
        };
        Some((file.name, known))
    };
    files.into_iter().zip(readings).filter_map(known).collect()
}

/// Returns how the index calls a folder below the one that it calls `top`.
fn inner_name(top: &str, path: &str) -> String {
    match (top, path) {
        ("", path) => path.to_owned(),
        (top, "") => top.to_owned(),
        (top, path) => format!("{top}/{path}"),
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests lay out small folders")]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn content(path: &Path) -> Result<Option<Content>, Error> {
        measure(path, &Index::open(PathBuf::new(), PathBuf::from("/")))
    }

    fn paths(path: &Path) -> Vec<(String, EntryKind)> {
        let index = Index::open(PathBuf::new(), PathBuf::from("/"));
        let tree = measure_folder(path, &index).expect("measures");
        let tree = tree.expect("is a folder");
        let entries = tree.entries().iter();
        entries
            .map(|entry| (entry.path.clone(), entry.kind.clone()))
            .collect()
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
        let found = paths(root);
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].0, "full/deep/a");
        assert_eq!(found[1], ("void/inner".to_owned(), EntryKind::EmptyFolder));
        let before = content(root).expect("measures");
        let path = root.join("full/deep/a");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("sets");
        assert_ne!(content(root).expect("measures"), before);
    }

    #[test]
    fn an_empty_folder_is_content_and_an_absent_one_is_not() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let found = content(folder.path()).expect("measures").expect("is there");
        assert_eq!((found.files, found.size), (Some(0), 0));
        assert_eq!(
            content(&folder.path().join("absent")).expect("measures"),
            None
        );
    }

    #[test]
    fn links_that_stay_in_the_folder_are_links_and_others_are_followed() {
        let outside = tempfile::tempdir().expect("a temporary folder");
        fs::create_dir(outside.path().join("more")).expect("makes");
        fs::write(outside.path().join("more/far"), "far").expect("writes");
        let folder = tempfile::tempdir().expect("a temporary folder");
        let root = folder.path();
        fs::create_dir(root.join("sub")).expect("makes");
        fs::write(root.join("near"), "near").expect("writes");
        symlink("../near", root.join("sub/up")).expect("links");
        symlink("nowhere", root.join("sub/dangling")).expect("links");
        symlink(outside.path().join("more"), root.join("elsewhere")).expect("links");
        symlink(root.join("near"), root.join("absolute")).expect("links");
        let found = paths(root);
        let kinds: Vec<(&str, bool)> = found
            .iter()
            .map(|(path, kind)| (path.as_str(), matches!(kind, EntryKind::File(_))))
            .collect();
        assert_eq!(
            kinds,
            [
                ("absolute", true),
                ("elsewhere/far", true),
                ("near", true),
                ("sub/dangling", false),
                ("sub/up", false),
            ]
        );
    }

    #[test]
    fn a_link_that_leads_in_circles_or_out_of_the_folder_to_nowhere_is_an_error() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let link = folder.path().join("link");
        symlink(folder.path(), &link).expect("links");
        assert!(matches!(content(folder.path()), Err(Error::Loop { .. })));
        let (one, other) = (folder.path().join("one"), folder.path().join("other"));
        for (place, target) in [(&one, &other), (&other, &one)] {
            fs::create_dir(place).expect("makes");
            symlink(target, place.join("on")).expect("links");
        }
        assert!(matches!(content(&one), Err(Error::Loop { .. })));
        fs::remove_file(&link).expect("removes");
        fs::remove_dir_all(&one).expect("removes");
        let found = content(folder.path());
        assert!(matches!(found, Err(Error::Dangling { .. })));
    }

    #[test]
    fn the_index_is_taught_whole_folders_and_forgets_what_is_gone() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let root = folder.path().to_owned();
        for name in ["data/a", "data/sub/b"] {
            fs::create_dir_all(root.join(name).parent().expect("has one")).expect("makes");
            fs::write(root.join(name), name).expect("writes");
        }
        let index = Index::open(root.join("index"), root.clone());
        let before = measure(&root.join("data"), &index).expect("measures");
        assert!(before.is_some());
        fs::remove_dir_all(root.join("data/sub")).expect("removes");
        let after = measure(&root.join("data"), &index).expect("measures");
        assert_eq!(after.and_then(|content| content.files), Some(1));
    }
}
