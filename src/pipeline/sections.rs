//! `PipelineFile`: all that one pipeline file says: its stages and the sections beside them.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::base::document::{Document, Node};
use crate::base::path::RepoPath;
use crate::base::problem::Problem;
use crate::pipeline::artifact::{Artifact, read_artifacts};
use crate::pipeline::better::Directions;
use crate::pipeline::discover::{DVC_FILE, PIPELINE_FILE};
use crate::pipeline::error::Error;
use crate::pipeline::gates::{Gate, read_gates};
use crate::pipeline::loader::PARAMS_FILE;
use crate::pipeline::lock::LOCK_FILE;
use crate::pipeline::needs::{Amount, read_pools};
use crate::pipeline::params::ParamFiles;
use crate::pipeline::plot::Plot;
use crate::pipeline::predictions::{PredictionFile, read_predictions};
use crate::pipeline::reader::Reader;
use crate::pipeline::schema::FILE;
use crate::pipeline::stage::{Dep, Stage};
use crate::pipeline::stages::StageReader;
use crate::pipeline::vars::{Context, Scope};

/// What a pipeline file holds.
#[derive(Debug, Default)]
pub(crate) struct PipelineFile {
    /// The stages in the order of the file.
    pub(crate) stages: Vec<Stage>,
    /// Metric files that no stage makes.
    pub(crate) metrics: Vec<RepoPath>,
    /// Parameter files to compare, whether or not a stage reads them.
    pub(crate) params: Vec<RepoPath>,
    /// Plots of files, whoever makes them.
    pub(crate) plots: Vec<Plot>,
    /// Files with what a model said of each example.
    pub(crate) predictions: Vec<PredictionFile>,
    /// How many places each pool has.
    pub(crate) pools: BTreeMap<String, Amount>,
    /// The report that a run ends with.
    pub(crate) report: Option<ReportSettings>,
    /// Which way metrics are better.
    pub(crate) better: Directions,
    /// What metrics have to be.
    pub(crate) gates: Vec<Gate>,
    /// What others find by name.
    pub(crate) artifacts: Vec<Artifact>,
}

/// The `report:` section: what `repro` writes when it has run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ReportSettings {
    /// Where the report goes.
    pub(crate) path: RepoPath,
    /// The revision to compare with.
    pub(crate) base: String,
    /// The user's own template.
    pub(crate) template: Option<RepoPath>,
}

impl Default for ReportSettings {
    fn default() -> Self {
        let path = RepoPath::parse("reports/report.md").expect("invariant: a plain path");
        Self {
            path,
            base: "main".to_owned(),
            template: None,
        }
    }
}

impl PipelineFile {
    /// Reads a pipeline file at `path`; what it imports comes from `files`.
    pub(crate) fn read(
        document: &Arc<Document>,
        path: &RepoPath,
        files: &ParamFiles<'_>,
    ) -> Result<Self, Error> {
        let root = document.root();
        FILE.check(&root, "the pipeline")?;
        let folder = path.parent();
        // Values are read only where something may want them: a broken params.yaml is then the
        // business of the stages that read it.
        let text = document.text();
        let context = if text.contains("${") || text.contains("vars") {
            Context::load(&root, &folder, files)?
        } else {
            Context::default()
        };
        let reader = StageReader {
            file: path,
            folder: &folder,
            context: &context,
            files,
        };
        let mut file = Self::default();
        if let Some(stages) = root.get("stages") {
            for (name, node) in stages.entries("`stages`")? {
                reader.read(name, &node, &mut file.stages)?;
            }
        }
        file.read_sections(&root, &folder, &Scope::global(&context))?;
        Ok(file)
    }

    fn read_sections(
        &mut self,
        root: &Node<'_>,
        folder: &RepoPath,
        scope: &Scope<'_>,
    ) -> Result<(), Problem> {
        let reader = Reader {
            scope,
            part: &"pipeline",
        };
        let paths = |section: &str| -> Result<Vec<RepoPath>, Problem> {
            let Some(list) = root.get(section) else {
                return Ok(Vec::new());
            };
            let items = list.items(section)?;
            items
                .iter()
                .map(|item| reader.path(folder, item, section))
                .collect()
        };
        self.metrics = paths("metrics")?;
        self.params = paths("params")?;
        self.pools = read_pools(root, &reader)?;
        self.predictions = read_predictions(root, folder, &reader)?;
        self.better = Directions::read(root, folder, &reader)?;
        self.gates = read_gates(root, folder, &reader)?;
        self.artifacts = read_artifacts(root, folder, &reader)?;
        // Nothing uses these yet, but a mistake in them is one now.
        if let Some(node) = root.get("datasets") {
            reader.tree(&node, "datasets")?;
        }
        if let Some(plots) = root.get("plots") {
            self.plots = Plot::read_section(&plots, folder, &reader)?;
        }
        let report = root.get("report");
        let report = report.map(|node| read_report(&node, folder, &reader));
        self.report = report.transpose()?;
        if let (Some(report), Some(node)) = (&self.report, root.get("report")) {
            self.refuse_report_over_files(report, &node)?;
        }
        Ok(())
    }
}

impl PipelineFile {
    /// The report replaces what is at its path, which must not be anything else of the pipeline's.
    fn refuse_report_over_files(
        &self,
        report: &ReportSettings,
        node: &Node<'_>,
    ) -> Result<(), Problem> {
        let path = &report.path;
        let reads = |dep: &Dep| match dep {
            Dep::Path { path: read, .. } => read.inside().is_some_and(|read| read.overlaps(path)),
            Dep::Glob { pattern, .. } => pattern.matches(path),
            Dep::Command { .. } | Dep::Url { .. } => false,
        };
        let is_taken = self.stages.iter().any(|stage| {
            let mut outs = stage.outs.iter().filter_map(|out| out.path.inside());
            outs.any(|out| out.overlaps(path)) || stage.deps.iter().any(reads)
        });
        let is_reserved = matches!(
            path.as_str(),
            PIPELINE_FILE | DVC_FILE | LOCK_FILE | PARAMS_FILE
        );
        if is_taken || is_reserved {
            let message = format!("the report cannot be written to `{path}`");
            return Err(node
                .problem(message)
                .help("it would replace a file of the pipeline"));
        }
        Ok(())
    }
}

fn read_report(
    node: &Node<'_>,
    folder: &RepoPath,
    reader: &Reader<'_>,
) -> Result<ReportSettings, Problem> {
    let default = ReportSettings::default();
    let path = |key: &str| {
        let path = node.get(key);
        path.map(|path| reader.path(folder, &path, key)).transpose()
    };
    Ok(ReportSettings {
        path: path("path")?.unwrap_or(default.path),
        base: reader.text_of(node, "base")?.unwrap_or(default.base),
        template: path("template")?,
    })
}

#[cfg(test)]
pub(super) mod tests {
    use std::time::Duration;

    use super::*;
    use crate::base::source::Worktree;
    use crate::pipeline::stage::Dep;

    /// Reads the text of a pipeline file at the root of an otherwise empty project.
    pub(in crate::pipeline) fn read(text: &str) -> Result<PipelineFile, Error> {
        read_with(text, &[])
    }

    /// Reads the text of a pipeline file beside other files.
    pub(in crate::pipeline) fn read_with(
        text: &str,
        files: &[(&str, &str)],
    ) -> Result<PipelineFile, Error> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for (name, text) in files {
            crate::base::fs::write_atomic(&folder.path().join(name), text.as_bytes())
                .expect("writes");
        }
        let worktree = Worktree::new(folder.path());
        let path = RepoPath::parse("pipeline.yaml").expect("a path");
        let document = Document::parse("pipeline.yaml", text)?;
        PipelineFile::read(&document, &path, &ParamFiles::new(&worktree))
    }

    fn error(text: &str) -> String {
        read(text).expect_err("a mistake").to_string()
    }

    #[test]
    fn every_form_of_a_stage() {
        let text = "stages:\n  a:\n    wdir: sub\n    cmd: [x, 1.3]\n    deps: [../in, {cmd: v}, 'd/*.csv']\n    \
                    params: [lr, {p.json: [k]}, {all.yaml: }]\n    outs: [m, {d: {cache: false, push: false, remote: r, checkpoint: true, labels: [l]}}]\n    \
                    metrics: [{s.json: {cache: false}}]\n    plots: [{c.csv: {template: confusion, header: true}}, {e.csv: [{x: a}, {x: b}]}]\n    \
                    desc: why\n";
        let file = read(text).expect("valid");
        let stage = &file.stages[0];
        assert_eq!(stage.cmd, ["x", "1.3"]);
        let outs: Vec<&str> = stage.outs.iter().map(|out| out.path.as_str()).collect();
        assert_eq!(
            outs,
            ["sub/m", "sub/d", "sub/s.json", "sub/c.csv", "sub/e.csv"]
        );
        assert!(stage.outs[0].push && !stage.outs[1].push && !stage.outs[1].cache);
        assert_eq!(stage.outs[1].remote.as_deref(), Some("r"));
        let params = stage
            .params
            .iter()
            .map(|p| (p.file.as_str(), p.key.as_deref()));
        let params: Vec<_> = params.collect();
        let wanted = [
            ("sub/params.yaml", Some("lr")),
            ("sub/p.json", Some("k")),
            ("sub/all.yaml", None),
        ];
        assert_eq!(params, wanted);
        assert!(matches!(&stage.deps[0], Dep::Path { path, .. } if path.as_str() == "in"));
        let pattern = |dep: &Dep| matches!(dep, Dep::Glob { pattern, .. } if pattern.matches(&RepoPath::parse("sub/d/a.csv").expect("a path")));
        assert!(pattern(&stage.deps[2]));
        assert_eq!(stage.desc.as_deref(), Some("why"));
    }

    #[test]
    fn what_a_stage_takes_and_how_often_it_tries() {
        let text = "stages:\n  a: {cmd: x, resources: {cpus: 2, memory: 4GiB}, pools: {gpu: 1}, timeout: 2h, retry: 2}\n";
        let file = read(text).expect("valid");
        let (needs, attempts) = (&file.stages[0].needs, file.stages[0].attempts);
        assert_eq!((needs.cpus, needs.memory), (Some(2), Some(4 << 30)));
        assert!(needs.gpus.is_none());
        assert_eq!(needs.pools["gpu"].count, 1);
        assert_eq!(attempts.timeout, Some(Duration::from_hours(2)));
        assert_eq!(attempts.retries, 2);
    }

    #[test]
    fn sections_beside_the_stages() {
        let text = "vars: [{d: data}]\nmetrics: ['${d}/m.json']\nparams: [p.toml]\npools: {gpu: 2}\n\
                    plots:\n  - plain.csv\n  - id: {y: {a.csv: acc, b.csv: [x, y]}, x: step, title: T}\n  - c.csv: {y: loss}\n  - d.csv:\n\
                    artifacts: {'best one!': {path: m.pkl, labels: [a]}}\ndatasets: [{name: n, type: dvcx, version: 3}]\n";
        let file = read(text).expect("valid");
        assert_eq!(file.metrics[0].as_str(), "data/m.json");
        assert_eq!(file.params[0].as_str(), "p.toml");
        assert_eq!(file.pools["gpu"].count, 2);
        let plots: Vec<_> = file
            .plots
            .iter()
            .flat_map(|plot| &plot.sources)
            .map(|source| (source.path.as_str(), source.column.as_deref()))
            .collect();
        let wanted = [
            ("plain.csv", None),
            ("a.csv", Some("acc")),
            ("b.csv", Some("x")),
            ("b.csv", Some("y")),
            ("c.csv", Some("loss")),
            ("d.csv", None),
        ];
        assert_eq!(plots, wanted);
        let older = read("plots: {p.csv: {x: a, y: b}, q.csv: }\n").expect("the older form");
        assert_eq!(older.plots.len(), 2);
    }

    #[test]
    fn mistakes_have_places() {
        for (text, message) in [
            (
                "stages:\n  a:\n    dep: [x]\n    cmd: x\n",
                "unknown key `dep` in stage `a` (pipeline.yaml:3:5)",
            ),
            (
                "stages:\n  a:\n    deps: [x]\n",
                "stage `a` has no `cmd` (pipeline.yaml:2:3)",
            ),
            (
                "stages:\n  a:\n    cmd: x\n    deps: x\n",
                "`deps` must be a list, not text (pipeline.yaml:4:11)",
            ),
            (
                "stages:\n  a:\n    cmd: x\n    outs: [../x]\n",
                "the out `../x` lies outside the project and cannot be cached (pipeline.yaml:4:12)",
            ),
            (
                "stages:\n  a:\n    cmd: x\n    outs: [d]\n    metrics: [d]\n",
                "stage `a` has the out `d` twice (pipeline.yaml:5:15)",
            ),
            (
                "stages:\n  a:\n    cmd: x\n    outs: [d: {cash: true}]\n",
                "unknown key `cash` in out `d` (pipeline.yaml:4:16)",
            ),
            (
                "stages:\n  a:\n    cmd: x\n    frozen: ${f}\n",
                "`frozen` must be `true` or `false`, not text (pipeline.yaml:4:13)",
            ),
            (
                "stages:\n  a:\n    foreach: [x]\n",
                "stage `a` has no `do` (pipeline.yaml:2:3)",
            ),
            (
                "stages:\n  a:\n    foreach: []\n    do: {cmd: x, deps: x}\n",
                "`deps` must be a list, not text (pipeline.yaml:4:24)",
            ),
            (
                "stages:\n  a:\n    foreach: [x]\n    do: {cmd: x}\n    matrix: {}\n",
                "unknown key `matrix` in stage `a` (pipeline.yaml:5:5)",
            ),
            (
                "stages:\n  a: {cmd: x, timeout: soon}\n",
                "`stages.a.timeout` must be a duration, as in `2h` or `90s`, not `soon` (pipeline.yaml:2:24)",
            ),
            (
                "stages:\n  a: {cmd: 'x ${b..c}'}\n",
                "`cmd`: `${b..c}` is not a key (pipeline.yaml:2:12)",
            ),
            (
                "vars: ['${x}.yaml']\n",
                "an item of `vars` cannot have `${…}` in it (pipeline.yaml:1:8)",
            ),
            (
                "stages:\n",
                "`stages` must be a map, not nothing (pipeline.yaml:1:8)",
            ),
            (
                "stages:\n  a: {cmd: x, deps: [d], outs: [d]}\n",
                "stage `a` has `d` as a dep and as an out (pipeline.yaml:2:22)",
            ),
            (
                "artifacts: {a: {type: model}}\n",
                "artifact `a` has no `path` (pipeline.yaml:1:13)",
            ),
            (
                "datasets: [{name: a}]\n",
                "an item of `datasets` has no `type` (pipeline.yaml:1:12)",
            ),
            (
                "live: {}\n",
                "unknown key `live` in the pipeline (pipeline.yaml:1:1)",
            ),
        ] {
            assert_eq!(error(text), message);
        }
    }

    #[test]
    fn shape_is_checked_before_values() {
        let text = "stages:\n  a: {cmd: '${nope}'}\n  b: {cmd: x, deps: '${x}'}\n";
        assert!(error(text).starts_with("`deps` must be a list"));
        assert!(
            error("stages:\n  a: {cmd: x, deps: ['${x}']}\n")
                .starts_with("`stages.a.deps`: there is no `x`")
        );
    }

    #[test]
    fn an_empty_file_has_no_stages() {
        for text in [
            "",
            "# nothing yet\n",
            "stages: {}\n",
            "\u{feff}stages: {}\r\n",
        ] {
            assert!(read(text).expect("valid").stages.is_empty());
        }
    }
}
