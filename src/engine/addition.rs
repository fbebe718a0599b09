//! Writes a new stage into a pipeline file.

use crate::base::path::RepoPath;
use crate::base::value::Value;
use crate::base::yaml::Step;
use crate::engine::amendment::{AmendError, Amendment};
use crate::engine::error::Error;
use crate::engine::written::key_of;
use crate::pipeline::{self, StageDraft, StageName};
use crate::workspace::{Unreached, Workspace};

/// What becomes of a stage that has the name already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Existing {
    /// It stays, and nothing is added.
    Keep,
    /// It is replaced.
    Replace,
}

/// Writes `draft` into `file`, which may be new; returns the name of the stage in the project.
/// `check_url` says whether somebody could ask what is at a URL.
pub(crate) fn add_stage(
    mut amendment: Amendment<'_>,
    file: &RepoPath,
    draft: &StageDraft,
    existing: Existing,
    check_url: impl Fn(&Workspace, &str) -> Result<(), Unreached>,
) -> Result<StageName, Error> {
    refuse_name(&draft.name)?;
    let mut is_taken = false;
    amendment.edit(file, |yaml| {
        let stages = yaml.value().find("stages");
        is_taken = matches!(stages, Some(Value::Map(map)) if map.contains_key(&draft.name));
        if is_taken && existing == Existing::Keep {
            return Ok(());
        }
        let path = ["stages", &draft.name].map(|key| Step::Key(key.to_owned()));
        yaml.set(&path, &draft.to_value())
    })?;
    if is_taken && existing == Existing::Keep {
        let (name, file) = (draft.name.clone(), file.clone());
        return Err(AmendError::StageExists { name, file }.into());
    }
    let pipeline = amendment.check()?;
    let lock = amendment.workspace.load_lock()?;
    let refused = pipeline.refuse_tracked_outs(&lock.data, &lock.sources);
    refused.map_err(pipeline::Error::from)?;
    let mut stages = pipeline.stages.into_iter();
    let added = stages.find(|stage| stage.file == *file && key_of(stage) == draft.name);
    let Some(added) = added else {
        let file = file.clone();
        return Err(AmendError::OutOfSight { file }.into());
    };
    for url in added.urls() {
        check_url(amendment.workspace, url).map_err(|source| {
            let url = url.to_owned();
            AmendError::Url { url, source }
        })?;
    }
    amendment.write()?;
    Ok(added.name)
}

/// Names that targets, groups and templates give a meaning to are for hand-written files.
fn refuse_name(name: &str) -> Result<(), Error> {
    let is_refused = |c: char| c.is_control() || (c.is_ascii_punctuation() && !"-_".contains(c));
    if name.trim().is_empty() || name.contains(is_refused) {
        let name = name.to_owned();
        return Err(AmendError::StageName { name }.into());
    }
    Ok(())
}
