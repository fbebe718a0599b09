//! Softmax and cross entropy, with smoothed labels and weighted classes.

use crate::field::Field;
use crate::math::{exp, ln};
use crate::simd::Lanes;

/// How answers are judged.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Loss {
    /// The share of each label that is spread evenly over all classes; 0 for none.
    pub smoothing: f64,
    /// What an example of each class counts; empty if all count the same.
    pub class_weights: Vec<f64>,
}

impl Loss {
    /// Returns what an example of `class` counts.
    pub(crate) fn weight(&self, class: usize) -> f64 {
        self.class_weights.get(class).copied().unwrap_or(1.0)
    }

    /// Writes the gradient of the logits of a group, and returns what they say of each image; `total`
    /// is the weight of the whole batch.
    ///
    /// The loss is PyTorch's: the sum over classes of target · weight · −ln p, where the target is
    /// the smoothed label, divided by the sum of the labels' weights.
    pub(crate) fn gradient(
        &self,
        logits: &[Lanes],
        labels: &[usize],
        total: f64,
        gradient: &mut [Lanes],
        field: &Field,
    ) -> Vec<Verdict> {
        let classes = logits.len();
        let spread = self.smoothing / classes as f64;
        let mut shares = vec![0.0; classes];
        let mut targets = vec![0.0; classes];
        let mut verdicts = Vec::with_capacity(labels.len());
        for lane in 0..crate::LANES {
            let Some(label) = labels.get(lane) else {
                for class in 0..classes {
                    gradient[field.at(class, 0, 0)].0[lane] = 0.0;
                }
                continue;
            };
            let row = logits.iter().map(|row| row.0[lane]);
            verdicts.push(Verdict::with_shares(row, *label, &mut shares));
            for (class, target) in targets.iter_mut().enumerate() {
                let own = if class == *label {
                    1.0 - self.smoothing
                } else {
                    0.0
                };
                // A label's own share counts by the label's weight, a spread one by its class's.
                *target = (own + spread) * self.weight(class);
            }
            let sum: f64 = targets.iter().sum();
            for (class, share) in shares.iter().enumerate() {
                let slope = (share * sum - targets[class]) / total;
                gradient[field.at(class, 0, 0)].0[lane] = slope as f32;
            }
        }
        verdicts
    }
}

/// What a network says of one image.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// The class with the highest probability; the first of several.
    pub predicted: usize,
    /// The probability that the network gives it.
    pub probability: f64,
    /// The cross entropy with the true label, in nats.
    pub loss: f64,
}

impl Verdict {
    /// Reads a verdict off the logits of an image with `label`.
    pub fn new(logits: &[f32], label: usize) -> Self {
        Self::with_shares(logits.iter().copied(), label, &mut vec![0.0; logits.len()])
    }

    /// Does the same, and writes the probability of each class.
    fn with_shares(
        logits: impl Iterator<Item = f32> + Clone,
        label: usize,
        shares: &mut [f64],
    ) -> Self {
        let (mut predicted, mut most, mut own) = (0, f32::NAN, f32::NAN);
        for (class, logit) in logits.clone().enumerate() {
            if class == 0 || logit > most {
                (predicted, most) = (class, logit);
            }
            if class == label {
                own = logit;
            }
        }
        let most = f64::from(most);
        let mut sum = 0.0;
        for (share, logit) in shares.iter_mut().zip(logits) {
            *share = exp(f64::from(logit) - most);
            sum += *share;
        }
        shares.iter_mut().for_each(|share| *share /= sum);
        Self {
            predicted,
            probability: 1.0 / sum,
            loss: ln(sum) + most - f64::from(own),
        }
    }
}
