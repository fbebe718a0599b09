//! `Graph`: which stage needs which, by the paths that one makes and another reads.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::path::{Path, PathBuf};

use globset::Glob;
use serde::{Deserialize, Serialize};

use crate::base::any_path::AnyPath;
use crate::base::path::RepoPath;
use crate::base::problem::{Problem, did_you_mean};
use crate::pipeline::discover::{DVC_FILE, PIPELINE_FILE};
use crate::pipeline::error::Error;
use crate::pipeline::pattern::Pattern;
use crate::pipeline::stage::{Dep, Stage};

/// The files that stages are written in.
const FILES: [&str; 2] = [PIPELINE_FILE, DVC_FILE];

/// The position of a stage in its pipeline.
pub(crate) type StageIndex = usize;

/// The stages' dependencies on each other; without cycles, and with one maker for each path.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Graph {
    upstream: Vec<Vec<StageIndex>>,
    /// The outs, all written relative to the root.
    makers: BTreeMap<AnyPath, StageIndex>,
    names: BTreeMap<String, StageIndex>,
    files: Vec<RepoPath>,
    order: Vec<StageIndex>,
    /// Where the project is, by which targets are understood that lead out of it.
    #[serde(skip)]
    root: PathBuf,
}

impl Graph {
    /// Connects the `stages` of the project at `root`.
    pub(crate) fn build(stages: &[Stage], root: &Path) -> Result<Self, Problem> {
        let makers = find_makers(stages, root)?;
        let needs = |stage: &Stage| {
            let mut needed = BTreeSet::new();
            for dep in &stage.deps {
                match dep {
                    Dep::Path { path, .. } => {
                        needed.extend(makers_of(&makers, &path.normal(root)));
                    }
                    Dep::Glob { pattern, .. } => {
                        let outs = stage.outs.iter().filter_map(|out| out.path.inside());
                        needed.extend(makers_for(&makers, pattern, outs));
                    }
                    Dep::Command { .. } | Dep::Url { .. } => {}
                }
            }
            needed
        };
        let upstream: Vec<Vec<StageIndex>> = stages
            .iter()
            .map(|stage| needs(stage).into_iter().collect())
            .collect();
        let names = find_names(stages)?;
        let order = sort(stages, &upstream)?;
        let files = stages.iter().map(|stage| stage.file.clone()).collect();
        Ok(Self {
            upstream,
            makers,
            names,
            files,
            order,
            root: root.to_owned(),
        })
    }

    /// Says where the project is whose graph was read back.
    pub(super) fn attach(&mut self, root: &Path) {
        root.clone_into(&mut self.root);
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
    pub(crate) fn maker(&self, path: &AnyPath) -> Option<StageIndex> {
        path.normal(&self.root)
            .ancestors()
            .find_map(|folder| self.makers.get(folder))
            .copied()
    }

    /// Returns the stages that the targets name and all that they need; all stages for no target.
    pub(crate) fn select(&self, targets: &[String]) -> Result<BTreeSet<StageIndex>, Error> {
        if targets.is_empty() {
            return Ok(self.order.iter().copied().collect());
        }
        let mut waiting = Vec::new();
        for target in targets {
            waiting.extend(self.resolve(target)?);
        }
        Ok(self.with_upstream(waiting))
    }

    /// Returns the stages that a pattern names to somebody in `folder`, as `train@*` does.
    pub(crate) fn matching(
        &self,
        folder: &RepoPath,
        pattern: &str,
    ) -> Result<Vec<StageIndex>, Error> {
        let unknown = |help| Error::UnknownTarget {
            target: pattern.to_owned(),
            help,
        };
        let glob = Glob::new(pattern).map_err(|error| unknown(Some(error.kind().to_string())))?;
        let glob = glob.compile_matcher();
        let local = |name: &str| {
            let mut prefixes = FILES.iter().map(|file| format!("{folder}/{file}:"));
            prefixes.any(|prefix| {
                name.strip_prefix(&prefix)
                    .is_some_and(|name| glob.is_match(name))
            })
        };
        let find = |is_match: &dyn Fn(&str) -> bool| -> Vec<StageIndex> {
            let named = self.names.iter().filter(|(name, _)| is_match(name));
            named.map(|(_, stage)| *stage).collect()
        };
        let mut found = find(&local);
        if found.is_empty() {
            found = find(&|name| glob.is_match(name));
        }
        if found.is_empty() {
            return Err(unknown(None));
        }
        Ok(found)
    }

    /// Returns the stages of the pipeline files that `is_wanted`.
    pub(crate) fn of_files(&self, is_wanted: impl Fn(&RepoPath) -> bool) -> Vec<StageIndex> {
        let stages = self.files.iter().enumerate();
        let found = stages.filter(|(_, file)| is_wanted(file));
        found.map(|(stage, _)| stage).collect()
    }

    /// Adds all that these stages need.
    pub(crate) fn with_upstream(&self, mut waiting: Vec<StageIndex>) -> BTreeSet<StageIndex> {
        let mut selected = BTreeSet::new();
        while let Some(stage) = waiting.pop() {
            if selected.insert(stage) {
                waiting.extend(self.upstream(stage));
            }
        }
        selected
    }

    /// Finds what a target names: a stage, all stages of a group or of a file, or the stage that
    /// makes a path.
    pub(crate) fn resolve(&self, target: &str) -> Result<Vec<StageIndex>, Error> {
        self.resolve_in(&RepoPath::root(), target)
    }

    /// Finds what a target names to somebody in `folder`: first as seen from there, then as seen
    /// from the root.
    pub(crate) fn resolve_in(
        &self,
        folder: &RepoPath,
        target: &str,
    ) -> Result<Vec<StageIndex>, Error> {
        let mut found = self.find_in(folder, target);
        if found.is_empty() && !folder.is_root() {
            found = self.find_in(&RepoPath::root(), target);
        }
        if !found.is_empty() {
            return Ok(found);
        }
        let groups = self.names.keys().filter_map(|name| name.rsplit_once('@'));
        let groups: BTreeSet<&str> = groups.map(|(group, _)| group).collect();
        let known = self.names.keys().map(String::as_str).chain(groups);
        Err(Error::UnknownTarget {
            target: target.to_owned(),
            help: did_you_mean(target, known),
        })
    }

    fn find_in(&self, folder: &RepoPath, target: &str) -> Vec<StageIndex> {
        let (file, name) = split_target(folder, target);
        let is_root = folder.is_root();
        let found = match (&file, name) {
            (_, "") => Vec::new(),
            // Names of stages may look like anything, hence the whole text comes first.
            (Some(file), name) if !is_root || !self.names.contains_key(target) => {
                self.named_in(file, name)
            }
            _ if is_root => self.named(target),
            _ => {
                let files = FILES.iter().filter_map(|file| folder.join(file).ok());
                files
                    .flat_map(|file| self.named_in(&file, target))
                    .collect()
            }
        };
        if !found.is_empty() {
            return found;
        }
        let Ok(path) = AnyPath::resolve(&self.root, folder, target) else {
            return Vec::new();
        };
        let mut found = self.of_files(|file| path.inside() == Some(file));
        found.extend(self.maker(&path));
        found
    }

    /// Returns the stage or the group that is called `name` in a file.
    fn named_in(&self, file: &RepoPath, name: &str) -> Vec<StageIndex> {
        let prefix = if file.parent().is_root() {
            String::new()
        } else {
            format!("{file}:")
        };
        let mut found = self.named(&format!("{prefix}{name}"));
        found.retain(|stage| self.files[*stage] == *file);
        found
    }

    /// Returns the stage of this name, else the stages of the group of this name.
    fn named(&self, name: &str) -> Vec<StageIndex> {
        if let Some(stage) = self.names.get(name) {
            return vec![*stage];
        }
        let prefix = format!("{name}@");
        let from = self.names.range::<String, _>(&prefix..);
        let group = from.take_while(|(name, _)| name.starts_with(&prefix));
        let mut group: Vec<StageIndex> = group.map(|(_, stage)| *stage).collect();
        group.sort_unstable();
        group
    }
}

/// Splits `sub/pipeline.yaml:train` into the file, as seen from `folder`, and the name.
fn split_target<'t>(folder: &RepoPath, target: &'t str) -> (Option<RepoPath>, &'t str) {
    for name in FILES {
        if let Some((inner, stage)) = target.split_once(&format!("{name}:"))
            && (inner.is_empty() || inner.ends_with('/'))
        {
            return (folder.join(&format!("{inner}{name}")).ok(), stage);
        }
    }
    (None, target)
}

/// Maps each name to its stage; a name that comes twice is a mistake.
fn find_names(stages: &[Stage]) -> Result<BTreeMap<String, StageIndex>, Problem> {
    let mut names = BTreeMap::new();
    for (index, stage) in stages.iter().enumerate() {
        if names
            .insert(stage.name.as_str().to_owned(), index)
            .is_some()
        {
            let message = format!("there are two stages `{}`", stage.name);
            let problem = stage.origin.key_problem(message);
            return Err(problem.help("a group's stages have names too: rename one of the two"));
        }
    }
    Ok(names)
}

/// Maps each out to its stage; two stages that write the same place are a mistake.
fn find_makers(stages: &[Stage], root: &Path) -> Result<BTreeMap<AnyPath, StageIndex>, Problem> {
    let mut makers: BTreeMap<AnyPath, StageIndex> = BTreeMap::new();
    for (index, stage) in stages.iter().enumerate() {
        for out in &stage.outs {
            let path = out.path.normal(root);
            if let Some(other) = makers_of(&makers, &path).next() {
                let other = &stages[other].name;
                let message = format!("`{}` is an out of stage `{other}` too", out.path);
                let help = "two stages cannot write the same path: rename one of the outs";
                return Err(out.origin.problem(message).help(help));
            }
            makers.insert(path.into_owned(), index);
        }
    }
    Ok(makers)
}

/// Returns the stages whose outs are at `path`, around it or below it.
fn makers_of<'a>(
    makers: &'a BTreeMap<AnyPath, StageIndex>,
    path: &'a AnyPath,
) -> impl Iterator<Item = StageIndex> + 'a {
    let around = path
        .ancestors()
        .find_map(|folder| makers.get(folder))
        .copied();
    let is_root = path.inside().is_some_and(RepoPath::is_root);
    let everything = is_root.then(|| {
        let inside = makers.iter().filter(|(out, _)| out.inside().is_some());
        inside.map(|(_, stage)| *stage)
    });
    let prefix = format!("{path}/");
    // Names with bytes below `/`, as in `a-b`, sort between `a` and `a/b`, hence the start here.
    let below = makers.range::<str, _>((Bound::Included(prefix.as_str()), Bound::Unbounded));
    let below = below.take_while(move |(out, _)| out.as_str().starts_with(&prefix));
    around
        .into_iter()
        .chain(below.map(|(_, stage)| *stage))
        .chain(everything.into_iter().flatten())
}

/// Returns the stages that may make what a pattern names; never the one that makes `own`.
fn makers_for<'a>(
    makers: &'a BTreeMap<AnyPath, StageIndex>,
    pattern: &'a Pattern,
    own: impl Iterator<Item = &'a RepoPath>,
) -> impl Iterator<Item = StageIndex> + 'a {
    let own: BTreeSet<&RepoPath> = own.collect();
    let prefix = pattern.prefix();
    let around = prefix
        .ancestors()
        .find_map(|folder| makers.get_key_value(folder));
    let start = if prefix.is_root() {
        String::new()
    } else {
        format!("{prefix}/")
    };
    let from = makers.range::<str, _>((Bound::Included(start.as_str()), Bound::Unbounded));
    let below: Vec<_> = from
        .take_while(|(out, _)| out.as_str().starts_with(&start))
        .collect();
    let inside = |(out, stage): (&'a AnyPath, &'a StageIndex)| Some((out.inside()?, stage));
    let below = below.into_iter().filter_map(inside);
    let below = below.filter(|(out, _)| pattern.may_need(out));
    let wanted = around.and_then(inside).into_iter().chain(below);
    wanted
        .filter(move |(out, _)| !own.contains(out))
        .map(|(_, stage)| *stage)
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
    use crate::pipeline::sections::tests::read;

    fn stages(text: &str) -> Vec<Stage> {
        read(text).expect("valid stages").stages
    }

    #[test]
    fn folders_connect_with_what_lies_in_them() {
        let stages = stages(
            "stages:\n  use: {cmd: x, deps: [data/a/f]}\n  all: {cmd: x, deps: [data]}\n  \
             make: {cmd: x, outs: [data/a]}\n  other: {cmd: x, outs: [data-b]}\n",
        );
        let graph = Graph::build(&stages, Path::new("/project")).expect("no cycle");
        assert_eq!(graph.upstream(0), [2]);
        assert_eq!(graph.upstream(1), [2]);
        assert_eq!(graph.order(), [2, 0, 1, 3]);
        assert_eq!(graph.resolve("data/a/f").expect("made by make"), [2]);
    }

    #[test]
    fn what_lies_outside_connects_under_any_spelling() {
        let stages = stages(
            "stages:\n  all: {cmd: x, deps: [../shared]}\n  root: {cmd: x, deps: [.]}\n  \
             make: {cmd: x, outs: [{../shared/x: {cache: false}}]}\n  far: {cmd: x, deps: [/shared/x/y]}\n",
        );
        let graph = Graph::build(&stages, Path::new("/project")).expect("no cycle");
        assert_eq!(graph.upstream(0), [2]);
        assert!(graph.upstream(1).is_empty());
        assert_eq!(graph.upstream(3), [2]);
        assert_eq!(graph.resolve("/shared/x/y").expect("made by make"), [2]);
        assert_eq!(graph.resolve("../shared/x").expect("made by make"), [2]);
    }

    #[test]
    fn patterns_connect_with_what_may_match() {
        let stages = stages(
            "stages:\n  all: {cmd: x, deps: ['gen/*.csv'], outs: [gen/sum.txt]}\n  a: {cmd: x, outs: [gen/a.csv]}\n  \
             b: {cmd: x, outs: [gen/b.json]}\n  deep: {cmd: x, deps: ['d/**/*.csv'], outs: [d/own]}\n  \
             dir: {cmd: x, outs: [d/sub]}\n  own: {cmd: x, deps: ['*.csv'], outs: [own.csv]}\n",
        );
        let graph = Graph::build(&stages, Path::new("/project")).expect("no cycle");
        assert_eq!(graph.upstream(0), [1]);
        assert_eq!(graph.upstream(3), [4]);
        assert!(graph.upstream(5).is_empty());
    }

    #[test]
    fn targets_are_stages_groups_globs_files_and_paths() {
        let stages = stages(
            "stages:\n  g:\n    foreach: [x, y]\n    do: {cmd: '${item}', outs: ['o/${item}']}\n  s: {cmd: x, deps: [o/x]}\n",
        );
        let graph = Graph::build(&stages, Path::new("/project")).expect("no cycle");
        let resolve = |target: &str| graph.resolve(target).ok();
        assert_eq!(resolve("g"), Some(vec![0, 1]));
        assert_eq!(resolve("g@y"), Some(vec![1]));
        assert_eq!(resolve("pipeline.yaml:s"), Some(vec![2]));
        assert_eq!(resolve("./pipeline.yaml:g"), Some(vec![0, 1]));
        assert_eq!(resolve("pipeline.yaml"), Some(vec![0, 1, 2]));
        assert_eq!(resolve("o/y/f"), Some(vec![1]));
        assert_eq!(resolve("sub/pipeline.yaml:s"), None);
        assert_eq!(
            graph.select(&["s".to_owned()]).expect("known"),
            BTreeSet::from([0, 2])
        );
        let root = RepoPath::root();
        assert_eq!(graph.matching(&root, "g@*").expect("matches"), [0, 1]);
        assert!(graph.matching(&root, "z*").is_err());
    }

    #[test]
    fn a_cycle_is_named() {
        let stages = stages(
            "stages:\n  a: {cmd: x, deps: [c], outs: [a]}\n  b: {cmd: x, deps: [a], outs: [b]}\n  \
             c: {cmd: x, deps: [b], outs: [c]}\n",
        );
        let problem = Graph::build(&stages, Path::new("/project")).expect_err("a cycle");
        assert_eq!(
            problem.message,
            "the stages need each other in a cycle: a ← c ← b ← a"
        );
    }

    #[test]
    fn two_makers_of_one_path_are_refused() {
        let stages = stages("stages:\n  a: {cmd: x, outs: [d]}\n  b: {cmd: x, outs: [d/e]}\n");
        let problem = Graph::build(&stages, Path::new("/project")).expect_err("both write to d");
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
            let graph = Graph::build(&stages, Path::new("/project")).expect("no cycle");
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
