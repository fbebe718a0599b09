//! Amounts as people write them in settings: `2h`, `90s`.

use std::time::Duration;

use crate::base::value::Value;

/// The units of time; without a unit the number counts seconds.
const TIMES: &[(&str, f64)] = &[
    ("", 1.0),
    ("ms", 0.001),
    ("s", 1.0),
    ("m", 60.0),
    ("min", 60.0),
    ("h", 3600.0),
    ("d", 86_400.0),
];

/// Reads a duration: `2h`, `1h30m`, `90 s`, or a plain number of seconds. None is one too.
pub(crate) fn duration(value: &Value) -> Option<Duration> {
    let text = value.to_string();
    let mut rest = text.trim();
    let mut seconds = 0.0;
    while !rest.is_empty() {
        let (number, tail) = split(rest)?;
        let end = tail
            .find(|c: char| !c.is_alphabetic())
            .unwrap_or(tail.len());
        let (_, factor) = TIMES.iter().find(|(name, _)| *name == &tail[..end])?;
        seconds += number.parse::<f64>().ok()? * factor;
        rest = tail[end..].trim_start();
    }
    let is_given = !text.trim().is_empty();
    let time = Duration::try_from_secs_f64(seconds).ok();
    time.filter(|_| is_given)
}

/// Writes a duration as [`duration`] reads it, in whole milliseconds: `2h`, `1h30m`, `500ms`.
pub(crate) fn write_duration(time: Duration) -> String {
    let seconds = time.as_secs();
    let parts = [
        (seconds / 3600, "h"),
        (seconds % 3600 / 60, "m"),
        (seconds % 60, "s"),
        (u64::from(time.subsec_millis()), "ms"),
    ];
    let parts = parts.iter().filter(|(number, _)| *number > 0);
    let texts: Vec<String> = parts
        .map(|(number, unit)| format!("{number}{unit}"))
        .collect();
    let text = texts.concat();
    if text.is_empty() {
        "0s".to_owned()
    } else {
        text
    }
}

/// Splits a number from the unit behind it.
fn split(text: &str) -> Option<(&str, &str)> {
    let end = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    (end > 0).then(|| (&text[..end], text[end..].trim_start()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(text: &str) -> Value {
        Value::Text(text.to_owned())
    }

    #[test]
    fn durations_add_up() {
        assert_eq!(duration(&text("1h30m")), Some(Duration::from_mins(90)));
        assert_eq!(duration(&text("2 h")), Some(Duration::from_hours(2)));
        assert_eq!(duration(&Value::Int(90)), Some(Duration::from_secs(90)));
        assert_eq!(
            duration(&Value::Float(0.5)),
            Some(Duration::from_millis(500))
        );
        assert_eq!(duration(&text("2 weeks")), None);
        assert_eq!(duration(&text("")), None);
        assert_eq!(duration(&text("-1s")), None);
        assert_eq!(duration(&Value::Int(0)), Some(Duration::ZERO));
    }

    #[test]
    fn amounts_are_written_briefly() {
        assert_eq!(write_duration(Duration::from_hours(2)), "2h");
        assert_eq!(write_duration(Duration::from_millis(90_500)), "1m30s500ms");
        assert_eq!(write_duration(Duration::ZERO), "0s");
    }

    proptest! {
        #[test]
        fn a_written_duration_is_read_as_it_was(milliseconds in 0u64..1_000_000_000) {
            let time = Duration::from_millis(milliseconds);
            prop_assert_eq!(duration(&text(&write_duration(time))), Some(time));
        }
    }
}
