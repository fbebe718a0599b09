//! `Linker`: how the files of a workspace are made of the objects of a cache, as far as the file
//! system allows what is configured.

use std::fs::Metadata;
use std::io;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::AtomicBool;

use crate::base::fs;
use crate::store::link::LinkType;

/// The kinds of links that are wanted, best first, and which of them are to be had.
pub(super) struct Linker {
    order: Vec<LinkType>,
    /// The cache and the project, which links lead from and to.
    cache: PathBuf,
    workspace: PathBuf,
    way: OnceLock<Way>,
    /// Whether an object was met that is not as it was noted.
    pub(super) are_touched: AtomicBool,
}

/// How a file is made of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// It is a file of its own. Its blocks are shared as long as neither is written to, if that is
    /// wanted and can be had.
    Copy {
        /// Whether sharing blocks is tried first.
        reflink: bool,
    },
    /// It is another name of the object.
    Hardlink,
    /// It is a link to the object.
    Symlink,
}

impl Linker {
    /// Links from `cache` to `workspace`, by the first way in `order` that works.
    pub(super) fn new(order: Vec<LinkType>, cache: PathBuf, workspace: PathBuf) -> Self {
        Self {
            order,
            cache,
            workspace,
            way: OnceLock::new(),
            are_touched: AtomicBool::new(false),
        }
    }

    /// Returns the way that works here. An order of copies only is not looked into: whether blocks
    /// can be shared shows with each file.
    pub(super) fn way(&self) -> Way {
        *self.way.get_or_init(|| {
            let reflink = self.order.contains(&LinkType::Reflink);
            let links = |kind: &&LinkType| matches!(kind, LinkType::Hardlink | LinkType::Symlink);
            if !self.order.iter().any(|kind| links(&kind)) {
                return Way::Copy { reflink };
            }
            let first = self.order.iter().find_map(|kind| self.probe(*kind));
            first.unwrap_or(Way::Copy { reflink: false })
        })
    }

    /// Returns whether files are names of, or links to, objects, which then are files of their own.
    pub(super) fn needs_loose(&self) -> bool {
        matches!(self.way(), Way::Hardlink | Way::Symlink)
    }

    fn probe(&self, kind: LinkType) -> Option<Way> {
        let works = match kind {
            LinkType::Reflink => fs::can_share_blocks(&self.cache, &self.workspace),
            LinkType::Hardlink => fs::make_folder(&self.cache)
                .and_then(|()| fs::same_device(&self.cache, &self.workspace)),
            LinkType::Symlink | LinkType::Copy => Ok(true),
        };
        // Where it cannot be told, the next way is tried.
        let way = match kind {
            LinkType::Reflink => Way::Copy { reflink: true },
            LinkType::Hardlink => Way::Hardlink,
            LinkType::Symlink => Way::Symlink,
            LinkType::Copy => Way::Copy { reflink: false },
        };
        works.is_ok_and(|works| works).then_some(way)
    }
}

impl Way {
    /// Returns the way for one file: one that is empty shares nothing, and one that may be executed
    /// must be another file than one that may not.
    pub(super) fn for_file(self, size: u64, executable: bool) -> Self {
        if size == 0 || executable {
            return Self::Copy { reflink: false };
        }
        self
    }

    /// Makes `path` a link to `object`.
    pub(super) fn link(self, object: &Path, path: &Path) -> io::Result<()> {
        match self {
            Self::Hardlink => fs::hard_link(object, path),
            Self::Symlink => symlink(object, path),
            Self::Copy { .. } => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    /// Returns whether what is at `path` has been made of `object` in this way; `found` is its own
    /// metadata, whatever it leads to.
    pub(super) fn is_made(self, object: &Path, path: &Path, found: &Metadata) -> bool {
        match self {
            Self::Copy { .. } => found.is_file() && found.nlink() == 1,
            Self::Hardlink => object
                .symlink_metadata()
                .is_ok_and(|object| (object.dev(), object.ino()) == (found.dev(), found.ino())),
            Self::Symlink => path.read_link().is_ok_and(|target| target == object),
        }
    }
}
