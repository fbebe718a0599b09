//! The stage `train`: from the prepared data to the weights, with how well it went.

use std::path::PathBuf;
use std::time::Instant;

use candle_core::{Device, Tensor, Var};
use candle_nn::{AdamW, Optimizer as _, ParamsAdamW, SGD, loss};
use serde::Serialize;

use crate::ml::batch::{self, Answer, Normaliser, Tally};
use crate::ml::dataset::{Part, Summary, TRAIN, VALIDATION};
use crate::ml::error::Error;
use crate::ml::event::{BatchEnd, EpochEnd, Event, Score};
use crate::ml::history::History;
use crate::ml::init;
use crate::ml::model::{self, Mode, Network};
use crate::ml::params::{OptimizerKind, TrainParams};
use crate::ml::random::{Purpose, Random};
use crate::ml::report;

/// Where `train` reads and writes.
pub(crate) struct Training {
    /// The file with the section `train`.
    pub(crate) params: PathBuf,
    /// The prepared data.
    pub(crate) data: PathBuf,
    /// The file for the weights.
    pub(crate) model: PathBuf,
    /// The file for the final scores.
    pub(crate) metrics: PathBuf,
    /// The file for the course of the training.
    pub(crate) history: PathBuf,
}

/// The final scores; no time or host is in them, so that each run writes the same bytes.
#[derive(Serialize)]
struct Metrics {
    epochs: usize,
    parameters: usize,
    train: Score,
    validation: Score,
}

/// Trains a network and writes its weights, scores and history.
pub(crate) fn train(task: &Training, on_event: &mut dyn FnMut(Event)) -> Result<(), Error> {
    let params = TrainParams::read(&task.params)?;
    let summary = Summary::read(&task.data)?;
    model::accept(&summary)?;
    let mut trainer = Trainer {
        network: init::network(params.seed)?,
        part: Part::read(&task.data.join(TRAIN), summary.form())?,
        normaliser: Normaliser::new(&summary),
        history: History::default(),
        on_event,
        params,
    };
    let validation = Part::read(&task.data.join(VALIDATION), summary.form())?;
    let (train, validation) = trainer.run(&validation)?;
    trainer.network.write(&task.model)?;
    let metrics = Metrics {
        epochs: trainer.params.epochs,
        parameters: trainer.network.parameters(),
        train: report::rounded(train),
        validation: report::rounded(validation),
    };
    report::write_json(&metrics, &task.metrics)?;
    trainer.history.write(&task.history)
}

struct Trainer<'a> {
    params: TrainParams,
    network: Network,
    part: Part,
    normaliser: Normaliser,
    history: History,
    on_event: &'a mut dyn FnMut(Event),
}

impl Trainer<'_> {
    /// Goes through all epochs; returns the scores of the last one.
    fn run(&mut self, validation: &Part) -> Result<(Score, Score), Error> {
        let mut optimizer = Optimizer::new(self.network.learned(), &self.params)?;
        (self.on_event)(Event::Started {
            layers: self.network.layers(),
            parameters: self.network.parameters(),
            epochs: self.params.epochs,
        });
        let mut scores = None;
        for epoch in 1..=self.params.epochs {
            let start = Instant::now();
            let train = self.epoch(epoch, &mut optimizer)?;
            let answers = batch::predict(&self.network, validation, &self.normaliser)?;
            let validation = Tally::of(&answers, validation.labels()).score();
            // The last update of the epoch shows here first.
            if !validation.loss.is_finite() {
                return Err(Error::Diverged { epoch });
            }
            (self.on_event)(Event::Epoch(EpochEnd {
                epoch,
                train,
                validation,
                time: start.elapsed(),
            }));
            scores = Some((train, validation));
        }
        Ok(scores.expect("invariant: there is at least one epoch"))
    }

    /// Learns once from every example; the score is the mean of the answers given on the way.
    fn epoch(&mut self, epoch: usize, optimizer: &mut Optimizer) -> Result<Score, Error> {
        let mut random = Random::new(self.params.seed, Purpose::Order, epoch);
        let order = random.permutation(self.part.len());
        let batches = order.len().div_ceil(self.params.batch_size);
        let mut tally = Tally::default();
        for (positions, batch) in order.chunks(self.params.batch_size).zip(1..) {
            let answers = self.learn(positions, optimizer)?;
            let labels = batch::labels(&self.part, positions);
            for (answer, label) in answers.iter().zip(labels) {
                tally.add(answer, label);
                self.history.add(answer, label);
            }
            let mean = tally.score();
            if !mean.loss.is_finite() {
                return Err(Error::Diverged { epoch });
            }
            self.history.end_batch(epoch, batch == batches);
            (self.on_event)(Event::Batch(BatchEnd {
                epoch,
                batch,
                batches,
                mean,
            }));
        }
        Ok(tally.score())
    }

    /// Learns from one batch; returns the answers from before.
    fn learn(&self, positions: &[usize], optimizer: &mut Optimizer) -> Result<Vec<Answer>, Error> {
        let images = self.normaliser.images(&self.part, positions)?;
        let labels = batch::labels(&self.part, positions);
        let classes = labels.iter().map(|label| u32::from(*label)).collect();
        let classes = Tensor::from_vec(classes, labels.len(), &Device::Cpu)?;
        let logits = self.network.forward(&images, Mode::Learn)?;
        optimizer.step(&loss::cross_entropy(&logits, &classes)?)?;
        let rows = logits.to_vec2::<f32>()?;
        let answers = rows.iter().zip(labels);
        Ok(answers
            .map(|(row, label)| Answer::new(row, label))
            .collect())
    }
}

enum Optimizer {
    Adam(AdamW),
    Sgd(SGD),
}

impl Optimizer {
    fn new(vars: Vec<Var>, params: &TrainParams) -> Result<Self, Error> {
        Ok(match params.optimizer {
            OptimizerKind::Adam => {
                // Without weight decay AdamW is Adam.
                let adam = ParamsAdamW {
                    lr: params.lr,
                    weight_decay: 0.0,
                    ..ParamsAdamW::default()
                };
                Self::Adam(AdamW::new(vars, adam)?)
            }
            OptimizerKind::Sgd => Self::Sgd(SGD::new(vars, params.lr)?),
        })
    }

    fn step(&mut self, loss: &Tensor) -> candle_core::Result<()> {
        match self {
            Self::Adam(adam) => adam.backward_step(loss),
            Self::Sgd(sgd) => sgd.backward_step(loss),
        }
    }
}
