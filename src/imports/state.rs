//! What tells the state of something at a URL from others, for whoever only wants to know of changes.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::base::cancel::CancelToken;
use crate::base::digest::{Digest, Hasher};
use crate::base::human;
use crate::config::Settings;
use crate::imports::error::Error;
use crate::imports::web::{Origin, Part};
use crate::pipeline::Content;
use crate::remote;

/// So many URLs are asked for at once.
const AT_ONCE: usize = 16;

/// How many seconds one answer may take where the remote's settings do not say.
const SECONDS: u64 = 15;

/// What was written in this second may be written again in it: so long is waited until its time tells.
const SETTLING: Duration = Duration::from_secs(1);

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
    let parts = match origin.settled_parts() {
        Err(Error::Nothing { .. }) => return Ok(None),
        parts => parts?,
    };
    origin.state(&parts).map(Some)
}

impl Origin {
    /// Returns what is there, once its times tell it from what may come: what was written in this second
    /// is looked at again when that is over.
    pub(crate) fn settled_parts(&self) -> Result<Vec<Part>, Error> {
        let begin = Instant::now();
        loop {
            let parts = self.parts()?;
            // A clock that is ahead of ours is not waited for.
            let is_patient = begin.elapsed() < 2 * SETTLING;
            if !is_patient || !parts.iter().any(|part| part.found.may_change_unseen()) {
                return Ok(parts);
            }
            if !self.backend.cancel().pause(SETTLING) {
                return Err(remote::Error::Cancelled.into());
            }
        }
    }

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
        Ok(format!("{count}, listing {}", hasher.digest()))
    }

    fn state_of(&self, part: &Part) -> Result<String, Error> {
        let size = part.size();
        if let Some(etag) = &part.found.etag {
            return Ok(format!("etag {}", etag.trim_matches('"')));
        }
        match part.found.time() {
            Some(time) => Ok(format!("time {time}, {size} B")),
            None => Ok(format!("sha256 {}", self.hash(part)?)),
        }
    }

    /// Returns whether what is there is `content`, by its bytes. Storage that has folders has times, so
    /// only one file can be the same.
    pub(super) fn has(&self, parts: &[Part], content: &Content) -> Result<bool, Error> {
        match parts {
            [part] if part.inner.is_empty() => {
                Ok(part.size() == content.size && self.hash(part)? == content.sha256)
            }
            _ => Ok(false),
        }
    }

    /// Reads all of a file, for nothing but its bytes tells one version from another.
    fn hash(&self, part: &Part) -> Result<Digest, Error> {
        Ok(self.backend.digest(&part.found.path, part.size())?)
    }
}
