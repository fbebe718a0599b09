//! `Storage`: the places that may have DVC's objects: its cache, then a remote.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use crate::base::fs::{absent_as_none, failed};
use crate::dvc::config::DvcRemote;
use crate::dvc::error::Error;
use crate::dvc::md5::Md5Hasher;
use crate::dvc::records::Object;

/// So much is read at once.
const BLOCK: usize = 256 * 1024;

/// Where objects are looked for, in this order.
pub(crate) struct Storage {
    places: Vec<Place>,
}

/// One place with objects.
struct Place {
    /// What people call it.
    name: String,
    folder: PathBuf,
}

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
    pub(crate) fn new(cache: PathBuf, remote: Option<&DvcRemote>, root: &Path) -> Self {
        let mut places = vec![Place {
            name: "the DVC cache".to_owned(),
            folder: cache,
        }];
        if let Some(remote) = remote
            && let Some(folder) = remote.folder(root)
        {
            let name = format!("the DVC remote `{}`", remote.name);
            places.push(Place { name, folder });
        }
        Self { places }
    }

    /// Returns the size of an object in the first place that has it.
    pub(super) fn size(&self, object: &Object) -> Option<u64> {
        let inner = object.place();
        let mut sizes = self
            .places
            .iter()
            .map(|place| place.folder.join(&inner).metadata());
        Some(sizes.find_map(Result::ok)?.len())
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
        let path = self.folder.join(object.place());
        let file = absent_as_none(File::open(&path)).map_err(failed("cannot read", &path));
        match file? {
            Some(file) => read_verified(file, &path, object, write),
            None => Ok(Found::Nothing),
        }
    }
}

/// Reads `file` to its end and hashes it on the way.
fn read_verified(
    mut file: File,
    path: &Path,
    object: &Object,
    mut write: impl FnMut(&[u8]) -> Result<(), Error>,
) -> Result<Found, Error> {
    let mut hasher = Md5Hasher::new(object.era);
    let size = file
        .metadata()
        .map_or(BLOCK, |found| usize::try_from(found.len()).unwrap_or(BLOCK));
    let mut block = vec![0; size.clamp(1, BLOCK)];
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
