//! `Memo`: what it takes time to find out about deps and many stages may want to know.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::base::cancel::CancelToken;
use crate::base::digest::Digest;
use crate::base::path::RepoPath;
use crate::engine::error::Failure;
use crate::pipeline::{Dep, Stage};
use crate::workspace::{UrlState, Workspace};

/// So long is who could not be reached not tried again. All stages that need nobody else are looked at
/// by then; a later one is worth another try.
const FAILURE_COUNTS: Duration = Duration::from_secs(5);

/// What command dependencies have printed, by command and folder, and what is at URLs; good for as
/// long as nothing changes.
#[derive(Default)]
pub(crate) struct Memo {
    outputs: Mutex<BTreeMap<(String, RepoPath), Digest>>,
    urls: Mutex<BTreeMap<String, (Instant, UrlState)>>,
}

impl Memo {
    /// Asks for all URLs that some stages read and that nobody has asked for, each once and all at the
    /// same time.
    pub(crate) fn look_ahead<'s>(
        &self,
        workspace: &Workspace,
        stages: impl Iterator<Item = &'s Stage>,
        cancel: &CancelToken,
    ) {
        let urls: BTreeSet<&str> = stages.flat_map(Stage::urls).collect();
        let is_new = |url: &&str| !lock(&self.urls).contains_key(*url);
        let urls: Vec<&str> = urls.into_iter().filter(is_new).collect();
        let states = workspace.ask(&urls, cancel).into_iter();
        let now = Instant::now();
        let urls = urls.into_iter().map(str::to_owned);
        lock(&self.urls).extend(urls.zip(states.map(|state| (now, state))));
    }

    /// Returns what is at `url`, if somebody has asked.
    pub(super) fn url(&self, url: &str) -> Option<UrlState> {
        Some(lock(&self.urls).get(url)?.1.clone())
    }

    /// Returns why `url` could not be reached, if somebody has tried a short while ago.
    pub(super) fn recent_failure(&self, url: &str) -> Option<UrlState> {
        let (time, state) = lock(&self.urls).get(url)?.clone();
        (state.is_err() && time.elapsed() < FAILURE_COUNTS).then_some(state)
    }

    /// Returns the output of a command dependency, which `run` finds out the first time.
    pub(super) fn output(
        &self,
        cmd: &str,
        wdir: &RepoPath,
        run: impl FnOnce() -> Result<Digest, Failure>,
    ) -> Result<Digest, Failure> {
        // Held while it runs: many stages have the same one, and once is enough.
        let mut known = lock(&self.outputs);
        let key = (cmd.to_owned(), wdir.clone());
        if let Some(output) = known.get(&key) {
            return Ok(*output);
        }
        let output = run()?;
        known.insert(key, output);
        Ok(output)
    }
}

impl Stage {
    /// Returns the URLs that it reads.
    pub(super) fn urls(&self) -> impl Iterator<Item = &str> {
        self.deps.iter().filter_map(|dep| match dep {
            Dep::Url { url, .. } => Some(url.as_str()),
            Dep::Path { .. } | Dep::Glob { .. } | Dep::Command { .. } => None,
        })
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
