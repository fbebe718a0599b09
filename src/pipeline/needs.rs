//! `Needs`: what a stage takes of the machine while it runs. No part of what its result depends on.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::base::document::{Node, Origin};
use crate::base::problem::{Problem, did_you_mean};
use crate::base::quantity;
use crate::base::value::Value;
use crate::pipeline::reader::{Reader, as_count};
use crate::pipeline::stage::Stage;

/// What a stage takes of the machine while it runs.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Needs {
    /// Cores; one unless it says more.
    pub(crate) cpus: Option<u32>,
    /// Bytes of memory.
    pub(crate) memory: Option<u64>,
    /// Graphics cards; none is not the same as nothing said.
    pub(crate) gpus: Option<Amount>,
    /// How many places of each named pool.
    pub(crate) pools: BTreeMap<String, Amount>,
}

/// A whole number and where it is written: whether it is too big shows only later.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Amount {
    /// How many.
    pub(crate) count: u32,
    /// Where it is written.
    pub(crate) origin: Origin,
}

/// Reads `resources` and `pools` of a stage.
pub(super) fn read_needs(node: &Node<'_>, reader: &Reader<'_>) -> Result<Needs, Problem> {
    let pools = read_pools(node, reader)?;
    let Some(resources) = node.get("resources") else {
        return Ok(Needs {
            pools,
            ..Needs::default()
        });
    };
    let positive = |value: &Value| as_count(value).filter(|count| *count > 0);
    let cpus = |node: Node<'_>| {
        let wanted = "a whole number from 1";
        reader.parsed(&node, "resources.cpus", wanted, positive)
    };
    let memory = |node: Node<'_>| {
        let wanted = "a size, as in `4GiB`";
        reader.parsed(&node, "resources.memory", wanted, quantity::bytes)
    };
    let gpus = |node: Node<'_>| read_amount(&node, "resources.gpus", reader);
    Ok(Needs {
        cpus: resources.get("cpus").map(cpus).transpose()?,
        memory: resources.get("memory").map(memory).transpose()?,
        gpus: resources.get("gpus").map(gpus).transpose()?,
        pools,
    })
}

/// Reads `pools`: how many places of each a stage takes, or how many of each there are.
pub(super) fn read_pools(
    node: &Node<'_>,
    reader: &Reader<'_>,
) -> Result<BTreeMap<String, Amount>, Problem> {
    let Some(node) = node.get("pools") else {
        return Ok(BTreeMap::new());
    };
    let entries = node.entries("`pools`")?.into_iter();
    let read = |(name, count): (&str, Node<'_>)| {
        let name = reader.key(name, &count.origin, "pools")?.into_owned();
        let amount = read_amount(&count, &format!("pools.{name}"), reader)?;
        Ok((name, amount))
    };
    entries.map(read).collect()
}

fn read_amount(node: &Node<'_>, field: &str, reader: &Reader<'_>) -> Result<Amount, Problem> {
    let count = reader.parsed(node, field, "a whole number", as_count)?;
    let origin = node.origin.clone();
    Ok(Amount { count, origin })
}

/// Adds the pools of one file to those of all; two files must agree on a pool's places.
pub(super) fn merge_pools(
    all: &mut BTreeMap<String, Amount>,
    more: BTreeMap<String, Amount>,
) -> Result<(), Problem> {
    for (name, places) in more {
        match all.get(&name) {
            Some(other) if other.count != places.count => {
                let message = format!("pool `{name}` is declared twice");
                let there = format!("the other file says {}", other.count);
                let there = other.origin.problem(there);
                let help = format!("{there}; a pool has one number of places");
                return Err(places.origin.problem(message).help(help));
            }
            _ => all.insert(name, places),
        };
    }
    Ok(())
}

/// Refuses stages that want places of a pool that is nowhere declared, or more than it has.
pub(super) fn check_pools(
    stages: &[Stage],
    pools: &BTreeMap<String, Amount>,
) -> Result<(), Problem> {
    for stage in stages {
        for (name, wanted) in &stage.needs.pools {
            let Some(places) = pools.get(name) else {
                let message = format!("stage `{}` uses the unknown pool `{name}`", stage.name);
                let known = pools.keys().map(String::as_str);
                let help = did_you_mean(name, known).unwrap_or_else(|| {
                    format!(
                        "say how many places it has, at the top of a file: `pools: {{{name}: 1}}`"
                    )
                });
                return Err(wanted.origin.key_problem(message).help(help));
            };
            if wanted.count > places.count {
                let message = format!(
                    "stage `{}` needs {} of pool `{name}`, which has {}",
                    stage.name, wanted.count, places.count
                );
                let help = "it could never start";
                return Err(wanted.origin.problem(message).help(help));
            }
        }
    }
    Ok(())
}
