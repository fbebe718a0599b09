//! What tells the state of something at a URL from others, for whoever only wants to know of changes.

use std::path::Path;

use crate::base::cancel::CancelToken;
use crate::base::digest::{Digest, Hasher};
use crate::base::fs::failed;
use crate::base::human;
use crate::config::Settings;
use crate::imports::error::Error;
use crate::imports::web::{Origin, Part};
use crate::remote;
use crate::store::Meter;

/// So many URLs are asked for at once.
const AT_ONCE: usize = 16;

/// How many seconds one answer may take where the remote's settings do not say.
const SECONDS: u64 = 15;

/// A file of which nothing at all is known is read into memory; no more of it than so many bytes.
const LARGEST_UNKNOWN: u64 = 256 * 1024 * 1024;

/// Returns what is at each of some URLs, all asked for at the same time; `None` where nothing is.
pub(crate) fn states(
    urls: &[&str],
    (folder, settings): (&Path, &Settings),
    cancel: &CancelToken,
) -> Vec<Result<Option<String>, Error>> {
    let ask = |url: &&str| Ok(state(url, folder, settings, cancel));
    match remote::in_parallel(AT_ONCE, urls, cancel, ask) {
        Ok(states) => states,
        // Only the user ends all of them.
        Err(_) => urls
            .iter()
            .map(|_| Err(remote::Error::Cancelled.into()))
            .collect(),
    }
}

fn state(
    url: &str,
    folder: &Path,
    settings: &Settings,
    cancel: &CancelToken,
) -> Result<Option<String>, Error> {
    let origin = Origin::open_for(SECONDS, url, folder, settings, cancel)?;
    let parts = match origin.parts() {
        Err(Error::Nothing { .. }) => return Ok(None),
        parts => parts?,
    };
    origin.state(&parts).map(Some)
}

impl Origin {
    /// Returns what tells this state of it from others: the etag, else time and size, else a hash.
    fn state(&self, parts: &[Part]) -> Result<String, Error> {
        if let [part] = parts
            && part.inner.is_empty()
        {
            return self.state_of(part);
        }
        let mut hasher = Hasher::default();
        for part in parts {
            hasher.field(&part.inner);
            hasher.field(&part.size().to_string());
            hasher.field(&self.state_of(part)?);
        }
        let count = human::count(parts.len(), "file");
        Ok(format!("{count}, listing {}", hasher.digest().short()))
    }

    fn state_of(&self, part: &Part) -> Result<String, Error> {
        let size = part.size();
        if let Some(etag) = &part.found.etag {
            return Ok(format!("etag {}", etag.trim_matches('"')));
        }
        match part.found.modified {
            Some(time) => Ok(format!("time {time}, {size} B")),
            None => Ok(format!("sha256 {}", self.hash(part)?)),
        }
    }

    /// Reads all of a file, for nothing but its bytes tells one version from another.
    fn hash(&self, part: &Part) -> Result<Digest, Error> {
        let path = &part.found.path;
        if part.size() == 0 {
            // It may be empty, or the other side may not say how long it is.
            let bytes = self.backend.read(path, LARGEST_UNKNOWN)?;
            return Ok(Digest::of(&bytes.unwrap_or_default()));
        }
        let place = std::env::temp_dir();
        let file = tempfile::tempfile().map_err(failed("cannot write", &place))?;
        let size = Some(part.size());
        let meter = Meter::default();
        Ok(self.backend.download(path, size, &file, &place, &meter)?.0)
    }
}
