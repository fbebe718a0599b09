//! `Emitter`: values as YAML text that fits into a text that is there already.

use crate::base::value::{Map, Value};
use crate::base::yaml::{self, Step};
use crate::base::yaml_tree::Layout;

/// Writes values in the manner of a text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Emitter {
    /// How its lines end.
    pub(super) line_end: &'static str,
    layout: Layout,
}

impl Emitter {
    /// Writes lines that end as those of `text`, and values in this layout.
    pub(super) fn like(text: &str, layout: Layout) -> Self {
        let line_end = if text.contains("\r\n") { "\r\n" } else { "\n" };
        Self { line_end, layout }
    }

    /// Writes `value` on lines, every line but the first indented by `column`; without the
    /// end of the last line.
    pub(super) fn lines(self, value: &Value, column: usize) -> String {
        let text = match (self.layout, value) {
            (Layout::Flow, Value::Map(map)) if !map.is_empty() => {
                let entries = map.iter().map(|(key, value)| flow_entry(key, value));
                entries.collect::<Vec<_>>().join("\n")
            }
            (Layout::Flow, value) => flow_value(value),
            (Layout::Block, value) => yaml::write(value),
        };
        self.indent(text.strip_suffix('\n').unwrap_or(&text), column)
    }

    /// Writes what follows the colon of a key in this column: the value on the same line, or on
    /// lines of its own.
    pub(super) fn behind_key(self, value: &Value, column: usize) -> String {
        let entry = Map::from([("k".to_owned(), value.clone())]);
        let text = self.lines(&Value::Map(entry), column);
        text.strip_prefix("k:").unwrap_or(&text).to_owned()
    }

    fn indent(self, text: &str, column: usize) -> String {
        let margin = " ".repeat(column);
        let mut lines = text.split('\n');
        let mut indented = lines.next().unwrap_or_default().to_owned();
        for line in lines {
            indented += self.line_end;
            if !line.is_empty() {
                indented += &margin;
            }
            indented += line;
        }
        indented
    }
}

/// Puts maps of one entry around `value`, one for each key.
pub(super) fn nest(path: &[Step], value: &Value) -> Value {
    path.iter().rev().fold(value.clone(), |inner, step| {
        let key = match step {
            Step::Key(key) => key.clone(),
            Step::Index(index) => index.to_string(),
        };
        Value::Map(Map::from([(key, inner)]))
    })
}

/// Writes a value between brackets.
pub(super) fn flow_value(value: &Value) -> String {
    match value {
        Value::List(items) => {
            let items: Vec<String> = items.iter().map(flow_value).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Map(map) => {
            let entries = map.iter().map(|(key, value)| flow_entry(key, value));
            format!("{{{}}}", entries.collect::<Vec<_>>().join(", "))
        }
        scalar => flow_scalar(scalar),
    }
}

/// Writes an entry of a map between brackets.
pub(super) fn flow_entry(key: &str, value: &Value) -> String {
    let key = flow_scalar(&Value::Text(key.to_owned()));
    format!("{key}: {}", flow_value(value))
}

/// Writes a scalar on one line, so that it may stand anywhere.
pub(super) fn flow_scalar(value: &Value) -> String {
    let text = yaml::write(value);
    let text = text.trim_end_matches('\n');
    let is_harmless = |c: char| c.is_alphanumeric() || "_./= -".contains(c);
    let is_quoted = text.starts_with(['\'', '"']) && !text.contains('\n');
    match value {
        Value::Text(own) if !is_quoted && (own.ends_with('-') || !own.chars().all(is_harmless)) => {
            // JSON is YAML, and has everything on one line.
            serde_json::to_string(own).unwrap_or_else(|_| text.to_owned())
        }
        _ => text.to_owned(),
    }
}
