//! What predictions say of the metrics that a command shows.

use crate::cli::error::CliError;
use crate::metrics::{Backing, Collection, Memory, Side};
use crate::pipeline::{self, Lock, Pipeline};
use crate::store::RecordedSnapshot;
use crate::workspace::Workspace;

/// Finds what predictions say of how metrics differ. A side without a name is the workspace.
pub(super) fn of_difference(
    workspace: &Workspace,
    base: (&str, &Collection),
    here: (Option<&str>, &Collection),
) -> Result<Backing, CliError> {
    let (here_name, here) = here;
    let revision = here_name.map(|name| workspace.revision(name)).transpose()?;
    let pipeline = match &revision {
        Some(revision) => Pipeline::load(revision),
        None => workspace.load_pipeline(),
    };
    let Some(pipeline) = declaring(pipeline)? else {
        return Ok(Backing::default());
    };
    let (base_name, base) = base;
    let base_revision = workspace.revision(base_name)?;
    let base_lock = Lock::load(&base_revision)?;
    let base_files = RecordedSnapshot::new(&base_revision, base_lock, &workspace.cache);
    let here_files = match &revision {
        Some(revision) => RecordedSnapshot::new(revision, Lock::load(revision)?, &workspace.cache),
        None => RecordedSnapshot::new(
            &workspace.worktree,
            workspace.load_lock()?,
            &workspace.cache,
        ),
    };
    let base = side(&base_files, base);
    let here = side(&here_files, here);
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
