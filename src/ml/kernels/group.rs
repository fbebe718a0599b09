//! The buffers of sixteen images on their way through a network and back.

use crate::batch::{Mode, Shared};
use crate::field::Field;
use crate::kernel::BLOCK;
use crate::loss::{Loss, Verdict};
use crate::norm::Pulls;
use crate::plan::{Op, Plan};
use crate::simd::{LANES, Lanes};
use crate::sums::Moments;
use crate::tiled::TiledValues;
use crate::weight_gradient::{Scratch, Sums};

/// The buffers of one group, allocated once.
pub(crate) struct Group {
    /// Its number in the batch.
    pub(crate) number: usize,
    count: usize,
    pub(crate) mask: Lanes,
    pixels: Vec<f32>,
    /// By tensor.
    pub(crate) values: Vec<Vec<Lanes>>,
    /// By slot.
    pub(crate) gradients: Vec<Vec<Lanes>>,
    /// Of each image.
    pub(crate) verdicts: Vec<Verdict>,
    /// Lent while the group learns.
    pub(crate) workspace: Workspace,
    /// By operation: the gradient of weights `[output][tap]` over this group.
    pub(crate) weights: Vec<Vec<f64>>,
    /// By operation: the gradient of the biases over this group.
    pub(crate) biases: Vec<Vec<f64>>,
    /// By norm.
    pub(crate) moments: Vec<Vec<Moments>>,
    /// By norm.
    pub(crate) pulls: Vec<Vec<Pulls>>,
    /// By dropout: a bit for each lane that is kept.
    pub(crate) kept: Vec<Vec<u16>>,
}

/// What convolutions by tiles think out anew.
#[derive(Default)]
pub(crate) struct TiledScratch {
    pub(crate) values: TiledValues,
    pub(crate) products: Vec<Lanes>,
    pub(crate) gradients: Vec<[Lanes; BLOCK]>,
}

/// What is of no use any more when an operation is done.
#[derive(Default)]
pub(crate) struct Workspace {
    /// Of the gradient of a convolution's weights.
    pub(crate) sums: Sums,
    pub(crate) scratch: Scratch,
    /// Of convolutions by tiles.
    pub(crate) tiled: TiledScratch,
    /// Random words of a dropout.
    pub(crate) words: Vec<u32>,
}

impl Group {
    pub(crate) fn new(plan: &Plan, mode: Mode) -> Self {
        let lanes = |field: &Field| vec![Lanes::ZERO; field.len()];
        let mut gradients = Vec::new();
        let mut norms = Vec::new();
        let mut group = Self {
            number: 0,
            count: 0,
            mask: Lanes::ZERO,
            pixels: vec![0.0; plan.pixels()],
            values: Vec::new(),
            gradients: Vec::new(),
            verdicts: Vec::new(),
            workspace: Workspace::default(),
            weights: vec![Vec::new(); plan.ops.len()],
            biases: vec![Vec::new(); plan.ops.len()],
            moments: Vec::new(),
            pulls: Vec::new(),
            kept: Vec::new(),
        };
        for (position, op) in plan.ops.iter().enumerate() {
            match op {
                Op::Activate { norm: Some(_), .. } => norms.push(plan.values[position].channels),
                Op::Dropout { .. } => {
                    let count = plan.values[position].channels * plan.values[position].area();
                    group.kept.push(vec![0; count]);
                }
                _ => {}
            }
        }
        // What is lent is left out.
        let values = plan.values.iter().enumerate();
        let values = values.map(|(tensor, field)| match mode {
            Mode::Learn if plan.lends_values(tensor) => Vec::new(),
            _ => lanes(field),
        });
        group.values = values.collect();
        if mode == Mode::Learn {
            for (slot, field) in plan.gradients.iter().enumerate() {
                let owned = plan.keeps_gradient(slot);
                gradients.push(if owned { lanes(field) } else { Vec::new() });
            }
            let width = norms
                .iter()
                .map(|channels| vec![Moments::default(); *channels]);
            group.moments = width.collect();
            let width = norms
                .iter()
                .map(|channels| vec![Pulls::default(); *channels]);
            group.pulls = width.collect();
        }
        group.gradients = gradients;
        group
    }

    /// Takes the images of group `number` of a batch.
    pub(crate) fn load(&mut self, number: usize, shared: &Shared) {
        let first = number * LANES;
        self.number = number;
        self.count = (shared.batch.len() - first).min(LANES);
        self.mask = Lanes::mask(self.count);
        let field = shared.plan.values[0];
        for lane in 0..LANES {
            if lane < self.count {
                shared.batch.image(first + lane, &mut self.pixels);
            } else {
                self.pixels.fill(0.0);
            }
            let mut rows = self.pixels.chunks_exact(field.width);
            for channel in 0..field.channels {
                for row in 0..field.height {
                    let to = &mut self.values[0][field.row(channel, row)];
                    let from = rows.next().unwrap_or_default();
                    for (to, from) in to.iter_mut().zip(from) {
                        to.0[lane] = *from;
                    }
                }
            }
        }
    }

    /// Returns the number of images.
    pub(crate) fn len(&self) -> usize {
        self.count
    }

    /// Returns the logits of the images, one after the other.
    pub(crate) fn logits(&self, plan: &Plan) -> impl Iterator<Item = f32> {
        let last = plan.ops.len();
        let (field, values) = (plan.values[last], &self.values[last]);
        (0..self.count).flat_map(move |lane| {
            (0..field.channels).map(move |class| values[field.at(class, 0, 0)].0[lane])
        })
    }

    /// Judges the logits, and writes their gradient; `total` is the weight of the batch's labels.
    pub(crate) fn judge(&mut self, loss: &Loss, total: f64, shared: &Shared) {
        let last = shared.plan.ops.len();
        let first = self.number * LANES;
        let labels: Vec<usize> = (first..first + self.count)
            .map(|image| shared.batch.label(image))
            .collect();
        let field = shared.plan.values[last];
        let logits: Vec<Lanes> = (0..field.channels)
            .map(|class| self.values[last][field.at(class, 0, 0)])
            .collect();
        let gradient = &mut self.gradients[shared.plan.slots[last]];
        let field = shared.plan.gradients[last];
        self.verdicts = loss.gradient(&logits, &labels, total, gradient, &field);
    }
}
