//! What the machine has for stages: cores, memory and graphics cards.

use crate::base::human;
use crate::base::machine::Machine;
use crate::doctor::finding::{Finding, State, Topic};
use crate::pipeline::{Pipeline, Stage};

/// Compares what there is with what stages ask for.
pub(super) fn machine(machine: &Machine, pipeline: Option<&Pipeline>) -> Vec<Finding> {
    let stages = pipeline.map_or(&[][..], |pipeline| &pipeline.stages);
    let cores = Wish {
        name: "cores",
        there: Some(machine.cores.into()),
        wanted: most(stages, |stage| stage.needs.cpus.map(u64::from)),
        write: |count| count.to_string(),
        lack: State::Warning,
    };
    let memory = Wish {
        name: "memory",
        there: machine.memory,
        wanted: most(stages, |stage| stage.needs.memory),
        write: human::size,
        lack: State::Warning,
    };
    let mut findings = vec![cores.judge(), memory.judge()];
    let count = |stage: &Stage| stage.needs.gpus.as_ref().map(|gpus| u64::from(gpus.count));
    let wanted = most(stages, count);
    if wanted.is_some() || !machine.gpus.is_empty() {
        let cards = Wish {
            name: "graphics cards",
            there: u64::try_from(machine.gpus.len()).ok(),
            wanted,
            write: |count| count.to_string(),
            lack: State::Failure,
        };
        findings.push(cards.judge());
    }
    findings
}

/// An amount that there is, and the most that any stage asks for.
struct Wish<'a> {
    name: &'static str,
    there: Option<u64>,
    wanted: Option<(u64, &'a Stage)>,
    write: fn(u64) -> String,
    /// How bad it is if there is less.
    lack: State,
}

impl Wish<'_> {
    fn judge(&self) -> Finding {
        let Some(there) = self.there else {
            return Finding::fine(Topic::Machine, self.name, "cannot be known here").into_note();
        };
        let found = (self.write)(there);
        match self.wanted {
            Some((wanted, stage)) if wanted > there => {
                let found = format!(
                    "{found}, but stage {} asks for {}",
                    stage.name,
                    (self.write)(wanted)
                );
                let hint = match self.lack {
                    State::Failure => "run it on a machine that has them",
                    _ => "the stage gets all there is, and runs alone",
                };
                Finding::fine(Topic::Machine, self.name, found).but(self.lack, hint)
            }
            _ => Finding::fine(Topic::Machine, self.name, found),
        }
    }
}

/// Returns the most that any stage asks for, and which does.
fn most(stages: &[Stage], wish: impl Fn(&Stage) -> Option<u64>) -> Option<(u64, &Stage)> {
    let wishes = stages.iter().filter(|stage| !stage.frozen);
    let wishes = wishes.filter_map(|stage| Some((wish(stage)?, stage)));
    wishes.max_by_key(|(wish, _)| *wish)
}
