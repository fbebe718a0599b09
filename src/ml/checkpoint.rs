//! Checkpoints: where a training is, as files. Killed at any moment, it goes on to the same weights.
//!
//! Both files are sealed with their SHA-256 and hold all of a training, so that each can stand in for
//! the other.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::base::fs;
use crate::ml::error::Error;
use crate::ml::event::{Event, Rescue};
use crate::ml::identity::Identity;
use crate::ml::model::Network;
use crate::ml::optimizer::Optimizer;
use crate::ml::progress::Progress;
use crate::ml::tensors::{self, Sealing, Stored};
use crate::ml::train_params::Keep;

/// Where training is.
const LAST: &str = "last.safetensors";
/// Where it was after the epoch with the best score.
const BEST: &str = "best.safetensors";

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

/// What is in the place of a checkpoint.
enum Found {
    Whole(Box<Saved>),
    /// Nothing that can be used; in words.
    Broken(String),
    Nothing,
}

/// A checkpoint that was read.
struct Saved {
    state: State,
    stored: Stored,
}

impl Found {
    /// Returns why it cannot be used.
    fn why(&self) -> String {
        match self {
            Self::Broken(why) => why.clone(),
            Self::Whole(_) => "of an earlier epoch".to_owned(),
            Self::Nothing => "missing".to_owned(),
        }
    }
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
        self.write(LAST, network, optimizer, progress)
    }

    /// Writes where training is after the best epoch so far.
    pub(crate) fn save_best(
        &self,
        network: &Network,
        optimizer: &Optimizer,
        progress: &Progress,
    ) -> Result<(), Error> {
        self.write(BEST, network, optimizer, progress)
    }

    fn write(
        &self,
        name: &str,
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
        let path = self.folder.join(name);
        tensors::write_with(&tensors, &[("state", &state)], Sealing::Sealed, &path)
    }

    /// Takes up where the checkpoints are; returns `None` if there is none. Of two, one may be
    /// damaged, as long as the other is as good.
    pub(crate) fn resume(
        &self,
        network: &Network,
        optimizer: &mut Optimizer,
        keep: Keep,
        on_event: &mut dyn FnMut(Event),
    ) -> Result<Option<Progress>, Error> {
        let (last, best) = (self.read(LAST)?, self.read(BEST)?);
        let (saved, lost) = match (last, best) {
            (Found::Nothing, Found::Nothing) => return Ok(None),
            (Found::Whole(last), best) => {
                let lost = self.lost_best(&last.state.progress, &best, keep)?;
                (last, lost.map(|rescue| (BEST, best.why(), rescue)))
            }
            (last, Found::Whole(best)) => (best, Some((LAST, last.why(), Rescue::Other(BEST)))),
            (last, best) => return Err(self.unusable(&[(LAST, &last), (BEST, &best)])),
        };
        let progress = saved.restore(network, optimizer)?;
        if let Some((name, why, rescue)) = lost {
            match rescue {
                Rescue::Rewritten(_) => self.save_best(network, optimizer, &progress)?,
                Rescue::Needless => fs::remove(&self.folder.join(name))?,
                Rescue::Other(_) => self.save(network, optimizer, &progress)?,
            }
            let path = self.folder.join(name);
            on_event(Event::CheckpointLost { path, why, rescue });
        }
        Ok(Some(progress))
    }

    /// Returns how to do without the best checkpoint, if it is lost.
    fn lost_best(
        &self,
        last: &Progress,
        best: &Found,
        keep: Keep,
    ) -> Result<Option<Rescue>, Error> {
        let Some(outcome) = last.best else {
            return Ok(None);
        };
        match best {
            // It may be ahead of the last one, when training was killed between the two.
            Found::Whole(best) if best.state.progress.epochs >= outcome.epoch => Ok(None),
            _ if last.epochs == outcome.epoch && last.batches == 0 => {
                Ok(Some(Rescue::Rewritten(LAST)))
            }
            _ if keep == Keep::Last => Ok(Some(Rescue::Needless)),
            _ => Err(self.unusable(&[(BEST, best)])),
        }
    }

    fn unusable(&self, all: &[(&str, &Found)]) -> Error {
        let found = all
            .iter()
            .filter(|(_, found)| !matches!(found, Found::Nothing));
        Error::Checkpoints {
            found: found
                .map(|(name, found)| (self.folder.join(name), found.why()))
                .collect(),
        }
    }

    /// Reads a checkpoint; one of another training is refused.
    fn read(&self, name: &str) -> Result<Found, Error> {
        let path = self.folder.join(name);
        let Some(bytes) = fs::read(&path)? else {
            return Ok(Found::Nothing);
        };
        let Some(stored) = Stored::unsealed(&bytes, &path, "train")? else {
            let why = "damaged: its content is not what was written, by its SHA-256";
            return Ok(Found::Broken(why.to_owned()));
        };
        let Some(state) = stored.note::<State>("state") else {
            let why = "damaged: it does not say where training was";
            return Ok(Found::Broken(why.to_owned()));
        };
        match state.identity.difference(&self.identity) {
            Some(of) => Err(Error::Stale { path, of }),
            None => Ok(Found::Whole(Box::new(Saved { state, stored }))),
        }
    }

    /// Sets the network to the weights of the best epoch.
    pub(crate) fn load_best(&self, network: &Network) -> Result<(), Error> {
        match self.read(BEST)? {
            Found::Whole(mut best) => network.set(&mut |slot| best.stored.take(slot)),
            found => Err(Error::Checkpoints {
                found: vec![(self.folder.join(BEST), found.why())],
            }),
        }
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

impl Saved {
    /// Sets the network and the optimizer to where they were.
    fn restore(
        mut self: Box<Self>,
        network: &Network,
        optimizer: &mut Optimizer,
    ) -> Result<Progress, Error> {
        network.set(&mut |slot| self.stored.take(slot))?;
        optimizer.restore(network, &mut self.stored, self.state.steps)?;
        Ok(self.state.progress)
    }
}
