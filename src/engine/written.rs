//! `Written`: what targets name, as it stands in a file: a stage, or a group of stages.

use std::collections::BTreeMap;

use crate::base::path::RepoPath;
use crate::base::shown::Shown;
use crate::base::yaml::Step;
use crate::engine::amendment::AmendError;
use crate::engine::error::Error;
use crate::pipeline::{Pipeline, Stage, StageIndex};

/// A stage or a group of stages in the text of a file.
#[derive(Debug)]
pub(super) struct Written {
    /// The file.
    pub(super) file: RepoPath,
    /// Its key in `stages`.
    pub(super) key: String,
    /// The stages that it stands for.
    pub(super) stages: Vec<StageIndex>,
}

impl Written {
    /// Finds what the targets name to somebody in `folder`. A stage of a group is not written anywhere by itself.
    pub(super) fn find(
        pipeline: &Pipeline,
        folder: &RepoPath,
        targets: &[String],
    ) -> Result<Vec<Self>, Error> {
        let mut found: BTreeMap<(RepoPath, String), Vec<StageIndex>> = BTreeMap::new();
        for target in targets {
            for index in pipeline.graph.resolve_in(folder, target)? {
                let stage = &pipeline.stages[index];
                refuse_item(stage, target)?;
                let key = (stage.file.clone(), key_of(stage));
                let stages = found.entry(key).or_default();
                if !stages.contains(&index) {
                    stages.push(index);
                }
            }
        }
        let written = found
            .into_iter()
            .map(|((file, key), stages)| Self { file, key, stages });
        let written: Vec<Self> = written.collect();
        written
            .iter()
            .try_for_each(|entry| entry.refuse_parts(pipeline))?;
        Ok(written)
    }

    /// Returns the name that people know it by.
    pub(super) fn name(&self) -> String {
        if self.file.parent().is_root() {
            Shown(&self.key).to_string()
        } else {
            format!("{}:{}", self.file, Shown(&self.key))
        }
    }

    /// Returns the way to it in its file.
    pub(super) fn steps(&self) -> Vec<Step> {
        ["stages", &self.key]
            .map(|key| Step::Key(key.to_owned()))
            .to_vec()
    }

    /// A path may have led to some of a group's stages.
    fn refuse_parts(&self, pipeline: &Pipeline) -> Result<(), Error> {
        let is_own = |stage: &&Stage| stage.file == self.file && key_of(stage) == self.key;
        if pipeline.stages.iter().filter(is_own).count() == self.stages.len() {
            return Ok(());
        }
        Err(group_item(&pipeline.stages[self.stages[0]]))
    }
}

fn refuse_item(stage: &Stage, target: &str) -> Result<(), Error> {
    let name = stage.name.as_str();
    let file = format!("{}:", stage.file);
    let name = name.strip_prefix(&file).unwrap_or(name);
    let is_item = name != key_of(stage);
    if is_item && (name == target || target.ends_with(&format!(":{name}"))) {
        return Err(group_item(stage));
    }
    Ok(())
}

fn group_item(stage: &Stage) -> Error {
    let written = Written {
        file: stage.file.clone(),
        key: key_of(stage),
        stages: Vec::new(),
    };
    let error = AmendError::GroupItem {
        stage: stage.name.to_string(),
        group: written.name(),
    };
    error.into()
}

/// Returns the key of a stage, or of its group, in `stages`.
pub(super) fn key_of(stage: &Stage) -> String {
    match stage.origin.steps().pop() {
        Some(Step::Key(key)) => key,
        _ => stage.name.as_str().to_owned(),
    }
}
