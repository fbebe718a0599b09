//! Files of values in the formats that people write them in: YAML, JSON, TOML and Python.

use std::borrow::Cow;
use std::path::Path;

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
        Some("json") => parse_json(file, text),
        _ => yaml::parse(file, text),
    }
}

/// Parses JSON. What strict JSON lacks and Python writes, as in `NaN`, is left to the YAML parser,
/// as are the places of mistakes: YAML contains JSON, but for halves of characters.
fn parse_json(file: &str, text: &str) -> Result<Value, Problem> {
    match serde_json::from_str(text) {
        Ok(value) => Ok(value),
        Err(_) => yaml::parse(file, &with_whole_escapes(text)),
    }
}

/// Writes what JSON escapes as two UTF-16 surrogates, as in `\ud83d\ude00`, as the one escape of YAML,
/// and halves that stand alone as the sign for a broken character.
fn with_whole_escapes(text: &str) -> Cow<'_, str> {
    if !text.contains("\\ud") && !text.contains("\\uD") {
        return Cow::Borrowed(text);
    }
    let mut whole = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        whole += &rest[..at];
        rest = &rest[at..];
        let (escape, length) = match (unit_at(rest), rest.get(6..).and_then(unit_at)) {
            (Some(high @ 0xd800..=0xdbff), Some(low @ 0xdc00..=0xdfff)) => {
                let code = 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
                (format!("\\U{code:08x}"), 12)
            }
            (Some(0xd800..=0xdfff), _) => ("\\ufffd".to_owned(), 6),
            // An escaped backslash begins nothing.
            _ => {
                let escaped = rest.chars().nth(1).map_or(0, char::len_utf8);
                (rest[..=escaped].to_owned(), 1 + escaped)
            }
        };
        whole += &escape;
        rest = &rest[length..];
    }
    Cow::Owned(whole + rest)
}

/// Returns the number in the `\uXXXX` that `text` begins with.
fn unit_at(text: &str) -> Option<u32> {
    let digits = text.strip_prefix("\\u")?.get(..4)?;
    let is_number = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    is_number.then(|| u32::from_str_radix(digits, 16).ok())?
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
        let problem = parse("p.json", "{\"a\": 1,\n \"a\": 2}").expect_err("a duplicate");
        assert_eq!(problem.message, "duplicate key `a`");
    }

    #[test]
    fn numbers_that_python_adds_to_json_do_not_hurt() {
        let value = parse("m.json", "{\"loss\": NaN, \"n\": 1}").expect("nearly JSON");
        assert_eq!(value.find("n"), Some(&Value::Int(1)));
        let text = r#"{"loss": NaN, "é": "\\ud83d \ud83D\uDE00\n\u00e9\/", "half": "\ude00a"}"#;
        let value = parse("m.json", text).expect("nearly JSON");
        let text_of = |key| value.find(key).and_then(Value::as_text);
        assert_eq!(text_of("é"), Some("\\ud83d \u{1f600}\né/"));
        assert_eq!(text_of("half"), Some("\u{fffd}a"));
        assert!(parse("m.json", "{\"a\": NaN, \"b\": \"\\ud83d\\").is_err());
    }
}
