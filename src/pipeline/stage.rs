//! `Stage` and its parts, after all reading and checking.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::base::any_path::AnyPath;
use crate::base::document::Origin;
use crate::base::path::RepoPath;
use crate::base::shown::Shown;
use crate::pipeline::attempts::Attempts;
use crate::pipeline::needs::Needs;
use crate::pipeline::pattern::Pattern;
use crate::pipeline::plot::Plot;

/// The name of a stage, unique in the project.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StageName(String);

impl StageName {
    /// Makes a name of any text.
    pub fn new(name: &str) -> Self {
        Self(name.to_owned())
    }

    /// Returns the name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// For people: control characters are escaped, and a width counts columns.
impl fmt::Display for StageName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        Shown(&self.0).fmt(out)
    }
}

/// One stage: a command with what it needs and what it makes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Stage {
    /// Its name; in a file below the root with that file, as in `sub/pipeline.yaml:train`.
    pub(crate) name: StageName,
    /// The file that it is written in.
    pub(crate) file: RepoPath,
    /// The folder that the command runs in.
    pub(crate) wdir: RepoPath,
    /// The scripts, run one after the other.
    pub(crate) cmd: Vec<String>,
    /// What it reads.
    pub(crate) deps: Vec<Dep>,
    /// The parameters that it depends on.
    pub(crate) params: Vec<ParamRef>,
    /// What it makes, metrics and plots included.
    pub(crate) outs: Vec<Out>,
    /// Whether a change of its deps is ignored.
    pub(crate) frozen: bool,
    /// Whether it runs every time.
    pub(crate) always_changed: bool,
    /// What people are told of it.
    pub(crate) desc: Option<String>,
    /// What it takes of the machine while it runs.
    pub(crate) needs: Needs,
    /// How long and how often it may try.
    pub(crate) attempts: Attempts,
    /// Where it is written.
    pub(crate) origin: Origin,
}

impl Stage {
    /// Returns whether nothing can ever be known to be up to date: it runs every time.
    pub(crate) fn always_runs(&self) -> bool {
        let has_inputs = !self.deps.is_empty() || !self.params.is_empty();
        self.always_changed || (!has_inputs && self.outs.is_empty())
    }

    /// Returns where the stage and its parts are written.
    pub(super) fn origins_mut(&mut self) -> impl Iterator<Item = &mut Origin> {
        let deps = self.deps.iter_mut().filter_map(|dep| match dep {
            Dep::Path { origin, .. } | Dep::Glob { origin, .. } | Dep::Url { origin, .. } => {
                Some(origin)
            }
            Dep::Command { .. } => None,
        });
        let params = self
            .params
            .iter_mut()
            .map(|reference| &mut reference.origin);
        let outs = self.outs.iter_mut().map(|out| &mut out.origin);
        let gpus = self.needs.gpus.iter_mut();
        let amounts = gpus.chain(self.needs.pools.values_mut());
        let amounts = amounts.map(|amount| &mut amount.origin);
        let parts = deps.chain(params).chain(outs).chain(amounts);
        parts.chain([&mut self.origin])
    }

    /// Returns whether an earlier run's outs may stand in for a run.
    pub(crate) fn is_restorable(&self) -> bool {
        !self.always_runs() && self.outs.iter().all(|out| out.is_kept() && !out.persist)
    }
}

/// Something that a stage reads.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Dep {
    /// A file or a folder.
    Path {
        /// Where it is.
        path: AnyPath,
        /// Where it is written.
        origin: Origin,
    },
    /// The files that a pattern names, each a dependency of its own.
    Glob {
        /// The pattern.
        pattern: Pattern,
        /// Where it is written.
        origin: Origin,
    },
    /// A command whose standard output is the dependency, as in `{cmd: python --version}`.
    Command {
        /// The command.
        cmd: String,
    },
    /// What is at a URL: a file, or a folder with all that is below it.
    Url {
        /// The URL.
        url: String,
        /// Where it is written.
        origin: Origin,
    },
}

/// A reference to parameters in a file.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ParamRef {
    /// The file.
    pub(crate) file: RepoPath,
    /// The dotted key, or the whole file.
    pub(crate) key: Option<String>,
    /// Where it is written.
    pub(crate) origin: Origin,
}

/// Something that a stage makes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Out {
    /// Where it is made.
    pub(crate) path: AnyPath,
    /// What it is for.
    pub(crate) kind: OutKind,
    /// Whether it belongs into the cache and not into git.
    pub(crate) cache: bool,
    /// Whether it stays in place while the stage runs again.
    pub(crate) persist: bool,
    /// Whether it goes to remotes.
    pub(crate) push: bool,
    /// The one remote that it goes to.
    pub(crate) remote: Option<String>,
    /// Where it is written.
    pub(crate) origin: Origin,
}

impl Out {
    /// Returns whether its content is kept, so that it can be restored. Metrics and plots that git
    /// tracks are small and kept as well.
    pub(crate) fn is_kept(&self) -> bool {
        self.cache || !matches!(self.kind, OutKind::Plain)
    }

    /// Returns where it is, if it belongs into the cache: only what is in the project does.
    pub(crate) fn cached_path(&self) -> Option<&RepoPath> {
        self.path.inside().filter(|_| self.cache)
    }
}

/// What an out is for.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum OutKind {
    /// Data or a model.
    Plain,
    /// A file of numbers to compare.
    Metric,
    /// A file of rows to draw, in so many ways.
    Plot(Vec<Plot>),
}
