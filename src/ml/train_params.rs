//! The sections `model` and `train` of the params file, typed and checked.

use std::num::NonZeroUsize;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::base::problem::{Problem, did_you_mean};
use crate::base::yaml::Step;
use crate::ml::error::Error;
use crate::ml::layers::{self, LayerSpec, NAMES, PRESETS};
use crate::ml::params::{MOST, ParamsFile};

/// What is trained.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ModelParams {
    pub(crate) layers: Vec<LayerSpec>,
    /// Whether the layers are listed in the file, and so have places there.
    listed: bool,
}

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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Schedule {
    /// Not at all.
    Constant,
    /// It is multiplied by `factor` after every so many epochs.
    Step { every: NonZeroUsize, factor: f64 },
    /// It falls along half a cosine to the share `to`.
    Cosine {
        #[serde(default)]
        to: f64,
    },
    /// It rises along half a cosine from the share `from` for the share `rise` of the training, and
    /// falls to the share `to` for the rest.
    OneCycle {
        #[serde(default = "rise")]
        rise: f64,
        #[serde(default = "from")]
        from: f64,
        #[serde(default = "to")]
        to: f64,
    },
}

const fn rise() -> f64 {
    0.3
}

const fn from() -> f64 {
    0.04
}

const fn to() -> f64 {
    0.000_004
}

/// When training ends early.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EarlyStopping {
    /// What of the validation part is watched.
    #[serde(default)]
    pub(crate) metric: Watched,
    /// So many epochs may pass without an improvement.
    pub(crate) patience: NonZeroUsize,
    /// A smaller change is no improvement.
    #[serde(default)]
    pub(crate) min_delta: f64,
}

/// A score of the validation part.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Watched {
    /// The mean cross entropy.
    #[default]
    Loss,
    /// The share of right answers.
    Accuracy,
}

/// How images are changed while learning, by at most so much.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Augment {
    /// Pixels to each side.
    #[serde(default)]
    pub(crate) shift: f64,
    /// Degrees to each side.
    #[serde(default)]
    pub(crate) rotate: f64,
    /// Pixels by which places are moved, each its own way.
    #[serde(default)]
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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Keep {
    /// Those of the last epoch.
    #[default]
    Last,
    /// Those of the epoch with the best score on the validation part.
    Best,
}

#[derive(Deserialize)]
struct ModelFile {
    #[serde(default)]
    model: ModelSection,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct ModelSection {
    preset: Option<String>,
    layers: Option<Vec<serde_json::Value>>,
}

#[derive(Deserialize)]
struct TrainFile {
    train: TrainSection,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TrainSection {
    batch_size: NonZeroUsize,
    epochs: NonZeroUsize,
    lr: f64,
    optimizer: OptimizerKind,
    seed: u64,
    #[serde(default)]
    momentum: f64,
    weight_decay: Option<f64>,
    schedule: Option<serde_json::Value>,
    #[serde(default)]
    warmup: usize,
    early_stopping: Option<EarlyStopping>,
    clip: Option<f64>,
    #[serde(default)]
    label_smoothing: f64,
    augment: Option<Augment>,
    class_weights: Option<serde_json::Value>,
    #[serde(default)]
    keep: Keep,
    checkpoint_batches: Option<NonZeroUsize>,
}

impl ModelParams {
    /// Reads the section `model` of the file at `path`; without one it is the reference network.
    pub(crate) fn read(file: &ParamsFile) -> Result<Self, Problem> {
        let section = file.decode::<ModelFile>()?.model;
        match (section.preset, section.layers) {
            (Some(_), Some(_)) => Err(file.problem(
                &steps(&["model", "preset"]),
                "`model` has both a `preset` and `layers`",
            )),
            (preset, None) => {
                let name = preset.unwrap_or_else(|| PRESETS[0].to_owned());
                let layers = layers::preset(&name).ok_or_else(|| {
                    let message = format!("there is no preset `{name}`");
                    let help = did_you_mean(&name, PRESETS)
                        .unwrap_or_else(|| format!("presets: {}", PRESETS.join(", ")));
                    file.problem(&steps(&["model", "preset"]), &message)
                        .help(help)
                })?;
                Ok(Self {
                    layers,
                    listed: false,
                })
            }
            (None, Some(items)) => {
                let layers = items.into_iter().enumerate();
                let layers = layers.map(|(at, item)| layer(file, at, item));
                Ok(Self {
                    layers: layers.collect::<Result<_, _>>()?,
                    listed: true,
                })
            }
        }
    }

    /// Returns a complaint about the layer at `position`, with its place if it has one.
    pub(crate) fn complaint(&self, file: &ParamsFile, position: usize, message: &str) -> Problem {
        let (steps, message) = match self.layers.get(position) {
            Some(layer) => {
                let number = position + 1;
                let message = format!("layer {number} (`{}`): {message}", layer.label());
                (place(position), message)
            }
            None => (
                steps(&["model", "layers"]),
                format!("the network does not fit the data: {message}"),
            ),
        };
        if self.listed {
            file.problem(&steps, &message)
        } else {
            file.problem(&self::steps(&["model"]), &message)
        }
    }
}

/// Reads the layer at `at` of the list.
fn layer(file: &ParamsFile, at: usize, item: serde_json::Value) -> Result<LayerSpec, Problem> {
    let name = match &item {
        serde_json::Value::String(name) => Some(name.clone()),
        serde_json::Value::Object(keys) if keys.len() == 1 => keys.keys().next().cloned(),
        _ => None,
    };
    let Some(name) = name else {
        let message = "a layer is a name, as `relu`, or a name with its numbers, as \
                       `conv: {channels: 8, kernel: 3}`";
        return Err(file.problem(&place(at), message));
    };
    if !NAMES.contains(&name.as_str()) {
        let help =
            did_you_mean(&name, NAMES).unwrap_or_else(|| format!("layers: {}", NAMES.join(", ")));
        let message = format!("there is no layer `{name}`");
        return Err(file.problem(&place(at), &message).help(help));
    }
    // `linear` alone is one whose numbers all have defaults.
    let item = if item == "linear" {
        serde_json::json!({"linear": {}})
    } else {
        item
    };
    let spec: LayerSpec = serde_json::from_value(item).map_err(|error| {
        let message = format!("layer {} (`{name}`): {error}", at + 1);
        file.problem(&place(at), &message)
    })?;
    match spec.fault() {
        Some(fault) => {
            let message = format!("layer {} (`{name}`): {fault}", at + 1);
            Err(file.problem(&place(at), &message))
        }
        None => Ok(spec),
    }
}

fn place(layer: usize) -> Vec<Step> {
    let mut place = steps(&["model", "layers"]);
    place.push(Step::Index(layer));
    place
}

fn steps(keys: &[&str]) -> Vec<Step> {
    keys.iter()
        .map(|key| Step::Key((*key).to_owned()))
        .collect()
}

impl TrainParams {
    /// Reads and checks the section `train` of the file at `path`.
    pub(crate) fn read(file: &ParamsFile) -> Result<Self, Problem> {
        let section = file.decode::<TrainFile>()?.train;
        check(file, &section)?;
        Ok(Self {
            batch_size: section.batch_size.get(),
            epochs: section.epochs.get(),
            lr: section.lr,
            optimizer: section.optimizer,
            seed: section.seed,
            momentum: section.momentum,
            weight_decay: section.weight_decay.unwrap_or(0.01),
            schedule: schedule(file, section.schedule)?,
            warmup: section.warmup,
            early_stopping: section.early_stopping,
            clip: section.clip,
            label_smoothing: section.label_smoothing,
            augment: section.augment,
            class_weights: class_weights(file, section.class_weights)?,
            keep: section.keep,
            checkpoint_batches: section.checkpoint_batches.map(NonZeroUsize::get),
        })
    }
}

/// Checks the numbers of the section one by one.
fn check(file: &ParamsFile, section: &TrainSection) -> Result<(), Problem> {
    let demand = |holds, key, rule| file.demand(holds, "train", key, rule);
    let positive = |value: f64| value > 0.0 && value.is_finite();
    let bounded = |value: f64, most: f64| (0.0..=most).contains(&value);
    demand(positive(section.lr), "lr", "must be greater than 0")?;
    let fits = section.batch_size.get() <= MOST;
    demand(fits, "batch_size", "must be 1000000 at most")?;
    let share = "must be 0 at least and less than 1";
    demand((0.0..1.0).contains(&section.momentum), "momentum", share)?;
    let of_sgd = section.momentum == 0.0 || section.optimizer == OptimizerKind::Sgd;
    demand(of_sgd, "momentum", "needs the optimizer `sgd`")?;
    let decay = section.weight_decay;
    let fits = decay.is_none_or(|decay| bounded(decay, 1.0));
    demand(fits, "weight_decay", "must lie between 0 and 1")?;
    let of_adamw = decay.is_none() || section.optimizer == OptimizerKind::AdamW;
    demand(of_adamw, "weight_decay", "needs the optimizer `adamw`")?;
    let fits = section.clip.is_none_or(positive);
    demand(fits, "clip", "must be greater than 0")?;
    let fits = (0.0..1.0).contains(&section.label_smoothing);
    demand(fits, "label_smoothing", share)?;
    let fits = section.augment.is_none_or(|augment| {
        bounded(augment.shift, 100.0)
            && bounded(augment.rotate, 90.0)
            && bounded(augment.elastic, 100.0)
    });
    let rule =
        "must have a `shift` and an `elastic` of 0 to 100 pixels, a `rotate` of 0 to 90 degrees";
    demand(fits, "augment", rule)?;
    let stops = section.early_stopping;
    let fits = stops.is_none_or(|stops| stops.min_delta >= 0.0);
    demand(fits, "early_stopping", "needs a `min_delta` of 0 at least")
}

/// Reads a schedule: a name, or a name with its numbers.
fn schedule(file: &ParamsFile, value: Option<serde_json::Value>) -> Result<Schedule, Problem> {
    let Some(value) = value else {
        return Ok(Schedule::Constant);
    };
    // Names alone are schedules whose numbers all have defaults.
    let value = match value.as_str() {
        Some(name @ ("cosine" | "one_cycle")) => {
            serde_json::json!({ name: serde_json::json!({}) })
        }
        _ => value,
    };
    let steps = steps(&["train", "schedule"]);
    let schedule: Schedule = serde_json::from_value(value).map_err(|error| {
        let help = "schedules: constant, step: {every: 2, factor: 0.5}, cosine, one_cycle";
        let message = format!("`train.schedule`: {error}");
        file.problem(&steps, &message).help(help)
    })?;
    let share = |value: f64| (0.0..=1.0).contains(&value);
    let fits = match schedule {
        Schedule::Constant => true,
        Schedule::Step { factor, .. } => factor > 0.0 && factor.is_finite(),
        Schedule::Cosine { to } => share(to),
        Schedule::OneCycle { rise, from, to } => share(rise) && share(from) && share(to),
    };
    if fits {
        Ok(schedule)
    } else {
        let message = "`train.schedule` takes shares between 0 and 1 and a positive `factor`";
        Err(file.problem(&steps, message))
    }
}

/// Reads weights: `balanced`, or a list.
fn class_weights(
    file: &ParamsFile,
    value: Option<serde_json::Value>,
) -> Result<ClassWeights, Problem> {
    let Some(value) = value else {
        return Ok(ClassWeights::Even);
    };
    if value == "balanced" {
        return Ok(ClassWeights::Balanced);
    }
    let weights: Option<Vec<f64>> = serde_json::from_value(value).ok();
    match weights {
        Some(weights) if weights.iter().all(|weight| *weight >= 0.0) => {
            Ok(ClassWeights::Given(weights))
        }
        _ => Err(file.problem(
            &steps(&["train", "class_weights"]),
            "`train.class_weights` must be `balanced` or a list of numbers, one for each class",
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
        TrainParams::read(&ParamsFile::of("params.yaml", &format!("{GOOD}{more}")))
    }

    fn complaint(more: &str) -> String {
        train(more).expect_err("a problem").to_string()
    }

    fn model(text: &str) -> Result<ModelParams, Problem> {
        ModelParams::read(&ParamsFile::of("params.yaml", text))
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
        assert!(said.contains("unknown field `too`"), "{said}");
    }

    #[test]
    fn numbers_out_of_range_are_named_with_their_place() {
        assert_eq!(
            complaint("  momentum: 0.9\n"),
            "`train.momentum` needs the optimizer `sgd` (params.yaml:7:13)"
        );
        assert_eq!(
            complaint("  clip: 0\n"),
            "`train.clip` must be greater than 0 (params.yaml:7:9)"
        );
        assert!(complaint("  class_weights: balances\n").contains("`balanced` or a list"));
        assert!(complaint("  augment: {shear: 1}\n").contains("shear"));
    }

    #[test]
    fn layers_are_names_with_or_without_numbers() {
        let text = "\
model:
  layers:
    - conv: {channels: 8, kernel: 3}
    - relu
    - max_pool: {kernel: 2}
    - flatten
    - linear
";
        let layers = model(text).expect("layers").layers;
        assert_eq!(layers.len(), 5);
        assert_eq!(
            layers[4],
            LayerSpec::Linear {
                outputs: None,
                bias: true
            }
        );
    }

    #[test]
    fn a_wrong_layer_is_named_with_its_place() {
        let said = |text: &str| model(text).expect_err("a problem");
        let problem = said("model:\n  layers:\n    - relu\n    - convv: {channels: 8}\n");
        assert_eq!(
            problem.to_string(),
            "there is no layer `convv` (params.yaml:4:7)"
        );
        assert_eq!(problem.help.as_deref(), Some("did you mean `conv`?"));
        let problem = said("model:\n  layers:\n    - conv: {channels: 8, kernel: 3, pad: 1}\n");
        let text = problem.to_string();
        assert!(
            text.contains("layer 1 (`conv`): unknown field `pad`"),
            "{text}"
        );
        let problem = said("model: {preset: referense}\n");
        assert_eq!(problem.help.as_deref(), Some("did you mean `reference`?"));
    }
}
