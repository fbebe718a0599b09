//! `Inputs`: all that a stage's result depends on, measured now or as recorded.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::sync::{Mutex, PoisonError};

use crate::base::any_path::AnyPath;
use crate::base::cancel::CancelToken;
use crate::base::digest::Digest;
use crate::base::path::RepoPath;
use crate::base::process::{Captured, Exit, Script};
use crate::base::sorted_map::SortedMap;
use crate::base::value::Value;
use crate::engine::absence::Made;
use crate::engine::error::Failure;
use crate::pipeline::{self, Content, Dep, ParamFiles, Pattern, Stage, StageEntry};
use crate::workspace::Workspace;

/// No content is foreseen: stages are judged by what is on disk.
pub(crate) const NOTHING_EXPECTED: &BTreeMap<AnyPath, Content> = &BTreeMap::new();

/// What a stage is given. An absent dep is `None`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Inputs {
    pub(crate) cmd: Vec<String>,
    pub(crate) wdir: RepoPath,
    pub(crate) deps: BTreeMap<AnyPath, Option<Content>>,
    pub(crate) commands: BTreeMap<String, Digest>,
    pub(crate) params: BTreeMap<RepoPath, BTreeMap<String, Value>>,
    pub(crate) outs: Vec<AnyPath>,
}

/// How inputs are measured: where, and with what environment.
pub(crate) struct Gauge<'a> {
    pub(crate) workspace: &'a Workspace,
    pub(crate) params: &'a ParamFiles<'a>,
    pub(crate) environment: &'a [(OsString, OsString)],
    pub(crate) cancel: &'a CancelToken,
    /// What command dependencies have printed; for as long as nothing changes.
    pub(crate) memo: Option<&'a CommandMemo>,
    /// Contents that are not there yet but will be, as of outs that would be restored.
    pub(crate) expected: &'a BTreeMap<AnyPath, Content>,
    /// What the stages before have made, where absent content counts as recorded.
    pub(crate) made: Option<&'a Made>,
}

/// The digests of what command dependencies have printed, by command and folder.
#[derive(Default)]
pub(crate) struct CommandMemo(Mutex<BTreeMap<(String, RepoPath), Digest>>);

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
            params: entry.params.clone(),
            outs: entry.outs.keys().cloned().collect(),
        }
    }

    /// Measures what the stage would be given now.
    pub(crate) fn measure(stage: &Stage, gauge: &Gauge<'_>) -> Result<Self, Failure> {
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
            }
        }
        let mut outs: Vec<AnyPath> = stage.outs.iter().map(|out| out.path.clone()).collect();
        outs.sort();
        Ok(Self {
            cmd: stage.cmd.clone(),
            wdir: stage.wdir.clone(),
            deps,
            commands,
            params: measure_params(stage, gauge.params)?,
            outs,
        })
    }

    /// Makes the record of a run with these inputs; `None` if a dep was absent.
    pub(crate) fn to_entry(&self, outs: SortedMap<AnyPath, Content>) -> Option<StageEntry> {
        let present = |(path, content): (&AnyPath, &Option<Content>)| {
            content.map(|content| (path.clone(), content))
        };
        Some(StageEntry {
            cmd: self.cmd.clone(),
            wdir: (!self.wdir.is_root()).then(|| self.wdir.clone()),
            deps: self.deps.iter().map(present).collect::<Option<_>>()?,
            commands: self.commands.clone(),
            params: self.params.clone(),
            outs,
        })
    }
}

impl Gauge<'_> {
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
        let Some(CommandMemo(known)) = self.memo else {
            return self.run_command(cmd, wdir);
        };
        // Held while it runs: many stages have the same one, and once is enough.
        let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (cmd.to_owned(), wdir.clone());
        if let Some(output) = known.get(&key) {
            return Ok(*output);
        }
        let output = self.run_command(cmd, wdir)?;
        known.insert(key, output);
        Ok(output)
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
