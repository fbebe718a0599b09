//! Files of values in the formats that people write them in: YAML, JSON, TOML and Python.

use std::path::Path;

use crate::base::json;
use crate::base::problem::{Place, Problem};
use crate::base::python;
use crate::base::value::{Map, Value};
use crate::base::yaml;

/// Parses `text`, the content of `file`, in the format that the file's ending names; YAML where it
/// names none. An empty file is an empty map.
pub(crate) fn parse(file: &str, text: &str) -> Result<Value, Problem> {
    let ending = Path::new(file)
        .extension()
        .and_then(|ending| ending.to_str());
    match ending {
        Some("toml") => parse_toml(file, text),
        Some("py") => Ok(python::parse(text)),
        Some("json") => json::parse(file, text),
        _ => yaml::parse(file, text),
    }
}

fn parse_toml(file: &str, text: &str) -> Result<Value, Problem> {
    let table: toml::Table = toml::from_str(text).map_err(|error| {
        let place = error.span().map(|span| place_of(text, span.start));
        Problem::new(file, text, error.message()).at(place)
    })?;
    Ok(from_table(table))
}

fn from_table(table: toml::Table) -> Value {
    let pairs = table.into_iter();
    Value::Map(
        pairs
            .map(|(key, value)| (key, from_toml(value)))
            .collect::<Map>(),
    )
}

fn from_toml(value: toml::Value) -> Value {
    match value {
        toml::Value::String(text) => Value::Text(text),
        toml::Value::Integer(number) => Value::Int(number),
        toml::Value::Float(number) => Value::Float(number),
        toml::Value::Boolean(flag) => Value::Bool(flag),
        toml::Value::Datetime(moment) => Value::Text(moment.to_string()),
        toml::Value::Array(items) => Value::List(items.into_iter().map(from_toml).collect()),
        toml::Value::Table(table) => from_table(table),
    }
}

fn place_of(text: &str, offset: usize) -> Place {
    let before = text.get(..offset).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |end| end + 1);
    Place {
        line: before.matches('\n').count() + 1,
        column: before[line_start..].chars().count() + 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_ending_has_its_format() {
        let wanted = yaml::parse("p.yaml", "train: {lr: 0.1, sizes: [1, 2]}\n").expect("YAML");
        let toml = "[train]\nlr = 0.1\nsizes = [1, 2]\n";
        let python = "class train:\n    lr = 0.1\n    sizes = [1, 2]\n";
        let json = "{\n\t\"train\": {\"lr\": 0.1, \"sizes\": [1, 2]}}";
        assert_eq!(parse("p.toml", toml).expect("TOML"), wanted);
        assert_eq!(parse("p.py", python).expect("Python"), wanted);
        assert_eq!(parse("main:p.json", json).expect("JSON"), wanted);
    }

    #[test]
    fn dates_are_text_and_mistakes_have_places() {
        let value = parse("p.toml", "day = 2026-11-21\n").expect("TOML");
        assert_eq!(
            value.find("day"),
            Some(&Value::Text("2026-11-21".to_owned()))
        );
        let problem = parse("p.toml", "a = 1\nb = = 2\n").expect_err("a mistake");
        assert_eq!(problem.place.map(|place| place.line), Some(2));
    }
}
