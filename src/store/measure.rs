//! Measures what is on disk: the content of a file or of a folder. What the index knows is not read.

use std::fs::{File, Metadata};
use std::path::Path;

use rayon::prelude::*;

use crate::base::fs::failed;
use crate::pipeline::Content;
use crate::store::error::Error;
use crate::store::index::Index;
use crate::store::recognised::{Place, Reading, Recognised};
use crate::store::scan::{self, Found, FoundFolder};
use crate::store::tree::{FileContent, Tree};

/// Returns the content of the file or folder at `path`, or `None` if nothing is there.
pub(crate) fn measure(path: &Path, index: &Index) -> Result<Option<Content>, Error> {
    match scan::find(path, index)? {
        None => Ok(None),
        Some(Found::File(metadata)) => Ok(Some(file_content(path, &metadata, index)?)),
        Some(Found::Folder(folders)) => Ok(Some(measured(path, folders, index)?.into_content())),
    }
}

fn file_content(path: &Path, metadata: &Metadata, index: &Index) -> Result<Content, Error> {
    let digest = index.digest(path, metadata);
    let (digest, size) = digest.map_err(failed("cannot read", path))?;
    let executable = scan::is_executable(metadata);
    let file = FileContent {
        digest,
        size,
        executable,
    };
    Ok(file.into())
}

/// Returns the manifest of the folder at `path`; `None` if that is no folder.
pub(crate) fn measure_folder(path: &Path, index: &Index) -> Result<Option<Tree>, Error> {
    match scan::find(path, index)? {
        Some(Found::Folder(folders)) => Ok(Some(measured(path, folders, index)?.into_tree())),
        _ => Ok(None),
    }
}

/// Like [`measure`]; but a link to an object that is gone is an error, not a file that is missing.
pub(crate) fn measure_whole(path: &Path, index: &Index) -> Result<Option<Content>, Error> {
    if let Some(found) = scan::find(path, index)? {
        found.refuse_lost(path)?;
    }
    measure(path, index)
}

/// What stands where something is to be put.
#[derive(Default)]
pub(crate) struct Standing {
    /// Its content; `None` if nothing is there.
    pub(crate) content: Option<Content>,
    /// What is in it, if it is a folder and not what is wanted.
    pub(crate) folder: Option<Present>,
}

/// Looks at what is at `path`, where `wanted` is to be: once, however much of it there is to know.
pub(crate) fn stand_at(path: &Path, wanted: &Content, index: &Index) -> Result<Standing, Error> {
    let folders = match scan::find(path, index)? {
        None => return Ok(Standing::default()),
        Some(Found::File(metadata)) => {
            let content = Some(file_content(path, &metadata, index)?);
            let folder = None;
            return Ok(Standing { content, folder });
        }
        Some(Found::Folder(folders)) => folders,
    };
    let links = links_among(&folders);
    let found = measured(path, folders, index)?;
    let content = found.content();
    let folder = if content == *wanted {
        found.teach();
        None
    } else {
        let tree = found.into_tree();
        Some(Present { tree, links })
    };
    Ok(Standing {
        content: Some(content),
        folder,
    })
}

/// A folder that is in place.
pub(crate) struct Present {
    /// What is in it.
    pub(crate) tree: Tree,
    /// The links in it that lead to folders elsewhere, whose content is in the manifest as well.
    pub(super) links: Vec<String>,
}

/// Looks at the folder at `path`; `None` if that is no folder.
pub(super) fn present(path: &Path, index: &Index) -> Result<Option<Present>, Error> {
    let Some(Found::Folder(folders)) = scan::find(path, index)? else {
        return Ok(None);
    };
    let links = links_among(&folders);
    let tree = measured(path, folders, index)?.into_tree();
    Ok(Some(Present { tree, links }))
}

fn links_among(folders: &[FoundFolder]) -> Vec<String> {
    let links = folders.iter().filter(|folder| folder.is_link);
    links.map(|folder| folder.path.clone()).collect()
}

fn measured<'a>(
    path: &'a Path,
    folders: Vec<FoundFolder>,
    index: &'a Index,
) -> Result<Recognised<'a>, Error> {
    let mut folders = Recognised::new(path, folders, index);
    let unknown = folders.select(|file| file.reading.is_none());
    let hash = |place: &Place| {
        let location = folders.location(*place);
        let mut opened = File::open(&location).map_err(failed("cannot read", &location))?;
        Reading::hash(&mut opened, folders.stamp(*place)).map_err(failed("cannot read", &location))
    };
    let readings: Result<Vec<Reading>, _> = unknown.par_iter().map(hash).collect();
    for (place, reading) in unknown.into_iter().zip(readings?) {
        folders.set(place, reading);
    }
    Ok(folders)
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests lay out small folders")]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::path::PathBuf;

    use super::*;
    use crate::store::tree::EntryKind;

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
