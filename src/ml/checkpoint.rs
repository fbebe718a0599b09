//! Where a training is, as a file: killed at any moment, it goes on to the same weights.
//!
//! What is random is drawn from streams that are numbered by epoch, batch and image, so the
//! position in the data is the state of all generators as well.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::base::fs;
use crate::ml::batch::Tally;
use crate::ml::bits;
use crate::ml::dataset::Summary;
use crate::ml::error::Error;
use crate::ml::event::Score;
use crate::ml::history::History;
use crate::ml::layers::LayerSpec;
use crate::ml::model::Network;
use crate::ml::optimizer::Optimizer;
use crate::ml::tensors::{self, Stored};
use crate::ml::train_params::TrainParams;

/// The checkpoint of where training is.
const LAST: &str = "last.safetensors";
/// The weights of the epoch with the best score.
const BEST: &str = "best.safetensors";

/// What a training depends on; a checkpoint is good for no other.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Identity {
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
            model: text(serde_json::to_string(layers)),
            train: text(serde_json::to_string(params)),
            data: text(serde_json::to_string(summary)),
        }
    }

    /// Returns what another training differs in.
    fn difference(&self, other: &Self) -> Option<&'static str> {
        if self.model != other.model {
            Some("another `model`")
        } else if self.train != other.train {
            Some("other `train` params")
        } else if self.data != other.data {
            Some("other data")
        } else {
            None
        }
    }
}

/// How far a training is, and how well it went.
#[derive(Clone, Default, Serialize, Deserialize)]
pub(crate) struct Progress {
    /// The epochs that are over.
    pub(crate) epochs: usize,
    /// The batches of the next epoch that were learned from.
    pub(crate) batches: usize,
    /// The answers of that epoch so far.
    pub(crate) tally: Tally,
    /// How the last epoch went.
    pub(crate) last: Option<Outcome>,
    /// How the best epoch went.
    pub(crate) best: Option<Outcome>,
    /// Whether training is over.
    pub(crate) over: bool,
    pub(crate) history: History,
}

/// How an epoch went.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Outcome {
    pub(crate) epoch: usize,
    #[serde(with = "exact")]
    pub(crate) train: Score,
    #[serde(with = "exact")]
    pub(crate) validation: Score,
}

/// The folder with the checkpoints of a training.
pub(crate) struct Checkpoints {
    folder: PathBuf,
    identity: Identity,
}

#[derive(Serialize, Deserialize)]
struct State {
    identity: Identity,
    steps: u64,
    progress: Progress,
}

impl Checkpoints {
    pub(crate) fn new(folder: &Path, identity: Identity) -> Self {
        Self {
            folder: folder.to_owned(),
            identity,
        }
    }

    /// Forgets the checkpoints of an earlier training.
    pub(crate) fn clear(&self) -> Result<(), Error> {
        for name in [LAST, BEST] {
            fs::remove(&self.folder.join(name))?;
        }
        Ok(())
    }

    /// Writes where training is, whole or not at all.
    pub(crate) fn save(
        &self,
        network: &Network,
        optimizer: &Optimizer,
        progress: &Progress,
    ) -> Result<(), Error> {
        self.make_folder()?;
        let mut tensors: BTreeMap<_, _> = network
            .named()
            .map(|(slot, var)| (slot.name.clone(), var.as_detached_tensor()))
            .collect();
        let state = State {
            identity: self.identity.clone(),
            steps: optimizer.save(network, &mut tensors)?,
            progress: progress.clone(),
        };
        tensors::write_with(&tensors, &[("state", &state)], &self.folder.join(LAST))
    }

    /// Takes up where the last checkpoint is; returns `None` if there is none.
    pub(crate) fn resume(
        &self,
        network: &Network,
        optimizer: &mut Optimizer,
    ) -> Result<Option<Progress>, Error> {
        let path = self.folder.join(LAST);
        if !fs::exists(&path)? {
            return Ok(None);
        }
        let mut stored = Stored::read(&path, "train")?;
        let damaged = || Error::Damaged {
            path: path.clone(),
            what: "it does not say where training was".to_owned(),
            stage: "train",
        };
        let state: State = stored.note("state").ok_or_else(damaged)?;
        if let Some(of) = state.identity.difference(&self.identity) {
            return Err(Error::Stale { path, of });
        }
        network.set(&mut |slot| stored.take(slot))?;
        optimizer.restore(network, &mut stored, state.steps)?;
        Ok(Some(state.progress))
    }

    /// Writes the weights of the best epoch so far.
    pub(crate) fn save_best(&self, network: &Network) -> Result<(), Error> {
        self.make_folder()?;
        network.write(&self.folder.join(BEST))
    }

    /// Sets the network to the weights of the best epoch.
    pub(crate) fn load_best(&self, network: &Network) -> Result<(), Error> {
        let mut stored = Stored::read(&self.folder.join(BEST), "train")?;
        network.set(&mut |slot| stored.take(slot))
    }

    /// Makes the folder, which git leaves alone.
    fn make_folder(&self) -> Result<(), Error> {
        let ignore = self.folder.join(".gitignore");
        if !fs::exists(&ignore)? {
            fs::write_atomic(&ignore, b"*\n")?;
        }
        Ok(())
    }
}

/// Scores bit for bit.
mod exact {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::{Score, bits};

    #[derive(Serialize, Deserialize)]
    struct Exact {
        #[serde(with = "bits")]
        accuracy: f64,
        #[serde(with = "bits")]
        loss: f64,
    }

    pub(super) fn serialize<S: Serializer>(value: &Score, to: S) -> Result<S::Ok, S::Error> {
        let Score { accuracy, loss } = *value;
        Exact { accuracy, loss }.serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Score, D::Error> {
        let Exact { accuracy, loss } = Exact::deserialize(from)?;
        Ok(Score { accuracy, loss })
    }
}
