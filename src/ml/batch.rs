//! Batches of images as the network takes them, and the tally of its answers.

use mlpipe_kernels::{Batch, Verdict};
use serde::{Deserialize, Serialize};

use crate::ml::augment::Warp;
use crate::ml::bits;
use crate::ml::dataset::{Part, Summary};
use crate::ml::error::Error;
use crate::ml::event::Score;
use crate::ml::model::Network;
use crate::ml::random::{Purpose, Random};
use crate::ml::train_params::Augment;

/// What each of the 256 brightnesses becomes: mean 0 and deviation 1 over the training images.
pub(crate) struct Normaliser([f32; 256]);

impl Normaliser {
    /// Takes mean and deviation from the summary of the prepared data.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the network computes in single precision"
    )]
    pub(crate) fn new(summary: &Summary) -> Self {
        let value = |byte: u8| (f64::from(byte) / 255.0 - summary.mean) / summary.std;
        Self(std::array::from_fn(|byte| {
            u8::try_from(byte).map_or(0.0, |byte| value(byte) as f32)
        }))
    }

    /// Writes the values of an image.
    fn write(&self, image: &[u8], to: &mut [f32]) {
        for (to, pixel) in to.iter_mut().zip(image) {
            *to = self.0[usize::from(*pixel)];
        }
    }
}

/// Images of a part, as the network takes them.
pub(crate) struct Examples<'a> {
    pub(crate) part: &'a Part,
    pub(crate) normaliser: &'a Normaliser,
    pub(crate) positions: &'a [usize],
    /// What learning makes random, if the images are learned from.
    pub(crate) chance: Option<Chance>,
}

/// What is drawn for a batch that is learned from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Chance {
    pub(crate) seed: u64,
    /// The number of the epoch.
    pub(crate) epoch: usize,
    /// The number of the batch since the beginning.
    pub(crate) step: usize,
    pub(crate) augment: Option<Augment>,
}

impl Batch for Examples<'_> {
    fn len(&self) -> usize {
        self.positions.len()
    }

    fn image(&self, image: usize, values: &mut [f32]) {
        let position = self.positions[image];
        let bytes = self.part.image(position);
        if let Some(Chance {
            augment: Some(augment),
            seed,
            epoch,
            ..
        }) = self.chance
        {
            let (shape, id) = (self.part.form().shape, self.part.ids()[position]);
            let warp = Warp::draw(augment, shape, seed, epoch, id);
            warp.apply(bytes, &self.normaliser.0, values);
        } else {
            self.normaliser.write(bytes, values);
        }
    }

    fn label(&self, image: usize) -> usize {
        self.part.labels()[self.positions[image]].into()
    }

    fn noise(&self, dropout: usize, group: usize, words: &mut [u32]) {
        let Some(chance) = self.chance else { return };
        let stream = chance.step << 24 | dropout << 16 | group;
        Random::new(chance.seed, Purpose::Dropout, stream).fill(words);
    }
}

/// Returns the labels at `positions`.
pub(crate) fn labels(part: &Part, positions: &[usize]) -> Vec<u16> {
    positions.iter().map(|at| part.labels()[*at]).collect()
}

/// What the network says of one image.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Answer {
    /// The class with the highest probability; the first of several.
    pub(crate) predicted: usize,
    /// The probability that the network gives it.
    pub(crate) probability: f64,
    /// The cross entropy with the true label.
    pub(crate) loss: f64,
}

impl Answer {
    /// Reads an answer off the logits of an image with `label`.
    pub(crate) fn new(logits: &[f32], label: u16) -> Self {
        Verdict::new(logits, label.into()).into()
    }
}

impl From<Verdict> for Answer {
    fn from(verdict: Verdict) -> Self {
        Self {
            predicted: verdict.predicted,
            probability: verdict.probability,
            loss: verdict.loss,
        }
    }
}

/// So many logits are held at a time: those of a whole part, unless there are very many classes.
const AT_ONCE: usize = 1 << 22;

/// Takes the logits of some images, a row for each; the first of them is at this position.
type TakeLogits<'a> = &'a mut dyn FnMut(usize, &[Vec<f32>]) -> Result<(), Error>;

/// Gives the network's logits on the whole part to `take`, in its order and some images at a time.
pub(crate) fn logits(
    network: &Network,
    part: &Part,
    normaliser: &Normaliser,
    take: TakeLogits,
) -> Result<(), Error> {
    let positions: Vec<usize> = (0..part.len()).collect();
    let images = (AT_ONCE / part.form().classes).max(1);
    for positions in positions.chunks(images) {
        let logits = network.predict(&Examples {
            part,
            normaliser,
            positions,
            chance: None,
        })?;
        take(positions[0], &logits)?;
    }
    Ok(())
}

/// Reads the answers off the logits of images with `labels`.
pub(crate) fn answers(logits: &[Vec<f32>], labels: &[u16]) -> Vec<Answer> {
    let rows = logits.iter().zip(labels);
    rows.map(|(row, label)| Answer::new(row, *label)).collect()
}

/// Returns the network's answers on the whole part, in its order.
pub(crate) fn predict(
    network: &Network,
    part: &Part,
    normaliser: &Normaliser,
) -> Result<Vec<Answer>, Error> {
    let mut found = Vec::with_capacity(part.len());
    logits(network, part, normaliser, &mut |first, logits| {
        found.extend(answers(logits, &part.labels()[first..]));
        Ok(())
    })?;
    Ok(found)
}

/// Counts right answers and adds up losses.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Tally {
    count: u32,
    right: u32,
    #[serde(with = "bits")]
    loss: f64,
}

impl Tally {
    /// Takes the answer on an image with `label` into account.
    pub(crate) fn add(&mut self, answer: &Answer, label: u16) {
        self.count += 1;
        self.right += u32::from(answer.predicted == usize::from(label));
        self.loss += answer.loss;
    }

    /// Returns the tally of a part's answers.
    pub(crate) fn of(answers: &[Answer], labels: &[u16]) -> Self {
        let mut tally = Self::default();
        for (answer, label) in answers.iter().zip(labels) {
            tally.add(answer, *label);
        }
        tally
    }

    /// Returns the means; there must have been an answer.
    pub(crate) fn score(&self) -> Score {
        Score {
            accuracy: f64::from(self.right) / f64::from(self.count),
            loss: self.loss / f64::from(self.count),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_the_softmax_of_its_logits() {
        let answer = Answer::new(&[0.0, 2.0f32.ln(), 0.0], 0);
        assert_eq!(answer.predicted, 1);
        assert!((answer.probability - 0.5).abs() < 1e-6);
        assert!((answer.loss - 4.0f64.ln()).abs() < 1e-6);
    }

    #[test]
    fn a_tally_is_a_mean() {
        let answers = [[1.0, 0.0], [0.0, 1.0]].map(|logits| Answer::new(&logits, 0));
        let score = Tally::of(&answers, &[0, 0]).score();
        assert!((score.accuracy - 0.5).abs() < 1e-12);
        assert!((score.loss - f64::midpoint(answers[0].loss, answers[1].loss)).abs() < 1e-12);
    }
}
