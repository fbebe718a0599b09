//! `Pipeline`: everything that a snapshot's pipeline file says, checked and connected.

use std::collections::BTreeSet;

use crate::base::document::Document;
use crate::base::path::RepoPath;
use crate::base::source::{Snapshot, read_text};
use crate::pipeline::error::Error;
use crate::pipeline::graph::Graph;
use crate::pipeline::schema::{PipelineFile, ReportSettings};
use crate::pipeline::stage::{Out, OutKind, PlotProperties, Stage};

/// The file that describes the stages.
pub(crate) const PIPELINE_FILE: &str = "pipeline.yaml";

/// The parameter file that a stage reads unless it names another.
pub(crate) const PARAMS_FILE: &str = "params.yaml";

/// The stages of a project, connected.
#[derive(Debug)]
pub(crate) struct Pipeline {
    /// The stages in the order of the file.
    pub(crate) stages: Vec<Stage>,
    /// Which of them needs which.
    pub(crate) graph: Graph,
    /// The report that a run ends with.
    pub(crate) report: Option<ReportSettings>,
    metrics: Vec<RepoPath>,
}

impl Pipeline {
    /// Loads the pipeline of `snapshot`.
    pub(crate) fn load(snapshot: &dyn Snapshot) -> Result<Self, Error> {
        let path = RepoPath::parse(PIPELINE_FILE).expect("invariant: a plain file name");
        let Some(text) = read_text(snapshot, &path)? else {
            return Err(Error::NoPipeline {
                snapshot: snapshot.name().to_owned(),
            });
        };
        let document = Document::parse(&snapshot.label(&path), &text)?;
        let file = PipelineFile::read(&document.root(), &RepoPath::root())?;
        let graph = Graph::build(&file.stages)?;
        Ok(Self {
            stages: file.stages,
            graph,
            report: file.report,
            metrics: file.metrics,
        })
    }

    /// Returns the files of metrics, sorted.
    pub(crate) fn metric_files(&self) -> BTreeSet<&RepoPath> {
        let made = self
            .outs()
            .filter(|out| matches!(out.kind, OutKind::Metric));
        made.map(|out| &out.path).chain(&self.metrics).collect()
    }

    /// Returns the plots of all stages with how they are drawn.
    pub(crate) fn plots(&self) -> impl Iterator<Item = (&RepoPath, &PlotProperties)> {
        self.outs().filter_map(|out| match &out.kind {
            OutKind::Plot(properties) => Some((&out.path, properties)),
            _ => None,
        })
    }

    fn outs(&self) -> impl Iterator<Item = &Out> {
        self.stages.iter().flat_map(|stage| &stage.outs)
    }
}
