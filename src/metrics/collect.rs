//! Collects the metrics or the parameters of a snapshot. One bad file does not hide the others.

use std::collections::{BTreeMap, BTreeSet};

use crate::base::path::RepoPath;
use crate::base::source::{Snapshot, read_text};
use crate::base::value::Value;
use crate::pipeline::{self, PARAMS_FILE, ParamFiles, Pipeline, parse_values};

/// The leaves of some files: file → dotted key → value.
#[derive(Debug, Default)]
pub(crate) struct Collection {
    /// The values, in the order of each file.
    pub(crate) files: BTreeMap<RepoPath, Vec<(String, Value)>>,
    /// Metric files that are listed and not there.
    pub(crate) missing: Vec<RepoPath>,
    /// Files that could not be read.
    pub(crate) faults: Vec<pipeline::Error>,
}

/// Reads the metric files of `snapshot`. Lists and nulls are left out, as in DVC.
pub(crate) fn collect_metrics(snapshot: &dyn Snapshot) -> Result<Collection, pipeline::Error> {
    let mut collection = Collection::default();
    let Some(pipeline) = load(snapshot)? else {
        return Ok(collection);
    };
    for path in pipeline.metric_files() {
        match read_values(snapshot, path) {
            Ok(Some(value)) => {
                let leaves = leaves(&value);
                let wanted =
                    |(_, value): &(String, Value)| !matches!(value, Value::List(_) | Value::Null);
                let leaves = leaves.into_iter().filter(wanted).collect();
                collection.files.insert(path.clone(), leaves);
            }
            Ok(None) => collection.missing.push(path.clone()),
            Err(error) => collection.faults.push(error),
        }
    }
    Ok(collection)
}

/// Reads the parameters of `snapshot`: all of `params.yaml`, and what stages name of other files.
pub(crate) fn collect_params(snapshot: &dyn Snapshot) -> Result<Collection, pipeline::Error> {
    let mut collection = Collection::default();
    let files = ParamFiles::new(snapshot);
    let default = RepoPath::parse(PARAMS_FILE).expect("invariant: a plain file name");
    let mut wanted: BTreeMap<RepoPath, BTreeSet<Option<String>>> = BTreeMap::new();
    wanted.entry(default).or_default().insert(None);
    let pipeline = load(snapshot)?;
    for path in pipeline.iter().flat_map(Pipeline::param_files) {
        wanted.entry(path.clone()).or_default().insert(None);
    }
    for stage in pipeline.iter().flat_map(|pipeline| &pipeline.stages) {
        for param in &stage.params {
            wanted
                .entry(param.file.clone())
                .or_default()
                .insert(param.key.clone());
        }
    }
    for (path, keys) in wanted {
        match files.document(&path) {
            Ok(Some(document)) => {
                let is_wanted = |leaf: &str| {
                    keys.iter()
                        .any(|key| key.as_ref().is_none_or(|key| is_below(leaf, key)))
                };
                let leaves = leaves(document.value()).into_iter();
                let leaves = leaves.filter(|(leaf, _)| is_wanted(leaf)).collect();
                collection.files.insert(path, leaves);
            }
            Ok(None) => {}
            Err(error) => collection.faults.push(error),
        }
    }
    Ok(collection)
}

/// A revision from before there was a pipeline has nothing to collect, which is no mistake.
fn load(snapshot: &dyn Snapshot) -> Result<Option<Pipeline>, pipeline::Error> {
    match Pipeline::load(snapshot) {
        Ok(pipeline) => Ok(Some(pipeline)),
        Err(pipeline::Error::NoPipeline { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

fn read_values(snapshot: &dyn Snapshot, path: &RepoPath) -> Result<Option<Value>, pipeline::Error> {
    let text = read_text(snapshot, path)?;
    text.map(|text| parse_values(&snapshot.label(path), &text))
        .transpose()
}

fn leaves(value: &Value) -> Vec<(String, Value)> {
    value
        .flatten()
        .into_iter()
        .map(|(key, value)| (key, value.clone()))
        .collect()
}

fn is_below(leaf: &str, key: &str) -> bool {
    leaf.strip_prefix(key)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}
