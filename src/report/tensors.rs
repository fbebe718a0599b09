//! How the shape of a model differs: the tensors of safetensors files, by their headers.
//!
//! The format: <https://huggingface.co/docs/safetensors>: eight bytes with the length of the header,
//! then the header as JSON: name → dtype, shape, offsets.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::base::path::RepoPath;
use crate::pipeline::Content;
use crate::report::side::Side;

/// Models beyond this are not read.
const LARGEST: u64 = 256 << 20;

/// How many tensors are named.
const NAMED: usize = 20;

/// A model whose shape differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ModelChange {
    /// The file.
    pub(crate) path: String,
    /// How many numbers its tensors had in all.
    pub(crate) old_parameters: u64,
    /// How many they have.
    pub(crate) new_parameters: u64,
    /// How many tensors differ.
    pub(crate) changed: usize,
    /// The first of the tensors that came, went or have another shape: name, old and new shape.
    pub(crate) tensors: Vec<TensorChange>,
}

/// A tensor that has another shape; empty where one side has none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TensorChange {
    /// Its name.
    pub(crate) name: String,
    /// The shape before, as in `f32 8×1×3×3`.
    pub(crate) old: String,
    /// The shape now.
    pub(crate) new: String,
}

/// Element type and shape of each tensor.
type Shapes = BTreeMap<String, (String, Vec<u64>)>;

/// Compares the models that both sides recorded. What cannot be read is left out.
pub(crate) fn model_changes(old: Side<'_>, new: Side<'_>) -> Vec<ModelChange> {
    let (before, now) = (models(old), models(new));
    let compare = |(path, content): (&RepoPath, &Content)| {
        let earlier = before.get(path)?;
        if earlier.sha256 == content.sha256 || earlier.size.max(content.size) > LARGEST {
            return None;
        }
        let shapes = |side: Side<'_>, digest| read_shapes(&side.cache.read(digest).ok()??);
        let (earlier, here) = (shapes(old, earlier.sha256)?, shapes(new, content.sha256)?);
        compare(path, &earlier, &here)
    };
    now.iter().filter_map(compare).collect()
}

fn models(side: Side<'_>) -> BTreeMap<RepoPath, Content> {
    let outs = side.lock.stages.values();
    let outs = outs.flat_map(|entry| entry.outs.iter());
    let outs = outs.filter_map(|(path, content)| Some((path.inside()?, content)));
    let all = outs.chain(&side.lock.data);
    let is_model = |(path, _): &(&RepoPath, &Content)| path.name().ends_with(".safetensors");
    all.filter(is_model)
        .map(|(path, content)| (path.clone(), *content))
        .collect()
}

fn compare(path: &RepoPath, old: &Shapes, new: &Shapes) -> Option<ModelChange> {
    let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let differing: Vec<&String> = names
        .into_iter()
        .filter(|name| old.get(*name) != new.get(*name))
        .collect();
    if differing.is_empty() {
        return None;
    }
    let tensor = |name: &&String| TensorChange {
        name: (*name).clone(),
        old: old.get(*name).map(shape_text).unwrap_or_default(),
        new: new.get(*name).map(shape_text).unwrap_or_default(),
    };
    Some(ModelChange {
        path: path.to_string(),
        old_parameters: parameters(old),
        new_parameters: parameters(new),
        changed: differing.len(),
        tensors: differing.iter().take(NAMED).map(tensor).collect(),
    })
}

fn parameters(shapes: &Shapes) -> u64 {
    let count = |(_, shape): &(String, Vec<u64>)| {
        let product = |product: u64, length: &u64| product.saturating_mul(*length);
        shape.iter().fold(1, product)
    };
    let counts = shapes.values().map(count);
    counts.fold(0, u64::saturating_add)
}

fn shape_text((dtype, shape): &(String, Vec<u64>)) -> String {
    let lengths: Vec<String> = shape.iter().map(u64::to_string).collect();
    let lengths = lengths.join("×");
    format!("{} {lengths}", dtype.to_lowercase())
        .trim()
        .to_owned()
}

/// Reads the header of a safetensors file; `None` if it is none.
fn read_shapes(bytes: &[u8]) -> Option<Shapes> {
    #[derive(serde::Deserialize)]
    struct Tensor {
        dtype: String,
        shape: Vec<u64>,
    }
    let (length, rest) = bytes.split_first_chunk::<8>()?;
    let length = usize::try_from(u64::from_le_bytes(*length)).ok()?;
    let header: BTreeMap<String, serde_json::Value> =
        serde_json::from_slice(rest.get(..length)?).ok()?;
    let tensors = header
        .into_iter()
        .filter(|(name, _)| name != "__metadata__");
    let shape = |(name, value)| {
        let tensor: Tensor = serde_json::from_value(value).ok()?;
        Some((name, (tensor.dtype, tensor.shape)))
    };
    tensors.map(shape).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(header: &str) -> Vec<u8> {
        let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
        bytes.extend(header.as_bytes());
        bytes
    }

    #[test]
    fn shapes_are_read_from_the_header() {
        let old = file(
            r#"{"a":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},"b":{"dtype":"F32","shape":[],"data_offsets":[24,28]}}"#,
        );
        let new = file(
            r#"{"__metadata__":{"x":"y"},"a":{"dtype":"F32","shape":[4,3],"data_offsets":[0,48]}}"#,
        );
        let (old, new) = (
            read_shapes(&old).expect("old"),
            read_shapes(&new).expect("new"),
        );
        let path = RepoPath::parse("m.safetensors").expect("a path");
        let change = compare(&path, &old, &new).expect("differs");
        assert_eq!((change.old_parameters, change.new_parameters), (7, 12));
        let shown: Vec<String> = change
            .tensors
            .iter()
            .map(|tensor| format!("{} {} → {}", tensor.name, tensor.old, tensor.new))
            .collect();
        assert_eq!(shown, ["a f32 2×3 → f32 4×3", "b f32 → "]);
        assert_eq!(compare(&path, &new, &new), None);
    }

    #[test]
    fn what_is_no_model_has_no_shapes() {
        assert_eq!(read_shapes(b"short"), None);
        assert_eq!(read_shapes(&u64::MAX.to_le_bytes()), None);
        assert_eq!(read_shapes(&file("[]")), None);
    }
}
