//! `Storage`: the places that may have DVC's objects: its cache, then a remote.

use std::fs::File;
use std::io::{Cursor, Read, Seek};
use std::path::{Path, PathBuf};

use crate::base::cancel::CancelToken;
use crate::base::fs::{absent_as_none, failed};
use crate::dvc::config::DvcRemote;
use crate::dvc::error::Error;
use crate::dvc::md5::Md5Hasher;
use crate::dvc::records::Object;
use crate::remote::{self, Backend};
use crate::store::Meter;

/// So much is read at once.
const BLOCK: usize = 64 * 1024;

/// Where objects are looked for, in this order.
pub(crate) struct Storage {
    places: Vec<Place>,
}

/// One place with objects.
struct Place {
    /// What people call it.
    name: String,
    shelf: Shelf,
}

/// Where the objects of a place are.
enum Shelf {
    Folder(PathBuf),
    Elsewhere(Box<Backend>),
}

/// Bigger objects from elsewhere go through a file.
const BIG: u64 = 8 * 1024 * 1024;

/// What a place had of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// Its bytes, to the last one.
    Whole,
    /// Nothing.
    Nothing,
    /// Bytes that are not what its name says.
    Corrupt,
}

/// Why an object cannot be had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Lack {
    /// No place has it.
    Missing,
    /// These places have something else under its name.
    Corrupt(Vec<String>),
}

impl Storage {
    /// Names the cache at `cache`, and `remote` of the project at `root`.
    pub(crate) fn new(
        cache: PathBuf,
        remote: Option<&DvcRemote>,
        root: &Path,
    ) -> Result<Self, Error> {
        let mut places = vec![Place {
            name: "the DVC cache".to_owned(),
            shelf: Shelf::Folder(cache),
        }];
        if let Some(remote) = remote {
            let shelf = match (remote.folder(root), remote.settings.get("url")) {
                (Some(folder), _) => Some(Shelf::Folder(folder)),
                (None, Some(url)) => {
                    let place = remote::Place::parse(url, &remote.settings, root)?;
                    let backend = Backend::open(place, &CancelToken::default())?;
                    Some(Shelf::Elsewhere(Box::new(backend)))
                }
                (None, None) => None,
            };
            let name = format!("the DVC remote `{}`", remote.name);
            places.extend(shelf.map(|shelf| Place { name, shelf }));
        }
        Ok(Self { places })
    }

    /// Returns the size of an object in the first place that has it.
    pub(super) fn size(&self, object: &Object) -> Option<u64> {
        let inner = object.place();
        self.places.iter().find_map(|place| match &place.shelf {
            Shelf::Folder(folder) => Some(folder.join(&inner).metadata().ok()?.len()),
            // Whatever is wrong there is told when it is read.
            Shelf::Elsewhere(backend) => Some(backend.stat(&inner).ok()??.size),
        })
    }

    /// Takes an object from the first place that has it whole. Each try begins with a new `sink`,
    /// which gets the bytes; `Ok(Err(_))` says why there is none.
    pub(super) fn take<S>(
        &self,
        object: &Object,
        begin: impl Fn() -> Result<S, Error>,
        mut write: impl FnMut(&mut S, &[u8]) -> Result<(), Error>,
    ) -> Result<Result<S, Lack>, Error> {
        let mut corrupt = Vec::new();
        for place in &self.places {
            let mut sink = begin()?;
            match place.read(object, |bytes| write(&mut sink, bytes))? {
                Found::Whole => return Ok(Ok(sink)),
                Found::Nothing => {}
                Found::Corrupt => corrupt.push(place.name.clone()),
            }
        }
        Ok(Err(if corrupt.is_empty() {
            Lack::Missing
        } else {
            Lack::Corrupt(corrupt)
        }))
    }

    /// Reads a whole object into memory.
    pub(super) fn read(&self, object: &Object) -> Result<Result<Vec<u8>, Lack>, Error> {
        self.take(
            object,
            || Ok(Vec::new()),
            |all, bytes| {
                all.extend(bytes);
                Ok(())
            },
        )
    }
}

impl Place {
    fn read(
        &self,
        object: &Object,
        write: impl FnMut(&[u8]) -> Result<(), Error>,
    ) -> Result<Found, Error> {
        let inner = object.place();
        match &self.shelf {
            Shelf::Folder(folder) => {
                let path = folder.join(inner);
                let file = absent_as_none(File::open(&path)).map_err(failed("cannot read", &path));
                match file? {
                    Some(file) => read_verified(file, &path, object, write),
                    None => Ok(Found::Nothing),
                }
            }
            Shelf::Elsewhere(backend) => read_elsewhere(backend, &inner, object, write),
        }
    }
}

fn read_elsewhere(
    backend: &Backend,
    inner: &str,
    object: &Object,
    write: impl FnMut(&[u8]) -> Result<(), Error>,
) -> Result<Found, Error> {
    let Some(found) = backend.stat(inner)? else {
        return Ok(Found::Nothing);
    };
    let shown = Path::new(inner);
    if found.size <= BIG {
        return match backend.read(inner, found.size)? {
            Some(bytes) => read_verified(Cursor::new(bytes), shown, object, write),
            None => Ok(Found::Nothing),
        };
    }
    let mut file = tempfile::tempfile().map_err(failed("cannot write", shown))?;
    backend.download(inner, Some(found.size), &file, shown, &Meter::default())?;
    file.rewind().map_err(failed("cannot read", shown))?;
    read_verified(file, shown, object, write)
}

/// Reads `file` to its end and hashes it on the way.
fn read_verified(
    mut file: impl Read,
    path: &Path,
    object: &Object,
    mut write: impl FnMut(&[u8]) -> Result<(), Error>,
) -> Result<Found, Error> {
    let mut hasher = Md5Hasher::new(object.era);
    let mut block = vec![0; BLOCK];
    loop {
        let count = file.read(&mut block).map_err(failed("cannot read", path))?;
        if count == 0 {
            break;
        }
        hasher.update(&block[..count]);
        write(&block[..count])?;
    }
    Ok(if hasher.is(object.md5) {
        Found::Whole
    } else {
        Found::Corrupt
    })
}

/// Returns whether the file at `path` is `object`.
pub(super) fn is_object(path: &Path, object: &Object) -> Result<bool, Error> {
    let Some(file) = absent_as_none(File::open(path)).map_err(failed("cannot read", path))? else {
        return Ok(false);
    };
    Ok(read_verified(file, path, object, |_| Ok(()))? == Found::Whole)
}
