//! `Job`: what a CI system says of the run that we are part of.

use crate::base::fs;
use crate::forge::environment::Environment;
use crate::forge::kind::Kind;
use crate::forge::model::Head;
use crate::forge::remote_url::{PullUrl, RemoteUrl};
use crate::forge::variables;

/// Whose code a run is of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The repository's own.
    Own,
    /// A fork's: tokens may read at most.
    Fork,
    /// The CI system does not say.
    #[default]
    Unknown,
}

/// A run's place in the order of runs of one CI system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Run {
    /// Grows from run to run.
    pub(crate) id: u64,
    /// Grows when a run is repeated.
    pub(crate) attempt: u64,
}

impl Run {
    /// Reads it from the variables that have its number, and how often it has been started if one has.
    pub(super) fn read(env: &Environment, id: &str, attempt: &str) -> Option<Self> {
        let attempt = env.number(attempt).unwrap_or(1);
        env.number(id).map(|id| Self { id, attempt })
    }
}

/// What is known of the run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Job {
    /// The CI system, as one word; empty outside of any.
    pub(crate) ci: &'static str,
    /// The forge.
    pub(crate) kind: Option<Kind>,
    /// Its interface.
    pub(crate) api: Option<String>,
    /// A host that is not known to be a forge, to say so.
    pub(crate) host: Option<String>,
    /// The repository as the forge's interface names it.
    pub(crate) repo: Option<String>,
    /// The number of the pull request.
    pub(crate) pull: Option<u64>,
    /// The commit that is reviewed; not the one that CI merged it into.
    pub(crate) sha: Option<String>,
    /// The branch that is reviewed.
    pub(crate) head: Option<Head>,
    /// The branch that is checked out, where no CI system says what is reviewed.
    pub(crate) branch: Option<String>,
    /// The commit that the pull request began at.
    pub(crate) base_sha: Option<String>,
    /// The branch that it is to be merged into.
    pub(crate) base: Option<String>,
    /// Whose code it is.
    pub(crate) origin: Origin,
    /// The run.
    pub(crate) run: Option<Run>,
    /// The run's page.
    pub(crate) page: Option<String>,
}

impl Job {
    /// Finds out from the environment, and, outside of CI, from the address of git's remote and the
    /// commit and branch that are checked out.
    pub(crate) fn detect(environment: &Environment, local: &Local) -> Result<Self, fs::Error> {
        let event = environment.event()?;
        Ok(variables::detect(environment, &event, local))
    }

    /// Says where its repository is, by the address of its pull request or its own.
    pub(super) fn located(self, pull: Option<&str>, remote: Option<&str>) -> Self {
        if let Some(url) = pull.and_then(PullUrl::parse) {
            let known = Kind::of_known_host(&url.host);
            return Self {
                // An address that only looks like a forge's does not get a token.
                kind: known,
                api: known.map(|kind| kind.api_on(&url.host)),
                host: Some(url.host),
                repo: Some(url.repo),
                pull: self.pull.or(Some(url.number)),
                ..self
            };
        }
        match remote {
            Some(remote) => self.with_remote(remote),
            None => self,
        }
    }

    /// Says where its repository is, by the address that git has.
    pub(super) fn with_remote(self, remote: &str) -> Self {
        let Some(RemoteUrl { host, path }) = RemoteUrl::parse(remote) else {
            return self;
        };
        let kind = Kind::of_known_host(&host);
        Self {
            kind,
            api: kind.map(|kind| kind.api_on(&host)),
            host: Some(host),
            repo: self.repo.or(Some(path)),
            ..self
        }
    }
}

/// What git knows.
#[derive(Clone, Debug, Default)]
pub(crate) struct Local {
    /// The address of the remote.
    pub(crate) remote: Option<String>,
    /// The commit of HEAD.
    pub(crate) sha: Option<String>,
    /// The branch that is checked out.
    pub(crate) branch: Option<String>,
}
