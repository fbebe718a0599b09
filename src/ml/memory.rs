//! `Footprint`: what memory a training takes, counted before any of it is asked for, so that a slip of
//! the finger in the params does not end with the system killing whatever it likes.
//!
//! The kernels say what they allocate; here are the copies of weights that learning needs besides,
//! and the images.

use mlpipe_kernels::{Bytes, LANES, Plan};

use crate::base::human;
use crate::ml::dataset::Counts;
use crate::ml::layers::LayerSpec;
use crate::ml::train_params::{OptimizerKind, TrainParams};

/// The size of a number in single precision.
const NUMBER: u128 = 4;
/// What a process takes that does nothing: code, threads, and what the allocator keeps.
const PROCESS: u128 = 16 << 20;

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
    layers: Vec<Share>,
    /// The images, while they are learned from.
    images: u128,
    /// The images while they are read, when most of the network is not there yet.
    reading: u128,
}

/// What one layer takes.
#[derive(Clone, Copy, Default)]
struct Share {
    weights: u128,
    values: u128,
}

impl Share {
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
            .max_by_key(|(_, share)| share.sum())
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

    fn advice(&self, layer: usize, most: Share, memory: u64) -> String {
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

    /// Returns how many bytes the training takes.
    pub(crate) fn bytes(&self) -> u64 {
        let sum = self.footprint(self.params.batch_size).sum();
        u64::try_from(sum).unwrap_or(u64::MAX)
    }

    /// Counts what training takes in batches of so many images.
    fn footprint(&self, batch: usize) -> Footprint {
        let groups = batch.min(self.counts.train).div_ceil(LANES);
        let learners = groups.min(self.threads) as u128;
        let predictors = self.counts.validation.div_ceil(LANES).min(self.threads) as u128;
        let sum = |bytes: Bytes| {
            let times = [1, groups as u128, learners, predictors];
            let each = [bytes.once, bytes.group, bytes.learner, bytes.predictor];
            let products = each.map(u128::from).into_iter().zip(times);
            products.map(|(each, times)| each * times).sum::<u128>()
        };
        let needs = self.plan.needs().into_iter().enumerate();
        let layers = needs.map(|(layer, need)| Share {
            weights: sum(need.weights) + self.weights(layer),
            values: sum(need.values),
        });
        let image = self.plan.pixels() as u128;
        let [train, validation] =
            [self.counts.train, self.counts.validation].map(|count| count as u128 * image);
        Footprint {
            layers: layers.collect(),
            images: train + validation,
            // A part is there twice while it is read: as the file or as bytes, and as a tensor.
            reading: (2 * train).max(train + 2 * validation),
        }
    }

    /// Returns what the weights of a layer take with all that is kept for each of them, besides what
    /// the kernels have.
    fn weights(&self, layer: usize) -> u128 {
        // Velocity, or both means of Adam.
        let remembered = match self.params.optimizer {
            OptimizerKind::Sgd => 1,
            OptimizerKind::Adam | OptimizerKind::AdamW => 2,
        };
        // The variable, and what is remembered; and while a checkpoint is written a copy of what is
        // remembered, and the file's bytes.
        let copies = (1 + remembered) + (remembered + 1 + remembered);
        let parameters = self.plan.parameters().iter();
        let counts = parameters
            .filter(|parameter| parameter.layer == layer)
            .map(|parameter| product(&parameter.shape));
        counts.sum::<u128>() * copies * NUMBER
    }
}

impl Footprint {
    /// Says what the images take, where that is much.
    fn images(&self) -> String {
        let images = self.images.max(self.reading);
        if images * 4 < self.sum() {
            return String::new();
        }
        format!(" ({} of it for the images)", size(images))
    }

    fn sum(&self) -> u128 {
        let layers: u128 = self.layers.iter().map(|share| share.sum()).sum();
        PROCESS + self.reading.max(self.images + layers)
    }
}

fn product(sides: &[usize]) -> u128 {
    sides.iter().map(|side| *side as u128).product()
}

fn size(bytes: u128) -> String {
    human::size(u64::try_from(bytes).unwrap_or(u64::MAX))
}
