//! Moves an out or tracked data: on disk, in the stages that make and read it, in the lock and in `.gitignore`.

use crate::base::any_path::AnyPath;
use crate::base::document::Origin;
use crate::base::fs;
use crate::base::ignore_rules::IgnoreRules;
use crate::base::path::RepoPath;
use crate::base::problem::{Problem, did_you_mean};
use crate::base::sorted_map::SortedMap;
use crate::base::value::Value;
use crate::base::yaml::Step;
use crate::engine::amendment::{AmendError, Amendment};
use crate::engine::error::Error;
use crate::pipeline::{self, Capitals, Content, Data, Dep, Lock, Pipeline, Plot, Stage};
use crate::scm::{ignore_out, stop_ignoring};
use crate::workspace::Workspace;

/// What a move has done.
pub(crate) struct Moved {
    /// Where it is now.
    pub(crate) to: RepoPath,
    /// The pipeline files that were edited.
    pub(crate) files: Vec<RepoPath>,
    /// What still names the old path, each with its place.
    pub(crate) leftovers: Vec<String>,
}

/// Moves the out or tracked data `old` to `new`, or into `new` where that is a folder.
pub(crate) fn move_out(
    mut amendment: Amendment<'_>,
    old: &RepoPath,
    new: &RepoPath,
) -> Result<Moved, Error> {
    let workspace = amendment.workspace;
    let pipeline = if_any(Pipeline::load(&workspace.worktree).map_err(Error::from))?;
    let mut lock = workspace.load_lock()?;
    let is_hidden = is_hidden(&pipeline, &lock.data, old)?;
    let new = destination(workspace, old, new, lock.data.get(old))?;
    let edits = edits(&pipeline, old, &new);
    let mut files: Vec<RepoPath> = edits.iter().map(|edit| edit.file.clone()).collect();
    files.dedup();
    edits
        .into_iter()
        .try_for_each(|edit| edit.make(&mut amendment))?;
    let after = if_any(amendment.check())?;
    rename_in_lock(&mut lock, old, &new);
    refuse_overlaps(&after, &lock, &new)?;
    let is_there = fs::exists(&workspace.locate(old))?;
    if is_there {
        fs::rename(&workspace.locate(old), &workspace.locate(&new))?;
    }
    if let Err(error) = write(&amendment, &lock) {
        if is_there {
            fs::rename(&workspace.locate(&new), &workspace.locate(old))?;
        }
        return Err(error);
    }
    if is_hidden {
        // What is yet to be made is hidden from git when it is.
        if is_there || lock.data.contains_key(&new) {
            ignore_out(workspace.root(), &new)?;
        }
        stop_ignoring(workspace.root(), old)?;
    }
    let leftovers = leftovers(&after, old, &new);
    Ok(Moved {
        to: new,
        files,
        leftovers,
    })
}

/// Writes the pipeline files and the lock, all or none of them.
fn write(amendment: &Amendment<'_>, lock: &Lock) -> Result<(), Error> {
    let rewritten = amendment.write()?;
    amendment.workspace.replace_lock(lock).map_err(|error| {
        rewritten.put_back();
        error.into()
    })
}

/// Finds the texts that name `old` or something in it.
fn edits(pipeline: &Pipeline, old: &RepoPath, new: &RepoPath) -> Vec<Edit> {
    let mut edits: Vec<Edit> = Vec::new();
    for stage in &pipeline.stages {
        for (origin, path) in paths_of(stage) {
            if let Some(path) = path.moved(old, new) {
                let edit = Edit::new(stage, origin, &path);
                // The stages of a group share their text.
                if !edits.iter().any(|other| other.is_at(&edit)) {
                    edits.push(edit);
                }
            }
        }
    }
    edits
}

/// Tracked data needs no pipeline.
fn if_any(loaded: Result<Pipeline, Error>) -> Result<Pipeline, Error> {
    match loaded {
        Err(Error::Pipeline(pipeline::Error::NoPipeline { .. })) => Ok(Pipeline::default()),
        loaded => loaded,
    }
}

/// Returns whether what is at `path` is hidden from git; it must be an out or tracked data.
fn is_hidden(pipeline: &Pipeline, data: &Data, path: &RepoPath) -> Result<bool, AmendError> {
    let mut outs = pipeline.stages.iter().flat_map(|stage| &stage.outs);
    let known = outs.clone().filter_map(|out| out.path.inside());
    let known = known.chain(data.keys()).map(RepoPath::as_str);
    match outs.find(|out| out.path.inside() == Some(path)) {
        Some(out) => Ok(out.cache),
        None if data.contains_key(path) => Ok(true),
        None => Err(AmendError::NotAnOut {
            path: path.clone(),
            help: did_you_mean(path.as_str(), known),
        }),
    }
}

/// What has moved must be neither in tracked data nor around it.
fn refuse_overlaps(pipeline: &Pipeline, lock: &Lock, new: &RepoPath) -> Result<(), Error> {
    let Lock { data, sources, .. } = lock;
    let refused = pipeline.refuse_tracked_outs(data, sources);
    refused.map_err(pipeline::Error::from)?;
    let mut others = data.keys().filter(|path| *path != new);
    let alike = Capitals::of(others.clone()).alike(new);
    match others.find(|path| path.overlaps(new)).or(alike) {
        Some(tracked) => Err(AmendError::OverlapsData {
            path: new.clone(),
            tracked: tracked.clone(),
        }
        .into()),
        None => Ok(()),
    }
}

fn destination(
    workspace: &Workspace,
    old: &RepoPath,
    new: &RepoPath,
    recorded: Option<&Content>,
) -> Result<RepoPath, Error> {
    // A move that was cut short has come this far.
    if recorded.is_some()
        && !fs::exists(&workspace.locate(old))?
        && workspace.measure(&new.clone().into())?.as_ref() == recorded
    {
        return Ok(new.clone());
    }
    let into = |folder: &RepoPath| folder.join(old.name());
    let new = match into(new) {
        Ok(inner) if workspace.locate(new).is_dir() && new != old => inner,
        _ => new.clone(),
    };
    if new.is_within(old) && new != *old {
        return Err(AmendError::IntoItself { path: old.clone() }.into());
    }
    let rules = IgnoreRules::open(workspace.root());
    if let Some(pattern) = rules.ignored(&new, false)? {
        return Err(AmendError::NoPlace { path: new, pattern }.into());
    }
    if workspace.locate(&new).symlink_metadata().is_ok() {
        return Err(AmendError::Occupied { path: new }.into());
    }
    if let Some(repo) = workspace.repo()?
        && let Some(path) = repo.tracked_among([&new].into_iter())?.pop_first()
    {
        return Err(AmendError::InGit { path }.into());
    }
    Ok(new)
}

/// Returns the outs and the plain deps of a stage that are in the project, with where they are
/// written.
fn paths_of(stage: &Stage) -> impl Iterator<Item = (&Origin, &RepoPath)> {
    let outs = stage
        .outs
        .iter()
        .filter_map(|out| Some((&out.origin, out.path.inside()?)));
    let deps = stage.deps.iter().filter_map(|dep| match dep {
        Dep::Path { path, origin } => Some((origin, path.inside()?)),
        Dep::Glob { .. } | Dep::Command { .. } | Dep::Url { .. } => None,
    });
    outs.chain(deps)
}

/// A path in a pipeline file that gets another text.
struct Edit {
    file: RepoPath,
    origin: Origin,
    /// The item of the list that it is in.
    item: Vec<Step>,
    /// The path, if it is a key that has flags below it.
    key: Option<String>,
    text: String,
}

impl Edit {
    fn new(stage: &Stage, origin: &Origin, path: &RepoPath) -> Self {
        let steps = origin.steps();
        // `stages`, the stage and maybe `do` come before the section; names may be anything.
        let index = steps.iter().position(|step| matches!(step, Step::Index(_)));
        let end = index.map_or(steps.len(), |index| index + 1);
        let key = match steps.get(end) {
            Some(Step::Key(key)) => Some(key.clone()),
            _ => None,
        };
        Self {
            file: stage.file.clone(),
            origin: origin.clone(),
            item: steps[..end].to_vec(),
            key,
            text: path.relative_to(&stage.wdir),
        }
    }

    fn is_at(&self, other: &Self) -> bool {
        self.file == other.file && self.item == other.item && self.key == other.key
    }

    fn make(self, amendment: &mut Amendment<'_>) -> Result<(), Error> {
        let Self {
            file,
            origin,
            item,
            key,
            text,
        } = self;
        let written = origin.value();
        let old = key.as_deref().or_else(|| written.as_ref()?.as_text());
        if old.is_none_or(|old| old.contains("${")) {
            let problem = origin.problem("this path comes from a template and cannot be rewritten");
            let problem = problem.help("change the values that it is made of, or edit it by hand");
            return Err(pipeline::Error::from(problem).into());
        }
        amendment.edit(&file, |yaml| match key {
            Some(key) => yaml.rename(&item, &key, &text),
            None => yaml.set(&item, &Value::Text(text)),
        })
    }
}

fn rename_in_lock(lock: &mut Lock, old: &RepoPath, new: &RepoPath) {
    let rename = |paths: &mut SortedMap<AnyPath, Content>| {
        let renamed = std::mem::take(paths).into_iter();
        let moved = |path: &AnyPath| path.inside()?.moved(old, new).map(AnyPath::from);
        *paths = renamed
            .map(|(path, content)| (moved(&path).unwrap_or(path), content))
            .collect();
    };
    for entry in lock.stages.values_mut() {
        rename(&mut entry.deps);
        rename(&mut entry.outs);
    }
    let data = std::mem::take(&mut lock.data).into_iter();
    let renamed = data.map(|(path, content)| (path.moved(old, new).unwrap_or(path), content));
    lock.data = renamed.collect();
    let sources = std::mem::take(&mut lock.sources).into_iter();
    let renamed = sources.map(|(path, source)| (path.moved(old, new).unwrap_or(path), source));
    lock.sources = renamed.collect();
}

/// Finds what still names the old path once all has been moved.
fn leftovers(pipeline: &Pipeline, old: &RepoPath, new: &RepoPath) -> Vec<String> {
    let mut found = Vec::new();
    let mut listed = pipeline.plots().flat_map(Plot::files);
    if pipeline.metric_files().contains(old) || listed.any(|path| path == old) {
        found.push(format!(
            "`metrics` or `plots` beside the stages still name `{old}`"
        ));
    }
    let stages = pipeline.stages.iter();
    found.extend(
        stages
            .flat_map(|stage| left_in(stage, old, new))
            .map(|problem| problem.to_string()),
    );
    found
}

fn left_in(stage: &Stage, old: &RepoPath, new: &RepoPath) -> Vec<Problem> {
    let mut found = Vec::new();
    let is_touched = paths_of(stage).any(|(_, path)| path.is_within(new));
    let shown = old.relative_to(&stage.wdir);
    if is_touched && stage.cmd.iter().any(|cmd| names(cmd, &shown)) {
        let message = format!("the command of `{}` still names `{shown}`", stage.name);
        found.push(command_origin(stage).key_problem(message));
    }
    for dep in &stage.deps {
        if let Dep::Glob { pattern, origin } = dep
            && (pattern.matches(old) || pattern.prefix().is_within(old))
        {
            let message = format!("a pattern of `{}` may have meant `{old}`", stage.name);
            found.push(origin.problem(message));
        }
    }
    for param in stage
        .params
        .iter()
        .filter(|param| param.file.is_within(old))
    {
        let message = format!("`{}` still reads params of `{}`", stage.name, param.file);
        found.push(param.origin.problem(message));
    }
    found
}

fn command_origin(stage: &Stage) -> Origin {
    let cmd = || Step::Key("cmd".to_owned());
    let of_group = stage.origin.below(Step::Key("do".to_owned()));
    if of_group.value().is_some() {
        of_group.below(cmd())
    } else {
        stage.origin.below(cmd())
    }
}

/// Returns whether a command has `path` in it as a word, or as the beginning of a longer path.
fn names(cmd: &str, path: &str) -> bool {
    let is_name = |c: char| c.is_alphanumeric() || "_-.".contains(c);
    cmd.match_indices(path).any(|(at, _)| {
        let before = cmd[..at].strip_suffix("./").unwrap_or(&cmd[..at]);
        let after = &cmd[at + path.len()..];
        !before.ends_with(|c: char| is_name(c) || c == '/') && !after.starts_with(is_name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_names_whole_paths() {
        assert!(names("python train.py > model.pkl", "model.pkl"));
        assert!(names("cp x ./model.pkl", "model.pkl"));
        assert!(names("ls 'model'/w", "model"));
        assert!(names("ls model/w", "model"));
        assert!(!names("cp x old/model.pkl", "model.pkl"));
        assert!(!names("cp x model.pkl.bak", "model.pkl"));
        assert!(!names("cp x my-model", "model"));
    }
}
