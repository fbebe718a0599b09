//! A cache that a group shares: whatever is in it, each of its members may read and add to.

use std::fs::Permissions;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::base::fs::{self, failed};
use crate::store::cache::{Cache, OBJECTS};
use crate::store::error::Error;

/// Folders belong to the group, and so does what is made in them.
const FOLDER: u32 = 0o2775;

/// Files that several processes write to. Objects and packs are read-only for everybody.
const FILE: u32 = 0o664;

impl Cache {
    /// Makes all folders of the cache and the files that are written to, with the group's rights: what
    /// one member makes later has those of his umask.
    pub(super) fn open_to_group(&self) -> Result<(), Error> {
        for file in ["lock", "run-log"] {
            let path = self.path(file);
            drop(fs::open_to_append(&path)?);
            allow(&path, FILE)?;
        }
        for folder in ["", OBJECTS, "packs", "new", "projects", "quarantine"] {
            self.open_folder(folder)?;
        }
        for start in 0..=u8::MAX {
            self.open_folder(&format!("{OBJECTS}/{start:02x}"))?;
        }
        Ok(())
    }

    fn open_folder(&self, inner: &str) -> Result<(), Error> {
        let path = self.path(inner);
        fs::make_folder(&path)?;
        Ok(allow(&path, FOLDER)?)
    }
}

/// Sets a mode, unless it is that already or somebody else's to set.
fn allow(path: &Path, mode: u32) -> Result<(), fs::Error> {
    let metadata = path.metadata().map_err(failed("cannot read", path))?;
    if metadata.permissions().mode() & 0o7777 == mode {
        return Ok(());
    }
    match std::fs::set_permissions(path, Permissions::from_mode(mode)) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(()),
        outcome => outcome.map_err(failed("cannot write", path)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_group_may_write_wherever_something_is_added() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let cache = Cache::of_copies(folder.path().join("cache")).shared_with_group(true);
        cache.begin_use().expect("begins");
        let mode = |inner: &str| {
            let metadata = cache.path(inner).metadata().expect("is there");
            metadata.permissions().mode() & 0o7777
        };
        for inner in ["", "sha256/00", "sha256/ff", "packs", "new", "projects"] {
            assert_eq!(mode(inner), FOLDER, "{inner}");
        }
        assert_eq!(mode("lock"), FILE);
        assert_eq!(mode("run-log"), FILE);
    }
}
