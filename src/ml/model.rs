//! A network: its layers, its weights as candle's variables, and the engine that computes it.

use std::path::Path as FilePath;
use std::sync::{Mutex, MutexGuard, PoisonError};

use candle_core::{Device, Tensor, Var};
use candle_nn::VarMap;
use mlpipe_kernels::{Batch, Engine, Loss, Misfit, Path, Role, Said};

use crate::ml::dataset::{Form, Shape, Summary};
use crate::ml::error::Error;
use crate::ml::event::LayerRow;
use crate::ml::layers::{self, LayerSpec};
use crate::ml::path;
use crate::ml::tensors::{self, Sealing, Stored};

/// How far running statistics move towards those of a batch; the value of candle-nn and PyTorch.
const MOMENTUM: f64 = 0.1;

/// What a network is made of, as it is kept beside its weights.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Design {
    pub(crate) layers: Vec<LayerSpec>,
    /// What each image looks like.
    pub(crate) input: Shape,
    pub(crate) classes: usize,
}

/// What a stored tensor is for, which decides how it begins.
#[derive(Clone, Debug)]
pub(crate) struct Slot {
    pub(crate) name: String,
    pub(crate) shape: Vec<usize>,
    pub(crate) role: Role,
}

/// The network with its weights.
pub(crate) struct Network {
    design: Design,
    slots: Vec<Slot>,
    /// All stored tensors under the names that candle-nn's layers have.
    vars: VarMap,
    /// The same variables in the order in which the engine takes them.
    in_order: Vec<Var>,
    machine: Mutex<Machine>,
}

struct Machine {
    engine: Engine,
    /// Whether the engine has the weights that the variables have.
    loaded: bool,
}

impl Design {
    /// Makes a design for data of `form`; says which layer does not fit.
    pub(crate) fn new(layers: Vec<LayerSpec>, form: Form) -> Result<Self, Misfit> {
        layers::plan(&layers, form)?;
        Ok(Self {
            layers,
            input: form.shape,
            classes: form.classes,
        })
    }

    fn form(&self) -> Form {
        Form {
            shape: self.input,
            classes: self.classes,
        }
    }
}

impl Network {
    /// Builds the network of the tensors that `source` gives for its slots.
    pub(crate) fn build(
        design: Design,
        source: &mut dyn FnMut(&Slot) -> Result<Tensor, Error>,
    ) -> Result<Self, Error> {
        let plan = layers::plan(&design.layers, design.form())
            .expect("invariant: a design was checked when it was made");
        let names = layers::tensor_names(&design.layers, &plan);
        let slots: Vec<Slot> = names
            .into_iter()
            .zip(plan.parameters())
            .map(|(name, parameter)| Slot {
                name,
                shape: parameter.shape.clone(),
                role: parameter.role,
            })
            .collect();
        let vars = VarMap::new();
        let mut in_order = Vec::new();
        for slot in &slots {
            let var = Var::from_tensor(&source(slot)?)?;
            let mut named = vars.data().lock().unwrap_or_else(PoisonError::into_inner);
            named.insert(slot.name.clone(), var.clone());
            in_order.push(var);
        }
        let engine = Engine::new(plan, path::chosen()?);
        Ok(Self {
            design,
            slots,
            vars,
            in_order,
            machine: Mutex::new(Machine {
                engine,
                loaded: false,
            }),
        })
    }

    /// Reads the weights that [`Network::write`] wrote.
    pub(crate) fn read(path: &FilePath) -> Result<Self, Error> {
        let mut stored = Stored::read(path, "train")?;
        let damaged = |what: String| Error::Damaged {
            path: path.to_owned(),
            what,
            stage: "train",
        };
        let design: Design = stored
            .note("model")
            .ok_or_else(|| damaged("it does not say which layers it is of".to_owned()))?;
        let form = design.form();
        if let Some(fault) = design.layers.iter().find_map(LayerSpec::fault) {
            return Err(damaged(format!("its layers cannot be: {fault}")));
        }
        layers::plan(&design.layers, form)
            .map_err(|misfit| damaged(format!("its layers do not fit: {}", misfit.message)))?;
        Self::build(design, &mut |slot| stored.take(slot))
    }

    /// Refuses data that the network is not made for.
    pub(crate) fn accept(&self, summary: &Summary) -> Result<(), Error> {
        let (found, wanted) = (summary.form(), self.design.form());
        if found == wanted {
            return Ok(());
        }
        Err(Error::Unfit { found, wanted })
    }

    /// Writes all weights, the running statistics and the layers with them.
    pub(crate) fn write(&self, path: &FilePath) -> Result<(), Error> {
        let vars = self.vars.data().lock();
        let vars = vars.unwrap_or_else(PoisonError::into_inner);
        let tensors = vars.iter();
        let tensors = tensors.map(|(name, var)| (name.clone(), var.as_detached_tensor()));
        let tensors = tensors.collect();
        tensors::write_with(&tensors, &[("model", &self.design)], Sealing::Open, path)
    }

    /// Returns all stored tensors with what they are for.
    pub(crate) fn named(&self) -> impl Iterator<Item = (&Slot, &Var)> {
        self.slots.iter().zip(&self.in_order)
    }

    /// Sets each stored tensor to what `source` gives for it.
    pub(crate) fn set(
        &self,
        source: &mut dyn FnMut(&Slot) -> Result<Tensor, Error>,
    ) -> Result<(), Error> {
        for (slot, var) in self.named() {
            var.set(&source(slot)?)?;
        }
        self.machine().loaded = false;
        Ok(())
    }

    /// Returns the number of values that are learned.
    pub(crate) fn parameters(&self) -> usize {
        let learned = self.named().filter(|(slot, _)| slot.role.is_learned());
        learned.map(|(_, var)| var.elem_count()).sum()
    }

    /// Returns the instructions that are computed with.
    pub(crate) fn path(&self) -> Path {
        self.machine().engine.path()
    }

    /// Returns the layers with the shapes of their outputs.
    pub(crate) fn layers(&self) -> Vec<LayerRow> {
        layers::rows(&self.design.layers, self.machine().engine.plan())
    }

    fn machine(&self) -> MutexGuard<'_, Machine> {
        self.machine.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the machine with the weights that the variables have.
    fn loaded(&self) -> Result<MutexGuard<'_, Machine>, Error> {
        let mut machine = self.machine();
        if !machine.loaded {
            let values = self.in_order.iter();
            let values: Vec<Vec<f32>> = values
                .map(|var| var.flatten_all()?.to_vec1())
                .collect::<candle_core::Result<_>>()?;
            let slices: Vec<&[f32]> = values.iter().map(Vec::as_slice).collect();
            machine.engine.load(&slices);
            machine.loaded = true;
        }
        Ok(machine)
    }

    /// Returns the logits of images, a row for each.
    pub(crate) fn predict(&self, batch: &dyn Batch) -> Result<Vec<Vec<f32>>, Error> {
        let logits = self.loaded()?.engine.predict(batch);
        Ok(self.rows(&logits))
    }

    /// Returns the logits of a batch and what learning from it gives.
    pub(crate) fn learn(&self, batch: &dyn Batch, loss: &Loss) -> Result<Lesson, Error> {
        let mut machine = self.loaded()?;
        let said = machine.engine.learn(batch, loss);
        for (mean, variance, statistics) in machine.engine.statistics() {
            blend(
                &self.in_order[mean],
                statistics.iter().map(|(mean, _)| *mean),
            )?;
            let variances = statistics.iter().map(|(_, variance)| *variance);
            blend(&self.in_order[variance], variances)?;
        }
        let gradients = machine.engine.gradients().to_vec();
        // The weights are about to change.
        machine.loaded = false;
        Ok(Lesson { said, gradients })
    }

    fn rows(&self, logits: &[f32]) -> Vec<Vec<f32>> {
        let rows = logits.chunks_exact(self.design.classes);
        rows.map(<[f32]>::to_vec).collect()
    }
}

/// What a batch taught.
pub(crate) struct Lesson {
    /// From before.
    pub(crate) said: Said,
    /// By stored tensor; empty for what is not learned.
    pub(crate) gradients: Vec<Vec<f32>>,
}

/// Moves running statistics towards those of a batch.
#[expect(
    clippy::cast_possible_truncation,
    reason = "statistics are kept in single precision"
)]
fn blend(running: &Var, batch: impl Iterator<Item = f64>) -> Result<(), Error> {
    let kept: Vec<f32> = running.to_vec1()?;
    let moved: Vec<f32> = kept
        .into_iter()
        .zip(batch)
        .map(|(kept, batch)| (f64::from(kept) * (1.0 - MOMENTUM) + batch * MOMENTUM) as f32)
        .collect();
    running.set(&Tensor::new(moved.as_slice(), &Device::Cpu)?)?;
    Ok(())
}
