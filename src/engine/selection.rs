//! `Selection`: which stages a command is about, and `Policy`: what it may do with them.

use std::collections::BTreeSet;

use crate::base::path::{PathError, RepoPath};
use crate::engine::consent::Consent;
use crate::pipeline::{self, Graph, StageIndex};

/// The stages that a command is about.
#[derive(Clone, Debug)]
pub(crate) struct Selection {
    /// What the user named; for nothing, the stages of the folder's own pipeline file, or all stages
    /// if it has none.
    pub(crate) targets: Vec<String>,
    /// How targets are read.
    pub(crate) aim: Aim,
    /// The folder that targets are first looked for from.
    pub(crate) folder: RepoPath,
    /// How far the command reaches from its targets.
    pub(crate) reach: Reach,
}

/// How targets are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Aim {
    /// As names of stages, groups or files, or as paths that stages make.
    #[default]
    Names,
    /// As patterns of names.
    Patterns,
    /// As folders: all stages of the pipeline files in them and below.
    Folders,
}

/// How far a command reaches from its targets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Reach {
    /// To all that the targets need.
    #[default]
    Upstream,
    /// To all that need the targets.
    Downstream,
    /// To all that hangs together with the targets.
    Connected,
    /// To the targets alone.
    Nowhere,
}

impl Default for Selection {
    fn default() -> Self {
        Self {
            targets: Vec::new(),
            aim: Aim::default(),
            folder: RepoPath::root(),
            reach: Reach::default(),
        }
    }
}

impl Selection {
    /// Finds the stages in `graph`.
    pub(crate) fn choose(&self, graph: &Graph) -> Result<BTreeSet<StageIndex>, pipeline::Error> {
        let aimed = self.aimed(graph)?;
        Ok(match self.reach {
            Reach::Nowhere => aimed.into_iter().collect(),
            Reach::Upstream => graph.with_upstream(aimed),
            Reach::Downstream => with_downstream(graph, aimed),
            Reach::Connected => connected(graph, aimed),
        })
    }

    /// Finds the targets themselves.
    fn aimed(&self, graph: &Graph) -> Result<Vec<StageIndex>, pipeline::Error> {
        if self.targets.is_empty() {
            let own = match self.aim {
                Aim::Folders => return self.below(graph, "."),
                Aim::Names | Aim::Patterns => graph.of_files(|file| file.parent() == self.folder),
            };
            let has_own = !own.is_empty() && !self.folder.is_root();
            return Ok(if has_own { own } else { graph.order().to_vec() });
        }
        let mut aimed = Vec::new();
        for target in &self.targets {
            aimed.extend(match self.aim {
                Aim::Names => graph.resolve_in(&self.folder, target)?,
                Aim::Patterns => graph.matching(&self.folder, target)?,
                Aim::Folders => self.below(graph, target)?,
            });
        }
        Ok(aimed)
    }

    /// Returns the stages of the files below a folder, as seen from the user's or from the root.
    fn below(&self, graph: &Graph, target: &str) -> Result<Vec<StageIndex>, pipeline::Error> {
        let within = |folder: Result<RepoPath, PathError>| {
            let stages = folder.map(|folder| graph.of_files(|file| file.is_within(&folder)));
            stages.unwrap_or_default()
        };
        let mut found = within(self.folder.join(target));
        if found.is_empty() {
            found = within(RepoPath::parse(target));
        }
        if found.is_empty() {
            let target = target.to_owned();
            return Err(pipeline::Error::NoStagesBelow { target });
        }
        Ok(found)
    }
}

fn with_downstream(graph: &Graph, aimed: Vec<StageIndex>) -> BTreeSet<StageIndex> {
    let mut chosen: BTreeSet<StageIndex> = aimed.into_iter().collect();
    // In this order each stage comes after those that it needs.
    for stage in graph.order() {
        let mut needed = graph.upstream(*stage).iter();
        if needed.any(|needed| chosen.contains(needed)) {
            chosen.insert(*stage);
        }
    }
    chosen
}

fn connected(graph: &Graph, aimed: Vec<StageIndex>) -> BTreeSet<StageIndex> {
    let mut neighbours: Vec<Vec<StageIndex>> = vec![Vec::new(); graph.order().len()];
    for stage in graph.order() {
        for needed in graph.upstream(*stage) {
            neighbours[*stage].push(*needed);
            neighbours[*needed].push(*stage);
        }
    }
    let (mut chosen, mut waiting) = (BTreeSet::new(), aimed);
    while let Some(stage) = waiting.pop() {
        if chosen.insert(stage) {
            waiting.extend(&neighbours[stage]);
        }
    }
    chosen
}

/// What may be done with stages.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Policy {
    /// When a stage runs.
    pub(crate) run: RunPolicy,
    /// Whether outs go into the cache, and runs into the run cache.
    pub(crate) commit: CommitPolicy,
    /// What absent content counts as.
    pub(crate) missing: Missing,
    /// What becomes of stages right behind one that ran.
    pub(crate) downstream: Downstream,
    /// What is at URLs.
    pub(crate) urls: Urls,
    /// When a person is asked.
    pub(crate) consent: Consent,
}

/// What becomes of a stage that needs one that ran.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Downstream {
    /// It is judged by what has been made.
    #[default]
    Judged,
    /// It runs, even if the same has been made as before.
    Forced,
}

/// What a dep or an out that is absent counts as.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Missing {
    /// As absent.
    #[default]
    Absent,
    /// As what the lock says of it.
    Recorded,
}

/// How it is known what is at the URLs that stages read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Urls {
    /// By asking.
    #[default]
    Asked,
    /// It counts as what the lock says of it: nothing goes over the network.
    Recorded,
}

/// When a stage runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum RunPolicy {
    /// When it is not up to date and no earlier run can stand in.
    #[default]
    Needed,
    /// When it is not up to date, even if an earlier run had the same inputs.
    Changed,
    /// Always.
    Forced,
    /// Never: what is there is recorded.
    Never,
    /// Never: what is recorded is put in place.
    CheckOut,
}

/// What becomes of outs besides being recorded in the lock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum CommitPolicy {
    /// They go into the cache.
    #[default]
    Cache,
    /// They stay where they are.
    LockOnly,
}
