//! The gradient of dense weights: with one output value an image, sums over groups are shorter than
//! the buffers that they would need group by group.

use crate::field::Field;
use crate::simd::{Lanes, Simd, Task};

/// The gradient of the weights of one output over all groups at once.
pub(crate) struct DenseGradient<'a> {
    /// Of each group the input and the gradient of the output.
    pub(crate) groups: &'a [(&'a [Lanes], &'a [Lanes])],
    pub(crate) input_field: Field,
    pub(crate) output_field: Field,
    /// The output channel whose weights' gradients are written.
    pub(crate) output: usize,
    pub(crate) gradient: &'a mut [f32],
}

impl Task for DenseGradient<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let field = self.input_field;
        let at = self.output_field.at(self.output, 0, 0);
        let rows = (0..field.channels * field.height)
            .flat_map(|row| field.row(row / field.height, row % field.height));
        for (place, gradient) in rows.zip(self.gradient) {
            let mut sum = S::splat(0.0);
            for (inputs, outputs) in self.groups {
                sum = S::mul_add(S::load(&inputs[place]), S::load(&outputs[at]), sum);
            }
            let mut lanes = Lanes::ZERO;
            S::store(sum, &mut lanes);
            *gradient = S::sum(&lanes) as f32;
        }
    }
}
