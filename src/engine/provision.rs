//! Tracked data that stages are about to read, put in place where nothing is.

use std::collections::BTreeSet;

use crate::base::fs;
use crate::base::lockfile::FileLock;
use crate::base::path::RepoPath;
use crate::engine::error::Error;
use crate::engine::event::{Event, Reporter};
use crate::engine::selection::{Missing, Policy, RunPolicy};
use crate::pipeline::{Content, Data, Pipeline, Stage, StageIndex};
use crate::store::Restored;
use crate::workspace::Workspace;

/// Restores the tracked data that the `selected` stages may read and that is not there. What the
/// cache does not have is a matter for the stage that needs it.
pub(super) fn provide(
    workspace: &Workspace,
    (pipeline, selected): (&Pipeline, &BTreeSet<StageIndex>),
    data: &Data,
    policy: Policy,
    reporter: &mut dyn Reporter,
) -> Result<(), Error> {
    let is_run = !matches!(policy.run, RunPolicy::Never | RunPolicy::CheckOut);
    if data.is_empty() || !is_run || policy.missing == Missing::Recorded {
        return Ok(());
    }
    for (path, content) in absent(workspace, pipeline, selected, data)? {
        // Two processes may want the same; what is there already is left alone.
        let _alone = FileLock::hold(&workspace.state("fetch"))?;
        let location = workspace.locate(path);
        if !fs::exists(&location)? && workspace.cache.restore(content, &location)? == Restored::Done
        {
            reporter.report(&Event::Provided { path: path.clone() });
        }
    }
    Ok(())
}

/// Returns the tracked data that is not there and that some of the stages may read.
pub(super) fn absent<'d>(
    workspace: &Workspace,
    pipeline: &Pipeline,
    selected: &BTreeSet<StageIndex>,
    data: &'d Data,
) -> Result<Vec<(&'d RepoPath, &'d Content)>, fs::Error> {
    let mut absent = Vec::new();
    for (path, content) in data {
        if fs::exists(&workspace.locate(path))? {
            continue;
        }
        let mut stages = selected.iter().map(|stage| &pipeline.stages[*stage]);
        if stages.any(|stage: &Stage| stage.may_read(path)) {
            absent.push((path, content));
        }
    }
    Ok(absent)
}
