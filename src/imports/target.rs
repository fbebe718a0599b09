//! `Target`: a place outside of any project that something is fetched to.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::base::fs::{self, LITTER, failed};
use crate::imports::error::Error;
use crate::pipeline::Content;
use crate::store::{Cache, Index, LinkType, Meter, Restored};

/// Whether what is there already gives way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Overwrite {
    /// It does not.
    Never,
    /// It does.
    Always,
}

/// Where something goes, with a cache beside it for the way.
pub(crate) struct Target {
    path: PathBuf,
    overwrite: Overwrite,
    cache: Cache,
    _folder: TempDir,
}

impl Target {
    /// Prepares `path`.
    pub(crate) fn prepare(path: &Path, overwrite: Overwrite) -> Result<Self, Error> {
        if overwrite == Overwrite::Never && fs::exists(path)? {
            let path = path.strip_prefix(".").unwrap_or(path);
            let path = path.display().to_string();
            return Err(Error::Occupied { path });
        }
        let beside = fs::parent(path);
        fs::make_folder(beside)?;
        let folder = tempfile::Builder::new().prefix(LITTER).tempdir_in(beside);
        let folder = folder.map_err(failed("cannot write", beside))?;
        let links = vec![LinkType::Reflink, LinkType::Copy];
        let inner = folder.path().to_owned();
        let roster = inner.join("roster");
        Ok(Self {
            path: path.to_owned(),
            overwrite,
            cache: Cache::open(inner.join("cache"), links, inner, roster),
            _folder: folder,
        })
    }

    /// Returns the cache that takes in what is fetched.
    pub(crate) fn cache(&self) -> &Cache {
        &self.cache
    }

    /// Puts what is in the cache to its place.
    pub(crate) fn fill(&self, content: &Content, meter: &Meter) -> Result<(), Error> {
        if self.overwrite == Overwrite::Always {
            fs::remove(&self.path)?;
        }
        let index = Index::open(PathBuf::new(), PathBuf::from("/"));
        match self.cache.restore(content, &self.path, &index, meter)? {
            Restored::Done => Ok(()),
            Restored::Missing | Restored::Corrupt(_) => Err(Error::Changed {
                url: self.path.display().to_string(),
            }),
        }
    }
}
