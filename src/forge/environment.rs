//! `Environment`: the variables that a CI system sets, and the file of the event that it names.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use crate::base::fs;

/// The variables of the process, or those of a test.
#[derive(Debug)]
pub(crate) struct Environment(BTreeMap<String, String>);

impl Environment {
    /// Takes the variables of this process. Those that are no text, nobody asks for.
    pub(crate) fn of_process() -> Self {
        let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        Self(std::env::vars_os().filter_map(text).collect())
    }

    #[cfg(test)]
    pub(super) fn of(variables: &[(&str, &str)]) -> Self {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Self(variables.iter().map(owned).collect())
    }

    /// Returns a variable; an empty one counts as none.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        let value = self.0.get(name)?.trim();
        (!value.is_empty()).then_some(value)
    }

    /// Returns a variable for what keeps it.
    pub(crate) fn owned(&self, name: &str) -> Option<String> {
        self.text(name).map(str::to_owned)
    }

    /// Returns the first of these variables that is set.
    pub(super) fn any(&self, names: &[&str]) -> Option<String> {
        names.iter().find_map(|name| self.owned(name))
    }

    /// Returns a variable that is a number; CI systems write `false` where there is none.
    pub(super) fn number(&self, name: &str) -> Option<u64> {
        self.text(name)?.parse().ok()
    }

    /// Returns whether a variable is set to what means yes.
    pub(super) fn is_on(&self, name: &str) -> bool {
        matches!(self.text(name), Some(value) if !["false", "0", "no"].contains(&value.to_lowercase().as_str()))
    }

    /// Reads the event that `GITHUB_EVENT_PATH` names; null where there is none that can be read.
    pub(super) fn event(&self) -> Result<Value, fs::Error> {
        let Some(path) = self.text("GITHUB_EVENT_PATH") else {
            return Ok(Value::Null);
        };
        let bytes = fs::read(Path::new(path))?.unwrap_or_default();
        Ok(serde_json::from_slice(&bytes).unwrap_or(Value::Null))
    }
}
