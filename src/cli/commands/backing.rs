//! What predictions say of the metrics that a command shows.

use crate::cli::commands::sides;
use crate::cli::error::CliError;
use crate::metrics::{Backing, Collection, Memory, Side};
use crate::pipeline::{self, Pipeline};
use crate::store::RecordedSnapshot;
use crate::workspace::Workspace;

/// Finds what predictions say of how metrics differ between two sides.
pub(super) fn of_change(
    workspace: &Workspace,
    base: &sides::Side,
    here: &sides::Side,
) -> Result<Backing, CliError> {
    let pipeline = match &here.revision {
        Some(revision) => Pipeline::load(revision),
        None => workspace.load_pipeline(),
    };
    let Some(pipeline) = declaring(pipeline)? else {
        return Ok(Backing::default());
    };
    let (base_files, here_files) = (base.files(workspace)?, here.files(workspace)?);
    let (base, here) = (
        side(&base_files, &base.collection),
        side(&here_files, &here.collection),
    );
    let memory = Memory::new(workspace.state("resampled"));
    Ok(Backing::of(
        Some((&base, &memory)),
        &here,
        pipeline.predictions(),
    ))
}

/// Finds what predictions say of the workspace's metrics.
pub(super) fn of_workspace(workspace: &Workspace, here: &Collection) -> Result<Backing, CliError> {
    let Some(pipeline) = declaring(workspace.load_pipeline())? else {
        return Ok(Backing::default());
    };
    let lock = workspace.load_lock()?;
    let files = RecordedSnapshot::new(&workspace.worktree, lock, &workspace.cache);
    let here = side(&files, here);
    Ok(Backing::of(None, &here, pipeline.predictions()))
}

fn side<'a>(files: &'a RecordedSnapshot<'_>, metrics: &'a Collection) -> Side<'a> {
    Side {
        snapshot: files,
        lock: files.lock(),
        metrics,
    }
}

/// Returns the pipeline if it declares predictions.
fn declaring(
    pipeline: Result<Pipeline, pipeline::Error>,
) -> Result<Option<Pipeline>, pipeline::Error> {
    match pipeline {
        Err(pipeline::Error::NoPipeline { .. }) => Ok(None),
        pipeline => Ok(Some(pipeline?).filter(|pipeline| !pipeline.predictions().is_empty())),
    }
}
