//! What DVC's stages ran with, as records of ours.

use std::collections::BTreeMap;
use std::path::Path;

use crate::base::any_path::AnyPath;
use crate::base::path::RepoPath;
use crate::base::sorted_map::SortedMap;
use crate::base::value::Value;
use crate::dvc::contents::{Contents, Keeping, Want};
use crate::dvc::records::{Recorded, Records, StageRecord};
use crate::pipeline::{Content, Dep, ParamFiles, Pipeline, Stage, StageEntry};
use crate::workspace::Workspace;

/// What became of a stage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Its last run is recorded.
    Recorded,
    /// DVC has never run it.
    NeverRan,
    /// Its last run read something that has changed since and is in no storage.
    Changed(String),
    /// What it read or made cannot be had.
    Incomplete(String),
}

/// Returns the content that the records of the pipeline's stages name.
pub(super) fn wants(root: &Path, pipeline: &Pipeline, records: &Records) -> Vec<Want> {
    let mut wants = Vec::new();
    for stage in &pipeline.stages {
        let Some(record) = records.stages.get(&stage.name) else {
            continue;
        };
        for (path, recorded) in deps(root, stage, record) {
            wants.extend(Want::of(path, recorded, Keeping::Look));
        }
        for (path, recorded, keeping) in outs(root, stage, record) {
            wants.extend(Want::of(path, recorded, keeping));
        }
    }
    wants
}

/// Makes the record of a stage's last run.
pub(super) fn judge(
    workspace: &Workspace,
    stage: &Stage,
    records: &Records,
    contents: &Contents,
) -> (Fate, Option<StageEntry>) {
    let root = workspace.root();
    let Some(record) = records.stages.get(&stage.name) else {
        return (Fate::NeverRan, None);
    };
    let mut known_deps: Vec<(AnyPath, Content)> = Vec::new();
    for (path, recorded) in deps(root, stage, record) {
        match contents.of(&path, recorded) {
            Some(content) => known_deps.push((path, content)),
            None if workspace.locate_any(&path).exists() => {
                return (Fate::Changed(path.as_str().to_owned()), None);
            }
            None => return (Fate::Incomplete(path.as_str().to_owned()), None),
        }
    }
    let mut known_outs: Vec<(AnyPath, Content)> = Vec::new();
    for (path, recorded, _) in outs(root, stage, record) {
        match contents.of(&path, recorded) {
            Some(content) => known_outs.push((path, content)),
            None => return (Fate::Incomplete(path.as_str().to_owned()), None),
        }
    }
    let entry = StageEntry {
        cmd: command(stage, record),
        wdir: (!stage.wdir.is_root()).then(|| stage.wdir.clone()),
        deps: known_deps.into_iter().collect::<SortedMap<_, _>>(),
        commands: BTreeMap::new(),
        urls: urls(stage, record),
        params: params(workspace, stage, record),
        outs: known_outs.into_iter().collect(),
    };
    (Fate::Recorded, Some(entry))
}

/// Returns the recorded deps that the stage still has. DVC never minds those that it has no more.
fn deps<'r>(root: &Path, stage: &Stage, record: &'r StageRecord) -> Vec<(AnyPath, &'r Recorded)> {
    let listed = |path: &AnyPath| {
        stage.deps.iter().any(|dep| match dep {
            Dep::Path { path: dep, .. } => dep.normal(root) == path.normal(root),
            _ => false,
        })
    };
    let all = record.deps.iter().filter_map(|recorded| {
        let path = AnyPath::resolve(root, &stage.wdir, &recorded.path).ok()?;
        listed(&path).then_some((path, recorded))
    });
    all.collect()
}

/// Returns what DVC has noted of the URLs that the stage still reads.
fn urls(stage: &Stage, record: &StageRecord) -> BTreeMap<String, String> {
    let listed = |recorded: &&Recorded| {
        let mut deps = stage.deps.iter();
        deps.any(|dep| matches!(dep, Dep::Url { url, .. } if *url == recorded.path))
    };
    let noted = |recorded: &Recorded| Some((recorded.path.clone(), recorded.state.clone()?));
    record
        .deps
        .iter()
        .filter(listed)
        .filter_map(noted)
        .collect()
}

/// Returns the recorded outs that the stage still has, and who keeps them.
fn outs<'r>(
    root: &Path,
    stage: &Stage,
    record: &'r StageRecord,
) -> Vec<(AnyPath, &'r Recorded, Keeping)> {
    let all = record.outs.iter().filter_map(|recorded| {
        let path = AnyPath::resolve(root, &stage.wdir, &recorded.path).ok()?;
        let mut outs = stage.outs.iter();
        let out = outs.find(|out| out.path.normal(root) == path.normal(root))?;
        let keeping = if out.is_kept() && path.inside().is_some() {
            Keeping::Keep
        } else {
            Keeping::Look
        };
        Some((out.path.clone(), recorded, keeping))
    });
    all.collect()
}

/// Returns the command as the stage has it, if that is what ran.
fn command(stage: &Stage, record: &StageRecord) -> Vec<String> {
    let trimmed = |cmd: &[String]| -> Vec<String> {
        cmd.iter().map(|script| script.trim().to_owned()).collect()
    };
    if trimmed(&stage.cmd) == trimmed(&record.cmd) {
        stage.cmd.clone()
    } else {
        record.cmd.clone()
    }
}

/// Returns the recorded parameters that the stage still has; those that are equal to Python are
/// written as they are now.
fn params(
    workspace: &Workspace,
    stage: &Stage,
    record: &StageRecord,
) -> BTreeMap<RepoPath, BTreeMap<String, Value>> {
    let files = ParamFiles::new(&workspace.worktree);
    let recorded: BTreeMap<RepoPath, &Value> = record
        .params
        .iter()
        .filter_map(|(file, values)| Some((stage.wdir.join(file).ok()?, values)))
        .collect();
    let mut params: BTreeMap<RepoPath, BTreeMap<String, Value>> = BTreeMap::new();
    for reference in &stage.params {
        let Some(values) = recorded.get(&reference.file) else {
            continue;
        };
        let ran_with = match (&reference.key, values) {
            (None, values) => Some(*values),
            (Some(key), Value::Map(values)) => values.get(key),
            (Some(_), _) => None,
        };
        let Some(ran_with) = ran_with else {
            continue;
        };
        let value = match files.value(reference) {
            Ok(now) if is_same(&now, ran_with) => now,
            _ => ran_with.clone(),
        };
        let key = reference.key.clone().unwrap_or_default();
        params
            .entry(reference.file.clone())
            .or_default()
            .insert(key, value);
    }
    params
}

/// Returns whether Python would call two values equal.
fn is_same(one: &Value, other: &Value) -> bool {
    let number = |value: &Value| match value {
        Value::Bool(is_true) => Some(f64::from(u8::from(*is_true))),
        value => value.as_number(),
    };
    match (one, other) {
        (Value::Int(one), Value::Int(other)) => one == other,
        (Value::List(one), Value::List(other)) => {
            one.len() == other.len()
                && one
                    .iter()
                    .zip(other)
                    .all(|(one, other)| is_same(one, other))
        }
        (Value::Map(one), Value::Map(other)) => {
            let has = |(key, value): (&String, &Value)| {
                other.get(key).is_some_and(|other| is_same(value, other))
            };
            one.len() == other.len() && one.iter().all(has)
        }
        (one, other) => match (number(one), number(other)) {
            (Some(one), Some(other)) => one.total_cmp(&other).is_eq() || (one - other).abs() == 0.0,
            _ => one == other,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_compared_as_python_does() {
        let parse = |text: &str| crate::base::yaml::parse("x", text).expect("YAML");
        for (one, other, wanted) in [
            ("1", "1.0", true),
            ("true", "1", true),
            ("{a: 1, b: [2.0]}", "{b: [2], a: true}", true),
            ("'1'", "1", false),
            ("{a: 1}", "{a: 1, b: 2}", false),
            ("null", "0", false),
        ] {
            assert_eq!(is_same(&parse(one), &parse(other)), wanted, "{one} {other}");
        }
    }
}
