//! `Footprint`: what memory a training takes, counted before any of it is asked for, so that a slip of
//! the finger in the params does not end with the system killing whatever it likes.
//!
//! It follows what the kernels allocate: values and gradients for each group of images of a batch,
//! and for each convolution the sums of its weights' gradients.

use mlpipe_kernels::{LANES, Plan, Shape};

use crate::base::human;
use crate::ml::dataset::Counts;
use crate::ml::layers::LayerSpec;
use crate::ml::train_params::{OptimizerKind, TrainParams};

/// The size of a number in single precision.
const NUMBER: u128 = 4;
/// A number for each image of a group.
const ROW: u128 = NUMBER * LANES as u128;
/// The sum over a group of a weight's gradient, in double precision.
const SUM: u128 = 8;

/// What a training is made of.
pub(crate) struct Scale<'a> {
    pub(crate) layers: &'a [LayerSpec],
    pub(crate) plan: &'a Plan,
    pub(crate) params: &'a TrainParams,
    pub(crate) counts: Counts,
    pub(crate) threads: usize,
}

/// The bytes that a training takes at most at one time.
pub(crate) struct Footprint {
    /// By layer.
    layers: Vec<Need>,
    data: u128,
}

/// What one layer takes.
#[derive(Clone, Copy, Default)]
struct Need {
    weights: u128,
    values: u128,
}

impl Need {
    fn sum(self) -> u128 {
        self.weights + self.values
    }
}

/// A training that does not fit, and what takes most of it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Excess {
    /// The position of the layer that takes most.
    pub(crate) layer: usize,
    pub(crate) message: String,
    pub(crate) help: String,
}

impl Scale<'_> {
    /// Checks that the training fits into so many bytes of memory.
    pub(crate) fn check(&self, memory: u64) -> Result<(), Excess> {
        let batch = self.params.batch_size;
        let need = self.footprint(batch);
        if need.sum() <= u128::from(memory) {
            return Ok(());
        }
        let all = need.layers.iter().enumerate();
        let (layer, most) = all
            .max_by_key(|(_, need)| need.sum())
            .expect("invariant: a plan has layers");
        Err(Excess {
            layer,
            message: format!(
                "it takes {} of the {} of memory that training in batches of {batch} needs{}, and \
                 there are {}",
                size(most.sum()),
                size(need.sum()),
                need.images(),
                human::size(memory),
            ),
            help: self.advice(layer, *most, memory),
        })
    }

    fn advice(&self, layer: usize, most: Need, memory: u64) -> String {
        let halves = std::iter::successors(Some(self.params.batch_size / 2), |half| Some(half / 2));
        let mut halves = halves.take_while(|half| *half > 0);
        if let Some(fits) = halves.find(|half| self.footprint(*half).sum() <= u128::from(memory)) {
            return format!("it would fit with `train.batch_size: {fits}`");
        }
        let advice = match (&self.layers[layer], most.weights > most.values) {
            (LayerSpec::Conv { .. }, true) => "give it fewer `channels` or a smaller `kernel`",
            (LayerSpec::Linear { .. }, true) => {
                "give it fewer `outputs`, or put a pool before `flatten`"
            }
            _ => "put a pool or a convolution with a larger `stride` before it",
        };
        advice.to_owned()
    }

    /// Counts what training takes in batches of so many images.
    fn footprint(&self, batch: usize) -> Footprint {
        let groups = batch.min(self.counts.train).div_ceil(LANES);
        let readers = self.counts.validation.div_ceil(LANES).min(4 * self.threads);
        let (groups, readers) = (groups as u128, readers as u128);
        let positions = 0..self.layers.len();
        let layers = positions.map(|layer| {
            let [values, gradients] = self.tensors(layer).map(|count| count * ROW);
            Need {
                weights: self.weights(layer, groups),
                values: values * (groups + readers) + gradients * groups,
            }
        });
        let mut layers: Vec<Need> = layers.collect();
        // All convolutions have one buffer for the sums of their lanes.
        let sums = (0..layers.len()).filter(|layer| self.sums_groups(*layer));
        if let Some(largest) = sums.max_by_key(|layer| self.count(*layer)) {
            layers[largest].weights += self.count(largest) * ROW * groups;
        }
        // A part is in memory three times while it is read: as the file, as a tensor and as bytes.
        let images = 3 * self.counts.train + self.counts.validation;
        Footprint {
            layers,
            data: images as u128 * self.plan.pixels() as u128,
        }
    }

    /// Returns what the weights of a layer take with all that is kept for each of them.
    fn weights(&self, layer: usize, groups: u128) -> u128 {
        // Velocity, or both means of Adam.
        let remembered = match self.params.optimizer {
            OptimizerKind::Sgd => 1,
            OptimizerKind::Adam | OptimizerKind::AdamW => 2,
        };
        // The variable, as it is loaded, packed forward and back, and the gradient twice; what is
        // remembered; and of the weights and that a copy as a checkpoint.
        let copies = 6 + remembered + (1 + 2 * remembered);
        let sums = if self.sums_groups(layer) {
            SUM * groups
        } else {
            0
        };
        self.count(layer) * (copies * NUMBER + sums)
    }

    /// Returns how many weights a layer has.
    fn count(&self, layer: usize) -> u128 {
        let parameters = self.plan.parameters().iter();
        parameters
            .filter(|parameter| parameter.layer == layer)
            .map(|parameter| product(&parameter.shape))
            .sum()
    }

    /// Returns whether each group sums the gradients of the layer's weights up for itself.
    fn sums_groups(&self, layer: usize) -> bool {
        let is_image = matches!(self.plan.shapes()[layer], Shape::Image { height, width, .. } if height * width > 1);
        is_image && matches!(self.layers[layer], LayerSpec::Conv { .. })
    }

    /// Returns how many values and gradients of one image are kept for a layer. Norms, rectifiers and
    /// max-pools in a row have one tensor.
    fn tensors(&self, layer: usize) -> [u128; 2] {
        let spec = &self.layers[layer];
        let next = self.layers.get(layer + 1);
        let is_fused = matches!(
            (spec, next),
            (LayerSpec::Flatten, _)
                | (
                    LayerSpec::BatchNorm,
                    Some(LayerSpec::Relu | LayerSpec::MaxPool { .. })
                )
                | (LayerSpec::Relu, Some(LayerSpec::MaxPool { .. }))
        );
        if is_fused {
            return [0, 0];
        }
        let halo = match next {
            Some(LayerSpec::Conv { padding, .. }) => *padding,
            _ => 0,
        };
        let own_halo = match spec {
            LayerSpec::Conv {
                kernel,
                padding,
                stride: 1,
                ..
            } => kernel.saturating_sub(1 + padding),
            _ => 0,
        };
        let shape = self.plan.shapes()[layer];
        let works_in_place = matches!(
            spec,
            LayerSpec::BatchNorm | LayerSpec::Relu | LayerSpec::Dropout { .. }
        );
        let gradients = if works_in_place {
            0
        } else {
            with_halo(shape, own_halo)
        };
        [with_halo(shape, halo), gradients]
    }
}

impl Footprint {
    /// Says what the images take, where that is much.
    fn images(&self) -> String {
        if self.data * 4 < self.sum() {
            return String::new();
        }
        format!(" ({} of it for the images)", size(self.data))
    }

    fn sum(&self) -> u128 {
        self.data + self.layers.iter().map(|need| need.sum()).sum::<u128>()
    }
}

fn product(sides: &[usize]) -> u128 {
    sides.iter().map(|side| *side as u128).product()
}

/// Returns how many values there are with so many rows and columns of zeros around each channel.
fn with_halo(shape: Shape, halo: usize) -> u128 {
    match shape {
        Shape::Image {
            channels,
            height,
            width,
        } => product(&[channels, height + 2 * halo, width + 2 * halo]),
        Shape::Flat(values) => values as u128,
    }
}

fn size(bytes: u128) -> String {
    human::size(u64::try_from(bytes).unwrap_or(u64::MAX))
}
