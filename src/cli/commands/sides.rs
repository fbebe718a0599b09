//! `Side`: the metrics or the parameters of the workspace or of a revision, read from git's objects and
//! from the cache.

use crate::base::path::RepoPath;
use crate::base::source::Snapshot;
use crate::cli::error::{CliError, Exit};
use crate::cli::ui;
use crate::dvc::{DvcPast, is_of_dvc};
use crate::metrics::{Collection, Query, Subject};
use crate::pipeline::{self, Lock, LockError, Pipeline};
use crate::scm::Revision;
use crate::store::RecordedSnapshot;
use crate::workspace::Workspace;

/// Finds a revision; a file's name in its place is told from one that git does not know.
pub(super) fn revision(workspace: &Workspace, name: &str) -> Result<Revision, CliError> {
    workspace.revision(name).map_err(|error| {
        let is_file = RepoPath::parse(name).is_ok_and(|path| workspace.locate(&path).is_file());
        if is_file {
            let hint = format!("`{name}` is a file: `--targets {name}` compares what it has");
            return CliError::usage(format!("there is no revision `{name}`"), &hint);
        }
        error.into()
    })
}

/// What was collected on one side.
pub(super) struct Side {
    /// What people call it.
    pub(super) name: String,
    /// The values.
    pub(super) collection: Collection,
    /// Missing files that the side's lock records: they were there once.
    pub(super) lost: Vec<RepoPath>,
    /// The revision; `None` for the workspace.
    pub(super) revision: Option<Revision>,
    /// Whether it is from before the project left DVC.
    pub(super) is_of_dvc: bool,
}

impl Side {
    /// Collects from the workspace.
    pub(super) fn here(workspace: &Workspace, query: &Query) -> Result<Self, CliError> {
        let pipeline = match workspace.load_pipeline() {
            Err(pipeline::Error::NoPipeline { .. }) => Pipeline::default(),
            loaded => loaded?,
        };
        let lock = || workspace.load_lock();
        Ok(Self::collect(
            workspace,
            query,
            &workspace.worktree,
            &pipeline,
            lock,
        )?)
    }

    /// Collects from a revision. One from before there was a pipeline has nothing.
    pub(super) fn at(
        workspace: &Workspace,
        query: &Query,
        revision: Revision,
    ) -> Result<Self, CliError> {
        let pipeline = match Pipeline::load(&revision) {
            Err(pipeline::Error::NoPipeline { .. }) => Pipeline::default(),
            loaded => loaded?,
        };
        let lock = || Lock::load(&revision);
        let side = Self::collect(workspace, query, &revision, &pipeline, lock)?;
        Ok(Self {
            is_of_dvc: is_of_dvc(&revision),
            revision: Some(revision),
            ..side
        })
    }

    /// Collects what is there; only what is missing needs the lock, which is long, and the cache.
    fn collect(
        workspace: &Workspace,
        query: &Query,
        snapshot: &dyn Snapshot,
        pipeline: &Pipeline,
        lock: impl FnOnce() -> Result<Lock, LockError>,
    ) -> Result<Self, LockError> {
        let name = snapshot.name().to_owned();
        let collection = query.collect_by(snapshot, pipeline);
        if collection.missing.is_empty() {
            let lost = Vec::new();
            return Ok(Self {
                name,
                collection,
                lost,
                revision: None,
                is_of_dvc: false,
            });
        }
        let recorded = RecordedSnapshot::new(snapshot, lock()?, &workspace.cache);
        let past = Some(&recorded).filter(|recorded| is_of_dvc(*recorded));
        let past = past.and_then(|recorded| DvcPast::new(recorded));
        let collection = match &past {
            Some(past) => query.collect_by(past, pipeline),
            None => query.collect_by(&recorded, pipeline),
        };
        let had = |path: &RepoPath| {
            recorded.records(path) || past.as_ref().is_some_and(|past| past.records(path))
        };
        let missing = collection.missing.iter();
        let lost = missing.filter(|path| had(path)).cloned();
        Ok(Self {
            name,
            lost: lost.collect(),
            collection,
            revision: None,
            is_of_dvc: false,
        })
    }

    /// Says where the metrics of a revision of DVC's are from; nothing of others.
    pub(super) fn note_on_dvc(&self) -> Option<String> {
        let name = &self.name;
        self.is_of_dvc.then(|| {
            format!(
                "{name} has no data.lock: its metrics are read as its dvc.yaml and dvc.lock say"
            )
        })
    }

    /// Returns the files of this side, those of the cache too.
    pub(super) fn files<'a>(
        &'a self,
        workspace: &'a Workspace,
    ) -> Result<RecordedSnapshot<'a>, CliError> {
        let (snapshot, lock): (&dyn Snapshot, Lock) = match &self.revision {
            Some(revision) => (revision, Lock::load(revision)?),
            None => (&workspace.worktree, workspace.load_lock()?),
        };
        Ok(RecordedSnapshot::new(snapshot, lock, &workspace.cache))
    }

    /// Returns the first digits of the revision's commit; `None` for the workspace.
    pub(super) fn short_commit(&self) -> Option<String> {
        self.revision.as_ref().map(Revision::short_commit)
    }

    /// Tells of files that could not be read, and of these that are missing: they do not hide the
    /// others, but change the exit code.
    pub(super) fn tell(self, missing: &[RepoPath], subject: Subject) -> Exit {
        let noun = match subject {
            Subject::Metrics => "metrics",
            Subject::Params | Subject::ParamsOfStages => "params",
        };
        let is_fine = missing.is_empty() && self.collection.faults.is_empty();
        for path in missing {
            let place = match self.name.as_str() {
                "workspace" => "is not there".to_owned(),
                name => format!("of {name} is neither in git nor in the cache"),
            };
            let message = format!("the {noun} file `{path}` {place}");
            let hint =
                "`mlpipe repro` makes it if a stage does; else correct its name in the pipeline";
            ui::eprint(&ui::diagnostics::render(&CliError::usage(message, hint)));
        }
        if subject == Subject::Metrics {
            if let Some(note) = self.note_on_dvc() {
                ui::eprint(&format!("note: {note}\n"));
            }
            for path in self.collection.empty_files() {
                let place = match self.name.as_str() {
                    "workspace" => String::new(),
                    name => format!(" of {name}"),
                };
                ui::eprint(&format!(
                    "note: the metrics file `{path}`{place} has no metrics in it\n"
                ));
            }
        }
        for fault in self.collection.faults {
            ui::eprint(&ui::diagnostics::render(&fault.into()));
        }
        if is_fine { Exit::Success } else { Exit::Error }
    }
}
