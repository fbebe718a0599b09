//! `Pipeline`: everything that a snapshot's pipeline files say, checked and connected.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::base::document::Document;
use crate::base::path::RepoPath;
use crate::base::source::{Snapshot, read_text};
use crate::pipeline::artifact::Artifact;
use crate::pipeline::better::Directions;
use crate::pipeline::discover::{DVC_FILE, PIPELINE_FILE, find_below};
use crate::pipeline::error::Error;
use crate::pipeline::gates::Gate;
use crate::pipeline::graph::Graph;
use crate::pipeline::needs::{Amount, check_pools, merge_pools};
use crate::pipeline::params::ParamFiles;
use crate::pipeline::plot::Plot;
use crate::pipeline::predictions::{PredictionFile, check_files};
use crate::pipeline::sections::{PipelineFile, ReportSettings};
use crate::pipeline::stage::{Out, OutKind, Stage};

/// The parameter file that a stage reads unless it names another.
pub(crate) const PARAMS_FILE: &str = "params.yaml";

/// The stages of a project, connected.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Pipeline {
    /// The stages: those of the root's file first, then file by file, in the order of each.
    pub(crate) stages: Vec<Stage>,
    /// Which of them needs which.
    pub(crate) graph: Graph,
    /// The report that a run ends with.
    pub(crate) report: Option<ReportSettings>,
    /// How many places each pool has.
    pub(crate) pools: BTreeMap<String, Amount>,
    /// Which way metrics are better.
    pub(crate) better: Directions,
    /// What metrics have to be.
    pub(crate) gates: Vec<Gate>,
    /// What others find by name.
    pub(crate) artifacts: Vec<Artifact>,
    metrics: Vec<RepoPath>,
    params: Vec<RepoPath>,
    plots: Vec<Plot>,
    predictions: Vec<PredictionFile>,
}

impl Pipeline {
    /// Loads the pipeline of `snapshot`: all of its pipeline files, as one graph.
    pub(crate) fn load(snapshot: &dyn Snapshot) -> Result<Self, Error> {
        let files = ParamFiles::new(snapshot);
        let mut read = Vec::new();
        for name in [PIPELINE_FILE, DVC_FILE] {
            let path = RepoPath::parse(name).expect("invariant: a plain file name");
            if read.is_empty() {
                read.extend(read_file(snapshot, &path, &files)?);
            }
        }
        let stages = read.iter().flat_map(|file: &PipelineFile| &file.stages);
        let outs: BTreeSet<&RepoPath> = stages
            .flat_map(|stage| &stage.outs)
            .filter_map(|out| out.path.inside())
            .collect();
        for path in find_below(snapshot, &outs)? {
            read.extend(read_file(snapshot, &path, &files)?);
        }
        if read.is_empty() {
            return Err(Error::NoPipeline {
                snapshot: snapshot.name().to_owned(),
            });
        }
        Self::connect(read, snapshot.root())
    }

    /// Writes the pipeline in a form that [`Self::restore`] reads many times faster than YAML.
    pub(crate) fn store(&self) -> Vec<u8> {
        postcard::to_stdvec(self).expect("invariant: plain data")
    }

    /// Reads what [`Self::store`] has written of the project at `root`; `None` if it is damaged.
    pub(crate) fn restore(bytes: &[u8], root: &Path) -> Option<Self> {
        let mut pipeline: Self = postcard::from_bytes(bytes).ok()?;
        pipeline.graph.attach(root);
        let root: Arc<Path> = root.into();
        let pools = pipeline.pools.values_mut().map(|pool| &mut pool.origin);
        let stages = pipeline.stages.iter_mut().flat_map(Stage::origins_mut);
        let predictions = pipeline.predictions.iter_mut();
        let predictions = predictions.flat_map(PredictionFile::origins_mut);
        let origins = stages.chain(pools).chain(predictions);
        origins.for_each(|origin| origin.attach(&root));
        Some(pipeline)
    }

    fn connect(files: Vec<PipelineFile>, root: &Path) -> Result<Self, Error> {
        let mut whole = PipelineFile::default();
        for mut file in files {
            whole.stages.append(&mut file.stages);
            whole.metrics.append(&mut file.metrics);
            whole.params.append(&mut file.params);
            whole.plots.append(&mut file.plots);
            whole.predictions.append(&mut file.predictions);
            whole.report = whole.report.or(file.report);
            whole.better.append(file.better);
            whole.gates.append(&mut file.gates);
            whole.artifacts.append(&mut file.artifacts);
            merge_pools(&mut whole.pools, file.pools)?;
        }
        check_pools(&whole.stages, &whole.pools)?;
        let graph = Graph::build(&whole.stages, root)?;
        note_makers(&mut whole.predictions, &whole.stages);
        let pipeline = Self {
            stages: whole.stages,
            graph,
            report: whole.report,
            pools: whole.pools,
            better: whole.better,
            gates: whole.gates,
            artifacts: whole.artifacts,
            metrics: whole.metrics,
            params: whole.params,
            plots: whole.plots,
            predictions: whole.predictions,
        };
        check_files(&pipeline.predictions, &pipeline.metric_files())?;
        Ok(pipeline)
    }

    /// Returns the files of metrics, sorted.
    pub(crate) fn metric_files(&self) -> BTreeSet<&RepoPath> {
        let made = self
            .outs()
            .filter(|out| matches!(out.kind, OutKind::Metric));
        let made = made.filter_map(|out| out.path.inside());
        made.chain(&self.metrics).collect()
    }

    /// Returns the files of parameters that are listed beside the stages.
    pub(crate) fn param_files(&self) -> &[RepoPath] {
        &self.params
    }

    /// Returns all plots, those of stages first. One beside the stages that has the id of another
    /// says how that is drawn.
    pub(crate) fn plots(&self) -> impl Iterator<Item = &Plot> {
        let made = self.outs().flat_map(|out| match &out.kind {
            OutKind::Plot(plots) => plots.as_slice(),
            OutKind::Plain | OutKind::Metric => &[],
        });
        let is_alone = move |made: &&Plot| self.plots.iter().all(|plot| plot.id != made.id);
        made.filter(is_alone).chain(&self.plots)
    }

    /// Returns the files with what a model said of each example.
    pub(crate) fn predictions(&self) -> &[PredictionFile] {
        &self.predictions
    }

    fn outs(&self) -> impl Iterator<Item = &Out> {
        self.stages.iter().flat_map(|stage| &stage.outs)
    }
}

/// Notes which metrics are made together with which predictions.
fn note_makers(predictions: &mut [PredictionFile], stages: &[Stage]) {
    for file in predictions {
        let makes = |stage: &&Stage| {
            let mut outs = stage.outs.iter().filter_map(|out| out.path.inside());
            outs.any(|out| out.overlaps(&file.path))
        };
        let outs = stages
            .iter()
            .find(makes)
            .map_or(&[][..], |stage| &stage.outs);
        let metrics = outs
            .iter()
            .filter(|out| matches!(out.kind, OutKind::Metric));
        let metrics = metrics.filter_map(|out| out.path.inside().cloned());
        file.made_with = metrics.collect();
    }
}

fn read_file(
    snapshot: &dyn Snapshot,
    path: &RepoPath,
    files: &ParamFiles<'_>,
) -> Result<Option<PipelineFile>, Error> {
    let Some(text) = read_text(snapshot, path)? else {
        return Ok(None);
    };
    let document = Document::parse(&snapshot.label(path), &text)?;
    PipelineFile::read(&document, path, files).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::source::Worktree;

    fn load(files: &[(&str, &str)]) -> Result<Pipeline, Error> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for (name, text) in files {
            crate::base::fs::write_atomic(&folder.path().join(name), text.as_bytes())
                .expect("writes");
        }
        Pipeline::load(&Worktree::new(folder.path()))
    }

    fn names(pipeline: &Pipeline) -> Vec<&str> {
        pipeline
            .stages
            .iter()
            .map(|stage| stage.name.as_str())
            .collect()
    }

    #[test]
    fn many_files_are_one_graph() {
        let stage = |name: &str, rest: &str| {
            format!("stages: {{{name}: {{cmd: x{rest}}}}}\npools: {{gpu: 2}}\n")
        };
        let pipeline = load(&[
            ("pipeline.yaml", &stage("top", ", deps: [p2/o]")),
            ("p1/dvc.yaml", &stage("one", ", outs: [o]")),
            (
                "p2/pipeline.yaml",
                &stage("two", ", deps: [../p1/o], outs: [o]"),
            ),
            ("p2/dvc.yaml", &stage("unread", "")),
            (".gitignore", "/scratch\n*.tmp/\n"),
            ("scratch/pipeline.yaml", &stage("ignored", "")),
            ("x.tmp/pipeline.yaml", &stage("ignored", "")),
            ("node_modules/a/dvc.yaml", &stage("foreign", "")),
            (".hidden/dvc.yaml", &stage("hidden", "")),
            ("other/.mlpipe/.gitignore", ""),
            ("other/pipeline.yaml", &stage("foreign", "")),
        ]);
        let pipeline = pipeline.unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(
            names(&pipeline),
            ["top", "p1/dvc.yaml:one", "p2/pipeline.yaml:two"]
        );
        assert_eq!(pipeline.graph.order(), [1, 2, 0]);
        assert_eq!(pipeline.pools["gpu"].count, 2);
        let resolve = |target: &str| pipeline.graph.resolve(target).ok();
        assert_eq!(resolve("p2/pipeline.yaml:two"), Some(vec![2]));
        assert_eq!(resolve("p1/dvc.yaml"), Some(vec![1]));
        assert_eq!(resolve("one"), None);
    }

    #[test]
    fn outs_are_not_searched_and_an_empty_project_is_told() {
        let pipeline = load(&[
            ("pipeline.yaml", "stages: {a: {cmd: x, outs: [data]}}\n"),
            ("data/pipeline.yaml", "no: pipeline\n"),
        ]);
        assert_eq!(names(&pipeline.expect("valid")), ["a"]);
        assert!(matches!(
            load(&[("a.txt", "")]),
            Err(Error::NoPipeline { .. })
        ));
    }

    #[test]
    fn names_must_differ() {
        let text = "stages:\n  a@x: {cmd: x}\n  a:\n    foreach: [x]\n    do: {cmd: y}\n";
        let message = load(&[("dvc.yaml", text)]).expect_err("twice").to_string();
        assert_eq!(message, "there are two stages `a@x` (dvc.yaml:3:3)");
        let text = "stages: {a: {cmd: x, outs: ['../sub']}}\n";
        let message = load(&[("sub/dvc.yaml", text)])
            .expect_err("itself")
            .to_string();
        assert!(
            message.contains("the folder of its own pipeline"),
            "{message}"
        );
    }

    /// A place costs a second look at the whole text, so nothing may ask for one without a mistake:
    /// with as much as one place a stage this takes minutes.
    #[test]
    fn thousands_of_stages_load_at_once() {
        let stage = |n: usize| {
            format!(
                "  s{n}:\n    cmd: x ${{lr}}\n    deps: [i{n}]\n    outs: [o{n}]\n    params: [lr]\n"
            )
        };
        let stages: String = (0..5000).map(stage).collect();
        let text = format!("vars: [{{lr: 1}}]\nstages:\n{stages}");
        assert_eq!(
            load(&[("pipeline.yaml", &text)])
                .expect("valid")
                .stages
                .len(),
            5000
        );
    }
}
