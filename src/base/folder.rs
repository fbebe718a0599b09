//! `Folder`: a folder that many files are looked up in. It is found once; from there on, the way to
//! each file is short, which a look at ten thousand of them is mostly made of.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use rustix::fs::{AtFlags, Stat, statat};

/// Opened when something is first looked up in it.
pub(crate) struct Folder {
    path: PathBuf,
    opened: OnceLock<File>,
}

impl Folder {
    /// Names the folder at `path`, which need not be there yet.
    pub(crate) fn new(path: PathBuf) -> Self {
        Self {
            path,
            opened: OnceLock::new(),
        }
    }

    /// Returns where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the stat of what is at the relative path `inner`, links followed; `None` where that
    /// cannot be had, for whatever reason.
    pub(crate) fn stat(&self, inner: &str) -> Option<Stat> {
        if self.opened.get().is_none() {
            let opened = File::open(&self.path).ok()?;
            // Another thread may have been quicker, which comes to the same.
            let _opened = self.opened.set(opened);
        }
        statat(self.opened.get()?, inner, AtFlags::empty()).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::fs;

    #[test]
    fn it_may_come_to_be_later() {
        let parent = tempfile::tempdir().expect("a temporary folder");
        let folder = Folder::new(parent.path().join("new"));
        assert!(folder.stat("file").is_none());
        fs::write_replaceable(&folder.path().join("file"), b"four").expect("writes");
        assert_eq!(folder.stat("file").map(|stat| stat.st_size), Some(4));
    }
}
