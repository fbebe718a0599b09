//! The report as one page of HTML that needs nothing else: no network, no other file.

use serde::Serialize;

use crate::pipeline::{Dep, PARAMS_FILE, Pipeline, Stage};
use crate::plots::Fragment;
use crate::report::drawing;
use crate::report::model::StageRow;

/// What only the page shows.
#[derive(Debug, Serialize)]
pub(crate) struct Page {
    /// The pipeline as SVG, each stage leading to its card.
    pub(crate) drawing: String,
    /// What is known of each stage, in the order of the pipeline.
    pub(crate) cards: Vec<StageCard>,
    /// The pipeline's plots, those of the base beside them.
    pub(crate) plots: Option<Fragment>,
}

/// What is known of a stage.
#[derive(Debug, Serialize)]
pub(crate) struct StageCard {
    /// Its name.
    pub(crate) name: String,
    /// What people are told of it.
    pub(crate) desc: String,
    /// Its command.
    pub(crate) command: String,
    /// What it reads.
    pub(crate) deps: Vec<String>,
    /// The parameters that it depends on.
    pub(crate) params: Vec<String>,
    /// What it makes.
    pub(crate) outs: Vec<String>,
    /// How its last run ended; empty where it has not run.
    pub(crate) outcome: String,
    /// Why it ran.
    pub(crate) reason: String,
    /// How long it took.
    pub(crate) time: String,
}

impl Page {
    /// Makes the page of a pipeline and its last run.
    pub(crate) fn new(pipeline: &Pipeline, stages: &[StageRow], plots: Option<Fragment>) -> Self {
        let run = |stage: &Stage| stages.iter().find(|run| run.name == stage.name.as_str());
        let outcome = |stage: usize| {
            let run = run(&pipeline.stages[stage]);
            run.map_or_else(String::new, |run| run.outcome.clone())
        };
        let cards = pipeline.stages.iter().map(|stage| card(stage, run(stage)));
        Self {
            drawing: drawing::draw(pipeline, outcome),
            cards: cards.collect(),
            plots,
        }
    }
}

fn card(stage: &Stage, run: Option<&StageRow>) -> StageCard {
    let dep = |dep: &Dep| match dep {
        Dep::Path { path, .. } => path.to_string(),
        Dep::Glob { pattern, .. } => pattern.to_string(),
        Dep::Url { url, .. } => url.clone(),
        Dep::Command { cmd } => format!("output of {cmd}"),
    };
    let text = |part: fn(&StageRow) -> &String| run.map(part).cloned().unwrap_or_default();
    let params = stage.params.iter().map(|param| match &param.key {
        Some(key) if param.file.as_str() == PARAMS_FILE => key.clone(),
        Some(key) => format!("{}:{key}", param.file),
        None => param.file.to_string(),
    });
    StageCard {
        name: stage.name.to_string(),
        desc: stage.desc.clone().unwrap_or_default(),
        command: stage.cmd.join("\n"),
        deps: stage.deps.iter().map(dep).collect(),
        params: params.collect(),
        outs: stage.outs.iter().map(|out| out.path.to_string()).collect(),
        outcome: text(|run| &run.outcome),
        reason: text(|run| &run.reason),
        time: text(|run| &run.time),
    }
}
