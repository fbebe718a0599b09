//! `Card`: what somebody who is handed a model should know of it, from what is recorded.

use std::collections::BTreeMap;

use serde::Serialize;
use tera::{Context, EscapeFn};

use crate::base::any_path::AnyPath;
use crate::base::problem::Problem;
use crate::metrics::Collection;
use crate::pipeline::{Artifact, Lock, Pipeline, StageEntry, StageIndex, tracked_around};
use crate::report::markdown;
use crate::report::render::{engine, tidy};

/// The template, and the name under which a user's own takes its place.
pub(crate) const TEMPLATE: &str = "card.md";

/// All that a model card says.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Card {
    name: String,
    /// The version of the commit, if it has one.
    pub(crate) version: Option<String>,
    path: String,
    kind: Option<String>,
    desc: Option<String>,
    labels: Vec<String>,
    meta: Vec<Fact>,
    /// The commit.
    pub(crate) commit: Option<String>,
    /// Whether the workspace differs from it.
    pub(crate) is_dirty: bool,
    /// How others get it.
    pub(crate) repository: Option<String>,
    content: Option<Bytes>,
    stage: Option<String>,
    metrics: Vec<Fact>,
    params: Vec<Fact>,
    data: Vec<Bytes>,
}

/// A name with a value.
#[derive(Debug, Serialize)]
struct Fact {
    key: String,
    value: String,
}

/// Recorded content.
#[derive(Debug, Serialize)]
struct Bytes {
    path: String,
    sha256: String,
    size: u64,
    files: Option<u64>,
}

impl Card {
    /// Gathers what is recorded of an artifact: of the stage that makes it and of all before that.
    pub(crate) fn new(
        artifact: &Artifact,
        pipeline: &Pipeline,
        lock: &Lock,
        metrics: &Collection,
    ) -> Self {
        let path = AnyPath::from(artifact.path.clone());
        let maker = pipeline.graph.maker(&path);
        let stages = maker.map(|maker| pipeline.graph.with_upstream(vec![maker]));
        let stages: Vec<StageIndex> = stages.into_iter().flatten().collect();
        let entries = stages
            .iter()
            .filter_map(|stage| lock.stages.get(&pipeline.stages[*stage].name));
        let entries: Vec<&StageEntry> = entries.collect();
        let made = entries.iter().find_map(|entry| entry.outs.get(&path));
        let content = made.or_else(|| lock.data.get(&artifact.path));
        Self {
            name: artifact.name.clone(),
            path: artifact.path.to_string(),
            kind: artifact.kind.clone(),
            desc: artifact.desc.clone(),
            labels: artifact.labels.clone(),
            meta: meta(artifact),
            content: content.map(|content| bytes(artifact.path.as_str(), content)),
            stage: maker.map(|maker| pipeline.stages[maker].name.to_string()),
            metrics: numbers(metrics),
            params: params(&entries),
            data: data(&entries, lock),
            ..Self::default()
        }
    }

    /// Writes it by our template, or by `own`, the text of a user's at `label`.
    pub(crate) fn render(&self, own: Option<(&str, &str)>) -> Result<String, Problem> {
        let (label, text) = own.unwrap_or((TEMPLATE, include_str!("templates/card.md")));
        let problem = |error: tera::Error| Problem::new(label, text, error.to_string());
        let mut tera = engine();
        let escape: EscapeFn = |text, out| out.write_all(markdown::escape(text).as_bytes());
        tera.set_escape_fn(escape);
        tera.add_raw_template(TEMPLATE, text).map_err(problem)?;
        let context = Context::from_serialize(self).map_err(problem)?;
        Ok(tidy(&tera.render(TEMPLATE, &context).map_err(problem)?))
    }
}

fn bytes(path: &str, content: &crate::pipeline::Content) -> Bytes {
    Bytes {
        path: path.to_owned(),
        sha256: content.sha256.to_string(),
        size: content.size,
        files: content.files,
    }
}

fn meta(artifact: &Artifact) -> Vec<Fact> {
    let parsed = artifact.meta.as_deref().map(serde_json::from_str);
    let Some(Ok(serde_json::Value::Object(map))) = parsed else {
        return Vec::new();
    };
    let text = |value: serde_json::Value| match value {
        serde_json::Value::String(text) => text,
        other => other.to_string(),
    };
    map.into_iter()
        .map(|(key, value)| Fact {
            key,
            value: text(value),
        })
        .collect()
}

fn numbers(metrics: &Collection) -> Vec<Fact> {
    let is_single = metrics.files.len() == 1;
    let leaves = metrics.files.iter().flat_map(|(file, leaves)| {
        leaves.iter().map(move |(key, value)| Fact {
            key: if is_single {
                key.clone()
            } else {
                format!("{file}: {key}")
            },
            value: value.to_string(),
        })
    });
    leaves.collect()
}

fn params(entries: &[&StageEntry]) -> Vec<Fact> {
    let mut params: BTreeMap<String, String> = BTreeMap::new();
    for (file, values) in entries.iter().flat_map(|entry| &entry.params) {
        for (key, value) in values {
            for (leaf, value) in value.flatten() {
                let parts = [key.as_str(), leaf.as_str()];
                let name: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
                let name = name.join(".");
                let name = match file.as_str() {
                    "params.yaml" => name,
                    file => format!("{file}: {name}"),
                };
                params.insert(name, value.to_string());
            }
        }
    }
    params
        .into_iter()
        .map(|(key, value)| Fact { key, value })
        .collect()
}

/// Returns the tracked data that the stages read.
fn data(entries: &[&StageEntry], lock: &Lock) -> Vec<Bytes> {
    let deps = entries.iter().flat_map(|entry| entry.deps.keys());
    let tracked = deps.filter_map(|dep| tracked_around(&lock.data, dep.inside()?));
    let mut tracked: Vec<_> = tracked.collect();
    tracked.sort();
    tracked.dedup();
    tracked
        .into_iter()
        .map(|path| bytes(path.as_str(), &lock.data[path]))
        .collect()
}
