//! `Identity`: what a training depends on, by which its checkpoints know it.

use serde::{Deserialize, Serialize};

use crate::ml::dataset::Summary;
use crate::ml::digest::code_digest;
use crate::ml::layers::LayerSpec;
use crate::ml::train_params::TrainParams;

/// What a training depends on; a checkpoint is good for no other.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Identity {
    code: String,
    model: String,
    train: String,
    data: String,
}

impl Identity {
    pub(crate) fn new(layers: &[LayerSpec], params: &TrainParams, summary: &Summary) -> Self {
        let text = |value: serde_json::Result<String>| {
            value.expect("invariant: params and summaries are numbers, text and lists")
        };
        Self {
            code: code_digest().to_owned(),
            model: text(serde_json::to_string(layers)),
            train: text(serde_json::to_string(params)),
            data: text(serde_json::to_string(summary)),
        }
    }

    /// Returns what another training differs in.
    pub(crate) fn difference(&self, other: &Self) -> Option<&'static str> {
        if self.model != other.model {
            Some("another `model`")
        } else if self.train != other.train {
            Some("other `train` params")
        } else if self.data != other.data {
            Some("other data")
        } else if self.code != other.code {
            Some("another version of mlpipe")
        } else {
            None
        }
    }
}
