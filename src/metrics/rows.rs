//! Rows of a CSV, TSV or JSON file one after the other, without keeping them: a file of predictions
//! may have millions.

use std::path::Path;

use serde_json::{Map, Value};

use crate::base::json;
use crate::base::problem::Problem;
use crate::base::tabular;

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
    text: &'a str,
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
        let position = self.values.position();
        position.map_or(1, |position| tabular::line_of(self.text, position))
    }
}

fn read_delimited(
    label: &str,
    text: &str,
    delimiter: u8,
    take: &mut TakeRow<'_>,
) -> Result<(), Problem> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let problem = |error: csv::Error| tabular::mistake(label, text, &error);
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(delimiter)
        .from_reader(text.as_bytes());
    let names = reader.headers().map_err(problem)?.clone();
    let columns: Vec<String> = names.iter().map(str::to_owned).collect();
    tabular::check_separator(label, text, &columns)?;
    let mut values = csv::StringRecord::new();
    while reader.read_record(&mut values).map_err(problem)? {
        take(&Record {
            text,
            names: &names,
            values: &values,
        })?;
    }
    Ok(())
}

/// An object whose values have been written as text, in the order of the first object's keys.
struct Object<'a> {
    names: Vec<String>,
    values: Vec<Option<String>>,
    place: ObjectPlace<'a>,
}

/// Where an object stands.
#[derive(Clone, Copy)]
enum ObjectPlace<'a> {
    /// On this line.
    Line(usize),
    /// It is this one of the list that is the text. The line is looked for when somebody asks.
    Item { text: &'a str, index: usize },
}

impl Row for Object<'_> {
    fn names(&self) -> Vec<&str> {
        self.names.iter().map(String::as_str).collect()
    }

    fn value(&self, position: usize) -> Option<&str> {
        self.values.get(position)?.as_deref()
    }

    fn line(&self) -> usize {
        match self.place {
            ObjectPlace::Line(line) => line,
            ObjectPlace::Item { text, index } => line_of_item(text, index),
        }
    }
}

impl<'a> Object<'a> {
    fn new(first: &Map<String, Value>) -> Self {
        Self {
            names: first.keys().cloned().collect(),
            values: Vec::new(),
            place: ObjectPlace::Line(1),
        }
    }

    /// Takes over the values of the next object.
    fn fill(&mut self, object: &Map<String, Value>, place: ObjectPlace<'a>) {
        self.place = place;
        let text = |name: &String| match object.get(name)? {
            Value::Null => None,
            Value::String(text) => Some(text.clone()),
            value => Some(value.to_string()),
        };
        self.values = self.names.iter().map(text).collect();
    }
}

fn read_lines(label: &str, text: &str, take: &mut TakeRow<'_>) -> Result<(), Problem> {
    let mut row: Option<Object<'_>> = None;
    let lines = text.lines().enumerate();
    for (index, line) in lines.filter(|(_, line)| !line.trim().is_empty()) {
        let object: Map<String, Value> = serde_json::from_str(line)
            .map_err(|error| no_object(label, text, &error, index, "a row must be an object"))?;
        let row = row.get_or_insert_with(|| Object::new(&object));
        row.fill(&object, ObjectPlace::Line(index + 1));
        take(row)?;
    }
    Ok(())
}

fn read_list(label: &str, text: &str, take: &mut TakeRow<'_>) -> Result<(), Problem> {
    let objects: Vec<Map<String, Value>> = serde_json::from_str(text)
        .map_err(|error| no_object(label, text, &error, 0, "it must be a list of objects"))?;
    let Some(first) = objects.first() else {
        return Ok(());
    };
    let mut row = Object::new(first);
    for (index, object) in objects.iter().enumerate() {
        row.fill(object, ObjectPlace::Item { text, index });
        take(&row)?;
    }
    Ok(())
}

fn no_object(
    label: &str,
    text: &str,
    error: &serde_json::Error,
    before: usize,
    wanted: &str,
) -> Problem {
    let mut problem = json::mistake(label, text, error, before);
    if error.is_data() {
        wanted.clone_into(&mut problem.message);
    }
    problem.help("each row is an object, as in `{\"id\": 1, \"label\": 3, \"predicted\": 3}`")
}

/// Returns the line on which an item of a list of objects begins, from 1. The text is known to be JSON.
fn line_of_item(text: &str, index: usize) -> usize {
    let (mut depth, mut is_text, mut is_escaped) = (0_usize, false, false);
    let (mut line, mut items) = (1, 0);
    for byte in text.bytes() {
        match byte {
            b'\n' => line += 1,
            _ if is_escaped => is_escaped = false,
            b'\\' if is_text => is_escaped = true,
            b'"' => is_text = !is_text,
            _ if is_text => {}
            b'{' | b'[' => {
                if depth == 1 && items == index {
                    return line;
                }
                items += usize::from(depth == 1);
                depth += 1;
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    line
}

/// Returns the line on which a row begins, from 1.
pub(super) fn line_of(label: &str, text: &str, row: usize) -> usize {
    let (mut lines, mut at) = (1, 0);
    let found = read(label, text, &mut |one| {
        if at == row {
            lines = one.line();
        }
        at += 1;
        Ok(())
    });
    found.map_or(1, |()| lines)
}
