//! Tracked folders of which files are neither here nor in the cache: no stage runs on what is left,
//! as if that were all.

use crate::base::any_path::AnyPath;
use crate::base::fs;
use crate::base::path::RepoPath;
use crate::engine::error::Failure;
use crate::engine::inputs::Inputs;
use crate::pipeline::{Content, Data, Stage};
use crate::store::Presence;
use crate::workspace::Workspace;

/// Refuses to run a stage that would read a tracked folder which was not put in place whole. What the
/// user has deleted and the cache has is another matter: it can be had back.
pub(super) fn refuse_incomplete(
    workspace: &Workspace,
    stage: &Stage,
    inputs: &Inputs,
    data: &Data,
) -> Result<(), Failure> {
    for (tracked, recorded) in data {
        let is_read = recorded.files.is_some() && stage.may_read(tracked);
        let found = inputs.deps.get(&AnyPath::from(tracked.clone()));
        if !is_read || found == Some(&Some(*recorded)) {
            continue;
        }
        let files = lost(workspace, stage, tracked, recorded)?;
        if !files.is_empty() {
            let tracked = tracked.clone();
            return Err(Failure::DataIncomplete { tracked, files });
        }
    }
    Ok(())
}

/// Returns the files of a tracked folder that the stage may read and that nobody has, or that are
/// links to what is gone.
fn lost(
    workspace: &Workspace,
    stage: &Stage,
    tracked: &RepoPath,
    recorded: &Content,
) -> Result<Vec<String>, Failure> {
    let Some(tree) = workspace.cache.manifest(recorded)? else {
        return Ok(Vec::new());
    };
    let location = workspace.locate(tracked);
    let mut lost = Vec::new();
    for (inner, file) in tree.files() {
        let place = location.join(inner);
        // A link to nothing is there, and is not.
        if place.exists() {
            continue;
        }
        let is_link = fs::exists(&place)?;
        if !is_link && workspace.cache.presence(&file.into())? == Presence::Whole {
            continue;
        }
        let path = tracked.join(inner);
        if path.as_ref().is_ok_and(|path| stage.may_read(path)) {
            lost.push(format!("{tracked}/{inner}"));
        }
    }
    Ok(lost)
}
