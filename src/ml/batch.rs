//! Batches of images as the tensors that the network takes, and the tally of its answers.

use candle_core::{Device, Result, Tensor};

use crate::ml::dataset::{Part, Shape, Summary};
use crate::ml::event::Score;
use crate::ml::model::{Mode, Network};

/// Predicting goes through this many images at a time.
const PREDICTED: usize = 250;

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

    /// Returns the images at `positions` as `[channel, image, row, column]`.
    pub(crate) fn images(&self, part: &Part, positions: &[usize]) -> Result<Tensor> {
        let Shape {
            channels,
            height,
            width,
        } = part.form().shape;
        let plane = height * width;
        let planes = (0..channels).flat_map(|channel| {
            let plane = channel * plane..(channel + 1) * plane;
            positions
                .iter()
                .map(move |at| &part.image(*at)[plane.clone()])
        });
        let values: Vec<f32> = planes
            .flatten()
            .map(|pixel| self.0[usize::from(*pixel)])
            .collect();
        let shape = (channels, positions.len(), height, width);
        Tensor::from_vec(values, shape, &Device::Cpu)
    }
}

/// Returns the labels at `positions`.
pub(crate) fn labels(part: &Part, positions: &[usize]) -> Vec<u8> {
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
    pub(crate) fn new(logits: &[f32], label: u8) -> Self {
        let mut predicted = 0;
        for class in 1..logits.len() {
            if logits[class] > logits[predicted] {
                predicted = class;
            }
        }
        let most = f64::from(logits[predicted]);
        let sum: f64 = logits
            .iter()
            .map(|logit| (f64::from(*logit) - most).exp())
            .sum();
        Self {
            predicted,
            probability: 1.0 / sum,
            loss: sum.ln() + most - f64::from(logits[usize::from(label)]),
        }
    }
}

/// Returns the network's logits on the whole part, in its order.
pub(crate) fn logits(
    network: &Network,
    part: &Part,
    normaliser: &Normaliser,
) -> Result<Vec<Vec<f32>>> {
    let positions: Vec<usize> = (0..part.len()).collect();
    let mut rows = Vec::new();
    for positions in positions.chunks(PREDICTED) {
        let images = normaliser.images(part, positions)?;
        rows.extend(network.forward(&images, Mode::Predict)?.to_vec2::<f32>()?);
    }
    Ok(rows)
}

/// Reads the answers off the logits of images with `labels`.
pub(crate) fn answers(logits: &[Vec<f32>], labels: &[u8]) -> Vec<Answer> {
    let rows = logits.iter().zip(labels);
    rows.map(|(row, label)| Answer::new(row, *label)).collect()
}

/// Returns the network's answers on the whole part, in its order.
pub(crate) fn predict(
    network: &Network,
    part: &Part,
    normaliser: &Normaliser,
) -> Result<Vec<Answer>> {
    Ok(answers(&logits(network, part, normaliser)?, part.labels()))
}

/// Counts right answers and adds up losses.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    count: u32,
    right: u32,
    loss: f64,
}

impl Tally {
    /// Takes the answer on an image with `label` into account.
    pub(crate) fn add(&mut self, answer: &Answer, label: u8) {
        self.count += 1;
        self.right += u32::from(answer.predicted == usize::from(label));
        self.loss += answer.loss;
    }

    /// Returns the tally of a part's answers.
    pub(crate) fn of(answers: &[Answer], labels: &[u8]) -> Self {
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
