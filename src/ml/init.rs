//! The weights that a network begins with, drawn by a seed; candle's own draws have none.

use candle_core::{Device, Tensor};
use mlpipe_kernels::Role;

use crate::ml::error::Error;
use crate::ml::model::{Design, Network, Slot};
use crate::ml::random::{Purpose, Random};

/// Returns a network of `design` whose weights are drawn by `seed`.
pub(crate) fn network(design: Design, seed: u64) -> Result<Network, Error> {
    let mut position = 0;
    Network::build(design, &mut |slot| {
        position += 1;
        let mut random = Random::new(seed, Purpose::Weights, position);
        let values = values(slot, &mut random);
        Ok(Tensor::from_vec(values, &slot.shape[..], &Device::Cpu)?)
    })
}

fn values(slot: &Slot, random: &mut Random) -> Vec<f32> {
    let count = slot.shape.iter().product();
    match slot.role {
        Role::Scale | Role::RunningVariance => vec![1.0; count],
        Role::Bias | Role::Shift | Role::RunningMean => vec![0.0; count],
        Role::Weight => {
            // Even draws with a variance of one third of 1/inputs, as PyTorch begins.
            let inputs: usize = slot.shape[1..].iter().product();
            #[expect(clippy::cast_precision_loss, reason = "some thousand inputs")]
            let bound = 1.0 / (inputs as f64).sqrt();
            #[expect(
                clippy::cast_possible_truncation,
                reason = "weights are single precision"
            )]
            let draw = |_| random.between(-bound, bound) as f32;
            (0..count).map(draw).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ml::dataset::Form;
    use crate::ml::layers;

    fn reference(seed: u64) -> Network {
        let layers = layers::preset("reference").expect("a preset");
        let design = Design::new(layers, Form::DIGITS).expect("it fits");
        network(design, seed).expect("a network")
    }

    #[test]
    fn the_network_has_8898_parameters() {
        assert_eq!(reference(1).parameters(), 8898);
    }

    #[test]
    fn the_seed_decides_the_weights() {
        let sum = |seed| {
            let network = reference(seed);
            let (_, first) = network.named().next().expect("a tensor");
            let first = first.sum_all().and_then(|sum| sum.to_scalar::<f32>());
            first.expect("a number").to_bits()
        };
        assert_eq!(sum(1), sum(1));
        assert_ne!(sum(1), sum(2));
    }
}
