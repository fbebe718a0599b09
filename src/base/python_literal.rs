//! Literals of Python: numbers, strings, `True`, `False`, `None`, lists, tuples, sets and dicts.

use crate::base::python::string_length;
use crate::base::value::{Map, Value};

/// Reads a text that is one literal and nothing else.
pub(crate) fn literal(text: &str) -> Option<Value> {
    let mut reader = Reader { rest: text };
    let value = reader.value()?;
    // `1, 2` without brackets is a tuple.
    if reader.take(',') {
        let mut items = vec![value];
        while !reader.at_end() {
            items.push(reader.value()?);
            if !reader.take(',') {
                break;
            }
        }
        return reader.at_end().then_some(Value::List(items));
    }
    reader.at_end().then_some(value)
}

struct Reader<'a> {
    rest: &'a str,
}

impl<'a> Reader<'a> {
    fn value(&mut self) -> Option<Value> {
        self.skip_space();
        match self.rest.chars().next()? {
            '[' => self.items(']').map(|(items, _)| Value::List(items)),
            '(' => {
                let (mut items, is_tuple) = self.items(')')?;
                // Brackets around one value only group.
                if is_tuple || items.is_empty() {
                    Some(Value::List(items))
                } else {
                    items.pop()
                }
            }
            '{' => self.dict_or_set(),
            '-' => {
                self.rest = &self.rest[1..];
                match self.value()? {
                    Value::Int(number) => number.checked_neg().map(Value::Int),
                    Value::Float(number) => Some(Value::Float(-number)),
                    _ => None,
                }
            }
            '+' => {
                self.rest = &self.rest[1..];
                self.value().filter(|value| value.as_number().is_some())
            }
            '0'..='9' | '.' => self.number(),
            _ => self.word_or_string(),
        }
    }

    /// Reads the items of a list or tuple; also returns whether a comma makes it one.
    fn items(&mut self, end: char) -> Option<(Vec<Value>, bool)> {
        self.rest = &self.rest[1..];
        let (mut items, mut has_comma) = (Vec::new(), false);
        while !self.take(end) {
            items.push(self.value()?);
            if self.take(',') {
                has_comma = true;
            } else {
                self.take(end).then_some(())?;
                break;
            }
        }
        Some((items, has_comma))
    }

    fn dict_or_set(&mut self) -> Option<Value> {
        self.rest = &self.rest[1..];
        let (mut map, mut set) = (Map::new(), Vec::new());
        while !self.take('}') {
            let key = self.value()?;
            if self.take(':') {
                let key = if key.is_null() {
                    "None".to_owned()
                } else {
                    key.to_string()
                };
                map.insert(key, self.value()?);
            } else {
                set.push(key);
            }
            if !self.take(',') {
                self.take('}').then_some(())?;
                break;
            }
        }
        match (map.is_empty(), set.is_empty()) {
            (_, true) => Some(Value::Map(map)),
            (true, false) => Some(Value::List(set)),
            (false, false) => None,
        }
    }

    fn number(&mut self) -> Option<Value> {
        let mut previous = ' ';
        let is_part = |c: char| {
            let sign = matches!(c, '+' | '-') && matches!(previous, 'e' | 'E');
            previous = c;
            c.is_ascii_alphanumeric() || c == '.' || c == '_' || sign
        };
        let mut is_part = is_part;
        let end = self.rest.find(|c| !is_part(c)).unwrap_or(self.rest.len());
        let (text, rest) = self.rest.split_at(end);
        self.rest = rest;
        let text = text.replace('_', "").to_lowercase();
        let whole = |digits: &str, radix| i64::from_str_radix(digits, radix).ok().map(Value::Int);
        match (text.get(..2), text.get(2..)) {
            // A sign inside is that of an exponent, which whole numbers have not.
            (Some("0x"), Some(digits)) if !digits.contains(['+', '-']) => whole(digits, 16),
            (Some("0o"), Some(digits)) => whole(digits, 8),
            (Some("0b"), Some(digits)) => whole(digits, 2),
            _ if text.bytes().all(|byte| byte.is_ascii_digit()) => whole(&text, 10),
            _ => text.parse().ok().map(Value::Float),
        }
    }

    fn word_or_string(&mut self) -> Option<Value> {
        let end = self
            .rest
            .find(|c: char| !c.is_alphanumeric() && c != '_')
            .unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        if !rest.starts_with(['"', '\'']) {
            self.rest = rest;
            return match word {
                "True" => Some(Value::Bool(true)),
                "False" => Some(Value::Bool(false)),
                "None" => Some(Value::Null),
                _ => None,
            };
        }
        let mut text = String::new();
        // Strings that follow each other are one.
        while let Some(part) = self.string() {
            text += &part;
            self.skip_space();
        }
        (!text.is_empty() || self.rest.len() < rest.len()).then_some(Value::Text(text))
    }

    fn string(&mut self) -> Option<String> {
        let prefix = self.rest.find(['"', '\''])?;
        let is_raw = match self.rest[..prefix].to_lowercase().as_str() {
            "" | "u" => false,
            "r" => true,
            // Bytes are no text, and f-strings are computed.
            _ => return None,
        };
        let start = &self.rest[prefix..];
        let length = string_length(start);
        let width = if start.starts_with("\"\"\"") || start.starts_with("'''") {
            3
        } else {
            1
        };
        let (whole, rest) = (start.get(..length)?, start.get(length..)?);
        let inner = whole.get(width..length.checked_sub(width)?)?;
        let is_closed = whole.len() >= 2 * width && whole.ends_with(&start[..width]);
        is_closed.then_some(())?;
        self.rest = rest;
        if is_raw {
            Some(inner.to_owned())
        } else {
            unescape(inner)
        }
    }

    fn take(&mut self, wanted: char) -> bool {
        self.skip_space();
        match self.rest.strip_prefix(wanted) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn at_end(&mut self) -> bool {
        self.skip_space();
        self.rest.is_empty()
    }

    /// Skips white space, comments and line ends behind a backslash.
    fn skip_space(&mut self) {
        loop {
            let trimmed: &'a str = self.rest.trim_start();
            let next = match trimmed.strip_prefix('#') {
                Some(comment) => comment.find('\n').map_or("", |end| &comment[end..]),
                None => trimmed.strip_prefix("\\\n").unwrap_or(trimmed),
            };
            if next.len() == self.rest.len() {
                return;
            }
            self.rest = next;
        }
    }
}

/// Replaces the escapes of a string; an unknown one stays as it is, as in Python.
fn unescape(text: &str) -> Option<String> {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        plain += &rest[..at];
        let mut tail = rest[at + 1..].chars();
        let escape = tail.next()?;
        rest = tail.as_str();
        let digits = match escape {
            'x' => 2,
            'u' => 4,
            'U' => 8,
            _ => 0,
        };
        match escape {
            '\n' => {}
            'n' => plain.push('\n'),
            't' => plain.push('\t'),
            'r' => plain.push('\r'),
            '0' => plain.push('\0'),
            '\\' | '\'' | '"' => plain.push(escape),
            'x' | 'u' | 'U' => {
                let code = u32::from_str_radix(rest.get(..digits)?, 16).ok()?;
                plain.push(char::from_u32(code)?);
                rest = &rest[digits..];
            }
            _ => {
                plain.push('\\');
                plain.push(escape);
            }
        }
    }
    Some(plain + rest)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown(text: &str) -> Option<String> {
        literal(text).map(|value| serde_json::to_string(&value).expect("plain data"))
    }

    #[test]
    fn literals_of_every_kind() {
        for (text, json) in [
            ("1_000", "1000"),
            ("0x1F", "31"),
            ("-1.5e-3", "-0.0015"),
            ("(1)", "1"),
            ("(1,)", "[1]"),
            ("()", "[]"),
            ("1, 2", "[1,2]"),
            ("{'a': {1: None}, }", r#"{"a":{"1":null}}"#),
            ("{1, 2}", "[1,2]"),
            ("'a' \"b\"", r#""ab""#),
            ("''", r#""""#),
            (r"r'\d'", r#""\\d""#),
            (r"'\t\x41\'\d'", r#""\tA'\\d""#),
            ("'''a\n\"b\"'''", r#""a\n\"b\"""#),
            ("[True, # why\n False]", "[true,false]"),
        ] {
            assert_eq!(shown(text).as_deref(), Some(json), "{text}");
        }
    }

    #[test]
    fn what_is_computed_is_no_literal() {
        for text in [
            "x",
            "1 + 2",
            "f'x'",
            "b'x'",
            "[x]",
            "foo()",
            "'a' + 'b'",
            "--",
            "[1",
            "'a",
        ] {
            assert_eq!(shown(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,20}") {
            drop(literal(&text));
        }

        #[test]
        fn what_json_writes_of_texts_and_numbers_is_read(items in prop::collection::vec(("[a-z'\n\t]{0,6}", any::<i32>()), 0..4)) {
            let json = serde_json::to_string(&items).expect("plain data");
            prop_assert_eq!(shown(&json), Some(json));
        }
    }
}
