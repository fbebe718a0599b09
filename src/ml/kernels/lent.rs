//! Buffers that groups need only for a while: each thread lends its own, which stay in the cache.
//!
//! A batch is larger than the cache. What is soon computed again, or lives only between two of the
//! sums over the batch, is therefore not kept by each group.

use std::mem::swap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use rayon::prelude::*;

use crate::field::Field;
use crate::group::{Group, Workspace};
use crate::plan::{Op, Plan};
use crate::simd::Lanes;

/// The buffers that a thread lends.
pub(crate) struct Lent {
    /// With the tensors that they are of.
    values: Vec<(usize, Vec<Lanes>)>,
    /// With their slots.
    gradients: Vec<(usize, Vec<Lanes>)>,
    workspace: Workspace,
}

impl Lent {
    fn new(plan: &Plan) -> Self {
        let tensors = 0..plan.values.len();
        let values = tensors.clone().filter(|tensor| plan.lends_values(*tensor));
        let gradients = tensors.filter(|slot| plan.lends_gradient(*slot));
        let buffer = |at: usize, field: &Field| (at, vec![Lanes::ZERO; field.len()]);
        Self {
            values: values.map(|at| buffer(at, &plan.values[at])).collect(),
            gradients: gradients
                .map(|at| buffer(at, &plan.gradients[at]))
                .collect(),
            workspace: Workspace::default(),
        }
    }

    /// Lends a group what it has not, or takes it back.
    fn change_hands(&mut self, group: &mut Group) {
        for (tensor, values) in &mut self.values {
            swap(values, &mut group.values[*tensor]);
        }
        for (slot, gradient) in &mut self.gradients {
            swap(gradient, &mut group.gradients[*slot]);
        }
        swap(&mut self.workspace, &mut group.workspace);
    }
}

/// What lends to the groups of a network.
#[derive(Default)]
pub(crate) struct Lender {
    shelf: Mutex<Vec<Lent>>,
    /// Whether the last round went from the last group to the first.
    backwards: AtomicBool,
}

impl Lender {
    /// Lets each group work, in parallel. A round begins with the group with which the one before
    /// ended, as its values may still be in the cache.
    pub(crate) fn round(
        &self,
        plan: &Plan,
        groups: &mut [Group],
        work: impl Fn(usize, &mut Group) + Sync,
    ) {
        let work = |(number, group): (usize, &mut Group)| {
            let lent = self.shelf().pop();
            let mut lent = lent.unwrap_or_else(|| Lent::new(plan));
            lent.change_hands(group);
            work(number, group);
            lent.change_hands(group);
            self.shelf().push(lent);
        };
        let groups = groups.par_iter_mut().enumerate();
        if self.backwards.fetch_xor(true, Ordering::Relaxed) {
            groups.for_each(work);
        } else {
            groups.rev().for_each(work);
        }
    }

    fn shelf(&self) -> std::sync::MutexGuard<'_, Vec<Lent>> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Plan {
    /// Returns whether the values of a tensor are computed again when they are needed on the way
    /// back: activations that go into a convolution.
    pub(crate) fn lends_values(&self, tensor: usize) -> bool {
        let after = self.ops.get(tensor);
        let before = tensor.checked_sub(1).map(|before| &self.ops[before]);
        matches!(before, Some(Op::Activate { pool: None, .. }))
            && matches!(after, Some(Op::Conv { .. }))
            && !self.is_dense(tensor)
    }

    /// Returns whether the gradient in a slot is used up before the next sum over the batch.
    pub(crate) fn lends_gradient(&self, slot: usize) -> bool {
        let is_needed = slot > self.first_learned || self.is_pooled(slot);
        slot >= self.first_learned && self.slots[slot] == slot && is_needed && !self.waits(slot)
    }

    /// Returns whether each group has the gradient in a slot for itself.
    pub(crate) fn keeps_gradient(&self, slot: usize) -> bool {
        // The first learned operation may be a norm, which works on the gradient before it.
        let is_needed = slot > self.first_learned || slot == self.slots[self.first_learned + 1];
        self.slots[slot] == slot && is_needed && !self.lends_gradient(slot)
    }

    /// Returns whether the gradient in a slot waits for a sum over the batch.
    fn waits(&self, slot: usize) -> bool {
        self.ops.iter().enumerate().any(|(position, op)| {
            let after = self.slots[position + 1] == slot;
            match op {
                Op::Activate { norm: Some(_), .. } => after,
                Op::Conv { .. } => after && self.is_dense(position),
                _ => false,
            }
        })
    }

    /// Returns whether an operation is a norm with a max-pool.
    pub(crate) fn is_pooled(&self, position: usize) -> bool {
        let op = self.ops.get(position);
        matches!(
            op,
            Some(Op::Activate {
                norm: Some(_),
                pool: Some(_),
                ..
            })
        )
    }

    /// Returns whether an operation makes one value of each channel, so that the gradient of its
    /// weights is taken over all groups at once.
    pub(crate) fn is_dense(&self, position: usize) -> bool {
        matches!(self.ops[position], Op::Conv { .. }) && self.values[position + 1].area() == 1
    }
}
