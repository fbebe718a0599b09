//! `Target`: a place outside of any project that something is fetched to.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::base::fs::{self, LITTER, failed};
use crate::config::STATE_FOLDER;
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
    folder: TempDir,
}

impl Target {
    /// Prepares `out`, as it is seen from `folder`.
    pub(crate) fn prepare(folder: &Path, out: &Path, overwrite: Overwrite) -> Result<Self, Error> {
        let path = &folder.join(out);
        refuse_home(folder, path)?;
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
            folder,
        })
    }

    /// Returns the cache that takes in what is fetched.
    pub(crate) fn cache(&self) -> &Cache {
        &self.cache
    }

    /// Puts what is in the cache to its place. What is there gives way only to all of it.
    pub(crate) fn fill(&self, content: &Content, meter: &Meter) -> Result<(), Error> {
        let index = Index::open(PathBuf::new(), PathBuf::from("/"));
        let whole = self.folder.path().join("new");
        match self.cache.restore(content, &whole, &index, meter)? {
            Restored::Done => {}
            Restored::Missing | Restored::Corrupt(_) => {
                let url = self.path.display().to_string();
                return Err(Error::Changed { url });
            }
        }
        if self.overwrite == Overwrite::Always {
            fs::remove(&self.path)?;
        }
        Ok(fs::rename(&whole, &self.path)?)
    }
}

/// Refuses a folder that somebody is at work in, which would be replaced with all that is in it.
fn refuse_home(folder: &Path, path: &Path) -> Result<(), Error> {
    let (Ok(here), Ok(there)) = (folder.canonicalize(), path.canonicalize()) else {
        return Ok(());
    };
    let is_project = [".git", STATE_FOLDER]
        .iter()
        .any(|name| there.join(name).exists());
    if is_project || here.starts_with(&there) {
        let path = there.display().to_string();
        return Err(Error::Home { path });
    }
    Ok(())
}
