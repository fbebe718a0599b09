//! `ParamFiles`: the parameter files of a snapshot, each read once, and the values they hold.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use crate::base::document::Document;
use crate::base::formats;
use crate::base::path::RepoPath;
use crate::base::problem::did_you_mean;
use crate::base::source::{Snapshot, read_text};
use crate::base::value::Value;
use crate::pipeline::error::Error;
use crate::pipeline::stage::ParamRef;

/// Reads parameters of one snapshot; a file is parsed at most once.
pub(crate) struct ParamFiles<'a> {
    snapshot: &'a dyn Snapshot,
    read: Mutex<BTreeMap<RepoPath, Option<Arc<Document>>>>,
}

impl<'a> ParamFiles<'a> {
    /// Reads from `snapshot`.
    pub(crate) fn new(snapshot: &'a dyn Snapshot) -> Self {
        Self {
            snapshot,
            read: Mutex::default(),
        }
    }

    /// Returns where the project is.
    pub(crate) fn root(&self) -> &Path {
        self.snapshot.root()
    }

    /// Returns the value that `reference` names; its absence is a mistake in the pipeline.
    pub(crate) fn value(&self, reference: &ParamRef) -> Result<Value, Error> {
        let file = &reference.file;
        let Some(document) = self.document(file)? else {
            let problem = reference
                .origin
                .problem(format!("the params file `{file}` does not exist"));
            return Err(problem
                .help("make the file, or correct its name here")
                .into());
        };
        let Some(key) = &reference.key else {
            return Ok(document.value().clone());
        };
        document.value().find(key).cloned().ok_or_else(|| {
            let values = document.value();
            let rest = match values {
                Value::Map(_) | Value::List(_) | Value::Null => String::new(),
                other => format!(", which is {} and has no names", other.kind()),
            };
            let message = format!("there is no param `{key}` in `{file}`{rest}");
            let problem = reference.origin.problem(message);
            let leaves = values.flatten();
            let known = leaves.iter().map(|(known, _)| known.as_str());
            let near = did_you_mean(key, known.filter(|known| !known.is_empty()));
            let help = near.unwrap_or_else(|| format!("add it to `{file}`, or remove it here"));
            problem.help(help).into()
        })
    }

    /// Returns the parsed file, or `None` where there is none.
    pub(crate) fn document(&self, file: &RepoPath) -> Result<Option<Arc<Document>>, Error> {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(document) = read.get(file) {
            return Ok(document.clone());
        }
        let text = read_text(self.snapshot, file)?;
        let label = self.snapshot.label(file);
        let document = text
            .map(|text| Document::parse_any(&label, &text))
            .transpose()?;
        read.insert(file.clone(), document.clone());
        Ok(document)
    }
}

/// Parses a file of values in the format that its ending names; NaN and infinities as Python writes
/// them in JSON are understood.
pub(crate) fn parse_values(label: &str, text: &str) -> Result<Value, Error> {
    let mut value = formats::parse(label, text)?;
    name_non_finite(&mut value);
    Ok(value)
}

fn name_non_finite(value: &mut Value) {
    match value {
        Value::Text(text) => match text.as_str() {
            "NaN" => *value = Value::Float(f64::NAN),
            "Infinity" => *value = Value::Float(f64::INFINITY),
            "-Infinity" => *value = Value::Float(f64::NEG_INFINITY),
            _ => {}
        },
        Value::List(items) => items.iter_mut().for_each(name_non_finite),
        Value::Map(map) => map.values_mut().for_each(name_non_finite),
        _ => {}
    }
}
