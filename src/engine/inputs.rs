//! `Inputs`: all that a stage's result depends on, measured now or as recorded.

use std::collections::BTreeMap;
use std::ffi::OsString;

use crate::base::any_path::AnyPath;
use crate::base::cancel::CancelToken;
use crate::base::digest::Digest;
use crate::base::path::RepoPath;
use crate::base::process::{Captured, Exit, Script};
use crate::base::sorted_map::SortedMap;
use crate::base::value::Value;
use crate::engine::absence::Made;
use crate::engine::error::Failure;
use crate::engine::memo::Memo;
use crate::engine::selection::Urls;
use crate::pipeline::{self, Content, Dep, ParamFiles, Pattern, Stage, StageEntry};
use crate::workspace::{Unreached, UrlState, Workspace};

/// No content is foreseen: stages are judged by what is on disk.
const NOTHING_EXPECTED: &BTreeMap<AnyPath, Content> = &BTreeMap::new();

/// What a stage is given. What is absent, here or at its URL, is `None`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Inputs {
    pub(crate) cmd: Vec<String>,
    pub(crate) wdir: RepoPath,
    pub(crate) deps: BTreeMap<AnyPath, Option<Content>>,
    pub(crate) commands: BTreeMap<String, Digest>,
    pub(crate) urls: BTreeMap<String, Option<String>>,
    pub(crate) params: BTreeMap<RepoPath, BTreeMap<String, Value>>,
    pub(crate) outs: Vec<AnyPath>,
}

/// How inputs are measured: where, and with what environment.
#[derive(Clone, Copy)]
pub(crate) struct Gauge<'a> {
    pub(crate) workspace: &'a Workspace,
    pub(crate) params: &'a ParamFiles<'a>,
    pub(crate) environment: &'a [(OsString, OsString)],
    pub(crate) cancel: &'a CancelToken,
    /// What was found out before; for as long as nothing changes.
    pub(crate) memo: Option<&'a Memo>,
    /// What was found out at the start of a run: who could not be reached then is not tried again for a
    /// while.
    pub(crate) start: Option<&'a Memo>,
    /// How it is known what is at URLs.
    pub(crate) urls: Urls,
    /// Contents that are not there yet but will be, as of outs that would be restored.
    pub(crate) expected: &'a BTreeMap<AnyPath, Content>,
    /// What the stages before have made, where absent content counts as recorded.
    pub(crate) made: Option<&'a Made>,
}

impl Inputs {
    /// Returns what the lock says that the stage was given.
    pub(crate) fn recorded(entry: &StageEntry) -> Self {
        let deps = entry
            .deps
            .iter()
            .map(|(path, content)| (path.clone(), Some(*content)));
        Self {
            cmd: entry.cmd.clone(),
            wdir: entry.wdir.clone().unwrap_or_else(RepoPath::root),
            deps: deps.collect(),
            commands: entry.commands.clone(),
            urls: recorded_urls(entry),
            params: entry.params.clone(),
            outs: entry.outs.keys().cloned().collect(),
        }
    }

    /// Measures what the stage would be given now.
    pub(crate) fn measure(stage: &Stage, gauge: &Gauge<'_>) -> Result<Self, Failure> {
        Ok(Self {
            urls: gauge.states(stage)?,
            ..Self::measure_here(stage, gauge)?
        })
    }

    /// Like [`Self::measure`], but what is at URLs counts as `recorded`, or as absent where nothing is:
    /// nobody is asked.
    pub(crate) fn measure_offline(
        stage: &Stage,
        recorded: Option<&StageEntry>,
        gauge: &Gauge<'_>,
    ) -> Result<Self, Failure> {
        Ok(Self {
            urls: recorded_states(stage, recorded),
            ..Self::measure_here(stage, gauge)?
        })
    }

    /// Measures what does not come over the network.
    fn measure_here(stage: &Stage, gauge: &Gauge<'_>) -> Result<Self, Failure> {
        let (mut deps, mut commands) = (BTreeMap::new(), BTreeMap::new());
        for dep in &stage.deps {
            match dep {
                Dep::Path { path, .. } => drop(deps.insert(path.clone(), gauge.content(path)?)),
                Dep::Glob { pattern, .. } => {
                    for path in gauge.matching(stage, pattern)? {
                        let content = gauge.content(&path)?;
                        deps.insert(path, content);
                    }
                }
                Dep::Command { cmd, .. } => {
                    commands.insert(cmd.clone(), gauge.command_output(cmd, &stage.wdir)?);
                }
                Dep::Url { .. } => {}
            }
        }
        let mut outs: Vec<AnyPath> = stage.outs.iter().map(|out| out.path.clone()).collect();
        outs.sort();
        Ok(Self {
            cmd: stage.cmd.clone(),
            wdir: stage.wdir.clone(),
            deps,
            commands,
            urls: BTreeMap::new(),
            params: measure_params(stage, gauge.params)?,
            outs,
        })
    }

    /// Makes the record of a run with these inputs; `None` if a dep was absent.
    pub(crate) fn to_entry(&self, outs: SortedMap<AnyPath, Content>) -> Option<StageEntry> {
        let present = |(path, content): (&AnyPath, &Option<Content>)| {
            content.map(|content| (path.clone(), content))
        };
        let known = |(url, state): (&String, &Option<String>)| Some((url.clone(), state.clone()?));
        Some(StageEntry {
            cmd: self.cmd.clone(),
            wdir: (!self.wdir.is_root()).then(|| self.wdir.clone()),
            deps: self.deps.iter().map(present).collect::<Option<_>>()?,
            commands: self.commands.clone(),
            urls: self.urls.iter().map(known).collect::<Option<_>>()?,
            params: self.params.clone(),
            outs,
        })
    }
}

impl<'a> Gauge<'a> {
    /// Makes the gauge of what is there now: nothing was found out before, and nothing is foreseen.
    pub(crate) fn new(
        workspace: &'a Workspace,
        params: &'a ParamFiles<'a>,
        environment: &'a [(OsString, OsString)],
        cancel: &'a CancelToken,
        urls: Urls,
    ) -> Self {
        Self {
            workspace,
            params,
            environment,
            cancel,
            memo: None,
            start: None,
            urls,
            expected: NOTHING_EXPECTED,
            made: None,
        }
    }

    pub(super) fn content(&self, path: &AnyPath) -> Result<Option<Content>, Failure> {
        match self.expected.get(path) {
            Some(content) => Ok(Some(*content)),
            None => Ok(self.workspace.measure(path)?),
        }
    }

    /// Lists the files that a pattern names, but for what the stage makes itself.
    pub(super) fn matching(
        &self,
        stage: &Stage,
        pattern: &Pattern,
    ) -> Result<Vec<AnyPath>, Failure> {
        let found = pattern.find(&self.workspace.worktree);
        let mut found = found.map_err(pipeline::Error::from)?;
        let outs = stage.outs.iter().filter_map(|out| out.path.inside());
        found.retain(|path| !outs.clone().any(|out| path.is_within(out)));
        Ok(found.into_iter().map(AnyPath::from).collect())
    }

    /// Returns the digest of what a command dependency prints.
    pub(super) fn command_output(&self, cmd: &str, wdir: &RepoPath) -> Result<Digest, Failure> {
        let run = || self.run_command(cmd, wdir);
        match self.memo {
            Some(memo) => memo.output(cmd, wdir, run),
            None => run(),
        }
    }

    /// Returns what somebody has found out before about a URL, as far as it still counts.
    fn known_state(&self, url: &str) -> Option<UrlState> {
        let memo = self.memo.and_then(|memo| memo.url(url));
        let failed = || self.start?.recent_failure(url);
        memo.or_else(failed)
    }

    /// Returns what is at each URL that the stage reads. Where what is absent may count as recorded,
    /// what cannot be reached counts as absent.
    pub(super) fn states(
        &self,
        stage: &Stage,
    ) -> Result<BTreeMap<String, Option<String>>, Failure> {
        let urls: Vec<&str> = stage.urls().collect();
        let (mut states, mut unknown) = (BTreeMap::new(), Vec::new());
        for url in &urls {
            match self.known_state(url) {
                Some(state) => drop(states.insert(*url, state)),
                None => unknown.push(*url),
            }
        }
        let asked = self.workspace.ask(&unknown, self.cancel);
        states.extend(unknown.into_iter().zip(asked));
        let mut found = BTreeMap::new();
        for (url, state) in states {
            let state = match state {
                Ok(state) => state,
                Err(_) if self.made.is_some_and(Made::trusts_record) => None,
                Err(source) => return Err(unreached(stage, url, source)),
            };
            found.insert(url.to_owned(), state);
        }
        Ok(found)
    }

    fn run_command(&self, cmd: &str, wdir: &RepoPath) -> Result<Digest, Failure> {
        let folder = self.workspace.locate(wdir);
        let environment = self.environment;
        let script = Script {
            text: cmd,
            folder: &folder,
            environment,
            input: None,
        };
        let captured = script.capture(self.cancel);
        match captured.map_err(|source| Failure::Shell {
            folder: wdir.clone(),
            source,
        })? {
            Captured {
                exit: Exit::Success,
                output,
                ..
            } => Ok(output),
            Captured { exit, said, .. } => Err(Failure::CommandDep {
                cmd: cmd.to_owned(),
                exit,
                said,
            }),
        }
    }
}

fn recorded_urls(entry: &StageEntry) -> BTreeMap<String, Option<String>> {
    let urls = entry.urls.iter();
    urls.map(|(url, state)| (url.clone(), Some(state.clone())))
        .collect()
}

/// Returns what the record says of each URL that the stage reads now.
pub(super) fn recorded_states(
    stage: &Stage,
    recorded: Option<&StageEntry>,
) -> BTreeMap<String, Option<String>> {
    let known = |url: &str| recorded.and_then(|entry| entry.urls.get(url).cloned());
    stage
        .urls()
        .map(|url| (url.to_owned(), known(url)))
        .collect()
}

fn unreached(stage: &Stage, wanted: &str, source: Unreached) -> Failure {
    let origin = stage.deps.iter().find_map(|dep| match dep {
        Dep::Url { url, origin } if url == wanted => Some(origin),
        _ => None,
    });
    let origin = origin.unwrap_or(&stage.origin);
    Failure::DepUnreached {
        url: wanted.to_owned(),
        problem: Box::new(origin.problem(format!("`{wanted}` cannot be asked for"))),
        source,
    }
}

pub(super) fn measure_params(
    stage: &Stage,
    files: &ParamFiles<'_>,
) -> Result<BTreeMap<RepoPath, BTreeMap<String, Value>>, Failure> {
    let mut params: BTreeMap<RepoPath, BTreeMap<String, Value>> = BTreeMap::new();
    for reference in &stage.params {
        let key = reference.key.clone().unwrap_or_default();
        let value = files.value(reference)?;
        params
            .entry(reference.file.clone())
            .or_default()
            .insert(key, value);
    }
    Ok(params)
}
