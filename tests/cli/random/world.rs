//! `World`: a project that things happen to, and what must be true of it after each of them.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::checks::{Before, Observation};
use super::graph::{Content, Graph, Inputs, PARAMS, Truth};
use super::record::{self, Entry};
use super::runs::Ran;
use crate::support::Project;

/// What may happen. Numbers pick from what there is.
#[derive(Clone, Debug)]
pub(super) enum Action {
    EditInput(u8, u8),
    EditParam(usize, u8),
    DeleteOut(u8),
    TamperWithOut(u8),
    DamageObject(u8, Damage),
    ToggleFailure(u8),
    Repro(Repro),
    /// SIGKILL for mlpipe while the stage is at work. Late, its command comes to its end alone.
    Kill {
        stage: u8,
        is_late: bool,
        repro: Repro,
    },
    /// Ctrl-C while the stage is at work: it may come to its end, or is terminated the second time.
    Interrupt {
        stage: u8,
        twice: bool,
        repro: Repro,
    },
    /// An input is edited while the stage is at work, which may be reading it.
    EditMeanwhile {
        stage: u8,
        input: u8,
        value: u8,
        repro: Repro,
    },
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Damage {
    Garble,
    Empty,
    Delete,
}

#[derive(Clone, Debug)]
pub(super) struct Repro {
    pub(super) target: Option<u8>,
    pub(super) force: bool,
    pub(super) keep_going: bool,
    pub(super) jobs: usize,
}

pub(super) struct World {
    pub(super) project: Project,
    pub(super) graph: Graph,
    pub(super) inputs: Vec<u8>,
    pub(super) params: [u8; 2],
    pub(super) failing: BTreeSet<usize>,
    /// Everything that ever was, by its digest.
    pub(super) contents: HashMap<String, Content>,
    /// What stages may have succeeded with.
    pub(super) tried: BTreeSet<(usize, Inputs)>,
    /// What stages have succeeded with: it was in the lock.
    pub(super) recorded: BTreeSet<(usize, Inputs)>,
    /// Objects of the cache that were ever damaged.
    pub(super) damaged: BTreeSet<String>,
    /// What the user wrote by hand where an out belongs; it must not get lost.
    pub(super) by_hand: Vec<(String, String)>,
    /// Whether the last run was killed, so that the next one first restores what was before it.
    pub(super) was_killed: bool,
    pub(super) count: usize,
}

impl World {
    pub(super) fn new(graph: Graph) -> Self {
        let project = Project::with(&graph.pipeline());
        project.write(".git/ctl/journal", "");
        let world = Self {
            project,
            inputs: vec![0; graph.inputs],
            graph,
            params: [0; 2],
            failing: BTreeSet::new(),
            contents: HashMap::new(),
            tried: BTreeSet::new(),
            recorded: BTreeSet::new(),
            damaged: BTreeSet::new(),
            by_hand: Vec::new(),
            was_killed: false,
            count: 0,
        };
        (0..world.inputs.len()).for_each(|input| world.write_input(input));
        world.write_params();
        world
    }

    pub(super) fn act(&mut self, action: &Action) {
        self.count += 1;
        match action {
            Action::EditInput(input, value) => {
                let input = usize::from(*input) % self.inputs.len();
                self.inputs[input] = *value;
                self.write_input(input);
            }
            Action::EditParam(param, value) => {
                self.params[*param] = *value;
                self.write_params();
            }
            Action::DeleteOut(pick) => self.delete_out(*pick),
            Action::TamperWithOut(pick) => self.tamper_with_out(*pick),
            Action::DamageObject(pick, damage) => self.damage_object(*pick, *damage),
            Action::ToggleFailure(stage) => {
                let stage = self.stage(*stage);
                if self.failing.insert(stage) {
                    self.project.write(&format!(".git/ctl/fail_s{stage}"), "");
                } else {
                    self.failing.remove(&stage);
                    self.project.remove(&format!(".git/ctl/fail_s{stage}"));
                }
            }
            Action::Repro(repro) => self.observe(repro, Self::run),
            Action::Kill {
                stage,
                is_late,
                repro,
            } => {
                // Alone, so that no other command is at work that nobody waits for.
                let repro = Repro {
                    jobs: 1,
                    ..repro.clone()
                };
                let stage = self.stage(*stage);
                self.observe(&repro, |world, arguments| {
                    world.kill(arguments, stage, *is_late)
                });
            }
            Action::Interrupt {
                stage,
                twice,
                repro,
            } => {
                let stage = self.stage(*stage);
                self.observe(repro, |world, arguments| {
                    world.interrupt(arguments, stage, *twice)
                });
            }
            Action::EditMeanwhile {
                stage,
                input,
                value,
                repro,
            } => {
                let edit = (usize::from(*input) % self.inputs.len(), *value);
                let stage = self.stage(*stage);
                self.observe(repro, |world, arguments| {
                    world.edit_meanwhile(arguments, stage, edit)
                });
            }
        }
    }

    /// Nothing fails any more: all gets done, once, and nothing of the user's has been lost.
    pub(super) fn settle(&mut self) {
        for stage in std::mem::take(&mut self.failing) {
            self.project.remove(&format!(".git/ctl/fail_s{stage}"));
        }
        let repro = Repro {
            target: None,
            force: false,
            keep_going: false,
            jobs: 2,
        };
        self.observe(&repro, Self::run);
        let before = self.journal();
        self.observe(&repro, Self::run);
        assert_eq!(self.journal(), before, "a second repro has nothing to do");
        assert_eq!(self.project.run(&["status", "--exit-code"]).code, Some(0));
        for (path, text) in &self.by_hand {
            let found = find_text(self.project.root(), text);
            assert!(found, "what the user wrote to {path} is lost: {text}");
        }
        let litter = fs::read_dir(self.project.path(".mlpipe/aside"));
        let litter = litter.into_iter().flatten().count();
        assert_eq!(litter, 0, "outs still lie aside");
    }

    fn stage(&self, pick: u8) -> usize {
        usize::from(pick) % self.graph.stages.len()
    }

    pub(super) fn write_input(&self, input: usize) {
        self.project
            .write(&format!("in{input}"), &self.input(input));
    }

    fn input(&self, input: usize) -> String {
        format!("in{input} is {}\n", self.inputs[input])
    }

    fn write_params(&self) {
        let lines = PARAMS.iter().zip(self.params);
        let lines = lines.map(|(name, value)| format!("{name}: {value}\n"));
        self.project
            .write("params.yaml", &lines.collect::<String>());
    }

    fn pick_out(&self, pick: u8) -> String {
        let all = (0..self.graph.stages.len()).flat_map(|stage| self.graph.outs(stage));
        let all: Vec<String> = all.map(|(path, _)| path).collect();
        all[usize::from(pick) % all.len()].clone()
    }

    fn delete_out(&mut self, pick: u8) {
        let path = self.pick_out(pick);
        self.forget_by_hand(&path);
        if self.project.exists(&path) {
            self.project.remove(&path);
        }
    }

    fn tamper_with_out(&mut self, pick: u8) {
        let path = self.pick_out(pick);
        self.forget_by_hand(&path);
        let text = format!("written by hand: {}\n", self.count);
        let is_folder = self.project.path(&path).is_dir();
        let file = if is_folder {
            format!("{path}/x")
        } else {
            path.clone()
        };
        self.project.write(&file, &text);
        self.by_hand.push((path, text));
    }

    /// What the user overwrites or deletes, the user does not miss.
    fn forget_by_hand(&mut self, path: &str) {
        let root = self.project.path(path);
        self.by_hand.retain(|(_, text)| !find_text(&root, text));
    }

    fn damage_object(&mut self, pick: u8, damage: Damage) {
        let objects = files_below(&self.project.path(".mlpipe/cache/sha256"));
        if objects.is_empty() {
            return;
        }
        let object = &objects[usize::from(pick) % objects.len()];
        let name = |path: &Path| {
            path.file_name()
                .expect("has a name")
                .to_string_lossy()
                .into_owned()
        };
        let digest = name(object.parent().expect("has a folder")) + &name(object);
        self.damaged.insert(digest);
        let length = fs::metadata(object).expect("is there").len();
        let text = match damage {
            Damage::Delete => return fs::remove_file(object).expect("deletes"),
            Damage::Garble => "#".repeat(usize::try_from(length).expect("is short")),
            Damage::Empty => String::new(),
        };
        fs::set_permissions(object, fs::Permissions::from_mode(0o644)).expect("sets");
        fs::write(object, text).expect("writes");
    }

    pub(super) fn journal(&self) -> String {
        self.project.read(".git/ctl/journal")
    }

    /// Lets mlpipe do something and compares it with what may happen.
    fn observe(&mut self, repro: &Repro, run: impl FnOnce(&mut Self, &[&str]) -> Ran) {
        let target = repro.target.map(|target| self.stage(target));
        let name = target.map(|target| format!("s{target}"));
        let jobs = format!("-j{}", repro.jobs);
        let mut arguments = vec!["repro", &jobs];
        arguments.extend(repro.force.then_some("--force"));
        arguments.extend(repro.keep_going.then_some("--keep-going"));
        arguments.extend(name.as_deref());
        let selected: BTreeSet<usize> = match target {
            None => (0..self.graph.stages.len()).collect(),
            Some(target) => self
                .graph
                .ancestors(target)
                .into_iter()
                .chain([target])
                .collect(),
        };
        let before = Before {
            truth: self.truth(),
            lock: self.lock(),
            outs: self.outs(),
        };
        for truth in &before.truth {
            let contents = truth.outs.values();
            let known = contents.map(|content| (content.digest(), content.clone()));
            self.contents.extend(known);
        }
        let ran = run(self, &arguments);
        let context = format!("{arguments:?} ended with {:?}\n{}", ran.code, ran.stderr);
        let seen = Observation {
            repro: repro.clone(),
            selected,
            before,
            ran,
            context,
        };
        self.check(&seen);
        self.learn(&seen.before, &seen.ran);
    }

    /// Computes what each stage would make by now, if all went well.
    fn truth(&self) -> Vec<Truth> {
        let mut files: BTreeMap<String, Content> = (0..self.inputs.len())
            .map(|input| (format!("in{input}"), Content::File(self.input(input))))
            .collect();
        let params = |name: &str| {
            let position = PARAMS.iter().position(|param| *param == name);
            self.params[position.expect("is known")].to_string()
        };
        let mut all = Vec::new();
        for stage in 0..self.graph.stages.len() {
            let truth = self.graph.make(stage, &|path| files[path].clone(), &params);
            for (path, content) in &truth.outs {
                if let Content::Folder(_) = content {
                    files.insert(format!("{path}/x"), content.inner("x"));
                }
                files.insert(path.clone(), content.clone());
            }
            all.push(truth);
        }
        all
    }

    pub(super) fn lock(&self) -> BTreeMap<usize, Entry> {
        let text = fs::read_to_string(self.project.path("data.lock"));
        record::entries(&text.unwrap_or_default())
    }

    /// Reads what is at each out. What no command makes is told apart by its text alone.
    pub(super) fn outs(&self) -> BTreeMap<String, Option<Content>> {
        let all = (0..self.graph.stages.len()).flat_map(|stage| self.graph.outs(stage));
        let read = |path: &str| fs::read_to_string(self.project.path(path)).ok();
        all.map(|(path, _)| {
            let file = |name: &str| read(&format!("{path}/{name}")).unwrap_or_default();
            let content = if self.project.path(&path).is_dir() {
                Some(Content::Folder(["x", "y"].map(file)))
            } else {
                read(&path).map(Content::File)
            };
            (path, content)
        })
        .collect()
    }

    fn learn(&mut self, before: &Before, ran: &Ran) {
        for stage in &ran.stages {
            if !self.failing.contains(stage) && ran.cut != Some(*stage) {
                self.tried
                    .insert((*stage, before.truth[*stage].inputs.clone()));
            }
        }
        for (stage, entry) in self.lock() {
            self.tried.insert((stage, entry.inputs.clone()));
            self.recorded.insert((stage, entry.inputs));
        }
        self.was_killed = ran.code.is_none();
    }
}

/// Lists the files below a folder, or the file itself, sorted.
fn files_below(path: &Path) -> Vec<PathBuf> {
    if path.is_file() {
        return vec![path.to_owned()];
    }
    let entries = fs::read_dir(path).into_iter().flatten();
    let mut paths: Vec<PathBuf> = entries
        .map(|entry| entry.expect("an entry").path())
        .collect();
    paths.sort();
    paths.iter().flat_map(|path| files_below(path)).collect()
}

fn find_text(root: &Path, text: &str) -> bool {
    let files = files_below(root);
    files
        .iter()
        .any(|file| fs::read(file).is_ok_and(|bytes| bytes == text.as_bytes()))
}
