//! A pipeline that was drawn at random, and what its stages make: known without asking mlpipe.

use std::collections::{BTreeMap, BTreeSet};

use crate::support::sha256;

/// The parameters that there are.
pub(super) const PARAMS: [&str; 2] = ["p0", "p1"];

/// Stages read inputs and what stages before them make.
#[derive(Clone, Debug)]
pub(super) struct Graph {
    pub(super) inputs: usize,
    pub(super) stages: Vec<Stage>,
}

#[derive(Clone, Debug)]
pub(super) struct Stage {
    /// Each picks one of all paths that there are before this stage.
    pub(super) deps: Vec<u8>,
    /// Which of the parameters it reads.
    pub(super) params: [bool; 2],
    pub(super) outs: Vec<Kind>,
    /// Makes one of two contents only, so that many changes of its inputs change nothing after it.
    pub(super) is_coarse: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Kind {
    File,
    Folder,
    Uncached,
}

/// What a path holds.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Content {
    File(String),
    Folder([String; 2]),
}

/// The values that stages are given, by what they are called: deps by their digests.
pub(super) type Inputs = BTreeMap<String, String>;

/// What a stage would be given now and would make of it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Truth {
    pub(super) inputs: Inputs,
    pub(super) outs: BTreeMap<String, Content>,
}

impl Graph {
    /// Returns the paths that a stage may read: inputs, outs of stages before it, files in those.
    fn paths_before(&self, stage: usize) -> Vec<String> {
        let mut paths: Vec<String> = (0..self.inputs).map(|input| format!("in{input}")).collect();
        for before in 0..stage {
            for (path, kind) in self.outs(before) {
                if kind == Kind::Folder {
                    paths.push(format!("{path}/x"));
                }
                paths.push(path);
            }
        }
        paths
    }

    pub(super) fn deps(&self, stage: usize) -> BTreeSet<String> {
        let paths = self.paths_before(stage);
        let pick = |pick: &u8| paths[usize::from(*pick) % paths.len()].clone();
        self.stages[stage].deps.iter().map(pick).collect()
    }

    pub(super) fn params(&self, stage: usize) -> Vec<&'static str> {
        let chosen = PARAMS.iter().zip(self.stages[stage].params);
        chosen
            .filter_map(|(name, chosen)| chosen.then_some(*name))
            .collect()
    }

    pub(super) fn outs(&self, stage: usize) -> Vec<(String, Kind)> {
        let kinds = self.stages[stage].outs.iter().enumerate();
        kinds
            .map(|(number, kind)| (format!("s{stage}/o{number}"), *kind))
            .collect()
    }

    /// Returns the stages that a stage needs, directly or not.
    pub(super) fn ancestors(&self, stage: usize) -> BTreeSet<usize> {
        let mut found = BTreeSet::new();
        let mut waiting = vec![stage];
        while let Some(at) = waiting.pop() {
            let deps = self.deps(at);
            for before in 0..at {
                let prefix = format!("s{before}/");
                if deps.iter().any(|dep| dep.starts_with(&prefix)) && found.insert(before) {
                    waiting.push(before);
                }
            }
        }
        found
    }

    /// Returns whether all outs of a stage are in the cache, so that no run need be repeated.
    pub(super) fn is_cached(&self, stage: usize) -> bool {
        !self.stages[stage].outs.contains(&Kind::Uncached)
    }

    /// Writes pipeline.yaml. The stages stand in the order opposite to that of their needs.
    pub(super) fn pipeline(&self) -> String {
        let stages = (0..self.stages.len()).rev().map(|stage| {
            let list = |items: Vec<String>| items.join(", ");
            let outs = self.outs(stage).into_iter().map(|(path, kind)| match kind {
                Kind::Uncached => format!("{{{path}: {{cache: false}}}}"),
                Kind::File | Kind::Folder => path,
            });
            let mut text = format!("  s{stage}:\n    cmd: |\n{}", self.command(stage));
            text += &format!("    outs: [{}]\n", list(outs.collect()));
            let deps = self.deps(stage);
            if !deps.is_empty() {
                text += &format!("    deps: [{}]\n", list(deps.into_iter().collect()));
            }
            let params = self.params(stage);
            if !params.is_empty() {
                text += &format!("    params: [{}]\n", params.join(", "));
            }
            text
        });
        format!("stages:\n{}", stages.collect::<String>())
    }

    /// Writes the script of a stage. It notes that it runs, waits and fails when it is told to in
    /// `.git/ctl`, and makes its outs of a digest of all that it reads.
    fn command(&self, stage: usize) -> String {
        let outs = self.outs(stage);
        let half: String = outs
            .iter()
            .map(|(path, kind)| write(path, *kind, "half"))
            .collect();
        let whole: String = outs
            .iter()
            .map(|(path, kind)| write(path, *kind, "$seed"))
            .collect();
        let deps = self.deps(stage).into_iter().map(|dep| {
            if self.is_folder(&dep) {
                format!("cat {dep}/x {dep}/y; ")
            } else {
                format!("cat {dep}; ")
            }
        });
        let params = self.params(stage).into_iter();
        let params = params.map(|name| format!("sed -n 's/^{name}: //p' params.yaml; "));
        let coarse = if self.stages[stage].is_coarse {
            "case $seed in [0-7]*) seed=low;; *) seed=high;; esac\n"
        } else {
            ""
        };
        let script = format!(
            "echo s{stage} >> .git/ctl/journal\n\
             token=$(cat .git/ctl/block_s{stage} 2>/dev/null) || :\n\
             trap '[ -z \"$token\" ] || echo end $token >> .git/ctl/journal' EXIT\n\
             if [ -n \"$token\" ]; then\n{half}echo blocked\n\
             while [ -d .git/ctl ] && [ ! -e .git/ctl/go_$token ]; do sleep 0.02; done\nfi\n\
             if [ -e .git/ctl/fail_s{stage} ]; then\n{half}exit 1\nfi\n\
             seed=$({{ echo s{stage}; {}{}}} | sha256sum | cut -c1-64)\n\
             {coarse}{whole}",
            deps.collect::<String>(),
            params.collect::<String>(),
        );
        format!("      {}\n", script.trim_end().replace('\n', "\n      "))
    }

    fn is_folder(&self, path: &str) -> bool {
        let all = (0..self.stages.len()).flat_map(|stage| self.outs(stage));
        all.into_iter()
            .any(|(out, kind)| out == path && kind == Kind::Folder)
    }

    /// Computes what a stage makes of contents of its deps and values of its parameters.
    pub(super) fn make(
        &self,
        stage: usize,
        read: &dyn Fn(&str) -> Content,
        params: &dyn Fn(&str) -> String,
    ) -> Truth {
        let (mut text, mut inputs) = (format!("s{stage}\n"), Inputs::new());
        for dep in self.deps(stage) {
            let content = read(&dep);
            text += &match &content {
                Content::File(file) => file.clone(),
                Content::Folder(files) => files.concat(),
            };
            inputs.insert(dep, content.digest());
        }
        for name in self.params(stage) {
            let value = params(name);
            text += &format!("{value}\n");
            inputs.insert(name.to_owned(), value);
        }
        let mut seed = sha256(&text);
        if self.stages[stage].is_coarse {
            let is_low = seed.starts_with(|first: char| ('0'..='7').contains(&first));
            seed = String::from(if is_low { "low" } else { "high" });
        }
        let out = |(path, kind): (String, Kind)| {
            let content = match kind {
                Kind::Folder => {
                    Content::Folder(["x", "y"].map(|file| format!("{seed} {path}/{file}\n")))
                }
                Kind::File | Kind::Uncached => Content::File(format!("{seed} {path}\n")),
            };
            (path, content)
        };
        let outs = self.outs(stage).into_iter().map(out).collect();
        Truth { inputs, outs }
    }
}

/// Writes the lines of a script that make an out.
fn write(path: &str, kind: Kind, text: &str) -> String {
    match kind {
        Kind::Folder => format!(
            "mkdir -p {path}\necho \"{text} {path}/x\" > {path}/x\necho \"{text} {path}/y\" > {path}/y\n"
        ),
        Kind::File | Kind::Uncached => format!("echo \"{text} {path}\" > {path}\n"),
    }
}

impl Content {
    /// Returns the digest by which data.lock knows it.
    pub(super) fn digest(&self) -> String {
        match self {
            Self::File(text) => sha256(text),
            Self::Folder(files) => {
                let line = |(text, name): (&String, &str)| {
                    format!("f {} {} {name}\n", sha256(text), text.len())
                };
                let lines: String = files.iter().zip(["x", "y"]).map(line).collect();
                sha256(&format!("mlpipe-tree 1\n{lines}"))
            }
        }
    }

    /// Returns the names of all objects that the cache keeps of it.
    pub(super) fn objects(&self) -> Vec<String> {
        let mut objects = vec![self.digest()];
        if let Self::Folder(files) = self {
            objects.extend(files.iter().map(|text| sha256(text)));
        }
        objects
    }

    /// Returns the content of a file in a folder.
    pub(super) fn inner(&self, name: &str) -> Self {
        match self {
            Self::Folder(files) => Self::File(files[usize::from(name != "x")].clone()),
            Self::File(_) => panic!("a file has no `{name}`"),
        }
    }
}
