//! Rows of a CSV, TSV or JSON file one after the other, without keeping them: a file of predictions
//! may have millions.

use std::path::Path;

use serde_json::{Map, Value};

use crate::base::problem::{Place, Problem};

/// A row, whatever the format.
pub(super) trait Row {
    /// Returns the names of the columns.
    fn names(&self) -> Vec<&str>;

    /// Returns the value of the column at this position of the first row's names, if there is one.
    fn value(&self, position: usize) -> Option<&str>;

    /// Returns the line that it begins on, from 1.
    fn line(&self) -> usize;
}

type TakeRow<'a> = dyn FnMut(&dyn Row) -> Result<(), Problem> + 'a;

/// Reads `text`, the content of the file called `label`, row by row. The ending says what it is: lines
/// of JSON objects (`jsonl`, `ndjson`), a JSON list of objects (`json`), values between tabs (`tsv`),
/// else between commas, with the names in the first line.
pub(super) fn read(label: &str, text: &str, take: &mut TakeRow<'_>) -> Result<(), Problem> {
    let ending = Path::new(label)
        .extension()
        .and_then(|ending| ending.to_str());
    match ending {
        Some("jsonl" | "ndjson") => read_lines(label, text, take),
        Some("json") => read_list(label, text, take),
        Some("tsv") => read_delimited(label, text, b'\t', take),
        _ => read_delimited(label, text, b',', take),
    }
}

struct Record<'a> {
    names: &'a csv::StringRecord,
    values: &'a csv::StringRecord,
}

impl Row for Record<'_> {
    fn names(&self) -> Vec<&str> {
        self.names.iter().collect()
    }

    fn value(&self, position: usize) -> Option<&str> {
        self.values.get(position)
    }

    fn line(&self) -> usize {
        let line = self.values.position().map(csv::Position::line);
        line.and_then(|line| usize::try_from(line).ok())
            .unwrap_or(1)
    }
}

fn read_delimited(
    label: &str,
    text: &str,
    delimiter: u8,
    take: &mut TakeRow<'_>,
) -> Result<(), Problem> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let problem = |error: csv::Error| {
        let line = error
            .position()
            .and_then(|at| usize::try_from(at.line()).ok());
        let place = line.map(|line| Place { line, column: 1 });
        Problem::new(label, text, format!("not a table: {error}")).at(place)
    };
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(delimiter)
        .from_reader(text.as_bytes());
    let names = reader.headers().map_err(problem)?.clone();
    let mut values = csv::StringRecord::new();
    while reader.read_record(&mut values).map_err(problem)? {
        take(&Record {
            names: &names,
            values: &values,
        })?;
    }
    Ok(())
}

/// An object whose values have been written as text, in the order of the first object's keys.
struct Object {
    names: Vec<String>,
    values: Vec<Option<String>>,
    line: usize,
}

impl Row for Object {
    fn names(&self) -> Vec<&str> {
        self.names.iter().map(String::as_str).collect()
    }

    fn value(&self, position: usize) -> Option<&str> {
        self.values.get(position)?.as_deref()
    }

    fn line(&self) -> usize {
        self.line
    }
}

impl Object {
    fn new(first: &Map<String, Value>) -> Self {
        Self {
            names: first.keys().cloned().collect(),
            values: Vec::new(),
            line: 1,
        }
    }

    /// Takes over the values of the next object.
    fn fill(&mut self, object: &Map<String, Value>, line: usize) {
        self.line = line;
        let text = |name: &String| match object.get(name)? {
            Value::Null => None,
            Value::String(text) => Some(text.clone()),
            value => Some(value.to_string()),
        };
        self.values = self.names.iter().map(text).collect();
    }
}

fn read_lines(label: &str, text: &str, take: &mut TakeRow<'_>) -> Result<(), Problem> {
    let mut row: Option<Object> = None;
    let lines = text.lines().enumerate();
    for (index, line) in lines.filter(|(_, line)| !line.trim().is_empty()) {
        let object: Map<String, Value> = serde_json::from_str(line).map_err(|error| {
            let place = Place {
                line: index + 1,
                column: error.column().max(1),
            };
            no_object(label, text, &error, place)
        })?;
        let row = row.get_or_insert_with(|| Object::new(&object));
        row.fill(&object, index + 1);
        take(row)?;
    }
    Ok(())
}

fn read_list(label: &str, text: &str, take: &mut TakeRow<'_>) -> Result<(), Problem> {
    let objects: Vec<Map<String, Value>> = serde_json::from_str(text).map_err(|error| {
        let place = Place {
            line: error.line().max(1),
            column: error.column().max(1),
        };
        no_object(label, text, &error, place)
    })?;
    let Some(first) = objects.first() else {
        return Ok(());
    };
    let mut row = Object::new(first);
    for object in &objects {
        // Where each object begins is not known any more.
        row.fill(object, 1);
        take(&row)?;
    }
    Ok(())
}

fn no_object(label: &str, text: &str, error: &serde_json::Error, place: Place) -> Problem {
    let problem = Problem::new(label, text, format!("not a row: {error}")).at(Some(place));
    problem.help("each row is an object, as in `{\"id\": 1, \"label\": 3, \"predicted\": 3}`")
}
