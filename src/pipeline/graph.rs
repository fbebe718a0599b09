//! `Graph`: which stage needs which, by the paths that one makes and another reads.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use crate::base::path::RepoPath;
use crate::base::problem::{Problem, did_you_mean};
use crate::pipeline::error::Error;
use crate::pipeline::stage::{Dep, Stage};

/// The position of a stage in its pipeline.
pub(crate) type StageIndex = usize;

/// The stages' dependencies on each other; without cycles, and with one maker for each path.
#[derive(Debug, Default)]
pub(crate) struct Graph {
    upstream: Vec<Vec<StageIndex>>,
    makers: BTreeMap<RepoPath, StageIndex>,
    names: BTreeMap<String, StageIndex>,
    order: Vec<StageIndex>,
}

impl Graph {
    /// Connects `stages`.
    pub(crate) fn build(stages: &[Stage]) -> Result<Self, Problem> {
        let makers = find_makers(stages)?;
        let needs = |stage: &Stage| {
            let paths = stage.deps.iter().filter_map(|dep| match dep {
                Dep::Path { path, .. } => Some(path),
                Dep::Command { .. } => None,
            });
            paths
                .flat_map(|path| makers_of(&makers, path))
                .collect::<BTreeSet<_>>()
        };
        let upstream: Vec<Vec<StageIndex>> = stages
            .iter()
            .map(|stage| needs(stage).into_iter().collect())
            .collect();
        let order = sort(stages, &upstream)?;
        let names = stages.iter().enumerate();
        let names = names
            .map(|(index, stage)| (stage.name.to_string(), index))
            .collect();
        Ok(Self {
            upstream,
            makers,
            names,
            order,
        })
    }

    /// Returns the stages that make what `stage` reads.
    pub(crate) fn upstream(&self, stage: StageIndex) -> &[StageIndex] {
        &self.upstream[stage]
    }

    /// Returns all stages, each after those that it needs, else in the order of the file.
    pub(crate) fn order(&self) -> &[StageIndex] {
        &self.order
    }

    /// Returns the stage that makes `path` or a folder around it.
    pub(crate) fn maker(&self, path: &RepoPath) -> Option<StageIndex> {
        path.ancestors()
            .find_map(|folder| self.makers.get(folder))
            .copied()
    }

    /// Returns the stages that the targets name and all that they need; all stages for no target.
    pub(crate) fn select(&self, targets: &[String]) -> Result<BTreeSet<StageIndex>, Error> {
        if targets.is_empty() {
            return Ok(self.order.iter().copied().collect());
        }
        let mut selected = BTreeSet::new();
        let mut waiting = Vec::new();
        for target in targets {
            waiting.push(self.resolve(target)?);
        }
        while let Some(stage) = waiting.pop() {
            if selected.insert(stage) {
                waiting.extend(self.upstream(stage));
            }
        }
        Ok(selected)
    }

    /// Finds the stage of this name, or the one that makes this path.
    pub(crate) fn resolve(&self, target: &str) -> Result<StageIndex, Error> {
        if let Some(stage) = self.names.get(target) {
            return Ok(*stage);
        }
        let maker = RepoPath::parse(target)
            .ok()
            .and_then(|path| self.maker(&path));
        maker.ok_or_else(|| Error::UnknownTarget {
            target: target.to_owned(),
            help: did_you_mean(target, self.names.keys().map(String::as_str)),
        })
    }
}

/// Maps each out to its stage; two stages that write the same place are a mistake.
fn find_makers(stages: &[Stage]) -> Result<BTreeMap<RepoPath, StageIndex>, Problem> {
    let mut makers: BTreeMap<RepoPath, StageIndex> = BTreeMap::new();
    for (index, stage) in stages.iter().enumerate() {
        for out in &stage.outs {
            if let Some(other) = makers_of(&makers, &out.path).next() {
                let other = &stages[other].name;
                let message = format!("`{}` is an out of stage `{other}` too", out.path);
                let help = "two stages cannot write the same path: rename one of the outs";
                return Err(out.origin.problem(message).help(help));
            }
            makers.insert(out.path.clone(), index);
        }
    }
    Ok(makers)
}

/// Returns the stages whose outs are at `path`, around it or below it.
fn makers_of<'a>(
    makers: &'a BTreeMap<RepoPath, StageIndex>,
    path: &'a RepoPath,
) -> impl Iterator<Item = StageIndex> + 'a {
    let around = path
        .ancestors()
        .find_map(|folder| makers.get(folder))
        .copied();
    let everything = path.is_root().then(|| makers.values().copied());
    let prefix = format!("{path}/");
    // Names with bytes below `/`, as in `a-b`, sort between `a` and `a/b`, hence the start here.
    let below = makers.range::<str, _>((Bound::Included(prefix.as_str()), Bound::Unbounded));
    let below = below.take_while(move |(out, _)| out.as_str().starts_with(&prefix));
    around
        .into_iter()
        .chain(below.map(|(_, stage)| *stage))
        .chain(everything.into_iter().flatten())
}

/// Sorts depth first, in the order of the file, each stage after its upstreams.
fn sort(stages: &[Stage], upstream: &[Vec<StageIndex>]) -> Result<Vec<StageIndex>, Problem> {
    #[derive(Clone, Copy, PartialEq)]
    enum Visit {
        New,
        Open,
        Done,
    }
    let mut visits = vec![Visit::New; stages.len()];
    let mut order = Vec::with_capacity(stages.len());
    for start in 0..stages.len() {
        // An own stack instead of recursion: chains may be tens of thousands of stages long.
        let mut path: Vec<(StageIndex, usize)> = Vec::new();
        if visits[start] == Visit::New {
            visits[start] = Visit::Open;
            path.push((start, 0));
        }
        while let Some((stage, next)) = path.last_mut() {
            let stage = *stage;
            let Some(&needed) = upstream[stage].get(*next) else {
                visits[stage] = Visit::Done;
                order.push(stage);
                path.pop();
                continue;
            };
            *next += 1;
            match visits[needed] {
                Visit::Done => {}
                Visit::New => {
                    visits[needed] = Visit::Open;
                    path.push((needed, 0));
                }
                Visit::Open => return Err(cycle(stages, &path, needed)),
            }
        }
    }
    Ok(order)
}

fn cycle(stages: &[Stage], path: &[(StageIndex, usize)], needed: StageIndex) -> Problem {
    let from = path
        .iter()
        .position(|(stage, _)| *stage == needed)
        .unwrap_or(0);
    let mut names: Vec<&str> = path[from..]
        .iter()
        .map(|(at, _)| stages[*at].name.as_str())
        .collect();
    names.push(stages[needed].name.as_str());
    let message = format!(
        "the stages need each other in a cycle: {}",
        names.join(" ← ")
    );
    let problem = stages[needed].origin.key_problem(message);
    problem.help("`a ← b` reads: b makes what a needs; remove one of these deps")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::base::document::Document;
    use crate::pipeline::schema::PipelineFile;

    fn stages(text: &str) -> Vec<Stage> {
        let document = Document::parse("pipeline.yaml", text).expect("valid YAML");
        PipelineFile::read(&document.root(), &RepoPath::root())
            .expect("valid stages")
            .stages
    }

    #[test]
    fn folders_connect_with_what_lies_in_them() {
        let stages = stages(
            "stages:\n  use: {cmd: x, deps: [data/a/f]}\n  all: {cmd: x, deps: [data]}\n  \
             make: {cmd: x, outs: [data/a]}\n  other: {cmd: x, outs: [data-b]}\n",
        );
        let graph = Graph::build(&stages).expect("no cycle");
        assert_eq!(graph.upstream(0), [2]);
        assert_eq!(graph.upstream(1), [2]);
        assert_eq!(graph.order(), [2, 0, 1, 3]);
        assert_eq!(graph.resolve("data/a/f").expect("made by make"), 2);
    }

    #[test]
    fn a_cycle_is_named() {
        let stages = stages(
            "stages:\n  a: {cmd: x, deps: [c], outs: [a]}\n  b: {cmd: x, deps: [a], outs: [b]}\n  \
             c: {cmd: x, deps: [b], outs: [c]}\n",
        );
        let problem = Graph::build(&stages).expect_err("a cycle");
        assert_eq!(
            problem.message,
            "the stages need each other in a cycle: a ← c ← b ← a"
        );
    }

    #[test]
    fn two_makers_of_one_path_are_refused() {
        let stages = stages("stages:\n  a: {cmd: x, outs: [d]}\n  b: {cmd: x, outs: [d/e]}\n");
        let problem = Graph::build(&stages).expect_err("both write to d");
        assert_eq!(problem.message, "`d/e` is an out of stage `a` too");
    }

    proptest! {
        /// Stage i may read what stages with smaller numbers in a random order make: no cycle.
        #[test]
        fn every_stage_comes_after_what_it_needs(
            edges in prop::collection::vec((0usize..20, 0usize..20), 0..60),
            rank in Just((0..20usize).collect::<Vec<_>>()).prop_shuffle(),
        ) {
            let mut text = "stages:\n".to_owned();
            for stage in 0..20 {
                let deps: BTreeSet<String> = edges.iter()
                    .filter(|(from, to)| *to == stage && rank[*from] < rank[*to])
                    .map(|(from, _)| format!("o{from}")).collect();
                let deps: Vec<String> = deps.into_iter().collect();
                text += &format!("  s{stage}: {{cmd: x, outs: [o{stage}], deps: [{}]}}\n", deps.join(", "));
            }
            let stages = stages(&text);
            let graph = Graph::build(&stages).expect("no cycle");
            let position = |stage| graph.order().iter().position(|at| *at == stage);
            prop_assert_eq!(graph.order().len(), 20);
            for stage in 0..20 {
                for needed in graph.upstream(stage) {
                    prop_assert!(position(*needed) < position(stage));
                }
            }
        }
    }
}
