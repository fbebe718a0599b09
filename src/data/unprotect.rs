//! `unprotect`: files that are links into the cache become files of their own, which can be written.

use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use walkdir::WalkDir;

use crate::base::fs::{self, AtomicFile, failed};
use crate::base::path::RepoPath;
use crate::data::access::Access;
use crate::data::error::Error;

/// Makes the files at `path` and below it the user's own; returns how many were not.
pub(crate) fn unprotect(access: &Access<'_>, path: &RepoPath) -> Result<usize, Error> {
    let location = access.workspace.locate(path);
    if !fs::exists(&location)? {
        let is_tracked = access.data.contains_key(path);
        let path = path.clone();
        return Err(Error::Absent { path, is_tracked });
    }
    let cache = access.workspace.state("cache");
    let mut count = 0;
    for entry in WalkDir::new(&location) {
        let entry = entry.map_err(|source| Error::Walk {
            path: location.clone(),
            source,
        })?;
        let file = entry.path();
        let metadata = file
            .symlink_metadata()
            .map_err(failed("cannot read", file))?;
        if is_protected(file, &metadata, &cache)? {
            make_own(file)?;
            count += 1;
        }
    }
    Ok(count)
}

/// Whether it is a link into the cache, or a file that shares its content with an object there.
fn is_protected(file: &Path, metadata: &Metadata, cache: &Path) -> Result<bool, fs::Error> {
    if metadata.is_symlink() {
        let target = file.read_link().map_err(failed("cannot read", file))?;
        return Ok(fs::parent(file).join(target).starts_with(cache) && file.is_file());
    }
    let is_writable = metadata.permissions().mode() & 0o200 != 0;
    Ok(metadata.is_file() && (metadata.nlink() > 1 || !is_writable))
}

/// Puts a copy in the place of a link.
fn make_own(file: &Path) -> Result<(), fs::Error> {
    let mut source = File::open(file).map_err(failed("cannot read", file))?;
    let metadata = source.metadata().map_err(failed("cannot read", file))?;
    let mut copy = AtomicFile::begin(file)?;
    io::copy(&mut source, copy.file()).map_err(failed("cannot write", file))?;
    if metadata.permissions().mode() & 0o111 != 0 {
        copy.make_executable()?;
    }
    copy.commit()
}
