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
use crate::remote::{self, RETRIES, Version};

/// So many URLs are asked for at once.
const AT_ONCE: usize = 16;

/// What was written in this second may be written again in it: so long is waited until its time tells.
const SETTLING: Duration = Duration::from_secs(1);

/// How long is waited for who does not answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Patience {
    /// Somebody is looking, and asks again if it matters.
    Short,
    /// A stage is to run.
    Long,
}

impl Patience {
    /// Returns how many seconds one answer may take where the remote's settings do not say.
    pub(super) fn seconds(self) -> u64 {
        match self {
            Self::Short => 10,
            Self::Long => 15,
        }
    }

    /// Returns how often is asked again.
    pub(super) fn retries(self) -> usize {
        match self {
            Self::Short => 1,
            Self::Long => RETRIES,
        }
    }
}

/// Returns what is at each of some URLs, all asked for at the same time; `None` where nothing is.
pub(crate) fn states(
    urls: &[&str],
    place: (&Path, &Settings),
    patience: Patience,
    cancel: &CancelToken,
) -> Vec<Result<Option<String>, Error>> {
    let ask = |url: &&str| Ok(state(url, place, patience, cancel));
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
    place: (&Path, &Settings),
    patience: Patience,
    cancel: &CancelToken,
) -> Result<Option<String>, Error> {
    let origin = Origin::open_to_ask(url, place, patience, cancel)?;
    let parts = match origin.settled_parts() {
        Err(Error::Nothing { .. }) => return Ok(None),
        parts => parts?,
    };
    origin.state(&parts, None).map(Some)
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

    /// Returns what tells this state of it from others, as `data.lock` has it: the etag, else time and
    /// size, else a hash of all bytes, which are read for it unless they are known as `content`.
    pub(crate) fn state(&self, parts: &[Part], content: Option<&Content>) -> Result<String, Error> {
        if let [part] = parts
            && part.inner.is_empty()
        {
            return self.state_of(part, content);
        }
        let mut hasher = Hasher::default();
        for part in parts {
            hasher.field(&part.inner);
            hasher.field(&part.size().to_string());
            hasher.field(&self.state_of(part, None)?);
        }
        let count = human::count(parts.len(), "file");
        Ok(format!("{count}, listing {}", hasher.digest()))
    }

    fn state_of(&self, part: &Part, content: Option<&Content>) -> Result<String, Error> {
        let size = part.size();
        Ok(match (&part.found.version, content) {
            (Some(etag @ Version::Etag(_)), _) => etag.to_string(),
            (Some(time @ Version::Time { .. }), _) => format!("{time}, {size} B"),
            (None, Some(content)) => state_of_bytes(content.sha256),
            // Nothing but its bytes tells one version from another.
            (None, None) => state_of_bytes(self.backend.digest(&part.found.path, size)?),
        })
    }
}

/// Returns the state of a file that nothing but its bytes tell of.
pub(super) fn state_of_bytes(digest: Digest) -> String {
    format!("sha256 {digest}")
}
