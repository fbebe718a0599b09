//! `RunCache`: what earlier runs made, by the fingerprint of what they were given.

use std::path::PathBuf;

use crate::base::digest::Digest;
use crate::base::fs;
use crate::base::yaml;
use crate::pipeline::StageEntry;
use crate::store::error::Error;

/// Entries below one folder: `<two digits>/<the other 62>`. May be deleted without loss of truth.
#[derive(Clone, Debug)]
pub(crate) struct RunCache {
    root: PathBuf,
}

impl RunCache {
    /// Opens the run cache at `root`.
    pub(crate) fn new(root: PathBuf) -> Self {
        Self { root }
    }

    /// Returns the entry of an earlier run. One that cannot be read is as good as none.
    pub(crate) fn find(&self, fingerprint: Digest) -> Result<Option<StageEntry>, Error> {
        let path = self.path(fingerprint);
        let Some(bytes) = fs::read(&path)? else {
            return Ok(None);
        };
        let text = String::from_utf8_lossy(&bytes);
        Ok(yaml::decode(&path.to_string_lossy(), &text).ok())
    }

    /// Remembers a run.
    pub(crate) fn record(&self, fingerprint: Digest, entry: &StageEntry) -> Result<(), Error> {
        let text = yaml::write(entry);
        Ok(fs::write_replaceable(
            &self.path(fingerprint),
            text.as_bytes(),
        )?)
    }

    fn path(&self, fingerprint: Digest) -> PathBuf {
        let name = fingerprint.to_string();
        self.root.join(&name[..2]).join(&name[2..])
    }
}
