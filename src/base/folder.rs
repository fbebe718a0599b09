//! `Folder`: a folder that many files are looked up in, or made in. It is found once; from there on,
//! the way to each file is short, which a look at ten thousand of them is mostly made of.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use rustix::fs::{AtFlags, Mode, OFlags, Stat, linkat, openat, renameat, statat};

/// Opened when something is first looked up in it. Paths in it are relative.
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

    /// Returns the stat of what is at `inner`, links followed; `None` where that cannot be had, for
    /// whatever reason.
    pub(crate) fn stat(&self, inner: &str) -> Option<Stat> {
        self.look(inner).ok()
    }

    /// Returns the stat of what is at `inner`, links followed.
    pub(crate) fn look(&self, inner: &str) -> io::Result<Stat> {
        Ok(statat(self.opened()?, inner, AtFlags::empty())?)
    }

    /// Opens the file at `inner`, to read it.
    pub(crate) fn open(&self, inner: &str) -> io::Result<File> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        Ok(openat(self.opened()?, inner, flags, Mode::empty())?.into())
    }

    /// Makes the file `inner`, which nobody knows of yet, to write to it.
    pub(crate) fn create_new(&self, inner: &str, executable: bool) -> io::Result<File> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let mode = if executable { 0o777 } else { 0o666 };
        Ok(openat(self.opened()?, inner, flags, Mode::from_raw_mode(mode))?.into())
    }

    /// Gives the file at `inner` a second name, `name` in `other`.
    pub(crate) fn link(&self, inner: &str, other: &Self, name: &str) -> io::Result<()> {
        let (from, to) = (self.opened()?, other.opened()?);
        Ok(linkat(from, inner, to, name, AtFlags::empty())?)
    }

    /// Gives a file that is open the name `inner`: that very file, whatever has become of the name that it
    /// was opened by. Older systems let only root do so.
    pub(crate) fn link_opened(&self, file: &File, inner: &str) -> io::Result<()> {
        Ok(linkat(
            file,
            "",
            self.opened()?,
            inner,
            AtFlags::EMPTY_PATH,
        )?)
    }

    /// Moves what is at `inner` to `name` in `other`, in place of a file there.
    pub(crate) fn rename(&self, inner: &str, other: &Self, name: &str) -> io::Result<()> {
        Ok(renameat(self.opened()?, inner, other.opened()?, name)?)
    }

    fn opened(&self) -> io::Result<&File> {
        if let Some(opened) = self.opened.get() {
            return Ok(opened);
        }
        let opened = File::open(&self.path)?;
        // Another thread may have been quicker, which comes to the same.
        Ok(self.opened.get_or_init(|| opened))
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

    #[test]
    fn a_file_is_made_once_and_may_have_two_names() {
        let parent = tempfile::tempdir().expect("a temporary folder");
        let folder = Folder::new(parent.path().to_owned());
        folder.create_new("one", false).expect("makes");
        assert!(folder.create_new("one", false).is_err());
        folder.link("one", &folder, "other").expect("links");
        assert!(folder.link("one", &folder, "other").is_err());
        let inode = |name| folder.stat(name).map(|stat| stat.st_ino);
        let opened = folder.open("other").expect("opens");
        if folder.link_opened(&opened, "fourth").is_ok() {
            assert_eq!(inode("fourth"), inode("one"));
            assert!(folder.link_opened(&opened, "fourth").is_err());
        }
        assert_eq!(inode("one"), inode("other"));
        folder.create_new("third", false).expect("makes");
        folder.rename("third", &folder, "one").expect("renames");
        assert_ne!(inode("one"), inode("other"));
    }
}
