//! What absent content counts as where the user allows it to be absent: what the lock says of it.

use std::collections::BTreeMap;

use crate::base::any_path::AnyPath;
use crate::base::fs;
use crate::base::lockfile::FileLock;
use crate::base::path::RepoPath;
use crate::engine::error::Failure;
use crate::engine::inputs::Inputs;
use crate::pipeline::{
    Content, Data, Dep, Pattern, Pipeline, Stage, StageEntry, StageIndex, StageName,
};
use crate::store::{Entry, EntryKind, Meter, Restored, Tree};
use crate::workspace::Workspace;

/// What a stage may read that need not be in place: recorded outs of the stages right before it, and
/// tracked data.
#[derive(Clone, Debug, Default)]
pub(crate) struct Made {
    contents: BTreeMap<RepoPath, Content>,
    /// Whether whatever else is absent counts as what the stage itself has last read.
    trusts_record: bool,
}

impl Made {
    /// Gathers the outs that the stages before `stage` have on `record`.
    pub(crate) fn before<E>(
        pipeline: &Pipeline,
        stage: StageIndex,
        mut record: impl FnMut(StageIndex) -> Result<Option<StageEntry>, E>,
    ) -> Result<Self, E> {
        let mut made = BTreeMap::new();
        for needed in pipeline.graph.upstream(stage) {
            let entry = record(*needed)?.unwrap_or_default();
            let declared = &pipeline.stages[*needed].outs;
            for (path, content) in entry.outs {
                let is_declared = declared.iter().any(|out| out.path == path);
                if let (true, AnyPath::Inside(path)) = (is_declared, path) {
                    made.insert(path, content);
                }
            }
        }
        Ok(Self {
            contents: made,
            trusts_record: true,
        })
    }

    /// Makes it of data alone that would be put in place.
    pub(crate) fn of_data(data: Data) -> Self {
        Self {
            contents: data,
            trusts_record: false,
        }
    }

    /// Adds tracked data.
    #[must_use]
    pub(crate) fn with_data(mut self, data: &Data) -> Self {
        let tracked = data.iter().map(|(path, content)| (path.clone(), *content));
        self.contents.extend(tracked);
        self
    }

    /// Returns whether what is absent counts as what the stage itself has last read.
    pub(crate) fn trusts_record(&self) -> bool {
        self.trusts_record
    }

    /// Fills in what `inputs` lack: first from what the stages before have made, else from what the
    /// stage itself has read at its last run.
    pub(crate) fn fill(
        &self,
        inputs: &mut Inputs,
        stage: &Stage,
        recorded: Option<&StageEntry>,
        workspace: &Workspace,
    ) -> Result<(), Failure> {
        for dep in &stage.deps {
            match dep {
                Dep::Path { path, .. } => {
                    let found = inputs.deps.get(path).copied().flatten();
                    let trusted = recorded.filter(|_| self.trusts_record);
                    let known = || trusted.and_then(|entry| entry.deps.get(path)).copied();
                    let inside = path.inside();
                    let content = inside.map(|path| self.complete(path, found, workspace));
                    let content = match content.transpose()?.flatten() {
                        None => found.or_else(known),
                        content => content,
                    };
                    inputs.deps.insert(path.clone(), content);
                }
                Dep::Glob { pattern, .. } => {
                    self.fill_pattern(inputs, pattern, recorded, workspace)?;
                }
                Dep::Url { url, .. } => {
                    let trusted = recorded.filter(|_| self.trusts_record);
                    let known = trusted.and_then(|entry| entry.urls.get(url));
                    if let (Some(None), Some(known)) = (inputs.urls.get(url), known) {
                        inputs.urls.insert(url.clone(), Some(known.clone()));
                    }
                }
                Dep::Command { .. } => {}
            }
        }
        Ok(())
    }

    /// Returns what would be at `path` if the stages' outs were in place; `None` if they change
    /// nothing there, or if nobody knows.
    fn complete(
        &self,
        path: &RepoPath,
        found: Option<Content>,
        workspace: &Workspace,
    ) -> Result<Option<Content>, Failure> {
        if let (None, Some(content)) = (found, self.contents.get(path)) {
            return Ok(Some(*content));
        }
        if let (None, Some((out, content))) = (found, self.around(path)) {
            let tree = workspace.cache.manifest(content)?;
            return Ok(tree.and_then(|tree| part(&tree, &below(path, out))));
        }
        let absent = self.absent(workspace, |out| out.is_within(path))?;
        if absent.is_empty() {
            return Ok(None);
        }
        let mut entries = match workspace.tree(&path.clone().into())? {
            Some(tree) => tree.entries().to_vec(),
            None if found.is_some() => return Ok(None),
            None => Vec::new(),
        };
        for (out, content) in absent {
            let inner = below(out, path);
            let Some(more) = entries_at(&inner, content, workspace)? else {
                return Ok(None);
            };
            entries.retain(|entry| !is_empty_around(entry, &inner));
            entries.extend(more);
        }
        Ok(Some(Tree::new(entries).content()))
    }

    /// Adds the files that a pattern would find if the stages' outs were in place. A pattern that
    /// finds nothing at all found what it did at the last run.
    fn fill_pattern(
        &self,
        inputs: &mut Inputs,
        pattern: &Pattern,
        recorded: Option<&StageEntry>,
        workspace: &Workspace,
    ) -> Result<(), Failure> {
        let known = |path: &AnyPath| recorded.and_then(|entry| entry.deps.get(path)).copied();
        let is_match = |path: &AnyPath| path.inside().is_some_and(|path| pattern.matches(path));
        let read = recorded
            .map(|entry| entry.deps.keys())
            .into_iter()
            .flatten();
        let read: Vec<&AnyPath> = read.filter(|path| is_match(path)).collect();
        for (out, content) in self.absent(workspace, |out| pattern.may_need(out))? {
            let Some(entries) = entries_at("", content, workspace)? else {
                let is_below =
                    |path: &&&AnyPath| path.inside().is_some_and(|path| path.is_within(out));
                let below = read.iter().filter(is_below);
                inputs
                    .deps
                    .extend(below.map(|path| ((*path).clone(), known(path))));
                continue;
            };
            for Entry { path, kind } in entries {
                let path = out.join(if path.is_empty() { "." } else { &path });
                if let (Ok(path), EntryKind::File(file)) = (path, kind)
                    && pattern.matches(&path)
                {
                    inputs.deps.insert(path.into(), Some(file.into()));
                }
            }
        }
        if self.trusts_record && !inputs.deps.keys().any(is_match) {
            let read = read.into_iter().map(|path| (path.clone(), known(path)));
            inputs.deps.extend(read);
        }
        Ok(())
    }

    /// Puts what a stage is about to read in place, as far as the cache has it.
    pub(crate) fn fetch(
        &self,
        stage: &Stage,
        inputs: &Inputs,
        pipeline: &Pipeline,
        workspace: &Workspace,
    ) -> Result<(), Failure> {
        // Two stages may want the same; what is there already is left alone.
        let _alone = FileLock::hold(&workspace.state("fetch"))?;
        let reads = |out: &RepoPath| stage.may_read(out);
        for (path, content) in self.absent(workspace, reads)? {
            fetch_one(path, content, pipeline, workspace)?;
        }
        for (path, content) in &inputs.deps {
            if let (Some(content), Some(path)) = (content, path.inside())
                && !fs::exists(&workspace.locate(path))?
            {
                fetch_one(path, content, pipeline, workspace)?;
            }
        }
        Ok(())
    }

    /// Returns the out that is a folder around `path`.
    fn around(&self, path: &RepoPath) -> Option<(&RepoPath, &Content)> {
        self.contents.iter().find(|(out, _)| path.is_within(out))
    }

    /// Returns the outs that are not in place.
    fn absent(
        &self,
        workspace: &Workspace,
        is_wanted: impl Fn(&RepoPath) -> bool,
    ) -> Result<Vec<(&RepoPath, &Content)>, fs::Error> {
        let mut absent = Vec::new();
        for (out, content) in self.contents.iter().filter(|(out, _)| is_wanted(out)) {
            if !fs::exists(&workspace.locate(out))? {
                absent.push((out, content));
            }
        }
        Ok(absent)
    }
}

fn fetch_one(
    path: &RepoPath,
    content: &Content,
    pipeline: &Pipeline,
    workspace: &Workspace,
) -> Result<(), Failure> {
    match workspace.restore(content, &path.clone().into(), &Meter::default())? {
        Restored::Done => Ok(()),
        Restored::Missing | Restored::Corrupt(_) => {
            let maker = pipeline.graph.maker(&path.clone().into());
            let maker: Option<StageName> = maker.map(|maker| pipeline.stages[maker].name.clone());
            let path = path.clone();
            Err(Failure::DepAbsent { path, maker })
        }
    }
}

/// Returns how `path` is called in the folder `folder`; both may be the same.
fn below(path: &RepoPath, folder: &RepoPath) -> String {
    if folder.is_root() {
        return path.to_string();
    }
    let rest = path.as_str().strip_prefix(folder.as_str());
    rest.unwrap_or_default().trim_start_matches('/').to_owned()
}

/// Returns whether it is a folder that would not be empty if there were something at `inner`.
fn is_empty_around(entry: &Entry, inner: &str) -> bool {
    let rest = inner.strip_prefix(&entry.path);
    entry.kind == EntryKind::EmptyFolder && rest.is_some_and(|rest| rest.starts_with('/'))
}

/// Returns what a folder has at `inner`.
fn part(tree: &Tree, inner: &str) -> Option<Content> {
    let prefix = format!("{inner}/");
    let mut entries = Vec::new();
    for entry in tree.entries() {
        let rest = entry.path.strip_prefix(&prefix);
        match &entry.kind {
            EntryKind::File(file) if entry.path == inner => return Some((*file).into()),
            EntryKind::EmptyFolder if entry.path == inner => {
                return Some(Tree::default().content());
            }
            // Where it leads may lie outside of the part, which would then have what is there.
            EntryKind::Link(_) if rest.is_some() || entry.path == inner => return None,
            kind => entries.extend(rest.map(|path| Entry {
                path: path.to_owned(),
                kind: kind.clone(),
            })),
        }
    }
    (!entries.is_empty()).then(|| Tree::new(entries).content())
}

/// Returns the entries that `content` adds to a folder at `inner`; `None` if nobody has kept the
/// list of what the content consists of.
fn entries_at(
    inner: &str,
    content: &Content,
    workspace: &Workspace,
) -> Result<Option<Vec<Entry>>, Failure> {
    if content.files.is_none() {
        let path = inner.to_owned();
        let kind = EntryKind::File(content.into());
        return Ok(Some(vec![Entry { path, kind }]));
    }
    let Some(tree) = workspace.cache.manifest(content)? else {
        return Ok(None);
    };
    let moved = |entry: &Entry| Entry {
        path: match inner {
            "" => entry.path.clone(),
            inner => format!("{inner}/{}", entry.path),
        },
        kind: entry.kind.clone(),
    };
    Ok(Some(tree.entries().iter().map(moved).collect()))
}
