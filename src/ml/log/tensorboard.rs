//! `TensorBoard`: a run as scalars, the confusion matrix as an image, and hyperparameters.

use std::path::Path;

use prost::Message as _;

use super::event_file::EventFile;
use super::messages::{
    Experiment, HyperparameterInfo, Hyperparameters, Image, Metadata, MetricInfo, MetricName,
    Plugin, SessionEnd, SessionStart, Setting, SettingKind, Shown, SummaryValue, Told,
};
use super::moment::Moment;
use crate::base::fs;
use crate::base::value::Value;
use crate::ml::event::{BatchEnd, EpochEnd, Event, Score};
use crate::ml::grid;

/// A point of the series of batches every few batches: a curve needs no more.
const EVERY: usize = 5;
/// What the table of runs shows beside the hyperparameters.
const METRICS: [&str; 4] = [
    "validation/accuracy",
    "validation/loss",
    "test/accuracy",
    "test/loss",
];

/// The event file of a stage.
pub(super) struct TensorBoard {
    file: EventFile,
    /// Whether the stage trains, and so ends the run.
    trains: bool,
    /// The epochs so far.
    epoch: usize,
}

impl TensorBoard {
    /// Makes an event file in the folder of a run that has had so many epochs.
    pub(super) fn create(folder: &Path, epochs: usize) -> Result<Self, fs::Error> {
        Ok(Self {
            file: EventFile::create(folder)?,
            trains: false,
            epoch: epochs,
        })
    }

    /// Tells what the run depends on.
    pub(super) fn hyperparameters(&mut self, params: &[(String, Value)]) -> Result<(), fs::Error> {
        let now = Moment::now().seconds();
        let settings = params
            .iter()
            .map(|(key, value)| (key.clone(), setting(value)));
        let info = |(key, value): &(String, Value)| HyperparameterInfo {
            name: key.clone(),
            kind: kind(&setting(value)),
        };
        let metric = |tag: &str| MetricInfo {
            name: Some(MetricName {
                tag: tag.to_owned(),
            }),
        };
        let experiment = Told::Experiment(Experiment {
            created: now,
            hyperparameters: params.iter().map(info).collect(),
            metrics: METRICS.map(metric).to_vec(),
        });
        let start = Told::Start(SessionStart {
            hyperparameters: settings.collect(),
            started: now,
        });
        let values = vec![
            told("_hparams_/experiment", experiment),
            told("_hparams_/session_start_info", start),
        ];
        self.file.add(0, values)?;
        self.file.flush()
    }

    /// Writes down what happened.
    pub(super) fn record(&mut self, event: &Event) -> Result<(), fs::Error> {
        match event {
            Event::Started { .. } => {
                self.trains = true;
                Ok(())
            }
            Event::Batch(batch) => self.batch(batch),
            Event::Epoch(epoch) => self.epoch(epoch),
            Event::Evaluated {
                test, confusion, ..
            } => {
                let mut values = scores("test", *test);
                values.extend(
                    confusion
                        .iter()
                        .map(|counts| image("test/confusion", counts)),
                );
                self.file.add(self.epoch, values)?;
                self.file.flush()
            }
            _ => Ok(()),
        }
    }

    fn batch(&mut self, at: &BatchEnd) -> Result<(), fs::Error> {
        if !at.batch.is_multiple_of(EVERY) && at.batch != at.batches {
            return Ok(());
        }
        let step = (at.epoch - 1) * at.batches + at.batch;
        self.file.add(step, scores("batch", at.mean))
    }

    fn epoch(&mut self, end: &EpochEnd) -> Result<(), fs::Error> {
        self.epoch = end.epoch;
        let mut values = scores("train", end.train);
        values.extend(scores("validation", end.validation));
        #[expect(clippy::cast_possible_truncation, reason = "a curve needs no more")]
        let seconds = end.time.as_secs_f64() as f32;
        values.push(scalar("epoch/seconds", seconds));
        self.file.add(end.epoch, values)?;
        self.file.flush()
    }

    /// Ends the run, if this stage trained.
    pub(super) fn finish(&mut self, succeeded: bool) -> Result<(), fs::Error> {
        if self.trains {
            let end = Told::End(SessionEnd {
                status: if succeeded { 1 } else { 2 },
                ended: Moment::now().seconds(),
            });
            let values = vec![told("_hparams_/session_end_info", end)];
            self.file.add(self.epoch, values)?;
        }
        self.file.flush()
    }
}

#[expect(clippy::cast_possible_truncation, reason = "a curve needs no more")]
fn scores(prefix: &str, score: Score) -> Vec<SummaryValue> {
    vec![
        scalar(&format!("{prefix}/accuracy"), score.accuracy as f32),
        scalar(&format!("{prefix}/loss"), score.loss as f32),
    ]
}

fn scalar(tag: &str, value: f32) -> SummaryValue {
    SummaryValue {
        tag: tag.to_owned(),
        metadata: None,
        shown: Some(Shown::Scalar(value)),
    }
}

fn image(tag: &str, confusion: &[Vec<u32>]) -> SummaryValue {
    let picture = grid::heat(confusion);
    let side = |side: u32| i32::try_from(side).unwrap_or(i32::MAX);
    let image = Image {
        height: side(picture.height),
        width: side(picture.width),
        colorspace: 3,
        png: picture.png,
    };
    SummaryValue {
        tag: tag.to_owned(),
        metadata: None,
        shown: Some(Shown::Image(image)),
    }
}

fn told(tag: &str, what: Told) -> SummaryValue {
    let data = Hyperparameters {
        version: 0,
        told: Some(what),
    };
    let plugin = Plugin {
        name: "hparams".to_owned(),
        content: data.encode_to_vec(),
    };
    SummaryValue {
        tag: tag.to_owned(),
        metadata: Some(Metadata {
            plugin: Some(plugin),
        }),
        shown: None,
    }
}

fn setting(value: &Value) -> Setting {
    let kind = match value {
        Value::Bool(truth) => SettingKind::Truth(*truth),
        value => match value.as_number() {
            Some(number) => SettingKind::Number(number),
            None => SettingKind::Text(super::mlflow::text(value)),
        },
    };
    Setting { kind: Some(kind) }
}

fn kind(setting: &Setting) -> i32 {
    match setting.kind {
        Some(SettingKind::Truth(_)) => 2,
        Some(SettingKind::Number(_)) => 3,
        Some(SettingKind::Text(_)) | None => 1,
    }
}
