//! What data.lock says, read without mlpipe.

use std::collections::BTreeMap;

use serde_yaml::Value;

use super::graph::{Inputs, Truth};

/// What data.lock says of a stage.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Entry {
    pub(super) inputs: Inputs,
    pub(super) outs: BTreeMap<String, String>,
}

/// Reads the records of all stages, by their numbers.
pub(super) fn entries(text: &str) -> BTreeMap<usize, Entry> {
    let lock: Value = serde_yaml::from_str(text).expect("data.lock is YAML");
    let stages = pairs(&lock["stages"]).into_iter();
    stages
        .map(|(name, entry)| entry_of(&name, &entry))
        .collect()
}

fn entry_of(name: &str, entry: &Value) -> (usize, Entry) {
    let stage = name[1..].parse().expect("a stage of ours");
    let params = pairs(&entry["params"]["params.yaml"]);
    let number = |value: &Value| value.as_u64().expect("a number").to_string();
    let params = params.into_iter().map(|(key, value)| (key, number(&value)));
    let inputs = digests(&entry["deps"]).into_iter().chain(params).collect();
    let outs = digests(&entry["outs"]);
    (stage, Entry { inputs, outs })
}

impl Truth {
    /// Returns what data.lock is to say of it.
    pub(super) fn entry(&self) -> Entry {
        let outs = self.outs.iter();
        let outs = outs.map(|(path, content)| (path.clone(), content.digest()));
        Entry {
            inputs: self.inputs.clone(),
            outs: outs.collect(),
        }
    }
}

fn pairs(map: &Value) -> Vec<(String, Value)> {
    let map = map.as_mapping().cloned().unwrap_or_default();
    let text = |key: Value| key.as_str().expect("a text").to_owned();
    map.into_iter()
        .map(|(key, value)| (text(key), value))
        .collect()
}

fn digests(map: &Value) -> BTreeMap<String, String> {
    let digest = |value: &Value| value["sha256"].as_str().expect("a digest").to_owned();
    pairs(map)
        .into_iter()
        .map(|(key, value)| (key, digest(&value)))
        .collect()
}
