//! The stage `train`: from the prepared data to the weights, with how well it went.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use mlpipe_kernels::Loss;
use serde::Serialize;

use crate::base::machine::Machine;
use crate::ml::batch::{self, Answer, Chance, Examples, Normaliser, Tally};
use crate::ml::checkpoint::Checkpoints;
use crate::ml::dataset::{Part, Summary, TRAIN, VALIDATION};
use crate::ml::error::Error;
use crate::ml::event::{BatchEnd, EpochEnd, Event, Score};
use crate::ml::identity::Identity;
use crate::ml::init;
use crate::ml::layers;
use crate::ml::memory::Scale;
use crate::ml::model::{Design, Network};
use crate::ml::model_params::ModelParams;
use crate::ml::optimizer::Optimizer;
use crate::ml::params_file::ParamsFile;
use crate::ml::progress::{Outcome, Progress};
use crate::ml::random::{Purpose, Random};
use crate::ml::record::{Course, Record};
use crate::ml::report;
use crate::ml::schedule::{self, Position};
use crate::ml::train_params::{self, ClassWeights, Keep, TrainParams, Watched};

/// Where `train` reads and writes.
pub(crate) struct Training {
    /// The file with the sections `model` and `train`.
    pub(crate) params: PathBuf,
    /// The prepared data.
    pub(crate) data: PathBuf,
    /// The file for the weights.
    pub(crate) model: PathBuf,
    /// The file for the final scores.
    pub(crate) metrics: PathBuf,
    /// The file for the course of the training.
    pub(crate) history: PathBuf,
    /// The file for the table of layers.
    pub(crate) layers: PathBuf,
    /// The folder for checkpoints.
    pub(crate) checkpoints: PathBuf,
    /// The file for what the training ran on.
    pub(crate) record: PathBuf,
    pub(crate) start: Start,
}

/// Where training begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Start {
    /// With new weights.
    New,
    /// Where the last checkpoint is.
    Resume,
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
    let start = Instant::now();
    let mut trainer = Trainer::new(task, on_event)?;
    report::write_layers(&trainer.network.layers(), &task.layers)?;
    (trainer.on_event)(Event::Started {
        layers: trainer.network.layers(),
        parameters: trainer.network.parameters(),
        epochs: trainer.params.epochs,
    });
    trainer.begin(task.start)?;
    let outcome = trainer.run()?;
    trainer.network.write(&task.model)?;
    let metrics = Metrics {
        epochs: trainer.progress.epochs,
        parameters: trainer.network.parameters(),
        train: report::rounded(outcome.train),
        validation: report::rounded(outcome.validation),
    };
    report::write_json(&metrics, &task.metrics)?;
    trainer.progress.history.write(&task.history)?;
    let record = Record::new(Course {
        seed: trainer.params.seed,
        learning: trainer.learning,
        all: start.elapsed(),
        counted: trainer.memory,
    })?;
    // No result is lost for a note on the machine.
    if let Err(error) = record.write(&task.record) {
        let why = error.to_string();
        (trainer.on_event)(Event::Unrecorded { why });
    }
    Ok(())
}

struct Trainer<'a> {
    params: TrainParams,
    network: Network,
    optimizer: Optimizer,
    part: Part,
    validation: Part,
    normaliser: Normaliser,
    loss: Loss,
    checkpoints: Checkpoints,
    progress: Progress,
    /// The time from first to last batches.
    learning: Duration,
    /// The bytes of memory that were counted.
    memory: u64,
    on_event: &'a mut dyn FnMut(Event),
}

impl<'a> Trainer<'a> {
    fn new(task: &Training, on_event: &'a mut dyn FnMut(Event)) -> Result<Self, Error> {
        let (file, model, params) = train_params::read(&task.params)?;
        let summary = Summary::read(&task.data)?;
        let design = Design::new(model.layers.clone(), summary.form())
            .map_err(|misfit| model.complaint(&file, misfit.layer, &misfit.message))?;
        params.class_weights.check(&file, summary.classes.len())?;
        let memory = fit(&file, &model, &params, &summary)?;
        let network = init::network(design, params.seed)?;
        let part = Part::read(&task.data.join(TRAIN), summary.form())?;
        let identity = Identity::new(&model.layers, &params, &summary);
        Ok(Self {
            optimizer: Optimizer::new(&network, &params),
            validation: Part::read(&task.data.join(VALIDATION), summary.form())?,
            normaliser: Normaliser::new(&summary),
            loss: loss(&params, &part),
            checkpoints: Checkpoints::new(&task.checkpoints, identity),
            progress: Progress::default(),
            learning: Duration::ZERO,
            memory,
            network,
            part,
            params,
            on_event,
        })
    }

    /// Takes up an earlier training, or forgets it.
    fn begin(&mut self, start: Start) -> Result<(), Error> {
        if start == Start::New {
            return self.checkpoints.clear();
        }
        let found = self.checkpoints.resume(
            &self.network,
            &mut self.optimizer,
            self.params.keep,
            self.on_event,
        )?;
        match found {
            None => (self.on_event)(Event::NothingToResume),
            Some(progress) => {
                let epochs = progress.epochs;
                (self.on_event)(if progress.over {
                    Event::WasOver { epochs }
                } else {
                    Event::Resumed {
                        epoch: epochs + 1,
                        batch: progress.batches,
                    }
                });
                self.progress = progress;
            }
        }
        Ok(())
    }

    /// Goes through the epochs that are left; returns how the one went whose weights are kept.
    fn run(&mut self) -> Result<Outcome, Error> {
        while !self.progress.over {
            let start = Instant::now();
            let epoch = self.progress.epochs + 1;
            let train = self.epoch(epoch)?;
            self.learning += start.elapsed();
            let answers = batch::predict(&self.network, &self.validation, &self.normaliser)?;
            let validation = Tally::of(&answers, self.validation.labels()).score();
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
            self.end_epoch(Outcome {
                epoch,
                train,
                validation,
            })?;
        }
        let progress = &self.progress;
        let kept = match self.params.keep {
            Keep::Last => progress.last,
            Keep::Best => {
                self.checkpoints.load_best(&self.network)?;
                progress.best
            }
        };
        Ok(kept.expect("invariant: there is at least one epoch"))
    }

    /// Notes how an epoch went, and whether it was the last one.
    fn end_epoch(&mut self, outcome: Outcome) -> Result<(), Error> {
        let progress = &mut self.progress;
        progress.epochs = outcome.epoch;
        progress.batches = 0;
        progress.tally = Tally::default();
        progress.last = Some(outcome);
        progress.history.end_epoch(outcome.validation);
        progress.over = outcome.epoch >= self.params.epochs;
        let best = progress.best;
        if best.is_none_or(|best| self.params.is_better(outcome.validation, best.validation)) {
            progress.best = Some(outcome);
            self.checkpoints
                .save_best(&self.network, &self.optimizer, &self.progress)?;
        } else if let (Some(best), Some(stopping)) = (best, self.params.early_stopping)
            && outcome.epoch - best.epoch >= stopping.patience
            && !progress.over
        {
            progress.over = true;
            (self.on_event)(Event::StoppedEarly {
                epoch: outcome.epoch,
                best: best.epoch,
            });
        }
        self.checkpoints
            .save(&self.network, &self.optimizer, &self.progress)
    }

    /// Learns once from every example; the score is the mean of the answers given on the way.
    fn epoch(&mut self, epoch: usize) -> Result<Score, Error> {
        let mut random = Random::new(self.params.seed, Purpose::Order, epoch);
        let order = random.permutation(self.part.len());
        let batches = order.len().div_ceil(self.params.batch_size);
        let chunks = order.chunks(self.params.batch_size).zip(1..);
        for (positions, batch) in chunks.skip(self.progress.batches) {
            let at = Position {
                step: (epoch - 1) * batches + batch - 1,
                per_epoch: batches,
                steps: self.params.epochs * batches,
            };
            let answers = self.learn(positions, epoch, at)?;
            let labels = batch::labels(&self.part, positions);
            for (answer, label) in answers.iter().zip(labels) {
                self.progress.tally.add(answer, label);
                self.progress.history.add(answer, label);
            }
            let mean = self.progress.tally.score();
            if !mean.loss.is_finite() {
                return Err(Error::Diverged { epoch });
            }
            self.progress.history.end_batch(epoch, batch == batches);
            self.progress.batches = batch;
            (self.on_event)(Event::Batch(BatchEnd {
                epoch,
                batch,
                batches,
                mean,
            }));
            self.save_between(batch, batches)?;
        }
        Ok(self.progress.tally.score())
    }

    /// Writes a checkpoint within an epoch where params ask for it.
    fn save_between(&self, batch: usize, batches: usize) -> Result<(), Error> {
        match self.params.checkpoint_batches {
            Some(every) if batch.is_multiple_of(every) && batch < batches => {
                self.checkpoints
                    .save(&self.network, &self.optimizer, &self.progress)
            }
            _ => Ok(()),
        }
    }

    /// Learns from one batch; returns the answers from before.
    fn learn(
        &mut self,
        positions: &[usize],
        epoch: usize,
        at: Position,
    ) -> Result<Vec<Answer>, Error> {
        let examples = Examples {
            part: &self.part,
            normaliser: &self.normaliser,
            positions,
            chance: Some(Chance {
                seed: self.params.seed,
                epoch,
                step: at.step,
                augment: self.params.augment,
            }),
        };
        let mut lesson = self.network.learn(&examples, &self.loss)?;
        let rate = schedule::rate(&self.params, at);
        self.optimizer
            .step(&self.network, &mut lesson.gradients, rate)?;
        let verdicts = lesson.said.verdicts.into_iter();
        Ok(verdicts.map(Answer::from).collect())
    }
}

impl TrainParams {
    /// Returns whether a score is better than the best one by what is watched.
    fn is_better(&self, score: Score, best: Score) -> bool {
        let stopping = self.early_stopping;
        let least = stopping.map_or(0.0, |stopping| stopping.min_delta);
        let gain = match stopping.map(|stopping| stopping.metric).unwrap_or_default() {
            Watched::Loss => best.loss - score.loss,
            Watched::Accuracy => score.accuracy - best.accuracy,
        };
        gain > least
    }
}

/// Returns how many bytes of memory the training takes, and refuses one that the memory which this
/// process may use does not hold.
fn fit(
    file: &ParamsFile,
    model: &ModelParams,
    params: &TrainParams,
    summary: &Summary,
) -> Result<u64, Error> {
    let plan = layers::plan(&model.layers, summary.form())
        .expect("invariant: the layers were checked when the design was made");
    let scale = Scale {
        layers: &model.layers,
        plan: &plan,
        params,
        counts: summary.counts,
        threads: rayon::current_num_threads(),
    };
    let memory = Machine::look().memory.unwrap_or(u64::MAX);
    scale.check(memory / 10 * 9).map_err(|excess| {
        let problem = model.complaint(file, excess.layer, &excess.message);
        Error::from(problem.help(excess.help))
    })?;
    Ok(scale.bytes())
}

/// Returns how answers are judged while learning from `part`.
fn loss(params: &TrainParams, part: &Part) -> Loss {
    let class_weights = match &params.class_weights {
        ClassWeights::Even => Vec::new(),
        ClassWeights::Balanced => balanced(part, part.form().classes),
        ClassWeights::Given(weights) => weights.clone(),
    };
    Loss {
        smoothing: params.label_smoothing,
        class_weights,
    }
}

/// Weighs classes by how rare they are, as scikit-learn does.
#[expect(clippy::cast_precision_loss, reason = "counts stay below 2^53")]
fn balanced(part: &Part, classes: usize) -> Vec<f64> {
    let mut counts = vec![0usize; classes];
    for label in part.labels() {
        counts[usize::from(*label)] += 1;
    }
    let mean = part.len() as f64 / classes as f64;
    counts
        .iter()
        .map(|count| mean / (*count).max(1) as f64)
        .collect()
}
