//! `StageDraft`: a stage that is yet to be written into a pipeline file.

use crate::base::value::{Map, Value};
use crate::pipeline::loader::PARAMS_FILE;

/// A stage as somebody asks for it; paths are relative to the folder that it runs in.
#[derive(Clone, Debug, Default)]
pub(crate) struct StageDraft {
    /// Its name within its file.
    pub(crate) name: String,
    /// The command.
    pub(crate) cmd: String,
    /// The folder that it runs in.
    pub(crate) wdir: Option<String>,
    /// What it reads.
    pub(crate) deps: Vec<String>,
    /// The parameters that it depends on.
    pub(crate) params: Vec<ParamDraft>,
    /// What it makes.
    pub(crate) outs: Vec<OutDraft>,
    /// What it measures.
    pub(crate) metrics: Vec<OutDraft>,
    /// What it draws.
    pub(crate) plots: Vec<OutDraft>,
    /// Whether it runs every time.
    pub(crate) always_changed: bool,
    /// What people are told of it.
    pub(crate) desc: Option<String>,
}

/// An out of a draft.
#[derive(Clone, Debug)]
pub(crate) struct OutDraft {
    /// Where it is made.
    pub(crate) path: String,
    /// Whether it goes into the cache.
    pub(crate) cache: bool,
    /// Whether it stays in place while the stage runs again.
    pub(crate) persist: bool,
}

/// Parameters of one file; no keys stand for the whole file.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ParamDraft {
    file: Option<String>,
    keys: Vec<String>,
}

impl ParamDraft {
    /// Returns whether it names neither a file nor a key.
    pub(crate) fn is_empty(&self) -> bool {
        self.file.is_none() && self.keys.is_empty()
    }

    /// Reads `key,key`, `file:key,key`, or `file:` for a whole file.
    pub(crate) fn parse(text: &str) -> Self {
        let (file, keys) = match text.rsplit_once(':') {
            Some((file, keys)) => (Some(file), keys),
            None => (None, text),
        };
        let keys: Vec<String> = keys
            .split(',')
            .map(str::trim)
            .filter(|key| !key.is_empty())
            .map(str::to_owned)
            .collect();
        let is_default = file == Some(PARAMS_FILE) && !keys.is_empty();
        let file = file.filter(|_| !is_default).map(str::to_owned);
        Self { file, keys }
    }

    fn to_items(&self) -> Vec<Value> {
        let keys: Vec<Value> = self.keys.iter().cloned().map(Value::Text).collect();
        let Some(file) = &self.file else {
            return keys;
        };
        let keys = if keys.is_empty() {
            Value::Null
        } else {
            Value::List(keys)
        };
        vec![Value::Map(Map::from([(file.clone(), keys)]))]
    }
}

impl OutDraft {
    fn to_value(&self) -> Value {
        let mut flags = Map::new();
        if !self.cache {
            flags.insert("cache".to_owned(), Value::Bool(false));
        }
        if self.persist {
            flags.insert("persist".to_owned(), Value::Bool(true));
        }
        if flags.is_empty() {
            return Value::Text(self.path.clone());
        }
        Value::Map(Map::from([(self.path.clone(), Value::Map(flags))]))
    }
}

impl StageDraft {
    /// Returns the stage as it is written below its name.
    pub(crate) fn to_value(&self) -> Value {
        let text = |text: &String| Value::Text(text.clone());
        let outs = |outs: &[OutDraft]| outs.iter().map(OutDraft::to_value).collect();
        let mut map = Map::new();
        let mut add = |key: &str, value: Option<Value>| {
            if let Some(value) = value {
                map.insert(key.to_owned(), value);
            }
        };
        let list = |items: Vec<Value>| (!items.is_empty()).then_some(Value::List(items));
        add("desc", self.desc.as_ref().map(text));
        add("cmd", Some(text(&self.cmd)));
        add("wdir", self.wdir.as_ref().map(text));
        add("deps", list(self.deps.iter().map(text).collect()));
        let params = self.params.iter().flat_map(ParamDraft::to_items);
        add("params", list(params.collect()));
        add("outs", list(outs(&self.outs)));
        add("metrics", list(outs(&self.metrics)));
        add("plots", list(outs(&self.plots)));
        let flag = self.always_changed.then_some(Value::Bool(true));
        add("always_changed", flag);
        Value::Map(map)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn params_have_a_file_or_that_of_the_project() {
        let items = |text| Value::List(ParamDraft::parse(text).to_items()).to_string();
        assert_eq!(items("lr, train.epochs"), r#"["lr","train.epochs"]"#);
        assert_eq!(items("params.yaml:lr"), r#"["lr"]"#);
        assert_eq!(items("p.json:a,b"), r#"[{"p.json":["a","b"]}]"#);
        assert_eq!(items("p.json:"), r#"[{"p.json":null}]"#);
    }
}
