//! `Gathered`: a report's data, and the base that it compares with.

use std::collections::BTreeSet;

use crate::base::any_path::AnyPath;
use crate::base::path::RepoPath;
use crate::cli::commands::base::Base;
use crate::cli::commands::judging::{Freshness, Judged};
use crate::cli::commands::sides::Side;
use crate::cli::error::CliError;
use crate::engine::{LastRun, StageRun};
use crate::metrics::{Collection, diff};
use crate::pipeline::{Gate, LOCK_FILE, Lock, Pipeline};
use crate::report::{self, History, Report, ReportRequest, StageRow, build};
use crate::scm::Repo;
use crate::store::RecordedSnapshot;
use crate::workspace::Workspace;

/// Whether the report names the commit that it is of: one that is committed cannot name its own.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Head {
    Named,
    Unnamed,
}

/// What a report is made for.
pub(super) struct Occasion<'a> {
    /// The branch whose last runs are shown.
    pub(super) branch: &'a str,
    pub(super) head: Head,
    pub(super) freshness: Freshness,
    /// The runs that are kept elsewhere than in git.
    pub(super) published: Option<&'a History>,
}

/// A report, and the base that it compares with.
pub(super) struct Gathered {
    pub(super) report: Report,
    pub(super) base: Option<Side>,
}

impl Gathered {
    /// Compares the workspace with a base, and gathers what the report says of it.
    pub(super) fn new(
        workspace: &Workspace,
        base: Base,
        occasion: &Occasion<'_>,
    ) -> Result<Self, CliError> {
        let pipeline = workspace.load_pipeline()?;
        let gates: Vec<&Gate> = pipeline.gates.iter().collect();
        let judged = Judged::new(workspace, base, &gates, occasion.freshness)?;
        let mut report = judged.report(workspace, &pipeline, occasion)?;
        if judged.is_stale && report.verdict == "pass" {
            report.verdict = "warn".into();
        }
        let base = judged.base;
        Ok(Self { report, base })
    }
}

impl Judged {
    /// Gathers the report on what was judged.
    fn report(
        &self,
        workspace: &Workspace,
        pipeline: &Pipeline,
        occasion: &Occasion<'_>,
    ) -> Result<Report, CliError> {
        let nothing = Collection::default();
        let old = self.base.as_ref().map_or(&nothing, |side| &side.collection);
        let here = self.here.files(workspace)?;
        let base = self.base.as_ref().map(|side| side.files(workspace));
        let base = base.transpose()?;
        let commit = self.base.as_ref().and_then(Side::short_commit);
        let repo = Repo::open(workspace.root()).ok();
        let named = repo.as_ref().filter(|_| occasion.head == Head::Named);
        let has_history = |repo: &&Repo| self.base.is_some() && repo.is_branch(occasion.branch);
        let history = repo.as_ref().filter(has_history);
        Ok(build(ReportRequest {
            here: report_side(workspace, &here),
            pipeline,
            head: named.and_then(|repo| commit_here(repo, pipeline, here.lock())),
            history: history.map(|repo| (repo, occasion.branch)),
            published: occasion.published,
            base: base
                .as_ref()
                .map(|files| report_side(workspace, files))
                .zip(commit),
            metrics: diff(old, &self.here.collection),
            backing: &self.backing,
            judgements: &self.judgements,
            notes: self.notes_with_faults(),
            stages: last_run(workspace),
        })?)
    }

    fn notes_with_faults(&self) -> Vec<String> {
        let faults = self.here.collection.faults.iter();
        let faults = faults.chain(&self.backing.faults).map(ToString::to_string);
        self.notes.iter().cloned().chain(faults).collect()
    }
}

/// Returns the commit that the results are of; `None` where what people write is not as it has it.
fn commit_here(repo: &Repo, pipeline: &Pipeline, lock: &Lock) -> Option<String> {
    let made: BTreeSet<&str> = pipeline
        .stages
        .iter()
        .flat_map(|stage| stage.outs.iter().map(|out| out.path.as_str()))
        .collect();
    let report = pipeline.report.as_ref().map(|report| &report.path);
    let is_written = |path: &RepoPath| {
        let is_out = path.ancestors().any(|folder| made.contains(folder));
        !is_out && path.as_str() != LOCK_FILE && Some(path) != report
    };
    let modified = repo.modified_files().ok()?;
    let head = repo.revision("HEAD").ok()?;
    if modified.iter().any(is_written) || Lock::load(&head).ok()?.data != lock.data {
        return None;
    }
    let deps = lock.stages.values().flat_map(|entry| entry.deps.keys());
    let deps: Vec<&RepoPath> = deps.filter_map(AnyPath::inside).collect();
    let is_read = |path: &RepoPath| deps.iter().any(|dep| path.is_within(dep));
    let untracked = repo.untracked_files().ok()?;
    let is_clean = !untracked
        .iter()
        .any(|path| is_read(path) && is_written(path));
    is_clean.then(|| head.short_commit())
}

fn report_side<'a>(workspace: &'a Workspace, files: &'a RecordedSnapshot<'_>) -> report::Side<'a> {
    report::Side {
        snapshot: files,
        lock: files.lock(),
        cache: &workspace.cache,
    }
}

fn last_run(workspace: &Workspace) -> Vec<StageRow> {
    let stages = LastRun::load(workspace).stages;
    let row = |run: &StageRun| {
        let (name, outcome) = (run.stage.as_str(), run.outcome.word());
        StageRow::new(name, outcome, &run.reasons, run.milliseconds)
    };
    stages.iter().map(row).collect()
}
