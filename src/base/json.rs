//! Reads JSON as programs write it, and says in JSON's own words what is wrong with it.

use std::borrow::Cow;

use crate::base::problem::{Place, Problem};
use crate::base::value::Value;
use crate::base::yaml;

/// Parses `text`, the content of `file`. What Python writes and strict JSON lacks is read as well: `NaN`
/// and `Infinity` as texts, and halves of characters as the sign for a broken one. An empty file is an
/// empty map.
pub(crate) fn parse(file: &str, text: &str) -> Result<Value, Problem> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if let Ok(value) = serde_json::from_str(text) {
        return Ok(value);
    }
    if text.trim().is_empty() {
        return yaml::parse(file, text);
    }
    match serde_json::from_str::<Value>(&strict(text)) {
        Err(error) if !error.is_data() => Err(mistake(file, text, &error, 0)),
        // YAML's reader knows all that is left: these numbers, and the place of a key that is there
        // twice.
        _ => yaml::parse(file, &with_whole_escapes(text)),
    }
}

/// Says what is wrong with JSON, or with what it holds, with its place in `text`, the content of `file`, of which it is what
/// stands behind the first `before` lines.
pub(crate) fn mistake(file: &str, text: &str, error: &serde_json::Error, before: usize) -> Problem {
    let said = error.to_string();
    let said = said
        .split_once(" at line ")
        .map_or(&*said, |(said, _)| said);
    let (message, help) = match said.strip_prefix("EOF while parsing ") {
        Some("a value") => ("it ends where a value has to follow".to_owned(), STOPPED),
        Some(inside) => (format!("it ends within {inside}"), STOPPED),
        None => (said.to_owned(), advice(said)),
    };
    let line = error.line().max(1) + before;
    let place = if error.is_eof() {
        end_within(text, line)
    } else {
        let column = column(text, line, error.column());
        Place { line, column }
    };
    let message = if error.is_data() {
        message
    } else {
        format!("not JSON: {message}")
    };
    let problem = Problem::new(file, text, message).at(Some(place));
    if help.is_empty() {
        problem
    } else {
        problem.help(help)
    }
}

const STOPPED: &str = "what writes the file may have stopped before its end";

fn advice(said: &str) -> &'static str {
    match said {
        "trailing comma" => "no comma stands behind the last item",
        "key must be a string" => "keys stand between double quotes",
        "trailing characters" => {
            "a file holds one value; of several, each in a line of its own, a `.jsonl` file"
        }
        _ => "",
    }
}

/// Returns the place of the last character that can be seen within the first lines.
fn end_within(text: &str, lines: usize) -> Place {
    let lines: Vec<&str> = text.split('\n').take(lines).map(str::trim_end).collect();
    let last = lines.iter().rposition(|line| !line.is_empty()).unwrap_or(0);
    Place {
        line: last + 1,
        column: lines[last].chars().count().max(1),
    }
}

/// Returns the column of a byte of a line, in characters; both count from 1.
fn column(text: &str, line: usize, byte: usize) -> usize {
    let line = text.split('\n').nth(line - 1).unwrap_or_default();
    let before = line.get(..byte.saturating_sub(1));
    before.map_or(1, |before| before.chars().count() + 1)
}

/// Returns a text of the same length with zeros for numbers that strict JSON does not know, and signs
/// for broken characters for halves of some.
fn strict(text: &str) -> String {
    let (mut strict, mut rest, mut is_text) = (String::with_capacity(text.len()), text, false);
    while let Some(character) = rest.chars().next() {
        let (length, instead) = match character {
            '\\' if is_text && matches!(unit_at(rest), Some(0xd800..=0xdfff)) => (6, "\\ufffd"),
            '\\' if is_text => (1 + rest.chars().nth(1).map_or(0, char::len_utf8), ""),
            'N' if !is_text && rest.starts_with("NaN") => (3, "0.0"),
            'I' if !is_text && rest.starts_with("Infinity") => (8, "0.000000"),
            other => (other.len_utf8(), ""),
        };
        is_text ^= character == '"';
        let (taken, after) = rest.split_at(length);
        strict += if instead.is_empty() { taken } else { instead };
        rest = after;
    }
    strict
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_python_adds_is_read() {
        let value = parse("m.json", "{\"loss\": NaN, \"n\": 1}").expect("nearly JSON");
        assert_eq!(value.find("n"), Some(&Value::Int(1)));
        let text = r#"{"loss": NaN, "é": "\\ud83d \ud83D\uDE00\n\u00e9\/", "half": "\ude00a"}"#;
        let value = parse("m.json", text).expect("nearly JSON");
        let text_of = |key| value.find(key).and_then(Value::as_text);
        assert_eq!(text_of("é"), Some("\\ud83d \u{1f600}\né/"));
        assert_eq!(text_of("half"), Some("\u{fffd}a"));
        let text =
            "\u{feff}{\"NaN\": \"-Infinity \\\"\", \"low\": -Infinity, \"high\": [Infinity]}";
        let value = parse("m.json", text).expect("nearly JSON");
        let text_of = |key| value.find(key).and_then(Value::as_text);
        assert_eq!(text_of("low"), Some("-Infinity"));
        assert_eq!(text_of("high.0"), Some("Infinity"));
        assert_eq!(text_of("NaN"), Some("-Infinity \""));
    }

    #[test]
    fn mistakes_are_told_in_the_words_of_json() {
        for (text, said) in [
            ("{\"a\": 1,\n \"a\": 2}", "duplicate key `a` (m.json:2:2)"),
            ("{\"a\": 1,\n}", "not JSON: trailing comma (m.json:2:1)"),
            (
                "{\"é\": NaN, b: 1}",
                "not JSON: key must be a string (m.json:1:12)",
            ),
            (
                "{\"a\": NaN,\n \"b\": \"\\ud83d\\",
                "not JSON: it ends within a string (m.json:2:14)",
            ),
            (
                "{\"a\": [1,\n",
                "not JSON: it ends where a value has to follow (m.json:1:9)",
            ),
            (
                "{\"a\": {\"b\": 1",
                "not JSON: it ends within an object (m.json:1:13)",
            ),
            ("accuracy: 0.9\n", "not JSON: expected value (m.json:1:1)"),
            (
                "{\"a\": 1}\n{\"a\": 2}",
                "not JSON: trailing characters (m.json:2:1)",
            ),
            ("{'a': 1}", "not JSON: key must be a string (m.json:1:2)"),
        ] {
            let problem = parse("m.json", text).expect_err("a mistake");
            assert_eq!(problem.to_string(), said);
        }
    }
}
