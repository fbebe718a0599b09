//! How the code of stages differs: their commands, the files that they read and that people write,
//! and what their command dependencies print.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::base::path::RepoPath;
use crate::base::source::Snapshot;
use crate::pipeline::{StageEntry, StageName};
use crate::report::side::{Changed, Side};
use crate::scm::line_changes;

/// Files beyond this are not read for their lines.
const LARGEST: u64 = 4 << 20;

/// What of one stage was written anew.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CodeChange {
    /// The stage.
    pub(crate) stage: String,
    /// `new`, `removed` or `changed`.
    pub(crate) state: Cow<'static, str>,
    /// The command before and now, where it differs.
    pub(crate) command: Option<CommandChange>,
    /// The command dependencies that print something else.
    pub(crate) tools: Vec<String>,
    /// The files that differ.
    pub(crate) files: Vec<FileChange>,
}

/// A command before and now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CommandChange {
    /// What it was.
    pub(crate) old: String,
    /// What it is.
    pub(crate) new: String,
}

/// A file of code that differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FileChange {
    /// Where it is.
    pub(crate) path: String,
    /// `new`, `removed` or `changed`.
    pub(crate) state: Cow<'static, str>,
    /// How many lines came; 0 where that is unknown.
    pub(crate) added: usize,
    /// How many lines went; 0 where that is unknown.
    pub(crate) removed: usize,
}

/// Lists the stages whose code differs, sorted by name. `changed` are the inputs that are code.
pub(crate) fn code_changes(old: Side<'_>, new: Side<'_>, changed: &[&Changed]) -> Vec<CodeChange> {
    let names: BTreeSet<&StageName> = old
        .lock
        .stages
        .keys()
        .chain(new.lock.stages.keys())
        .collect();
    let mut files: BTreeMap<String, Vec<FileChange>> = BTreeMap::new();
    for one in changed {
        let differing = file_changes(old, new, one);
        let readers: BTreeSet<&str> = old
            .readers(&one.path)
            .chain(new.readers(&one.path))
            .collect();
        for stage in readers {
            let all = files.entry(stage.to_owned()).or_default();
            all.extend(differing.iter().cloned());
        }
    }
    let change = |name: &StageName| {
        let (before, now) = (old.lock.stages.get(name), new.lock.stages.get(name));
        let files = files.remove(name.as_str()).unwrap_or_default();
        let change = of_stage(name, before, now, files);
        (change.state != "changed" || !change.is_empty()).then_some(change)
    };
    names.into_iter().filter_map(change).collect()
}

impl CodeChange {
    fn is_empty(&self) -> bool {
        self.command.is_none() && self.tools.is_empty() && self.files.is_empty()
    }
}

fn of_stage(
    name: &StageName,
    before: Option<&StageEntry>,
    now: Option<&StageEntry>,
    files: Vec<FileChange>,
) -> CodeChange {
    let state = state(before.is_some(), now.is_some());
    let (command, tools) = match (before, now) {
        (Some(before), Some(now)) => {
            let scripts = |entry: &StageEntry| entry.cmd.join("; ");
            let command = (before.cmd != now.cmd).then(|| CommandChange {
                old: scripts(before),
                new: scripts(now),
            });
            let differs =
                |(tool, digest): &(&String, &_)| before.commands.get(*tool) != Some(digest);
            let tools = now.commands.iter().filter(differs);
            (command, tools.map(|(tool, _)| tool.clone()).collect())
        }
        _ => (None, Vec::new()),
    };
    // Of a stage that came or went, all its files did: naming them says nothing more.
    let files = if state == "changed" {
        files
    } else {
        Vec::new()
    };
    CodeChange {
        stage: name.to_string(),
        state: Cow::Borrowed(state),
        command,
        tools,
        files,
    }
}

fn state(was_there: bool, is_there: bool) -> &'static str {
    match (was_there, is_there) {
        (false, true) => "new",
        (true, false) => "removed",
        _ => "changed",
    }
}

/// The file itself, or the files of a folder.
fn file_changes(old: Side<'_>, new: Side<'_>, changed: &Changed) -> Vec<FileChange> {
    let contents = [changed.old, changed.new];
    let is_folder = contents
        .iter()
        .flatten()
        .any(|content| content.files.is_some());
    let paths: BTreeSet<RepoPath> = if is_folder {
        let list = |side: Side<'_>| side.written_below(&changed.path);
        list(old).into_iter().chain(list(new)).collect()
    } else {
        BTreeSet::from([changed.path.clone()])
    };
    let all = paths
        .iter()
        .filter_map(|path| file_change(old.snapshot, new.snapshot, path));
    all.collect()
}

/// Compares one file; `None` where it is the same. What cannot be read has no lines to count.
fn file_change(old: &dyn Snapshot, new: &dyn Snapshot, path: &RepoPath) -> Option<FileChange> {
    let read = |snapshot: &dyn Snapshot| snapshot.read(path).ok().flatten();
    let (before, now) = (read(old), read(new));
    if before == now {
        return None;
    }
    let is_small = |bytes: &Option<Vec<u8>>| {
        let size = bytes.as_ref().map_or(0, Vec::len);
        u64::try_from(size).is_ok_and(|size| size <= LARGEST)
    };
    let (added, removed) = if is_small(&before) && is_small(&now) {
        let text = |bytes: &Option<Vec<u8>>| bytes.clone().unwrap_or_default();
        line_changes(&text(&before), &text(&now)).unwrap_or_default()
    } else {
        (0, 0)
    };
    Some(FileChange {
        path: path.to_string(),
        state: Cow::Borrowed(state(before.is_some(), now.is_some())),
        added,
        removed,
    })
}
