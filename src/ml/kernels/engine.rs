//! Batches through a network: groups in parallel, sums over groups in one order.

use std::sync::{Mutex, MutexGuard, PoisonError};

use rayon::prelude::*;

use crate::alone::Alone;
use crate::batch::{Batch, Mode, Shared, Weights};
use crate::dense::DenseGradient;
use crate::group::Group;
use crate::kernel::Order;
use crate::lent::Lender;
use crate::line::{Line, Slope};
use crate::loss::{Loss, Verdict};
use crate::norm::Pulls;
use crate::plan::{Norm, Op, Plan, gathers};
use crate::simd::{self, LANES, Lanes, Path};
use crate::sums::Moments;

/// The mean and the unbiased variance of each channel of a norm in a batch.
pub type Statistics = Vec<(f64, f64)>;

/// What a network says of a batch.
#[derive(Clone, Debug, Default)]
pub struct Said {
    /// `[image][class]`.
    pub logits: Vec<f32>,
    /// Of each image.
    pub verdicts: Vec<Verdict>,
}

/// So many images are quicker one by one than as a group.
const FEW: usize = 4;

/// Computes logits and gradients of one network.
pub struct Engine {
    plan: Plan,
    path: Path,
    learners: Vec<Group>,
    lender: Lender,
    /// As many as there are threads at work: what a thread used last is still in its cache.
    predictors: Mutex<Vec<Group>>,
    /// For few images; with the weights that are loaded.
    alone: Option<Alone>,
    weights: Vec<Weights>,
    norms: Vec<Parameters>,
    lines: Vec<Vec<Line>>,
    gradients: Vec<Vec<f32>>,
    statistics: Vec<Statistics>,
}

/// The stored values of a norm.
#[derive(Clone, Default)]
struct Parameters {
    scale: Vec<f32>,
    shift: Vec<f32>,
    mean: Vec<f32>,
    variance: Vec<f32>,
}

impl Engine {
    /// Makes an engine that uses the instructions of `path`.
    pub fn new(plan: Plan, path: Path) -> Self {
        let lengths = plan.parameters.iter().map(|parameter| {
            let values = parameter.shape.iter().product();
            vec![
                0.0;
                if parameter.role.is_learned() {
                    values
                } else {
                    0
                }
            ]
        });
        Self {
            learners: Vec::new(),
            lender: Lender::default(),
            predictors: Mutex::default(),
            alone: None,
            weights: vec![Weights::default(); plan.ops.len()],
            norms: vec![Parameters::default(); plan.norms],
            lines: vec![Vec::new(); plan.norms],
            gradients: lengths.collect(),
            statistics: vec![Vec::new(); plan.norms],
            plan,
            path,
        }
    }

    /// Returns the network.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Returns the instructions that are computed with.
    pub fn path(&self) -> Path {
        self.path
    }

    /// Takes the values of all parameters, in the order of the plan.
    pub fn load(&mut self, values: &[&[f32]]) {
        self.alone = None;
        let plan = &self.plan;
        let weights = self.weights.par_iter_mut().enumerate();
        weights.for_each(|(position, weights)| weights.load(plan, position, values));
        for op in &plan.ops {
            if let Op::Activate {
                norm: Some(norm), ..
            } = op
            {
                self.norms[norm.number] = Parameters {
                    scale: values[norm.scale].to_vec(),
                    shift: values[norm.shift].to_vec(),
                    mean: values[norm.mean].to_vec(),
                    variance: values[norm.variance].to_vec(),
                };
            }
        }
    }

    /// Returns the gradient of each parameter in the last batch that was learned from; empty for
    /// what is not learned.
    pub fn gradients(&self) -> &[Vec<f32>] {
        &self.gradients
    }

    /// Returns the statistics of each norm in the last batch that was learned from.
    pub fn statistics(&self) -> impl Iterator<Item = (usize, usize, &Statistics)> {
        self.norms_of_ops()
            .map(|(_, norm)| (norm.mean, norm.variance, &self.statistics[norm.number]))
    }

    fn norms_of_ops(&self) -> impl Iterator<Item = (usize, Norm)> {
        let ops = self.plan.ops.iter().enumerate();
        ops.filter_map(|(position, op)| match op {
            Op::Activate { norm, .. } => norm.map(|norm| (position, norm)),
            _ => None,
        })
    }

    /// Computes the logits of any number of images, `[image][class]`, with remembered statistics.
    pub fn predict(&mut self, batch: &dyn Batch) -> Vec<f32> {
        if batch.len() <= FEW {
            return self.predict_few(batch);
        }
        self.lines = self.norms.iter().map(Parameters::remembered).collect();
        let shared = Shared {
            plan: &self.plan,
            path: self.path,
            weights: &self.weights,
            lines: &self.lines,
            batch,
            mode: Mode::Predict,
        };
        let ops = self.plan.ops.len();
        let mut logits = vec![0.0; batch.len() * self.plan.classes()];
        let chunks = logits.par_chunks_mut(LANES * self.plan.classes());
        chunks.enumerate().for_each(|(number, logits)| {
            let group = self.predictors().pop();
            let mut group = group.unwrap_or_else(|| Group::new(&self.plan, Mode::Predict));
            group.load(number, &shared);
            group.forward(0..ops, &shared);
            for (to, logit) in logits.iter_mut().zip(group.logits(&self.plan)) {
                *to = logit;
            }
            self.predictors().push(group);
        });
        logits
    }

    /// Computes the logits of images one by one; the same bits as those of a group.
    fn predict_few(&mut self, batch: &dyn Batch) -> Vec<f32> {
        let mut alone = self.alone.take().unwrap_or_else(|| {
            let lines = self.norms.iter().map(Parameters::remembered);
            let slopes = lines.map(|lines| Slope::of(&lines)).collect();
            Alone::new(&self.plan, &self.weights, slopes)
        });
        let mut logits = Vec::with_capacity(batch.len() * self.plan.classes());
        for image in 0..batch.len() {
            alone.predict((&self.plan, self.path), (batch, image), &mut logits);
        }
        self.alone = Some(alone);
        logits
    }

    /// Computes the gradients and statistics of a batch; returns what the network said of it before.
    pub fn learn(&mut self, batch: &dyn Batch, loss: &Loss) -> Said {
        let count = batch.len().div_ceil(LANES);
        while self.learners.len() < count {
            self.learners.push(Group::new(&self.plan, Mode::Learn));
        }
        let total = (0..batch.len())
            .map(|image| loss.weight(batch.label(image)))
            .sum();
        let mut groups = std::mem::take(&mut self.learners);
        let used = &mut groups[..count];
        let begin = self.learn_forward(used, batch);
        let last = self.plan.ops.len();
        let shared = self.shared(batch);
        self.lender.round(&self.plan, used, |number, group| {
            if begin == 0 {
                group.load(number, &shared);
            }
            group.forward(begin..last, &shared);
            group.judge(loss, total, &shared);
            group.back(last - 1, None, &shared);
        });
        self.learn_back(used, batch);
        self.sum_weights(used);
        let mut said = Said::default();
        for group in used {
            said.logits.extend(group.logits(&self.plan));
            said.verdicts.append(&mut group.verdicts);
        }
        self.learners = groups;
        said
    }

    fn predictors(&self) -> MutexGuard<'_, Vec<Group>> {
        let groups = self.predictors.lock();
        groups.unwrap_or_else(PoisonError::into_inner)
    }

    fn shared<'a>(&'a self, batch: &'a dyn Batch) -> Shared<'a> {
        Shared {
            plan: &self.plan,
            path: self.path,
            weights: &self.weights,
            lines: &self.lines,
            batch,
            mode: Mode::Learn,
        }
    }

    /// Goes forward to the last norm; returns the operation to go on with.
    fn learn_forward(&mut self, groups: &mut [Group], batch: &dyn Batch) -> usize {
        let norms: Vec<(usize, Norm)> = self.norms_of_ops().collect();
        let mut begin = 0;
        for (index, (position, norm)) in norms.into_iter().enumerate() {
            let shared = self.shared(batch);
            self.lender.round(&self.plan, groups, |number, group| {
                if index == 0 {
                    group.load(number, &shared);
                }
                group.forward(begin..position, &shared);
                group.take_moments(position, norm.number, &shared);
            });
            self.normalise(groups, norm);
            begin = position;
            if index == 0 && position == 0 {
                // Nothing was computed, but the images are there.
                begin = 0;
            }
        }
        begin
    }

    /// Sums the moments of a norm up to its lines.
    fn normalise(&mut self, groups: &[Group], norm: Norm) {
        let number = norm.number;
        let parameters = &self.norms[number];
        let pairs = parameters.scale.iter().zip(&parameters.shift).enumerate();
        (self.lines[number], self.statistics[number]) = pairs
            .map(|(channel, (scale, shift))| {
                let moments = groups.iter().map(|group| group.moments[number][channel]);
                let (mean, variance, count) = Moments::combine(moments);
                let unbiased = variance * count / (count - 1.0).max(1.0);
                (Line::new(mean, variance, *scale, *shift), (mean, unbiased))
            })
            .unzip();
    }

    /// Goes back from the last norm to where learning begins.
    fn learn_back(&mut self, groups: &mut [Group], batch: &dyn Batch) {
        let norms: Vec<(usize, Norm)> = self.norms_of_ops().collect();
        for (position, norm) in norms.into_iter().rev() {
            let (pulls, count) = self.pull(groups, position, norm);
            if position == self.plan.first_learned {
                break;
            }
            let shared = self.shared(batch);
            self.lender.round(&self.plan, groups, |_, group| {
                group.back(position, Some((&pulls, count)), &shared);
            });
        }
    }

    /// Sums the pulls of a norm up, which are the gradients of its factors.
    fn pull(&mut self, groups: &[Group], position: usize, norm: Norm) -> (Vec<Pulls>, f64) {
        let lines = &self.lines[norm.number];
        let mut sums = vec![Pulls::default(); lines.len()];
        for group in groups {
            for (sum, pulls) in sums.iter_mut().zip(&group.pulls[norm.number]) {
                sum.along += pulls.along;
                sum.across += pulls.across;
            }
        }
        for (channel, (sum, line)) in sums.iter().zip(lines).enumerate() {
            self.gradients[norm.scale][channel] = (sum.across * f64::from(line.inverse)) as f32;
            self.gradients[norm.shift][channel] = sum.along as f32;
        }
        let images: usize = groups.iter().map(Group::len).sum();
        let count = images * self.plan.values[position].area();
        (sums, count as f64)
    }

    /// Sums the gradients of weights and biases over the groups, in their order.
    fn sum_weights(&mut self, groups: &[Group]) {
        for (position, op) in self.plan.ops.iter().enumerate() {
            let Op::Conv {
                kernel,
                weight,
                bias,
            } = *op
            else {
                continue;
            };
            if self.plan.is_dense(position) {
                let slot = self.plan.slots[position + 1];
                let pairs: Vec<(&[Lanes], &[Lanes])> = groups
                    .iter()
                    .map(|group| (&group.values[position][..], &group.gradients[slot][..]))
                    .collect();
                let rows = self.gradients[weight].par_chunks_mut(kernel.taps());
                rows.enumerate().for_each(|(output, gradient)| {
                    let task = DenseGradient {
                        groups: &pairs,
                        input_field: self.plan.values[position],
                        output_field: self.plan.gradients[position + 1],
                        output,
                        gradient,
                    };
                    simd::run(self.path, task);
                });
            } else {
                add_up(
                    groups.iter().map(|group| &group.weights[position]),
                    &mut self.gradients[weight],
                );
            }
            if let Some(bias) = bias {
                add_up(
                    groups.iter().map(|group| &group.biases[position]),
                    &mut self.gradients[bias],
                );
            }
        }
    }
}

impl Weights {
    /// Takes the weights of an operation, if it is a convolution, as the kernels want them.
    fn load(&mut self, plan: &Plan, position: usize, values: &[&[f32]]) {
        let op = &plan.ops[position];
        let Op::Conv {
            kernel,
            weight,
            bias,
        } = op
        else {
            return;
        };
        let tiling = plan.tilings[position];
        kernel.pack(values[*weight], &mut self.forward);
        self.bias = bias.map(|bias| values[bias].to_vec());
        if let Some(tile) = tiling.forward {
            tile.transform(kernel, &self.forward, &mut self.tiled_forward);
        }
        if position > plan.first_learned {
            let order = match gathers(op, &plan.values[position + 1]) {
                Some(false) => Order::Flipped,
                _ => Order::Straight,
            };
            kernel.pack_transposed(values[*weight], order, &mut self.back);
        }
        if let Some(tile) = tiling.back {
            tile.transform(&kernel.turned(), &self.back, &mut self.tiled_back);
        }
    }
}

/// So many numbers are added up by one thread at a time.
const SOME: usize = 1024;

/// Adds up, number by number, the parts of all groups in their order.
fn add_up<'a>(parts: impl Iterator<Item = &'a Vec<f64>>, sum: &mut [f32]) {
    let parts: Vec<&[f64]> = parts.map(Vec::as_slice).collect();
    let pieces = sum.par_chunks_mut(SOME).enumerate();
    pieces.for_each(|(number, sum)| {
        let mut wide = [0.0; SOME];
        let from = number * SOME;
        for part in &parts {
            for (wide, part) in wide.iter_mut().zip(&part[from..][..sum.len()]) {
                *wide += part;
            }
        }
        for (sum, wide) in sum.iter_mut().zip(wide) {
            *sum = wide as f32;
        }
    });
}

impl Parameters {
    /// Returns the lines of the remembered statistics.
    fn remembered(&self) -> Vec<Line> {
        let statistics = self.mean.iter().zip(&self.variance);
        let learned = self.scale.iter().zip(&self.shift);
        statistics
            .zip(learned)
            .map(|((mean, variance), (scale, shift))| {
                Line::new(f64::from(*mean), f64::from(*variance), *scale, *shift)
            })
            .collect()
    }
}
