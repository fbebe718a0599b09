//! Removes stages: from their files, from the lock, and what is known of their outs.

use crate::base::any_path::AnyPath;
use crate::base::fs;
use crate::base::path::RepoPath;
use crate::base::yaml::Step;
use crate::engine::amendment::Amendment;
use crate::engine::decide::{OutState, Shape};
use crate::engine::error::Error;
use crate::engine::keep::{self, Fate};
use crate::engine::written::Written;
use crate::pipeline::{Out, Pipeline, Stage};
use crate::scm::stop_ignoring;
use crate::workspace::{Kept, Workspace, keep};

/// What becomes of the outs of a removed stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outs {
    /// They stay in the workspace.
    Stay,
    /// They go; what the cache does not have is moved to `.mlpipe/kept`.
    Go,
}

/// What was removed.
#[derive(Default)]
pub(crate) struct Removed {
    /// The stages and groups.
    pub(crate) names: Vec<String>,
    /// Outs that are gone from the workspace.
    pub(crate) deleted: Vec<AnyPath>,
    /// Outs that nobody else has a copy of.
    pub(crate) kept: Vec<Kept>,
}

/// Removes what the targets name in `folder` from its files and from the lock.
pub(crate) fn remove_stages(
    mut amendment: Amendment<'_>,
    folder: &RepoPath,
    targets: &[String],
    outs: Outs,
) -> Result<Removed, Error> {
    let workspace = amendment.workspace;
    let pipeline = Pipeline::load(&workspace.worktree)?;
    let before = workspace.load_lock()?;
    let mut lock = before.clone();
    let mut removed = Removed::default();
    let mut stages: Vec<&Stage> = Vec::new();
    for written in Written::find(&pipeline, folder, targets)? {
        amendment.edit(&written.file, |yaml| {
            yaml.remove(&[Step::Key("stages".to_owned())], &written.key)
        })?;
        removed.names.push(written.name());
        stages.extend(written.stages.iter().map(|index| &pipeline.stages[*index]));
    }
    amendment.check()?;
    amendment.write()?;
    for stage in &stages {
        lock.stages.remove(&stage.name);
    }
    workspace.replace_lock(&lock)?;
    for out in stages.into_iter().flat_map(|stage| &stage.outs) {
        // Before git may see it, what is to go has gone.
        if outs == Outs::Go {
            removed.delete(workspace, out)?;
        }
        if let Some(path) = out.cached_path() {
            stop_ignoring(workspace.root(), path)?;
        }
    }
    workspace.try_save_index();
    Ok(removed)
}

impl Removed {
    fn delete(&mut self, workspace: &Workspace, out: &Out) -> Result<(), Error> {
        let location = workspace.locate_any(&out.path);
        let state = OutState {
            out: out.clone(),
            shape: Shape::of(&location)?,
            found: workspace.measure(&out.path)?,
            // Nobody makes it again once its stage is gone.
            recorded: None,
        };
        if state.shape == Shape::Absent {
            return Ok(());
        }
        match keep::fate(workspace, &state)? {
            Fate::Expendable => {
                fs::remove(&location)?;
                self.deleted.push(out.path.clone());
            }
            Fate::Keep => self.kept.push(keep(workspace, &location, &out.path)?),
        }
        Ok(())
    }
}
