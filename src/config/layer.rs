//! `Layer`: the settings of one level, with what is wrong in its file.

use std::env;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use crate::base::document::{Document, Node};
use crate::base::fs;
use crate::base::problem::{Problem, did_you_mean};
use crate::base::source::as_text;
use crate::base::value::Value;
use crate::base::yaml::Step;
use crate::config::key::Key;
use crate::config::level::Level;
use crate::config::remotes::{RemoteEntry, SECTION};
use crate::config::setting::Setting;

/// A setting as it is written somewhere.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    /// Which.
    pub(crate) key: Key,
    /// The value as it is written.
    pub(crate) value: Value,
    /// Whose it is.
    pub(crate) level: Level,
    /// The file or the variable that it is written in.
    pub(crate) origin: String,
    pub(super) setting: Setting,
}

impl Entry {
    /// Returns the value as it may be given on the command line.
    pub(crate) fn text(&self) -> String {
        match &self.value {
            Value::List(items) => {
                let items: Vec<String> = items.iter().map(ToString::to_string).collect();
                items.join(",")
            }
            value => value.to_string(),
        }
    }
}

/// The settings of one level.
#[derive(Debug)]
pub(crate) struct Layer {
    /// Those that can be read.
    pub(crate) entries: Vec<Entry>,
    /// What is wrong with the others.
    pub(crate) problems: Vec<Problem>,
    /// What is set of remotes.
    pub(crate) remotes: Vec<RemoteEntry>,
    level: Level,
    origin: String,
    root: Option<PathBuf>,
}

impl Layer {
    /// Reads the settings of `level`, for the project at `root` if there is one.
    pub(crate) fn read(level: Level, root: Option<&Path>) -> Result<Self, fs::Error> {
        let file = level.file(root);
        let mut layer = Self {
            entries: Vec::new(),
            problems: Vec::new(),
            remotes: Vec::new(),
            level,
            origin: level.place(root).unwrap_or_default(),
            root: root.map(Path::to_owned),
        };
        if level == Level::Environment {
            layer.read_variables();
        } else if let Some(file) = file
            && let Some(bytes) = fs::read(&file)?
        {
            let text = as_text(&layer.origin, &bytes);
            let document = text.and_then(|text| Document::parse(&layer.origin, text));
            let outcome = document.and_then(|document| layer.read_section(&document.root(), ""));
            layer.problems.extend(outcome.err());
        }
        Ok(layer)
    }

    /// Returns whose settings these are.
    pub(super) fn level(&self) -> Level {
        self.level
    }

    /// Reads what stands in the section `name`; the whole file is the section `""`.
    fn read_section(&mut self, section: &Node<'_>, name: &str) -> Result<(), Problem> {
        let what = match name {
            "" => "the file".to_owned(),
            name => format!("`{name}`"),
        };
        if section.value.is_null() {
            return Ok(());
        }
        for (part, node) in section.entries(&what)? {
            let dot = if name.is_empty() { "" } else { "." };
            let whole = format!("{name}{dot}{part}");
            let known = Key::names_below(name);
            let outcome = if whole == SECTION {
                self.read_remotes(&node)
            } else if !known.contains(&part) {
                Err(unknown(&node, part, &what, &known))
            } else if let Ok(key) = Key::from_str(&whole) {
                self.read_entry(key, &node)
            } else {
                self.read_section(&node, &whole)
            };
            self.problems.extend(outcome.err());
        }
        Ok(())
    }

    fn read_entry(&mut self, key: Key, node: &Node<'_>) -> Result<(), Problem> {
        let root = self.root.as_deref();
        let setting = Setting::read(key, node.value, self.level, root).map_err(|wrong| {
            let origin = match wrong.item {
                Some(index) => node.origin.below(Step::Index(index)),
                None => node.origin.clone(),
            };
            origin.problem(wrong.message).help(wrong.help)
        })?;
        self.add(key, node.value.clone(), self.origin.clone(), setting);
        Ok(())
    }

    /// An empty variable is as good as none.
    fn read_variables(&mut self) {
        for key in Key::ALL {
            let variable = key.variable();
            let Some(text) = env::var_os(&variable).filter(|text| !text.is_empty()) else {
                continue;
            };
            let value = Value::Text(text.to_string_lossy().into_owned());
            match Setting::read(key, &value, self.level, self.root.as_deref()) {
                Ok(setting) => self.add(key, value, variable, setting),
                Err(wrong) => {
                    let place = format!("the environment variable {variable}");
                    let problem = Problem::new(&place, "", wrong.message);
                    self.problems.push(problem.help(wrong.help));
                }
            }
        }
    }

    fn add(&mut self, key: Key, value: Value, origin: String, setting: Setting) {
        let level = self.level;
        self.entries.push(Entry {
            key,
            value,
            level,
            origin,
            setting,
        });
    }
}

/// Returns the settings that count of these layers, the weakest of which comes first.
pub(crate) fn effective(layers: &[Layer]) -> Vec<&Entry> {
    let entries = || layers.iter().flat_map(|layer| &layer.entries);
    let last = |key| entries().rfind(|entry| entry.key == key);
    Key::ALL.into_iter().filter_map(last).collect()
}

fn unknown(node: &Node<'_>, part: &str, what: &str, known: &[&str]) -> Problem {
    let help = if let Some((section, inner)) = part.split_once('.')
        && Key::from_str(part).is_ok()
    {
        format!("in a file, write `{section}:` and `{inner}:` on a line of its own below it")
    } else {
        did_you_mean(part, known.iter().copied())
            .unwrap_or_else(|| format!("known keys: {}", known.join(", ")))
    };
    let message = format!("unknown key `{part}` in {what}");
    node.origin.key_problem(message).help(help)
}
