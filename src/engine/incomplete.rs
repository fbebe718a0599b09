//! Folders of which files are neither here nor in the cache: no stage runs on what is left, and none
//! has it recorded, as if that were all.

use crate::base::any_path::AnyPath;
use crate::base::fs;
use crate::base::path::RepoPath;
use crate::engine::decide::OutState;
use crate::engine::error::Failure;
use crate::engine::inputs::Inputs;
use crate::pipeline::{Content, Lock, Stage, StageName};
use crate::store::Presence;
use crate::workspace::Workspace;

/// Something that is on record, and the stage that makes it, if one does.
pub(super) struct Known<'l> {
    path: &'l RepoPath,
    content: &'l Content,
    maker: Option<&'l StageName>,
}

/// Lists tracked data, and the outs of these stages.
pub(super) fn known<'l>(
    lock: &'l Lock,
    stages: impl Iterator<Item = &'l StageName>,
) -> impl Iterator<Item = Known<'l>> {
    let data = lock.data.iter().map(|(path, content)| Known {
        path,
        content,
        maker: None,
    });
    let entries = stages.filter_map(|name| Some((name, lock.stages.get(name)?)));
    let outs = entries.flat_map(|(name, entry)| {
        let outs = entry.outs.iter();
        outs.filter_map(|(path, content)| {
            Some(Known {
                path: path.inside()?,
                content,
                maker: Some(name),
            })
        })
    });
    data.chain(outs)
}

/// Refuses to run a stage that would read a folder which was not put in place whole. What the user has
/// deleted and the cache has is another matter: it can be had back.
pub(super) fn refuse_incomplete<'l>(
    workspace: &Workspace,
    stage: &Stage,
    inputs: &Inputs,
    known: impl Iterator<Item = Known<'l>>,
) -> Result<(), Failure> {
    for Known {
        path,
        content,
        maker,
    } in known
    {
        let is_read = content.files.is_some() && stage.may_read(path);
        let found = inputs.deps.get(&AnyPath::from(path.clone()));
        if !is_read || found == Some(&Some(*content)) {
            continue;
        }
        let files = lost(workspace, stage, path, content)?;
        if !files.is_empty() {
            return Err(Failure::DataIncomplete {
                tracked: path.clone(),
                files,
                maker: maker.cloned(),
            });
        }
    }
    Ok(())
}

/// Refuses to record outs that were not put in place whole, by which the rest would be forgotten.
pub(super) fn refuse_incomplete_outs(
    workspace: &Workspace,
    outs: &[OutState],
) -> Result<(), Failure> {
    for state in outs {
        let path = &state.out.path;
        let (Some(found), Some(recorded)) = (&state.found, &state.recorded) else {
            continue;
        };
        if found == recorded {
            continue;
        }
        let files = workspace.lost_files(path, recorded)?;
        if !files.is_empty() {
            let name = |inner: String| format!("{path}/{inner}");
            return Err(Failure::OutIncomplete {
                path: path.clone(),
                files: files.into_iter().map(name).collect(),
            });
        }
    }
    Ok(())
}

/// Returns the files of a recorded folder that the stage may read and that nobody has, or that are
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
