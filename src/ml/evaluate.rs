//! The stage `evaluate`: how good the weights are on images that they have never seen.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::base::digest::Digest;
use crate::base::fs;
use crate::ml::batch::{self, Answer, Normaliser, Tally};
use crate::ml::confusion::{Confusion, Quality};
use crate::ml::dataset::{self, MOST_SHOWN, Part, SUMMARY, Summary, TEST};
use crate::ml::error::Error;
use crate::ml::event::Event;
use crate::ml::grid::{self, Cell};
use crate::ml::model::Network;
use crate::ml::probability_file::ProbabilityFile;
use crate::ml::report::{self, csv_table, significant};
use crate::ml::scores::{Probabilities, Standing, calibration_error, softmax, top_k};
use crate::ml::speed::Speed;

/// The grid of the worst images is this wide and high.
const GRID: (u32, usize) = (8, 4);

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
    /// The file for the most confused pairs.
    pub(crate) confused: PathBuf,
    /// The picture of the images that the network errs on most.
    pub(crate) worst: PathBuf,
    /// The file for the answer on each image.
    pub(crate) predictions: PathBuf,
    /// The file for the probability of each class for each image, where it is wanted.
    pub(crate) probabilities: Option<PathBuf>,
    /// The file for latency and throughput.
    pub(crate) speed: PathBuf,
}

/// The scores; the fields are in the order of their keys.
#[derive(Serialize)]
struct Metrics {
    accuracy: f64,
    /// By how much the confidence is off on average.
    calibration_error: f64,
    count: usize,
    f1: BTreeMap<String, f64>,
    /// The mean cross entropy, which is also called log loss.
    loss: f64,
    r#macro: Macro,
    /// The size of the file of weights.
    model_bytes: u64,
    precision: BTreeMap<String, f64>,
    /// The share of right ones among the images of each class.
    recall: BTreeMap<String, f64>,
    /// Two models can be compared image by image only when they saw the same images.
    test_set: Digest,
    top_k: BTreeMap<String, f64>,
    weighted: Quality,
}

/// Means over the classes, in which each weighs the same.
#[derive(Serialize)]
struct Macro {
    f1: f64,
    precision: f64,
    recall: f64,
    /// Each class against the rest; under `macro`, for alone it would be that of two classes.
    #[serde(skip_serializing_if = "Option::is_none")]
    roc_auc: Option<f64>,
}

/// What the network says of the test part.
struct Verdict {
    part: Part,
    classes: Vec<String>,
    answers: Vec<Answer>,
    standings: Vec<Standing>,
    /// A row for each image; none where there are too many classes to keep them.
    probabilities: Vec<Vec<f64>>,
    confusion: Confusion,
}

/// The network's words on the images of a part.
#[derive(Default)]
struct Said {
    answers: Vec<Answer>,
    standings: Vec<Standing>,
    probabilities: Vec<Vec<f64>>,
    /// How long it took the network.
    time: Duration,
}

impl Said {
    fn on(
        part: &Part,
        (network, normaliser): (&Network, &Normaliser),
        mut file: Option<&mut ProbabilityFile>,
    ) -> Result<Self, Error> {
        let (mut said, mut start) = (Self::default(), Instant::now());
        batch::logits(network, part, normaliser, &mut |first, logits| {
            said.time += start.elapsed();
            let labels = &part.labels()[first..];
            said.answers.extend(batch::answers(logits, labels));
            let rows: Vec<Vec<f64>> = logits.iter().map(|row| softmax(row)).collect();
            let standings = rows.iter().zip(labels);
            let standings = standings.map(|(row, label)| Standing::new(row, *label));
            said.standings.extend(standings);
            if let Some(file) = &mut file {
                file.add(&part.ids()[first..], &rows)?;
            }
            if part.form().classes <= MOST_SHOWN {
                said.probabilities.extend(rows);
            }
            start = Instant::now();
            Ok(())
        })?;
        Ok(said)
    }
}

/// Predicts the test part and writes scores, confusion and predictions.
pub(crate) fn evaluate(task: &Evaluation, on_event: &mut dyn FnMut(Event)) -> Result<(), Error> {
    let summary = Summary::read(&task.data)?;
    let part = test_part(&task.data, &summary)?;
    let normaliser = Normaliser::new(&summary);
    let network = Network::read(&task.model)?;
    network.accept(&summary)?;
    let path = task.probabilities.as_deref();
    let file = path.map(|path| ProbabilityFile::begin(path, &summary.classes));
    let mut file = file.transpose()?;
    let said = Said::on(&part, (&network, &normaliser), file.as_mut())?;
    let speed = Speed::measure(&network, &part, &normaliser, said.time)?;
    let verdict = Verdict {
        confusion: Confusion::of(&summary.classes, &said.answers, part.labels()),
        standings: said.standings,
        probabilities: said.probabilities,
        classes: summary.classes.clone(),
        answers: said.answers,
        part,
    };
    verdict.write(task)?;
    if let Some(file) = file {
        file.commit()?;
    }
    report::write_json(
        &verdict.metrics(&task.model, summary.test_set)?,
        &task.metrics,
    )?;
    report::write_json(&speed, &task.speed)?;
    on_event(Event::Evaluated {
        test: Tally::of(&verdict.answers, verdict.part.labels()).score(),
        count: verdict.part.len(),
        confusion: verdict.confusion.matrix(),
        speed,
    });
    Ok(())
}

impl Verdict {
    fn metrics(&self, model: &Path, test_set: Digest) -> Result<Metrics, Error> {
        let score = Tally::of(&self.answers, self.part.labels()).score();
        let model = std::fs::metadata(model).map_err(fs::failed("cannot read", model))?;
        let probabilities = Probabilities {
            rows: &self.probabilities,
            labels: self.part.labels(),
        };
        let top_k = top_k(&self.standings, self.classes.len()).into_iter();
        let mean = self.confusion.macro_mean();
        Ok(Metrics {
            accuracy: significant(score.accuracy),
            calibration_error: significant(calibration_error(&self.standings)),
            count: self.part.len(),
            f1: self.confusion.of_each(|quality| quality.f1),
            loss: significant(score.loss),
            r#macro: Macro {
                f1: mean.f1,
                precision: mean.precision,
                recall: mean.recall,
                roc_auc: probabilities.roc_auc().map(significant),
            },
            model_bytes: model.len(),
            precision: self.confusion.of_each(|quality| quality.precision),
            recall: self.confusion.of_each(|quality| quality.recall),
            test_set,
            top_k: top_k.map(|(k, share)| (k, significant(share))).collect(),
            weighted: self.confusion.weighted_mean(),
        })
    }

    fn write(&self, task: &Evaluation) -> Result<(), Error> {
        let text = |path: &Path, text: String| fs::write_atomic(path, text.as_bytes());
        text(&task.predictions, self.predictions_csv())?;
        text(&task.confusion, self.confusion.matrix_csv())?;
        text(&task.per_class, self.confusion.classes_csv())?;
        text(&task.confused, self.confusion.pairs_csv())?;
        let (columns, _) = GRID;
        fs::write_atomic(&task.worst, &grid::draw(&self.part, &self.worst(), columns))?;
        Ok(())
    }

    fn predictions_csv(&self) -> String {
        let examples = self.part.ids().iter().zip(self.part.labels());
        let rows = examples.zip(&self.answers).map(|((id, label), answer)| {
            [
                id.to_string(),
                self.classes[usize::from(*label)].clone(),
                self.classes[answer.predicted].clone(),
                significant(answer.probability).to_string(),
                significant(answer.loss).to_string(),
            ]
        });
        csv_table(["id", "label", "predicted", "probability", "loss"], rows)
    }

    /// Returns the images with the highest loss among those that are taken for another class.
    fn worst(&self) -> Vec<Cell> {
        let labels = self.part.labels();
        let is_wrong = |at: &usize| self.answers[*at].predicted != usize::from(labels[*at]);
        let mut wrong: Vec<usize> = (0..labels.len()).filter(is_wrong).collect();
        wrong.sort_by(|one, other| {
            self.answers[*other]
                .loss
                .total_cmp(&self.answers[*one].loss)
        });
        let (columns, rows) = GRID;
        wrong.truncate(columns as usize * rows);
        let cell = |position: usize| Cell {
            position,
            caption: format!("{}>{}", labels[position], self.answers[position].predicted),
        };
        wrong.into_iter().map(cell).collect()
    }
}

/// Reads the test part once it has been found to be the one that the summary tells of.
fn test_part(folder: &Path, summary: &Summary) -> Result<Part, Error> {
    let path = folder.join(TEST);
    let part = Part::read(&path, summary.form())?;
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
