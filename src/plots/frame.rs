//! `Frame`: the data points of one file, by columns.

use serde_json::json;

use crate::base::formats;
use crate::base::json;
use crate::base::problem::{Place, Problem, did_you_mean};
use crate::base::tabular::Table;
use crate::base::value::{Map, Value};

/// Whether the first row of a table has the names of its columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Header {
    /// It has.
    First,
    /// It is one of data; columns are called by their numbers.
    None,
}

/// Data points, each with the same columns.
#[derive(Debug)]
pub(crate) struct Frame {
    /// The file, as messages call it.
    label: String,
    columns: Vec<(String, Column)>,
    rows: usize,
}

/// The values of one column, one for each data point.
#[derive(Clone, Debug)]
pub(crate) enum Column {
    /// Of a table, which has nothing but texts; an empty one is missing.
    Texts(Vec<String>),
    /// Of a file with types; [`Value::Null`] is missing.
    Values(Vec<Value>),
}

impl Column {
    /// Returns the values as numbers, NaN where one is missing; `None` if one is no number.
    pub(crate) fn numbers(&self) -> Option<Vec<f64>> {
        match self {
            Self::Texts(texts) => texts.iter().map(|text| number_in(text)).collect(),
            Self::Values(values) => values.iter().map(number_of).collect(),
        }
    }

    /// Returns for each row whether there is a value at all, be it none that can be counted with.
    pub(crate) fn is_given(&self) -> Vec<bool> {
        let texts = self.labels();
        texts.iter().map(|text| !text.trim().is_empty()).collect()
    }

    /// Returns the values as texts, empty where one is missing.
    pub(crate) fn labels(&self) -> Vec<String> {
        match self {
            Self::Texts(texts) => texts.clone(),
            Self::Values(values) => {
                let label = |value: &Value| match value {
                    Value::Null => String::new(),
                    value => value.to_string(),
                };
                values.iter().map(label).collect()
            }
        }
    }

    /// Returns the values as JSON: numbers where all are numbers.
    pub(crate) fn to_json(&self) -> Vec<serde_json::Value> {
        match (self, self.numbers()) {
            (Self::Texts(_), Some(numbers)) => {
                numbers.into_iter().map(|number| json!(number)).collect()
            }
            (Self::Texts(texts), None) => texts.iter().map(|text| json!(text)).collect(),
            (Self::Values(values), Some(numbers)) => {
                // What is written as text, as `"NaN"`, is a number among numbers.
                let one = |(value, number): (&Value, f64)| match value {
                    Value::Text(_) => json!(number),
                    value => json!(value),
                };
                values.iter().zip(numbers).map(one).collect()
            }
            (Self::Values(values), None) => values.iter().map(|value| json!(value)).collect(),
        }
    }
}

/// What programs write where they have no number, in any case: R, pandas, SQL, spreadsheets.
const MISSING: [&str; 8] = ["", "na", "n/a", "nan", "null", "none", "nil", "#n/a"];

fn number_in(text: &str) -> Option<f64> {
    let text = text.trim();
    if MISSING.iter().any(|word| text.eq_ignore_ascii_case(word)) {
        return Some(f64::NAN);
    }
    text.parse().ok()
}

fn number_of(value: &Value) -> Option<f64> {
    match value {
        Value::Null => Some(f64::NAN),
        Value::Bool(flag) => Some(f64::from(u8::from(*flag))),
        // Python has no JSON for these, and many write them as text.
        Value::Text(text) => number_in(text),
        value => value.as_number(),
    }
}

impl Frame {
    /// Reads the data points of the file called `label`. Where the file holds several lists of
    /// points, the first that has all the `wanted` columns is meant.
    pub(crate) fn parse(
        label: &str,
        text: &str,
        header: Header,
        wanted: &[&str],
    ) -> Result<Self, Problem> {
        match ending(label) {
            "csv" | "tsv" => {
                let table = match header {
                    Header::First => Table::parse(label, text)?,
                    Header::None => Table::parse_without_names(label, text)?,
                };
                Ok(Self::of_table(label, &table))
            }
            "jsonl" | "ndjson" => Ok(Self::of_points(label, &parse_lines(label, text)?)),
            _ => {
                let value = formats::parse(label, text)?;
                let mut lists = Vec::new();
                find_lists(&value, &mut lists);
                let has_wanted = |points: &&Vec<&Map>| {
                    let first = points.first();
                    first.is_some_and(|first| wanted.iter().all(|name| first.contains_key(*name)))
                };
                let found = lists.iter().find(has_wanted).or_else(|| lists.first());
                let found = found.ok_or_else(|| {
                    Problem::new(label, text, "there are no data points in the file").help(
                        "a plot is drawn from a list of maps, as in `[{\"step\": 0, \"loss\": 0.7}]`",
                    )
                })?;
                Ok(Self::of_points(label, found))
            }
        }
    }

    fn of_table(label: &str, table: &Table) -> Self {
        let rows = table.rows();
        let column = |(index, name): (usize, &String)| {
            let texts = rows.iter().map(|row| row[index].clone()).collect();
            (name.clone(), Column::Texts(texts))
        };
        Self {
            label: label.to_owned(),
            columns: table.columns().iter().enumerate().map(column).collect(),
            rows: rows.len(),
        }
    }

    fn of_points<M: std::borrow::Borrow<Map>>(label: &str, points: &[M]) -> Self {
        let mut columns: indexmap::IndexMap<&str, Vec<Value>> = indexmap::IndexMap::new();
        for (row, point) in points.iter().enumerate() {
            for (key, value) in point.borrow() {
                let column = columns.entry(key).or_default();
                // A column may begin late, or have gaps.
                column.resize(row, Value::Null);
                column.push(value.clone());
            }
        }
        let rows = points.len();
        let fill = |(name, mut values): (&str, Vec<Value>)| {
            values.resize(rows, Value::Null);
            (name.to_owned(), Column::Values(values))
        };
        Self {
            label: label.to_owned(),
            columns: columns.into_iter().map(fill).collect(),
            rows,
        }
    }

    /// Returns the file, as messages call it.
    pub(crate) fn label(&self) -> &str {
        &self.label
    }

    /// Returns how many data points there are.
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// Returns the columns with their names.
    pub(crate) fn columns(&self) -> &[(String, Column)] {
        &self.columns
    }

    /// Returns a column, if it is there.
    pub(crate) fn find(&self, name: &str) -> Option<&Column> {
        let mut columns = self.columns.iter();
        columns.find_map(|(column, values)| (column == name).then_some(values))
    }

    /// Returns a column, or says which ones there are.
    pub(crate) fn column(&self, name: &str) -> Result<&Column, Problem> {
        self.find(name).ok_or_else(|| {
            let names = || self.columns.iter().map(|(name, _)| name.as_str());
            let listed = names().map(|name| format!("`{name}`"));
            let has = format!("it has {}", listed.collect::<Vec<_>>().join(", "));
            let problem = Problem::new(&self.label, "", format!("there is no column `{name}`"));
            problem.help(did_you_mean(name, names()).unwrap_or(has))
        })
    }

    /// Returns the name of the last column, which is drawn when nobody names one.
    pub(crate) fn last(&self) -> Result<&str, Problem> {
        match self.columns.last() {
            Some((name, _)) => Ok(name),
            None => Err(Problem::new(
                &self.label,
                "",
                "there are no columns in the file",
            )),
        }
    }
}

/// Returns the part of a file's name behind the last dot, which names its format.
pub(crate) fn ending(file: &str) -> &str {
    file.rsplit_once('.').map_or("", |(_, ending)| ending)
}

/// Whether data points are read from files that are called like this.
pub(crate) fn has_points(file: &str) -> bool {
    let formats = [
        "csv", "tsv", "json", "jsonl", "ndjson", "yaml", "yml", "toml",
    ];
    formats.contains(&ending(file))
}

fn parse_lines(label: &str, text: &str) -> Result<Vec<Map>, Problem> {
    let mut points = Vec::new();
    for (index, line) in text.lines().enumerate() {
        if line.trim().is_empty() {
            continue;
        }
        let at = |column| {
            Some(Place {
                line: index + 1,
                column,
            })
        };
        match json::parse(label, line) {
            Ok(Value::Map(point)) => points.push(point),
            Ok(other) => {
                let message = format!("a data point must be a map, not {}", other.kind());
                return Err(Problem::new(label, text, message).at(at(1)));
            }
            Err(problem) => {
                let column = problem.place.map_or(1, |place| place.column);
                let text = text.into();
                let place = at(column);
                return Err(Problem {
                    text,
                    place,
                    ..problem
                });
            }
        }
    }
    Ok(points)
}

/// Finds the lists of maps in a tree, the outer before the inner ones.
fn find_lists<'v>(value: &'v Value, found: &mut Vec<Vec<&'v Map>>) {
    match value {
        Value::List(items) => {
            let points = items.iter().map(|item| match item {
                Value::Map(point) => Some(point),
                _ => None,
            });
            found.extend(points.collect::<Option<Vec<_>>>());
        }
        Value::Map(map) => map.values().for_each(|value| find_lists(value, found)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(label: &str, text: &str, column: &str) -> Vec<f64> {
        let frame = Frame::parse(label, text, Header::First, &[column])
            .unwrap_or_else(|problem| panic!("{problem}"));
        let column = frame.column(column).expect("is there");
        column.numbers().expect("numbers")
    }

    #[test]
    fn every_format_has_the_same_points() {
        for (label, text) in [
            ("p.csv", "step,loss\n0,0.5\n1,0.25\n"),
            ("p.tsv", "step\tloss\n0\t0.5\n1\t0.25\n"),
            (
                "p.json",
                r#"[{"step": 0, "loss": 0.5}, {"step": 1, "loss": 0.25}]"#,
            ),
            (
                "p.json",
                r#"{"n": 2, "a": [{"x": 1}], "train": [{"loss": 0.5}, {"loss": 0.25}]}"#,
            ),
            ("p.jsonl", "{\"loss\": 0.5}\n\n{\"loss\": 0.25}\n"),
            ("p.yaml", "- {loss: 0.5}\n- {loss: 0.25}\n"),
            (
                "main:p.yml",
                "deep: {points: [{loss: 0.5}, {loss: 0.25}]}\n",
            ),
        ] {
            assert_eq!(numbers(label, text, "loss"), [0.5, 0.25], "{label}");
        }
    }

    #[test]
    fn gaps_are_missing_numbers() {
        let gaps = numbers(
            "p.json",
            r#"[{"a": 1}, {"b": 2}, {"a": "nan", "b": null}]"#,
            "b",
        );
        assert!(gaps[0].is_nan() && gaps[2].is_nan());
        assert!((gaps[1] - 2.0).abs() < f64::EPSILON);
        for gap in ["", " ", "NA", "n/a", "NaN", "null", "None", "nan", "#N/A"] {
            let column = numbers("p.csv", &format!("a,b\n1,{gap}\n2,3\n"), "b");
            assert!(column[0].is_nan() && column[1] > 2.0, "{gap}");
            let text = format!(r#"[{{"b": "{gap}"}}, {{"b": 3}}]"#);
            assert!(numbers("p.json", &text, "b")[0].is_nan(), "{gap}");
        }
    }

    #[test]
    fn mistakes_say_what_and_where() {
        let parse = |label: &str, text: &str| {
            let frame = Frame::parse(label, text, Header::First, &["loss"]);
            let column = frame.and_then(|frame| frame.column("loss").map(|_| ()));
            column.expect_err("a mistake")
        };
        assert_eq!(
            parse("p.jsonl", "{\"loss\": 1}\n[2]\n").to_string(),
            "a data point must be a map, not a list (p.jsonl:2:1)"
        );
        let problem = parse("p.csv", "step,lost\n1,2\n");
        assert_eq!(problem.help.as_deref(), Some("did you mean `lost`?"));
        let problem = parse("p.csv", "a,b\n1,2\n");
        assert_eq!(problem.help.as_deref(), Some("it has `a`, `b`"));
        assert!(
            parse("p.json", "{\"loss\": 1}")
                .message
                .starts_with("there are no data")
        );
    }
}
