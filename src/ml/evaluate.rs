//! The stage `evaluate`: how good the weights are on images that they have never seen.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::base::digest::Digest;
use crate::base::fs;
use crate::ml::batch::{self, Answer, Normaliser, Tally};
use crate::ml::confusion::{Confusion, Quality};
use crate::ml::dataset::{self, Part, SUMMARY, Summary, TEST};
use crate::ml::error::Error;
use crate::ml::event::Event;
use crate::ml::model::Network;
use crate::ml::report::{self, significant};

/// Where `evaluate` reads and writes.
pub(crate) struct Evaluation {
    /// The prepared data.
    pub(crate) data: PathBuf,
    /// The weights.
    pub(crate) model: PathBuf,
    /// The file for the scores.
    pub(crate) metrics: PathBuf,
    /// The file for the confusion matrix.
    pub(crate) confusion: PathBuf,
    /// The file for the scores of each class.
    pub(crate) per_class: PathBuf,
    /// The file for the answer on each image.
    pub(crate) predictions: PathBuf,
}

/// The scores; the fields are in the order of their keys.
#[derive(Serialize)]
struct Metrics {
    accuracy: f64,
    count: usize,
    loss: f64,
    r#macro: Quality,
    /// The share of right ones among the images of each class.
    recall: BTreeMap<String, f64>,
    /// Two models can be compared image by image only when they saw the same images.
    test_set: Digest,
}

/// Predicts the test part and writes scores, confusion and predictions.
pub(crate) fn evaluate(task: &Evaluation, on_event: &mut dyn FnMut(Event)) -> Result<(), Error> {
    let summary = Summary::read(&task.data)?;
    let part = test_part(&task.data, &summary)?;
    let normaliser = Normaliser::new(&summary);
    let network = Network::read(&task.model)?;
    let answers = batch::predict(&network, &part, &normaliser)?;
    let score = Tally::of(&answers, part.labels()).score();
    let confusion = Confusion::of(&answers, part.labels());
    let metrics = Metrics {
        accuracy: significant(score.accuracy),
        count: part.len(),
        loss: significant(score.loss),
        r#macro: confusion.macro_mean(),
        recall: confusion.recalls(),
        test_set: summary.test_set,
    };
    fs::write_atomic(
        &task.predictions,
        predictions_csv(&part, &answers).as_bytes(),
    )?;
    fs::write_atomic(&task.confusion, confusion.matrix_csv().as_bytes())?;
    fs::write_atomic(&task.per_class, confusion.classes_csv().as_bytes())?;
    report::write_json(&metrics, &task.metrics)?;
    on_event(Event::Evaluated {
        test: score,
        count: part.len(),
    });
    Ok(())
}

/// Reads the test part once it has been found to be the one that the summary tells of.
fn test_part(folder: &Path, summary: &Summary) -> Result<Part, Error> {
    let path = folder.join(TEST);
    let part = Part::read(&path)?;
    if dataset::test_set(folder)? == summary.test_set {
        Ok(part)
    } else {
        Err(Error::Damaged {
            path,
            what: format!("`{SUMMARY}` tells of another test part"),
            stage: "prepare",
        })
    }
}

fn predictions_csv(part: &Part, answers: &[Answer]) -> String {
    let mut text = "id,label,predicted,probability\n".to_owned();
    for ((id, label), answer) in part.ids().iter().zip(part.labels()).zip(answers) {
        let probability = significant(answer.probability);
        writeln!(text, "{id},{label},{},{probability}", answer.predicted)
            .expect("invariant: text takes what is written");
    }
    text
}
