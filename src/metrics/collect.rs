//! Collects the metrics or the parameters of a snapshot. One bad file does not hide the others.

use std::collections::{BTreeMap, BTreeSet};

use crate::base::path::RepoPath;
use crate::base::problem::Problem;
use crate::base::source::{Snapshot, read_text};
use crate::base::value::Value;
use crate::pipeline::{self, Directions, PARAMS_FILE, ParamFiles, Pipeline, parse_values};

/// The leaves of some files: file → dotted key → value.
#[derive(Debug, Default)]
pub(crate) struct Collection {
    /// The values, in the order of each file.
    pub(crate) files: BTreeMap<RepoPath, Vec<(String, Value)>>,
    /// Keys whose values are no metrics, and what they are: a list, or nothing.
    pub(crate) left_out: BTreeMap<RepoPath, Vec<(String, &'static str)>>,
    /// Files that are listed and not there.
    pub(crate) missing: Vec<RepoPath>,
    /// Files that could not be read: what is wrong with each.
    pub(crate) faults: Vec<pipeline::Error>,
    /// The same files by their paths.
    pub(crate) unread: Vec<RepoPath>,
    /// Which way metrics are better.
    pub(crate) directions: Directions,
}

impl Collection {
    /// Returns the value of `key` in the file at `path`.
    pub(crate) fn value(&self, path: &RepoPath, key: &str) -> Option<&Value> {
        let leaves = self.files.get(path)?;
        let found = leaves.iter().find(|(known, _)| known == key);
        found.map(|(_, value)| value)
    }

    /// Returns the files that have no value to show.
    pub(crate) fn empty_files(&self) -> impl Iterator<Item = &RepoPath> {
        let empty = self.files.iter().filter(|(_, leaves)| leaves.is_empty());
        empty.map(|(path, _)| path)
    }

    fn unreadable(&mut self, path: RepoPath, fault: pipeline::Error) {
        self.unread.push(path);
        self.faults.push(fault);
    }
}

/// What is collected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Subject {
    /// Metrics, without lists and nulls, as in DVC.
    Metrics,
    /// Parameters: all of `params.yaml` and of listed files, and what stages name of others.
    Params,
    /// Only the parameters that stages depend on.
    ParamsOfStages,
}

/// What is collected of which files.
#[derive(Clone, Debug)]
pub(crate) struct Query {
    /// What.
    pub(crate) subject: Subject,
    /// Files, listed or not, and folders of listed ones; all that are listed if there is none.
    pub(crate) targets: Vec<RepoPath>,
}

/// Reads the parameters of `snapshot`.
pub(crate) fn collect_params(snapshot: &dyn Snapshot) -> Result<Collection, pipeline::Error> {
    Query::all(Subject::Params).collect(snapshot)
}

impl Query {
    /// Asks for everything of a kind.
    pub(crate) fn all(subject: Subject) -> Self {
        let targets = Vec::new();
        Self { subject, targets }
    }

    /// Collects from `snapshot` by its own pipeline. A revision from before there was one has nothing
    /// to collect, which is no mistake.
    pub(crate) fn collect(&self, snapshot: &dyn Snapshot) -> Result<Collection, pipeline::Error> {
        match Pipeline::load(snapshot) {
            Ok(pipeline) => Ok(self.collect_by(snapshot, &pipeline)),
            Err(pipeline::Error::NoPipeline { .. }) => {
                Ok(self.collect_by(snapshot, &Pipeline::default()))
            }
            Err(error) => Err(error),
        }
    }

    /// Collects from `snapshot`, whose pipeline is `pipeline`.
    pub(crate) fn collect_by(&self, snapshot: &dyn Snapshot, pipeline: &Pipeline) -> Collection {
        let mut collection = Collection {
            directions: pipeline.better.clone(),
            ..Collection::default()
        };
        match self.subject {
            Subject::Metrics => self.metrics(snapshot, pipeline, &mut collection),
            Subject::Params | Subject::ParamsOfStages => {
                self.params(snapshot, pipeline, &mut collection);
            }
        }
        collection
    }

    fn metrics(&self, snapshot: &dyn Snapshot, pipeline: &Pipeline, into: &mut Collection) {
        let listed = pipeline.metric_files().into_iter().cloned().collect();
        for path in self.chosen(listed) {
            match read_values(snapshot, &path) {
                Ok(Some(value)) => {
                    let is_metric = |(_, value): &(String, Value)| {
                        !matches!(value, Value::List(_) | Value::Null)
                    };
                    let all = leaves(&value);
                    if let Some(key) = twice(&all) {
                        let fault = ambiguous(&snapshot.label(&path), key);
                        into.unreadable(path, fault);
                        continue;
                    }
                    let (metrics, others) = all.into_iter().partition(is_metric);
                    let others: Vec<(String, Value)> = others;
                    let others = others.into_iter().map(|(key, value)| (key, value.kind()));
                    into.left_out.insert(path.clone(), others.collect());
                    into.files.insert(path, metrics);
                }
                Ok(None) => into.missing.push(path),
                Err(error) => into.unreadable(path, error),
            }
        }
    }

    fn params(&self, snapshot: &dyn Snapshot, pipeline: &Pipeline, into: &mut Collection) {
        let files = ParamFiles::new(snapshot);
        let default = RepoPath::parse(PARAMS_FILE).expect("invariant: a plain file name");
        let mut wanted: BTreeMap<RepoPath, BTreeSet<Option<String>>> = BTreeMap::new();
        if self.subject == Subject::Params {
            for path in [&default].into_iter().chain(pipeline.param_files()) {
                wanted.entry(path.clone()).or_default().insert(None);
            }
        }
        for param in pipeline.stages.iter().flat_map(|stage| &stage.params) {
            let keys = wanted.entry(param.file.clone()).or_default();
            keys.insert(param.key.clone());
        }
        let whole = BTreeSet::from([None]);
        for path in self.chosen(wanted.keys().cloned().collect()) {
            let keys = wanted.get(&path).unwrap_or(&whole);
            match files.document(&path) {
                Ok(Some(document)) => {
                    let is_wanted = |leaf: &str| {
                        let mut keys = keys.iter();
                        keys.any(|key| key.as_ref().is_none_or(|key| is_below(leaf, key)))
                    };
                    let leaves = leaves(document.value()).into_iter();
                    let leaves = leaves.filter(|(leaf, _)| is_wanted(leaf)).collect();
                    into.files.insert(path, leaves);
                }
                // A project without parameters has no file of them.
                Ok(None) if path == default && self.targets.is_empty() => {}
                Ok(None) => into.missing.push(path),
                Err(error) => into.unreadable(path, error),
            }
        }
    }

    /// Returns those of the listed files that are asked for, and targets that are not listed.
    fn chosen(&self, listed: BTreeSet<RepoPath>) -> BTreeSet<RepoPath> {
        if self.targets.is_empty() {
            return listed;
        }
        let mut chosen = BTreeSet::new();
        for target in &self.targets {
            let mut inside = listed.iter().filter(|path| path.is_within(target));
            match inside.next() {
                Some(first) => chosen.extend([first].into_iter().chain(inside).cloned()),
                None => drop(chosen.insert(target.clone())),
            }
        }
        chosen
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

/// Returns a key that stands for two values, as in `{"a.b": 1, "a": {"b": 2}}`.
fn twice(leaves: &[(String, Value)]) -> Option<&str> {
    let mut seen = BTreeSet::new();
    let mut keys = leaves.iter().map(|(key, _)| key.as_str());
    keys.find(|key| !seen.insert(*key))
}

fn ambiguous(label: &str, key: &str) -> pipeline::Error {
    let message = format!("`{key}` is two metrics: a key with dots, and keys within each other");
    let problem = Problem::new(label, "", message).help("give one of them another name");
    problem.into()
}

fn is_below(leaf: &str, key: &str) -> bool {
    leaf.strip_prefix(key)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}
