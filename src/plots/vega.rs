//! Fills the anchors of Vega-Lite templates with data points and the names of columns.

use serde_json::{Map, Value, json};

use crate::base::problem::Problem;
use crate::plots::gallery::{Figure, Series};
use crate::plots::template::Template;

/// The column of y where curves of several columns are drawn in one plot; the name is DVC's.
const SEVERAL: &str = "dvc_inferred_y_value";

/// What anchors begin with: those of DVC, and ours, which say the same.
const PREFIXES: [&str; 2] = ["<DVC_METRIC_", "<MLPIPE_"];

/// Returns the specification of a figure, as Vega-Lite draws it.
pub(crate) fn spec_of(figure: &Figure) -> Result<Value, Problem> {
    match &figure.template {
        Template::BuiltIn(kind) => {
            let spec = serde_json::from_str(kind.spec_text());
            let spec = spec.expect("invariant: built-in templates are JSON");
            fill(kind.name(), &spec, figure)
        }
        Template::Own { name, spec } => fill(name, spec, figure),
    }
}

/// Fills the anchors of a template.
pub(super) fn fill(name: &str, spec: &Value, figure: &Figure) -> Result<Value, Problem> {
    let anchors = Anchors::of(figure);
    let mut has_data = false;
    let filled = anchors.fill(spec, &mut has_data);
    if has_data {
        return Ok(filled);
    }
    let message = format!("the plot template `{name}` has no place for the data");
    let help = "write `\"data\": {\"values\": \"<DVC_METRIC_DATA>\"}` in it";
    Err(Problem::new(name, "", message).help(help))
}

/// What stands for the anchors.
struct Anchors {
    values: Vec<(&'static str, Value)>,
}

impl Anchors {
    fn of(figure: &Figure) -> Self {
        let first = &figure.series[0];
        let is_one = figure.series.iter().all(|one| one.y_name == first.y_name);
        let y = if is_one { &first.y_name } else { SEVERAL };
        let (x_field, y_field) = (field(&first.x_name), field(y));
        let sources = figure.series.iter().any(|one| one.source != first.source);
        let groups: &[&str] = if sources {
            &["rev", "filename", "field"]
        } else {
            &["rev"]
        };
        let with = |more: &str| json!([groups, &[more]].concat());
        let by_source = if sources {
            json!({"field": "field", "type": "nominal"})
        } else {
            json!({})
        };
        let pivot: Vec<String> = groups.iter().map(|name| format!("datum.{name}")).collect();
        let tooltip: Vec<Value> = (groups.iter().map(|name| json!({"field": name})))
            .chain([json!({"field": x_field}), json!({"field": y_field})])
            .collect();
        let values = vec![
            ("DATA", Value::Array(points(figure, y))),
            ("TITLE", json!(figure.title())),
            ("X_LABEL", json!(figure.x_label())),
            ("Y_LABEL", json!(figure.y_label())),
            ("X", json!(x_field)),
            ("Y", json!(y_field)),
            (
                "COLOR",
                json!({"field": "rev", "type": "nominal", "title": "revision"}),
            ),
            ("STROKE_DASH", by_source.clone()),
            ("SHAPE", by_source.clone()),
            ("GROUP_BY_X", with(&x_field)),
            ("GROUP_BY_Y", with(&y_field)),
            ("GROUP_BY", json!(groups)),
            ("PIVOT_FIELD", json!(pivot.join(" + '::' + "))),
            ("TOOLTIP", json!(tooltip)),
            ("ROW", by_source),
            ("COLUMN", json!({"field": "rev", "type": "nominal"})),
            ("PLOT_WIDTH", json!(600)),
            ("PLOT_HEIGHT", json!(320)),
            (
                "ZOOM_AND_PAN",
                json!({"name": "grid", "select": "interval", "bind": "scales"}),
            ),
        ];
        Self { values }
    }

    fn fill(&self, spec: &Value, has_data: &mut bool) -> Value {
        match spec {
            Value::String(text) => self.fill_text(text, has_data),
            Value::Array(items) => items.iter().map(|item| self.fill(item, has_data)).collect(),
            Value::Object(map) => {
                let pairs = map.iter();
                let filled = pairs.map(|(key, value)| {
                    // A transform may name a new column after a given one.
                    let key = match self.fill_text(key, has_data) {
                        Value::String(key) => key,
                        _ => key.clone(),
                    };
                    (key, self.fill(value, has_data))
                });
                Value::Object(filled.collect::<Map<_, _>>())
            }
            other => other.clone(),
        }
    }

    /// An anchor that is all of a text becomes its value; within a text it becomes text.
    fn fill_text(&self, text: &str, has_data: &mut bool) -> Value {
        if !PREFIXES.iter().any(|prefix| text.contains(prefix)) {
            return json!(text);
        }
        let mut filled = text.to_owned();
        for (name, value) in &self.values {
            for prefix in PREFIXES {
                let anchor = format!("{prefix}{name}>");
                if text == anchor {
                    *has_data |= *name == "DATA";
                    return value.clone();
                }
                if let Value::String(value) = value {
                    filled = filled.replace(&anchor, value);
                }
            }
        }
        json!(filled)
    }
}

/// Writes a column's name as Vega's expression for its field, in which dots and brackets would lead
/// into what is nested.
fn field(name: &str) -> String {
    let mut escaped = String::new();
    for character in name.chars() {
        if matches!(character, '.' | '[' | ']' | '\\' | '"' | '\'') {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}

/// Returns all data points with their revision, file and column.
fn points(figure: &Figure, y: &str) -> Vec<Value> {
    let mut points = Vec::new();
    for series in &figure.series {
        let columns = columns(series, y);
        let revision = &figure.revisions[series.revision];
        for row in 0..series.frame.rows() {
            let mut point = Map::new();
            for (name, values) in &columns {
                point.insert((*name).to_owned(), values[row].clone());
            }
            point.insert("rev".to_owned(), json!(revision));
            point.insert("filename".to_owned(), json!(series.path.as_str()));
            point.insert("field".to_owned(), json!(series.y_name));
            points.push(Value::Object(point));
        }
    }
    points
}

/// Returns the columns of the file, and those that are drawn if they are none of it.
fn columns<'s>(series: &'s Series, y: &'s str) -> Vec<(&'s str, Vec<Value>)> {
    let own = series.frame.columns().iter();
    let mut columns: Vec<(&str, Vec<Value>)> = own
        .filter(|(name, _)| *name != series.x_name && name != y)
        .map(|(name, values)| (name.as_str(), values.to_json()))
        .collect();
    columns.push((&series.x_name, series.x.to_json()));
    if y != series.x_name {
        columns.push((y, series.y.to_json()));
    }
    columns
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn anchors_are_filled_as_values_or_within_texts() {
        let anchors = Anchors {
            values: vec![
                ("DATA", json!([{"a": 1}])),
                ("X_LABEL", json!("x: y")),
                ("X", json!("a")),
            ],
        };
        let spec = json!({
            "data": {"values": "<DVC_METRIC_DATA>"},
            "x": {"field": "<MLPIPE_X>", "title": "of <DVC_METRIC_X_LABEL>"},
            "expr": "datum['<DVC_METRIC_X>'] < 3",
        });
        let mut has_data = false;
        let filled = anchors.fill(&spec, &mut has_data);
        assert!(has_data);
        assert_eq!(
            filled,
            json!({
                "data": {"values": [{"a": 1}]},
                "x": {"field": "a", "title": "of x: y"},
                "expr": "datum['a'] < 3",
            })
        );
        assert_eq!(field("a.b[0]"), "a\\.b\\[0\\]");
    }
}
