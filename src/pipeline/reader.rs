//! `Reader`: takes values out of a checked pipeline file and resolves what is interpolated.

use std::borrow::Cow;
use std::fmt::{self, Display};

use crate::base::document::{Node, Origin};
use crate::base::path::RepoPath;
use crate::base::problem::{Problem, did_you_mean};
use crate::base::value::{Map, Value};
use crate::pipeline::interpolate::{self, Use, has_templates};
use crate::pipeline::python_text::as_text;
use crate::pipeline::vars::Scope;

/// Reads one part of a file in one scope.
pub(super) struct Reader<'r> {
    /// What `${…}` can name.
    pub(super) scope: &'r Scope<'r>,
    /// The part, as in `stages.train`, for messages.
    pub(super) part: &'r dyn Display,
}

impl Reader<'_> {
    /// Resolves a text; any other value is as it is.
    pub(super) fn value<'v>(
        &self,
        node: &Node<'v>,
        field: &str,
        usage: Use,
    ) -> Result<Cow<'v, Value>, Problem> {
        match node.value {
            Value::Text(text) if text.contains("${") => {
                let resolved = interpolate::resolve(text, self.scope, usage);
                resolved.map_err(|fault| self.place(&node.origin, field, fault))
            }
            value => Ok(Cow::Borrowed(value)),
        }
    }

    /// Resolves a scalar and writes it as text.
    pub(super) fn text(&self, node: &Node<'_>, field: &str) -> Result<String, Problem> {
        self.text_for(node, field, Use::Field)
    }

    /// Resolves a command, in which a map becomes flags.
    pub(super) fn command(&self, node: &Node<'_>) -> Result<String, Problem> {
        self.text_for(node, "cmd", Use::Command)
    }

    fn text_for(&self, node: &Node<'_>, field: &str, usage: Use) -> Result<String, Problem> {
        Ok(match self.value(node, field, usage)? {
            Cow::Borrowed(Value::Text(text)) => text.clone(),
            Cow::Owned(Value::Text(text)) => text,
            value => as_text(&value),
        })
    }

    /// Resolves the text under `key`, if there is one.
    pub(super) fn text_of(&self, node: &Node<'_>, key: &str) -> Result<Option<String>, Problem> {
        node.get(key).map(|text| self.text(&text, key)).transpose()
    }

    /// Resolves a scalar that `parse` must understand.
    pub(super) fn parsed<T>(
        &self,
        node: &Node<'_>,
        field: &str,
        wanted: &str,
        parse: impl Fn(&Value) -> Option<T>,
    ) -> Result<T, Problem> {
        let value = self.value(node, field, Use::Field)?;
        parse(&value).ok_or_else(|| {
            node.problem(format!(
                "`{}.{field}` must be {wanted}, not `{value}`",
                self.part
            ))
        })
    }

    /// Resolves a path and makes it one of the project's.
    pub(super) fn path(
        &self,
        folder: &RepoPath,
        node: &Node<'_>,
        field: &str,
    ) -> Result<RepoPath, Problem> {
        join(folder, &self.text(node, field)?, &node.origin)
    }

    /// Resolves the key of a map entry.
    pub(super) fn key<'k>(
        &self,
        key: &'k str,
        origin: &Origin,
        field: &str,
    ) -> Result<Cow<'k, str>, Problem> {
        if !key.contains("${") {
            return Ok(Cow::Borrowed(key));
        }
        let resolved = interpolate::resolve(key, self.scope, Use::Field);
        let value = resolved.map_err(|fault| self.place(origin, field, fault))?;
        Ok(Cow::Owned(as_text(&value)))
    }

    /// Resolves all texts of a tree.
    pub(super) fn tree(&self, node: &Node<'_>, field: &str) -> Result<Value, Problem> {
        if !holds_templates(node.value) {
            return Ok(node.value.clone());
        }
        match node.value {
            Value::List(_) => {
                let items = node.items(field)?;
                let items = items.iter().map(|item| self.tree(item, field));
                Ok(Value::List(items.collect::<Result<_, _>>()?))
            }
            Value::Map(_) => {
                let mut map = Map::new();
                for (key, value) in node.entries(field)? {
                    let key = self.key(key, &value.origin, field)?.into_owned();
                    map.insert(key, self.tree(&value, field)?);
                }
                Ok(Value::Map(map))
            }
            _ => Ok(self.value(node, field, Use::Items)?.into_owned()),
        }
    }

    fn place(&self, origin: &Origin, field: &str, fault: interpolate::Fault) -> Problem {
        let problem = origin.problem(format!("`{}.{field}`: {}", self.part, fault.message));
        match fault.help {
            Some(help) => problem.help(help),
            None => problem,
        }
    }
}

impl fmt::Debug for Reader<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Reader of {}", self.part)
    }
}

/// Returns the flag under `key`; the check has seen to it that it is one.
pub(super) fn flag_of(node: &Node<'_>, key: &str) -> Option<bool> {
    match node.get(key)?.value {
        Value::Bool(flag) => Some(*flag),
        _ => None,
    }
}

/// Joins a path of the user's to a folder.
pub(super) fn join(folder: &RepoPath, text: &str, origin: &Origin) -> Result<RepoPath, Problem> {
    folder
        .join(text)
        .map_err(|error| origin.problem(error.to_string()))
}

/// Resolves a text that must be one of some words; returns what the word stands for.
pub(super) fn word_of<T: Copy>(
    reader: &Reader<'_>,
    node: &Node<'_>,
    field: &str,
    words: &[(&str, T)],
) -> Result<T, Problem> {
    let names: Vec<String> = words.iter().map(|(word, _)| format!("`{word}`")).collect();
    let wanted = match names.split_last() {
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
        None => String::new(),
    };
    let find = |value: &Value| {
        let text = value.as_text()?;
        let found = words.iter().find(|(word, _)| *word == text);
        found.map(|(_, meaning)| *meaning)
    };
    reader
        .parsed(node, field, &wanted, find)
        .map_err(|problem| {
            let text = node.value.as_text().unwrap_or_default();
            match did_you_mean(text, words.iter().map(|(word, _)| *word)) {
                Some(help) if problem.help.is_none() => problem.help(help),
                _ => problem,
            }
        })
}

/// Returns a whole number that is not negative, written as a number or as text.
pub(super) fn as_count(value: &Value) -> Option<u32> {
    match value {
        Value::Int(number) => u32::try_from(*number).ok(),
        Value::Text(text) => text.trim().parse().ok(),
        _ => None,
    }
}

fn holds_templates(value: &Value) -> bool {
    match value {
        Value::Text(text) => has_templates(text) || text.contains("\\${"),
        Value::List(items) => items.iter().any(holds_templates),
        Value::Map(map) => map
            .iter()
            .any(|(key, value)| key.contains("${") || holds_templates(value)),
        _ => false,
    }
}
