//! The section `model` of the params file, typed and checked.

use crate::base::problem::{Problem, did_you_mean};
use crate::base::value::Value;
use crate::base::yaml::Step;
use crate::ml::layers::{self, LayerSpec, NAMES, PRESETS};
use crate::ml::params_file::ParamsFile;
use crate::ml::section::{BELOW_ONE, Named, Section};

/// More channels, or a larger kernel, is a slip of the finger.
const MOST: usize = 4096;

/// What is trained.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ModelParams {
    pub(crate) layers: Vec<LayerSpec>,
    /// Whether the layers are listed in the file, and so have places there.
    listed: bool,
}

impl ModelParams {
    /// Reads the section `model`; without one it is the reference network.
    pub(crate) fn read(file: &ParamsFile) -> Result<Self, Problem> {
        let Some(section) = Section::top(file, "model")? else {
            return Ok(Self::preset(PRESETS[0]).expect("invariant: the first preset is there"));
        };
        section.only(&["preset", "layers"])?;
        // A null here would train something else than was meant.
        match (section.written("preset"), section.written("layers")) {
            (Some(_), Some(_)) => {
                Err(section.complaint("preset", "and `model.layers` are both there: keep one"))
            }
            (Some(Value::Text(name)), None) => Self::preset(name).ok_or_else(|| {
                let help = did_you_mean(name, PRESETS)
                    .unwrap_or_else(|| format!("presets: {}", PRESETS.join(", ")));
                let steps = steps(&["model", "preset"]);
                file.problem(&steps, &format!("there is no preset `{name}`"))
                    .help(help)
            }),
            (None, Some(Value::List(items))) if !items.is_empty() => {
                let layers = items.iter().enumerate();
                let layers = layers.map(|(at, item)| layer(file, at, item));
                Ok(Self {
                    layers: layers.collect::<Result<_, _>>()?,
                    listed: true,
                })
            }
            (None, Some(_)) => Err(section.misfit("layers", "a list of layers")),
            (Some(_), None) => {
                Err(section.misfit("preset", &format!("one of {}", PRESETS.join(", "))))
            }
            (None, None) => {
                let message = "`model` has neither a `preset` nor `layers`";
                Err(file.problem_of_key(&steps(&["model"]), message))
            }
        }
    }

    fn preset(name: &str) -> Option<Self> {
        Some(Self {
            layers: layers::preset(name)?,
            listed: false,
        })
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
fn layer(file: &ParamsFile, at: usize, item: &Value) -> Result<LayerSpec, Problem> {
    let number = at + 1;
    let prefix = |name: &str| format!("layer {number} (`{name}`): `");
    let Some(Named { name, numbers }) = Named::of(file, place(at), item, &prefix) else {
        let message = "a layer is a name, as `relu`, or a name with its numbers, as \
                       `conv: {channels: 8, kernel: 3}`";
        return Err(file.problem(&place(at), message));
    };
    spec(name, &numbers)?.ok_or_else(|| {
        let help =
            did_you_mean(name, NAMES).unwrap_or_else(|| format!("layers: {}", NAMES.join(", ")));
        let message = format!("there is no layer `{name}`");
        file.problem(&place(at), &message).help(help)
    })
}

/// Reads the numbers of a layer; `None` if there is no such layer.
fn spec(name: &str, numbers: &Section) -> Result<Option<LayerSpec>, Problem> {
    Ok(Some(match name {
        "conv" => {
            numbers.only(&["channels", "kernel", "stride", "padding", "bias"])?;
            LayerSpec::Conv {
                channels: numbers.needed_count("channels", 1..=MOST)?,
                kernel: numbers.needed_count("kernel", 1..=MOST)?,
                stride: numbers.count("stride", 1..=MOST)?.unwrap_or(1),
                padding: numbers.count("padding", 0..=MOST)?.unwrap_or(0),
                bias: numbers.truth("bias")?.unwrap_or(false),
            }
        }
        "max_pool" => {
            let (kernel, stride) = pool(numbers)?;
            LayerSpec::MaxPool { kernel, stride }
        }
        "avg_pool" => {
            let (kernel, stride) = pool(numbers)?;
            LayerSpec::AvgPool { kernel, stride }
        }
        "dropout" => {
            numbers.only(&["rate"])?;
            LayerSpec::Dropout {
                rate: numbers.needed_number("rate", BELOW_ONE)?,
            }
        }
        "linear" => {
            numbers.only(&["outputs", "bias"])?;
            LayerSpec::Linear {
                outputs: numbers.count("outputs", 1..=MOST)?,
                bias: numbers.truth("bias")?.unwrap_or(true),
            }
        }
        name => {
            let plain = match name {
                "batch_norm" => LayerSpec::BatchNorm,
                "relu" => LayerSpec::Relu,
                "global_avg_pool" => LayerSpec::GlobalAvgPool,
                "flatten" => LayerSpec::Flatten,
                _ => return Ok(None),
            };
            numbers.only(&[])?;
            plain
        }
    }))
}

fn pool(numbers: &Section) -> Result<(usize, Option<usize>), Problem> {
    numbers.only(&["kernel", "stride"])?;
    Ok((
        numbers.needed_count("kernel", 1..=MOST)?,
        numbers.count("stride", 1..=MOST)?,
    ))
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

#[cfg(test)]
mod tests {
    use super::*;

    fn model(text: &str) -> Result<ModelParams, Problem> {
        ModelParams::read(&ParamsFile::of("params.yaml", text)?)
    }

    fn said(text: &str) -> String {
        model(text).expect_err("a problem").to_string()
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
        let problem = model("model:\n  layers:\n    - relu\n    - convv: {channels: 8}\n")
            .expect_err("a problem");
        assert_eq!(
            problem.to_string(),
            "there is no layer `convv` (params.yaml:4:7)"
        );
        assert_eq!(problem.help.as_deref(), Some("did you mean `conv`?"));
        assert_eq!(
            said("model:\n  layers:\n    - conv: {channels: 8, kernel: 3, pad: 1}\n"),
            "layer 1 (`conv`): unknown key `pad` (params.yaml:3:38)"
        );
        let problem = model("model: {preset: referense}\n").expect_err("a problem");
        assert_eq!(problem.help.as_deref(), Some("did you mean `reference`?"));
    }

    #[test]
    fn numbers_of_layers_are_named_with_what_they_take() {
        let layer = |layer: &str| said(&format!("model:\n  layers:\n    - {layer}\n"));
        assert_eq!(
            layer("conv: {channels: -8, kernel: 3}"),
            "layer 1 (`conv`): `channels` must be a whole number from 1 to 4096, and is `-8` (params.yaml:3:24)"
        );
        assert_eq!(
            layer("dropout: {rate: .inf}"),
            "layer 1 (`dropout`): `rate` must be a number from 0 to below 1, and is `.inf` (params.yaml:3:23)"
        );
        assert_eq!(
            layer("max_pool"),
            "layer 1 (`max_pool`): `kernel` is missing: it must be a whole number from 1 to 4096 (params.yaml:3:7)"
        );
        assert!(layer("relu: {rate: 1}").contains("layer 1 (`relu`): unknown key `rate`"));
    }

    #[test]
    fn nothing_is_no_network() {
        assert_eq!(
            said("model: {layers: null}\n"),
            "`model.layers` must be a list of layers, and is `null` (params.yaml:1:17)"
        );
        assert_eq!(
            said("model: {layers: []}\n"),
            "`model.layers` must be a list of layers, and is an empty list (params.yaml:1:17)"
        );
        assert!(
            said("model: {preset: ~}\n")
                .contains("must be one of reference, mlp, wide, and is `~`")
        );
        assert!(said("model:\n").contains("`model` must be a section with keys, and is empty"));
        assert!(said("model: {}\n").contains("neither a `preset` nor `layers` (params.yaml:1:1)"));
    }
}
