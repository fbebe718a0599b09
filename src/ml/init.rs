//! The weights that a network begins with, drawn by a seed; candle's own draws have none.

use candle_core::{Device, Tensor};

use crate::ml::error::Error;
use crate::ml::model::{Network, Role, Slot};
use crate::ml::random::{Purpose, Random};

/// Returns a network whose weights are drawn by `seed`.
pub(crate) fn network(seed: u64) -> Result<Network, Error> {
    let mut layer = 0;
    Network::build(&mut |slot| {
        layer += 1;
        let mut random = Random::new(seed, Purpose::Weights, layer);
        Ok(Tensor::from_vec(
            values(&slot, &mut random),
            slot.shape,
            &Device::Cpu,
        )?)
    })
}

fn values(slot: &Slot, random: &mut Random) -> Vec<f32> {
    let count = slot.shape.iter().product();
    match slot.role {
        Role::Ones => vec![1.0; count],
        Role::Zeros => vec![0.0; count],
        Role::Weights { inputs } => {
            // Even draws with a variance of one third of 1/inputs, as PyTorch begins.
            #[expect(clippy::cast_precision_loss, reason = "some hundred inputs")]
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

    #[test]
    fn the_network_has_8898_parameters() {
        assert_eq!(network(1).expect("a network").parameters(), 8898);
    }

    #[test]
    fn the_seed_decides_the_weights() {
        let sum = |seed| {
            let weights = network(seed).expect("a network").learned();
            let first = weights[0].sum_all().and_then(|sum| sum.to_scalar::<f32>());
            first.expect("a number").to_bits()
        };
        assert_eq!(sum(1), sum(1));
        assert_ne!(sum(1), sum(2));
    }
}
