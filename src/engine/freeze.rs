//! Freezes stages, so that they never run, and lets them run again.

use crate::base::path::RepoPath;
use crate::base::value::Value;
use crate::base::yaml::Step;
use crate::engine::amendment::Amendment;
use crate::engine::error::Error;
use crate::engine::written::Written;
use crate::pipeline::Pipeline;

/// Whether stages are to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Freeze {
    /// They never run.
    On,
    /// They run when something changed.
    Off,
}

/// Freezes what the targets name in `folder` or lets it go; returns the names of those that were not so before. A group
/// is frozen as a whole.
pub(crate) fn set_frozen(
    mut amendment: Amendment<'_>,
    folder: &RepoPath,
    targets: &[String],
    freeze: Freeze,
) -> Result<Vec<String>, Error> {
    let pipeline = Pipeline::load(&amendment.workspace.worktree)?;
    let mut changed = Vec::new();
    for written in Written::find(&pipeline, folder, targets)? {
        let wanted = freeze == Freeze::On;
        let is_so = |index: &usize| pipeline.stages[*index].frozen == wanted;
        if written.stages.iter().all(is_so) {
            continue;
        }
        amendment.edit(&written.file, |yaml| {
            let mut path = written.steps();
            if let Some(Value::Map(stages)) = yaml.value().find("stages")
                && stages[&written.key].find("do").is_some()
            {
                path.push(Step::Key("do".to_owned()));
            }
            match freeze {
                Freeze::Off => yaml.remove(&path, "frozen"),
                Freeze::On => {
                    path.push(Step::Key("frozen".to_owned()));
                    yaml.set(&path, &Value::Bool(true))
                }
            }
        })?;
        changed.push(written.name());
    }
    amendment.check()?;
    amendment.write()?;
    Ok(changed)
}
