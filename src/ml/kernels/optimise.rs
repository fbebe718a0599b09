//! How weights follow their gradients: gradient descent with momentum, and Adam.

use crate::simd::{self, Path, Simd, Task};

/// The constants of one step of gradient descent.
#[derive(Clone, Copy, Debug)]
pub struct Descent {
    /// The learning rate.
    pub rate: f32,
    /// How much of the velocity stays: `velocity ← momentum · velocity + gradient`.
    pub momentum: f32,
}

impl Descent {
    /// Moves `weights` against their gradient with the instructions of `path`.
    pub fn step(&self, path: Path, weights: &mut [f32], velocity: &mut [f32], gradient: &[f32]) {
        simd::run(path, Descend(*self, weights, velocity, gradient));
    }
}

struct Descend<'a>(Descent, &'a mut [f32], &'a mut [f32], &'a [f32]);

impl Task for Descend<'_> {
    type Output = ();

    /// What the compiler makes of it is the same with any instructions, as each operation is rounded
    /// for itself.
    #[inline(always)]
    fn run<S: Simd>(self) {
        let Self(Descent { rate, momentum }, weights, velocity, gradient) = self;
        for ((weight, velocity), gradient) in weights.iter_mut().zip(velocity).zip(gradient) {
            *velocity = momentum.mul_add(*velocity, *gradient);
            *weight = (-rate).mul_add(*velocity, *weight);
        }
    }
}

/// The constants of one step of Adam (Kingma and Ba, 2015) or AdamW (Loshchilov and Hutter, 2019).
#[derive(Clone, Copy, Debug)]
pub struct Adam {
    /// The learning rate.
    pub rate: f32,
    /// How much of the mean of gradients stays.
    pub beta1: f32,
    /// How much of the mean of squared gradients stays.
    pub beta2: f32,
    /// Keeps the quotient finite.
    pub epsilon: f32,
    /// `1 − beta1` to the power of the step's number.
    pub bias1: f32,
    /// `1 − beta2` to the power of the step's number.
    pub bias2: f32,
    /// How much a weight shrinks at a rate of one, apart from its gradient.
    pub decay: f32,
}

/// The running means of gradient and squared gradient.
#[derive(Debug)]
pub struct Means<'a> {
    /// Of the gradient.
    pub first: &'a mut [f32],
    /// Of its square.
    pub second: &'a mut [f32],
}

impl Adam {
    /// Moves `weights` with the instructions of `path`.
    pub fn step(&self, path: Path, weights: &mut [f32], means: Means, gradient: &[f32]) {
        simd::run(path, Adapt(*self, weights, means, gradient));
    }
}

struct Adapt<'a>(Adam, &'a mut [f32], Means<'a>, &'a [f32]);

impl Task for Adapt<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let Self(adam, weights, Means { first, second }, gradient) = self;
        let kept = 1.0 - adam.rate * adam.decay;
        let rate = adam.rate / adam.bias1;
        let means = first.iter_mut().zip(second);
        for ((weight, (first, second)), gradient) in weights.iter_mut().zip(means).zip(gradient) {
            *first = adam.beta1.mul_add(*first, (1.0 - adam.beta1) * gradient);
            *second = adam
                .beta2
                .mul_add(*second, (1.0 - adam.beta2) * gradient * gradient);
            let spread = (*second / adam.bias2).sqrt() + adam.epsilon;
            *weight = (-rate).mul_add(*first / spread, *weight * kept);
        }
    }
}
