//! Values written into text as DVC writes them, which is as Python does but for booleans.

use crate::base::value::{Map, Value};
use crate::pipeline::interpolate::Fault;

/// Writes a scalar.
pub(super) fn as_text(value: &Value) -> String {
    match value {
        Value::Null => "None".to_owned(),
        Value::Float(number) => python_float(*number),
        value => value.to_string(),
    }
}

/// Writes a float as Python's `repr`: the shortest digits, an exponent of two digits or more.
fn python_float(number: f64) -> String {
    let magnitude = number.abs();
    if number.is_nan() || number.is_infinite() || magnitude == 0.0 {
        return format!("{number:?}").to_lowercase();
    }
    if (1e-4..1e16).contains(&magnitude) {
        return format!("{number:?}");
    }
    let text = format!("{number:e}");
    let Some((digits, exponent)) = text.split_once('e') else {
        return text;
    };
    let (sign, exponent) = match exponent.strip_prefix('-') {
        Some(exponent) => ('-', exponent),
        None => ('+', exponent),
    };
    format!("{digits}e{sign}{exponent:0>2}")
}

/// Writes a map as flags of a command: `--lr 0.1 --verbose --sizes 1 2`.
pub(super) fn as_flags(map: &Map) -> Result<String, Fault> {
    let whole = Value::Map(map.clone());
    let mut flags = Vec::new();
    for (key, value) in whole.flatten() {
        match value {
            Value::Bool(true) => flags.push(format!("--{key}")),
            Value::Bool(false) | Value::Map(_) => {}
            Value::List(items) => {
                let items = items.iter().map(|item| flag_item(&key, item));
                let items: Vec<String> = items.collect::<Result<_, _>>()?;
                if !items.is_empty() {
                    flags.push(format!("--{key} {}", items.join(" ")));
                }
            }
            Value::Text(text) => flags.push(format!("--{key} {}", quote(text))),
            value => flags.push(format!("--{key} {}", as_text(value))),
        }
    }
    Ok(flags.join(" "))
}

fn flag_item(key: &str, item: &Value) -> Result<String, Fault> {
    match item {
        Value::Text(text) => Ok(quote(text)),
        // Python's own words, which DVC leaves as they are inside of lists.
        Value::Bool(true) => Ok("True".to_owned()),
        Value::Bool(false) => Ok("False".to_owned()),
        Value::List(_) | Value::Map(_) => {
            let message = format!("cannot interpolate `{key}`: a list in it is nested");
            Err(Fault::new(message).help("flags take lists of plain values"))
        }
        item => Ok(as_text(item)),
    }
}

/// Quotes a text for the shell where it needs it, as Python's `shlex.quote`.
pub(crate) fn quote(text: &str) -> String {
    let is_safe = |c: char| c.is_ascii_alphanumeric() || "_@%+=:,./-".contains(c);
    if !text.is_empty() && text.chars().all(is_safe) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', "'\"'\"'"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_are_as_python_prints_them() {
        for (number, text) in [
            (1e-5, "1e-05"),
            (1.5e-7, "1.5e-07"),
            (0.0001, "0.0001"),
            (0.1 + 0.2, "0.30000000000000004"),
            (2.0, "2.0"),
            (1e15, "1000000000000000.0"),
            (1e16, "1e+16"),
            (1.234e-110, "1.234e-110"),
            (-0.0, "-0.0"),
            (f64::INFINITY, "inf"),
            (f64::NAN, "nan"),
        ] {
            assert_eq!(as_text(&Value::Float(number)), text);
        }
    }

    #[test]
    fn texts_are_quoted_for_the_shell_where_they_need_it() {
        assert_eq!(quote("a/b-c=1:2,%+@_."), "a/b-c=1:2,%+@_.");
        assert_eq!(quote(""), "''");
        assert_eq!(quote("it's"), "'it'\"'\"'s'");
        assert_eq!(quote("ü"), "'ü'");
    }
}
