//! Recording what a stage made: its outs into the cache, its run into the run cache.

use std::time::{Duration, Instant};

use crate::base::any_path::AnyPath;
use crate::base::sorted_map::SortedMap;
use crate::engine::error::Failure;
use crate::engine::event::Event;
use crate::engine::inputs::{Gauge, Inputs};
use crate::engine::run::Worker;
use crate::engine::selection::CommitPolicy;
use crate::pipeline::{Content, ParamFiles, Stage, StageEntry};
use crate::store::Meter;

/// So long is asked after a run for what it has read from elsewhere.
const LONGEST_ASKING: Duration = Duration::from_mins(10);

/// So long is waited in between.
const BETWEEN_ASKING: Duration = Duration::from_secs(2);

/// Where recorded outs come from. Those made by hand cannot be made again, so they are all cached.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Origin {
    Command,
    Hand,
    /// Nobody knows, or the user says so.
    Workspace,
}

impl Worker<'_> {
    /// Checks that the inputs held still, and records the outs.
    pub(super) fn conclude(&self, stage: &Stage, before: &Inputs) -> Result<StageEntry, Failure> {
        let params = ParamFiles::new(&self.shared.workspace.worktree);
        let after = self.measure_again(stage, &params)?;
        let changes = after.changes_since(before);
        if !changes.is_empty() {
            return Err(Failure::InputChanged { changes });
        }
        self.record(stage, before, Origin::Command)
    }

    /// Measures the inputs after a run. It may have taken hours, so whoever does not answer is asked for
    /// minutes, or until the user wants an end.
    fn measure_again(&self, stage: &Stage, params: &ParamFiles<'_>) -> Result<Inputs, Failure> {
        let gauge = Gauge {
            // Who could not be reached is tried again at once.
            start: None,
            ..self.gauge(params, None)
        };
        let begin = Instant::now();
        let mut has_told = false;
        loop {
            let (url, source) = match Inputs::measure(stage, &gauge) {
                Err(Failure::DepUnreached { url, source, .. }) => (url, source),
                other => return other,
            };
            if !has_told {
                self.tell(Event::Asking {
                    stage: stage.name.clone(),
                    url: url.clone(),
                    cause: source.message.clone(),
                });
                has_told = true;
            }
            if begin.elapsed() > LONGEST_ASKING || !gauge.cancel.pause(BETWEEN_ASKING) {
                return Err(Failure::DepGone { url, source });
            }
        }
    }

    /// Puts the outs into the cache and makes the stage's record.
    pub(super) fn record(
        &self,
        stage: &Stage,
        inputs: &Inputs,
        origin: Origin,
    ) -> Result<StageEntry, Failure> {
        let mut outs: SortedMap<AnyPath, Content> = SortedMap::default();
        for out in &stage.outs {
            let is_cached = out.is_kept() && self.shared.policy.commit == CommitPolicy::Cache;
            let content = if is_cached || origin == Origin::Hand {
                self.shared.workspace.store(&out.path, &Meter::default())?
            } else {
                self.shared.workspace.measure(&out.path)?
            };
            let Some(content) = content else {
                let problem = out.origin.problem(format!("`{}` was not made", out.path));
                let problem = Box::new(problem);
                return Err(Failure::OutMissing {
                    path: out.path.clone(),
                    problem,
                });
            };
            outs.insert(out.path.clone(), content);
        }
        let entry = inputs
            .to_entry(outs)
            .expect("invariant: missing deps were refused before");
        self.keep_manifests(inputs)?;
        let is_committed = self.shared.policy.commit == CommitPolicy::Cache;
        if is_committed && origin == Origin::Command && stage.is_restorable() {
            self.shared
                .workspace
                .runs
                .record(inputs.fingerprint(), &entry)?;
        }
        Ok(entry)
    }

    /// Keeps what folders consist of, so that a later run can say which of their files changed.
    fn keep_manifests(&self, inputs: &Inputs) -> Result<(), Failure> {
        for (path, content) in &inputs.deps {
            let Some(content) = content.filter(|content| content.files.is_some()) else {
                continue;
            };
            if self.shared.workspace.cache.manifest(&content)?.is_none()
                && let Some(tree) = self.shared.workspace.tree(path)?
                && tree.content() == content
            {
                self.shared.workspace.cache.store_manifest(&tree)?;
            }
        }
        Ok(())
    }

    /// Puts outs into the cache again that it has lost.
    pub(super) fn recache(&self, paths: &[AnyPath]) -> Result<(), Failure> {
        for path in paths {
            self.shared.workspace.store(path, &Meter::default())?;
        }
        Ok(())
    }
}
