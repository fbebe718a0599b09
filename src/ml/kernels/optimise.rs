//! How weights follow their gradients: gradient descent with momentum, and Adam.

/// Moves `weights` against their gradient: `velocity ← momentum · velocity + gradient`.
pub fn descend(
    weights: &mut [f32],
    velocity: &mut [f32],
    gradient: &[f32],
    rate: f32,
    momentum: f32,
) {
    for ((weight, velocity), gradient) in weights.iter_mut().zip(velocity).zip(gradient) {
        *velocity = momentum.mul_add(*velocity, *gradient);
        *weight = (-rate).mul_add(*velocity, *weight);
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

impl Adam {
    /// Moves `weights`; `first` and `second` are the running means of gradient and its square.
    pub fn step(
        &self,
        weights: &mut [f32],
        first: &mut [f32],
        second: &mut [f32],
        gradient: &[f32],
    ) {
        let kept = 1.0 - self.rate * self.decay;
        let rate = self.rate / self.bias1;
        let means = first.iter_mut().zip(second);
        for ((weight, (first, second)), gradient) in weights.iter_mut().zip(means).zip(gradient) {
            *first = self.beta1.mul_add(*first, (1.0 - self.beta1) * gradient);
            *second = self
                .beta2
                .mul_add(*second, (1.0 - self.beta2) * gradient * gradient);
            let spread = (*second / self.bias2).sqrt() + self.epsilon;
            *weight = (-rate).mul_add(*first / spread, *weight * kept);
        }
    }
}
