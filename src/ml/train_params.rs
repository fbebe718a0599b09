//! The section `train` of the params file, typed and checked.

use std::num::NonZeroUsize;
use std::path::Path;

use serde::Serialize;

use crate::base::human;
use crate::base::problem::Problem;
use crate::base::value::Value;
use crate::base::yaml::Step;
use crate::ml::error::Error;
use crate::ml::model_params::ModelParams;
use crate::ml::params::MOST;
use crate::ml::params_file::ParamsFile;
use crate::ml::section::{
    BELOW_ONE, DEGREES, NOT_NEGATIVE, Named, PIXELS, POSITIVE, SHARE, Section,
};

/// How `train` learns.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct TrainParams {
    pub(crate) batch_size: usize,
    pub(crate) epochs: usize,
    pub(crate) lr: f64,
    pub(crate) optimizer: OptimizerKind,
    pub(crate) seed: u64,
    /// How much of its velocity gradient descent keeps.
    pub(crate) momentum: f64,
    /// How much weights shrink at a rate of one, with `AdamW`.
    pub(crate) weight_decay: f64,
    pub(crate) schedule: Schedule,
    /// Over so many batches the rate rises from zero.
    pub(crate) warmup: usize,
    pub(crate) early_stopping: Option<EarlyStopping>,
    /// The gradients' largest norm.
    pub(crate) clip: Option<f64>,
    pub(crate) label_smoothing: f64,
    pub(crate) augment: Option<Augment>,
    pub(crate) class_weights: ClassWeights,
    pub(crate) keep: Keep,
    /// A checkpoint is written after so many batches as well, not only after each epoch.
    pub(crate) checkpoint_batches: Option<usize>,
}

/// The rule by which weights follow their gradients.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum OptimizerKind {
    /// Adam without weight decay.
    Adam,
    /// Adam with weight decay apart from the gradients.
    AdamW,
    /// Gradient descent, with momentum if it is given.
    Sgd,
}

/// How the learning rate changes while training.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Schedule {
    /// Not at all.
    Constant,
    /// It is multiplied by `factor` after every so many epochs.
    Step { every: NonZeroUsize, factor: f64 },
    /// It falls along half a cosine to the share `to`.
    Cosine { to: f64 },
    /// It rises along half a cosine from the share `from` for the share `rise` of the training, and
    /// falls to the share `to` for the rest.
    OneCycle { rise: f64, from: f64, to: f64 },
}

/// When training ends early.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct EarlyStopping {
    /// What of the validation part is watched.
    pub(crate) metric: Watched,
    /// So many epochs may pass without an improvement.
    pub(crate) patience: usize,
    /// A smaller change is no improvement.
    pub(crate) min_delta: f64,
}

/// A score of the validation part.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Watched {
    /// The mean cross entropy.
    #[default]
    Loss,
    /// The share of right answers.
    Accuracy,
}

/// How images are changed while learning, by at most so much.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Augment {
    /// Pixels to each side.
    pub(crate) shift: f64,
    /// Degrees to each side.
    pub(crate) rotate: f64,
    /// Pixels by which places are moved, each its own way.
    pub(crate) elastic: f64,
}

/// What examples of the classes count.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ClassWeights {
    /// All the same.
    #[default]
    Even,
    /// So that all classes together count the same.
    Balanced,
    /// As given.
    Given(Vec<f64>),
}

/// Which weights are the result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Keep {
    /// Those of the last epoch.
    #[default]
    Last,
    /// Those of the epoch with the best score on the validation part.
    Best,
}

/// All keys of the section.
const KEYS: [&str; 16] = [
    "batch_size",
    "epochs",
    "lr",
    "optimizer",
    "seed",
    "momentum",
    "weight_decay",
    "schedule",
    "warmup",
    "early_stopping",
    "clip",
    "label_smoothing",
    "augment",
    "class_weights",
    "keep",
    "checkpoint_batches",
];

const OPTIMIZERS: [(&str, OptimizerKind); 3] = [
    ("adam", OptimizerKind::Adam),
    ("adamw", OptimizerKind::AdamW),
    ("sgd", OptimizerKind::Sgd),
];

impl TrainParams {
    /// Reads and checks the section.
    pub(crate) fn read(file: &ParamsFile) -> Result<Self, Problem> {
        let Some(section) = Section::top(file, "train")? else {
            return Err(file
                .complaint("the section `train` is missing")
                .help("it says how to learn: docs/training.md"));
        };
        section.only(&KEYS)?;
        let optimizer = section.needed_choice("optimizer", &OPTIMIZERS)?;
        Ok(Self {
            batch_size: section.needed_count("batch_size", 1..=MOST)?,
            epochs: section.needed_count("epochs", 1..=MOST)?,
            lr: section.needed_number("lr", POSITIVE)?,
            optimizer,
            seed: section.seed()?,
            momentum: momentum(&section, optimizer)?,
            weight_decay: weight_decay(&section, optimizer)?,
            schedule: schedule(&section)?,
            warmup: section.count("warmup", 0..=MOST)?.unwrap_or(0),
            early_stopping: early_stopping(&section)?,
            clip: section.number("clip", POSITIVE)?,
            label_smoothing: section.number("label_smoothing", BELOW_ONE)?.unwrap_or(0.0),
            augment: augment(&section)?,
            class_weights: class_weights(&section)?,
            keep: section
                .choice("keep", &[("last", Keep::Last), ("best", Keep::Best)])?
                .unwrap_or_default(),
            checkpoint_batches: section.count("checkpoint_batches", 1..=MOST)?,
        })
    }
}

impl ClassWeights {
    /// Refuses weights that are not one for each of the classes that the data have.
    pub(crate) fn check(&self, file: &ParamsFile, classes: usize) -> Result<(), Problem> {
        let found = match self {
            Self::Given(weights) => weights.len(),
            Self::Even | Self::Balanced => return Ok(()),
        };
        if found == classes {
            return Ok(());
        }
        let steps = ["train", "class_weights"].map(|key| Step::Key(key.to_owned()));
        let found = human::count(found, "number");
        let message =
            format!("`train.class_weights` has {found}, and the data have {classes} classes");
        Err(file.problem(&steps, &message))
    }
}

fn momentum(section: &Section, optimizer: OptimizerKind) -> Result<f64, Problem> {
    let momentum = section.number("momentum", BELOW_ONE)?.unwrap_or(0.0);
    if momentum > 0.0 && optimizer != OptimizerKind::Sgd {
        return Err(section.complaint("momentum", "needs the optimizer `sgd`"));
    }
    Ok(momentum)
}

fn weight_decay(section: &Section, optimizer: OptimizerKind) -> Result<f64, Problem> {
    let decay = section.number("weight_decay", SHARE)?;
    if decay.is_some() && optimizer != OptimizerKind::AdamW {
        return Err(section.complaint("weight_decay", "needs the optimizer `adamw`"));
    }
    Ok(decay.unwrap_or(0.01))
}

/// Reads a schedule: a name, or a name with its numbers.
fn schedule(section: &Section) -> Result<Schedule, Problem> {
    let rule = "`constant`, `step: {every: 2, factor: 0.5}`, `cosine` or `one_cycle`";
    let Some(Named { name, numbers }) = section.named("schedule", rule)? else {
        return Ok(Schedule::Constant);
    };
    let share = |key, default| {
        let share = numbers.number(key, SHARE);
        share.map(|share| share.unwrap_or(default))
    };
    Ok(match name {
        "constant" => {
            numbers.only(&[])?;
            Schedule::Constant
        }
        "step" => {
            numbers.only(&["every", "factor"])?;
            Schedule::Step {
                every: NonZeroUsize::new(numbers.needed_count("every", 1..=MOST)?)
                    .expect("invariant: 1 is the least"),
                factor: numbers.needed_number("factor", POSITIVE)?,
            }
        }
        "cosine" => {
            numbers.only(&["to"])?;
            Schedule::Cosine {
                to: share("to", 0.0)?,
            }
        }
        "one_cycle" => {
            numbers.only(&["rise", "from", "to"])?;
            Schedule::OneCycle {
                rise: share("rise", 0.3)?,
                from: share("from", 0.04)?,
                to: share("to", 0.000_004)?,
            }
        }
        _ => return Err(section.misfit("schedule", rule)),
    })
}

fn early_stopping(section: &Section) -> Result<Option<EarlyStopping>, Problem> {
    let Some(stopping) = section.section("early_stopping")? else {
        return Ok(None);
    };
    stopping.only(&["metric", "patience", "min_delta"])?;
    let metrics = [("loss", Watched::Loss), ("accuracy", Watched::Accuracy)];
    Ok(Some(EarlyStopping {
        metric: stopping.choice("metric", &metrics)?.unwrap_or_default(),
        patience: stopping.needed_count("patience", 1..=MOST)?,
        min_delta: stopping.number("min_delta", NOT_NEGATIVE)?.unwrap_or(0.0),
    }))
}

fn augment(section: &Section) -> Result<Option<Augment>, Problem> {
    let Some(augment) = section.section("augment")? else {
        return Ok(None);
    };
    augment.only(&["shift", "rotate", "elastic"])?;
    Ok(Some(Augment {
        shift: augment.number("shift", PIXELS)?.unwrap_or(0.0),
        rotate: augment.number("rotate", DEGREES)?.unwrap_or(0.0),
        elastic: augment.number("elastic", PIXELS)?.unwrap_or(0.0),
    }))
}

/// Reads weights: `balanced`, or a list.
fn class_weights(section: &Section) -> Result<ClassWeights, Problem> {
    // A batch of classes that weigh nothing would have no mean.
    let fits = |weight: &f64| *weight > 0.0 && weight.is_finite();
    let weights = match section.written("class_weights") {
        None | Some(Value::Null) => return Ok(ClassWeights::Even),
        Some(Value::Text(name)) if name == "balanced" => return Ok(ClassWeights::Balanced),
        Some(Value::List(items)) => items
            .iter()
            .map(|item| item.as_number().filter(fits))
            .collect(),
        Some(_) => None,
    };
    let weights: Option<Vec<f64>> = weights;
    match weights {
        Some(weights) => Ok(ClassWeights::Given(weights)),
        None => Err(section.misfit(
            "class_weights",
            "`balanced` or a list of numbers greater than 0, one for each class",
        )),
    }
}

/// Reads both sections of the file at `path`.
pub(crate) fn read(path: &Path) -> Result<(ParamsFile, ModelParams, TrainParams), Error> {
    let file = ParamsFile::read(path)?;
    let model = ModelParams::read(&file)?;
    let train = TrainParams::read(&file)?;
    Ok((file, model, train))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "\
train:
  batch_size: 10
  epochs: 1
  lr: 0.01
  optimizer: adam
  seed: 42
";

    fn train(more: &str) -> Result<TrainParams, Problem> {
        TrainParams::read(&ParamsFile::of("params.yaml", &format!("{GOOD}{more}"))?)
    }

    fn complaint(more: &str) -> String {
        train(more).expect_err("a problem").to_string()
    }

    #[test]
    fn what_is_not_said_has_a_default() {
        let params = train("").expect("params");
        assert_eq!(params.schedule, Schedule::Constant);
        assert_eq!(params.keep, Keep::Last);
        assert_eq!(params.class_weights, ClassWeights::Even);
    }

    #[test]
    fn schedules_are_names_with_or_without_numbers() {
        let schedule = |text: &str| train(&format!("  schedule: {text}\n")).map(|it| it.schedule);
        assert_eq!(
            schedule("cosine").expect("cosine"),
            Schedule::Cosine { to: 0.0 }
        );
        assert!(matches!(
            schedule("{step: {every: 2, factor: 0.5}}"),
            Ok(Schedule::Step { .. })
        ));
        let said = schedule("{cosine: {too: 1}}")
            .expect_err("unknown")
            .to_string();
        assert!(
            said.contains("train.schedule.cosine: unknown key `too`"),
            "{said}"
        );
    }

    #[test]
    fn numbers_out_of_range_are_named_with_their_place() {
        assert_eq!(
            complaint("  momentum: 0.9\n"),
            "`train.momentum` needs the optimizer `sgd` (params.yaml:7:13)"
        );
        let cases = [
            (
                "clip: 0",
                "clip` must be a number greater than 0, and is `0` (params.yaml:7:9)",
            ),
            (
                "clip: .nan",
                "clip` must be a number greater than 0, and is `.nan` (params.yaml:7:9)",
            ),
            (
                "warmup: -1",
                "warmup` must be a whole number from 0 to 1000000, and is `-1` (params.yaml:7:11)",
            ),
            (
                "momentum: much",
                "momentum` must be a number from 0 to below 1, and is `much` (params.yaml:7:13)",
            ),
            (
                "keep: worst",
                "keep` must be `last` or `best`, and is `worst` (params.yaml:7:9)",
            ),
            (
                "augment: {shift: .inf}",
                "augment.shift` must be a number of pixels from 0 to 100, and is `.inf` (params.yaml:7:20)",
            ),
            (
                "early_stopping: {patience: 0}",
                "early_stopping.patience` must be a whole number from 1 to 1000000, and is `0` (params.yaml:7:30)",
            ),
            (
                "early_stopping: {}",
                "early_stopping.patience` is missing: it must be a whole number from 1 to 1000000 (params.yaml:7:3)",
            ),
            (
                "schedule: {step: {every: 1, factor: .inf}}",
                "schedule.step.factor` must be a number greater than 0, and is `.inf` (params.yaml:7:39)",
            ),
            (
                "schedule: linear",
                "schedule` must be `constant`, `step: {every: 2, factor: 0.5}`, `cosine` or `one_cycle`, and is `linear` (params.yaml:7:13)",
            ),
            (
                "class_weights: [1, .nan]",
                "class_weights` must be `balanced` or a list of numbers greater than 0, one for each class, and is a list (params.yaml:7:18)",
            ),
        ];
        for (line, message) in cases {
            assert_eq!(
                complaint(&format!("  {line}\n")),
                format!("`train.{message}")
            );
        }
        assert!(
            complaint("  augment: {shear: 1}\n").contains("train.augment: unknown key `shear`")
        );
    }

    #[test]
    fn nothing_is_as_good_as_a_key_that_is_not_there() {
        let params = train("  clip: null\n  augment: ~\n  schedule:\n").expect("params");
        assert_eq!(params, train("").expect("params"));
    }
}
