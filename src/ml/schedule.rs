//! How the learning rate changes while training.

use mlpipe_kernels::math::cos_pi;

use crate::ml::train_params::{Schedule, TrainParams};

/// Where a batch is in the training.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Position {
    /// The number of the batch since the beginning, from 0.
    pub(crate) step: usize,
    /// How many batches an epoch has.
    pub(crate) per_epoch: usize,
    /// How many batches the whole training has.
    pub(crate) steps: usize,
}

/// Returns the learning rate of a batch.
pub(crate) fn rate(params: &TrainParams, at: Position) -> f64 {
    params.lr * warmup(params.warmup, at.step) * factor(params.schedule, at)
}

/// Returns how far the rate has risen, from just above 0 to 1.
fn warmup(steps: usize, step: usize) -> f64 {
    if step < steps {
        ratio(step + 1, steps)
    } else {
        1.0
    }
}

fn factor(schedule: Schedule, at: Position) -> f64 {
    match schedule {
        Schedule::Constant => 1.0,
        Schedule::Step { every, factor } => {
            let drops = at.step / at.per_epoch / every.get();
            (0..drops).fold(1.0, |product, _| product * factor)
        }
        Schedule::Cosine { to } => between(1.0, to, ratio(at.step, at.steps)),
        Schedule::OneCycle { rise, from, to } => {
            let share = ratio(at.step, at.steps);
            if share < rise {
                between(from, 1.0, share / rise)
            } else {
                between(
                    1.0,
                    to,
                    (share - rise) / (1.0 - rise).max(f64::MIN_POSITIVE),
                )
            }
        }
    }
}

/// Goes from one number to another along half a cosine.
fn between(from: f64, to: f64, share: f64) -> f64 {
    to + (from - to) * (1.0 + cos_pi(share.clamp(0.0, 1.0))) / 2.0
}

#[expect(clippy::cast_precision_loss, reason = "counts stay below 2^53")]
fn ratio(part: usize, whole: usize) -> f64 {
    part as f64 / whole.max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::num::NonZeroUsize;

    fn at(schedule: Schedule, step: usize) -> f64 {
        let position = Position {
            step,
            per_epoch: 10,
            steps: 100,
        };
        factor(schedule, position)
    }

    #[test]
    fn steps_fall_after_whole_epochs() {
        let every = NonZeroUsize::new(2).expect("two");
        let schedule = Schedule::Step { every, factor: 0.5 };
        assert_eq!(
            [0, 19, 20, 40].map(|step| at(schedule, step).to_bits()),
            [1.0f64, 1.0, 0.5, 0.25].map(f64::to_bits)
        );
    }

    #[test]
    fn cosines_go_from_one_end_to_the_other() {
        let cosine = Schedule::Cosine { to: 0.1 };
        assert!((at(cosine, 0) - 1.0).abs() < 1e-12);
        assert!((at(cosine, 50) - 0.55).abs() < 1e-12);
        assert!((at(cosine, 100) - 0.1).abs() < 1e-12);
        let cycle = Schedule::OneCycle {
            rise: 0.3,
            from: 0.04,
            to: 0.001,
        };
        assert!((at(cycle, 0) - 0.04).abs() < 1e-12);
        assert!((at(cycle, 30) - 1.0).abs() < 1e-12);
        assert!((at(cycle, 100) - 0.001).abs() < 1e-12);
    }

    #[test]
    fn a_warm_up_rises_in_equal_steps() {
        assert_eq!(
            [0, 1, 3, 4].map(|step| warmup(4, step).to_bits()),
            [0.25f64, 0.5, 1.0, 1.0].map(f64::to_bits)
        );
    }
}
