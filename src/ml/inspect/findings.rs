//! `Findings`: what was found, as metrics. Its keys are sorted, and so are those of the file.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::Serialize;

use super::Base;
use super::drift::{Drift, PartDrift};
use super::examined::Examined;
use crate::base::digest::Digest;
use crate::ml::dataset::{Shape, Summary};
use crate::ml::error::Error;
use crate::ml::report::significant;

/// What was found in the three parts.
#[derive(Debug, Serialize)]
pub(crate) struct Findings {
    pub(crate) classes: usize,
    /// Images that are there again under another label, in whichever part.
    pub(crate) conflicting_labels: usize,
    /// How many things make the data unusable.
    pub(crate) faults: usize,
    pub(crate) leaks: Leaks,
    pub(crate) shape: Shape,
    pub(crate) test: PartFindings,
    pub(crate) train: PartFindings,
    pub(crate) validation: PartFindings,
}

/// Images of one part that are in another one too.
#[derive(Debug, Serialize)]
pub(crate) struct Leaks {
    /// Images of the test part that are learned from.
    pub(crate) test_in_train: usize,
    /// Images of the test part that decide when learning ends.
    pub(crate) test_in_validation: usize,
    /// Images of the validation part that are learned from.
    pub(crate) validation_in_train: usize,
}

/// What was found in one part; brightness goes from 0 to 1.
#[derive(Debug, Serialize)]
pub(crate) struct PartFindings {
    /// Images that have the same value everywhere.
    pub(crate) constant_images: usize,
    pub(crate) count: usize,
    /// Images that another one before them is equal to.
    pub(crate) duplicates: usize,
    /// Classes that no image is of.
    pub(crate) empty_classes: usize,
    /// How many times the largest class is larger than the smallest that is not empty.
    pub(crate) imbalance: f64,
    pub(crate) max: f64,
    pub(crate) mean: f64,
    pub(crate) min: f64,
    /// Values that are NaN or infinite.
    pub(crate) not_finite: usize,
    /// Values outside of what brightness can be.
    pub(crate) out_of_range: usize,
    /// The share of each class.
    pub(crate) share: BTreeMap<String, f64>,
    /// The standard deviation.
    pub(crate) std: f64,
}

impl Findings {
    /// Draws the findings up from the parts: train, validation, test.
    pub(super) fn of(summary: &Summary, parts: [&Examined; 3], faults: usize) -> Self {
        let [train, validation, test] = parts;
        Self {
            classes: summary.classes.len(),
            conflicting_labels: conflicts(parts),
            faults,
            leaks: Leaks {
                test_in_train: shared(test, train),
                test_in_validation: shared(test, validation),
                validation_in_train: shared(validation, train),
            },
            shape: summary.shape,
            test: PartFindings::of(test, &summary.classes),
            train: PartFindings::of(train, &summary.classes),
            validation: PartFindings::of(validation, &summary.classes),
        }
    }

    /// Returns by how much the parts differ from those that `base` tells of.
    pub(super) fn drift_from(&self, base: &Base) -> Result<Drift, Error> {
        let value = serde_json::from_slice(&base.bytes);
        let value: serde_json::Value = value.map_err(|source| Error::NoFindings {
            name: base.name.clone(),
            source,
        })?;
        let part = |name: &str, here: &PartFindings| PartDrift::between(&value[name], here);
        Ok(Drift {
            against: base.name.clone(),
            test: part("test", &self.test),
            train: part("train", &self.train),
            validation: part("validation", &self.validation),
        })
    }
}

impl PartFindings {
    fn of(part: &Examined, classes: &[String]) -> Self {
        let pixels = part.pixels;
        let (mean, std) = pixels.brightness();
        let distinct: BTreeSet<&Digest> = part.hashes.iter().collect();
        let labelled = number(part.class_counts.iter().sum::<usize>().max(1));
        let shares = classes.iter().zip(&part.class_counts).map(|(name, count)| {
            (
                format!("class_{name}"),
                significant(number(*count) / labelled),
            )
        });
        let filled = part.class_counts.iter().filter(|count| **count > 0);
        let (least, most) = (filled.clone().min(), filled.clone().max());
        let ratio = |(most, least): (&usize, &usize)| number(*most) / number(*least);
        let finite = |value: f64| {
            if value.is_finite() {
                significant(value)
            } else {
                0.0
            }
        };
        Self {
            constant_images: part.constant,
            count: part.count,
            duplicates: part.hashes.len() - distinct.len(),
            empty_classes: classes.len() - filled.count(),
            imbalance: significant(most.zip(least).map_or(1.0, ratio)),
            max: finite(pixels.most),
            mean: significant(mean),
            min: finite(pixels.least),
            not_finite: pixels.not_finite,
            out_of_range: pixels.out_of_range,
            share: shares.collect(),
            std: significant(std),
        }
    }
}

/// Returns how many images of `part` are in `other` too.
fn shared(part: &Examined, other: &Examined) -> usize {
    let there: BTreeSet<&Digest> = other.hashes.iter().collect();
    part.hashes
        .iter()
        .filter(|hash| there.contains(hash))
        .count()
}

/// Returns how many images have an equal one before them with another label.
fn conflicts(parts: [&Examined; 3]) -> usize {
    let mut labels: HashMap<&Digest, usize> = HashMap::new();
    let all = parts
        .iter()
        .flat_map(|part| part.hashes.iter().zip(&part.labels));
    all.filter(|(hash, label)| *labels.entry(hash).or_insert(**label) != **label)
        .count()
}

#[expect(clippy::cast_precision_loss, reason = "counts stay below 2^53")]
fn number(count: usize) -> f64 {
    count as f64
}
