//! `Progress`: how far a training is, bit for bit.
//!
//! What is random is drawn from streams that are numbered by epoch, batch and image, so the
//! position in the data is the state of all generators as well.

use serde::{Deserialize, Serialize};

use crate::ml::batch::Tally;
use crate::ml::bits;
use crate::ml::event::Score;
use crate::ml::history::History;

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
