//! Amounts as people write them in settings: `4GiB`, `2h`.

use std::time::Duration;

use crate::base::value::Value;

/// The units of memory; without a unit the number counts bytes.
const SIZES: &[(&str, u64)] = &[
    ("", 1),
    ("B", 1),
    ("k", 1000),
    ("kB", 1000),
    ("KB", 1000),
    ("M", 1_000_000),
    ("MB", 1_000_000),
    ("G", 1_000_000_000),
    ("GB", 1_000_000_000),
    ("T", 1_000_000_000_000),
    ("TB", 1_000_000_000_000),
    ("Ki", 1 << 10),
    ("KiB", 1 << 10),
    ("Mi", 1 << 20),
    ("MiB", 1 << 20),
    ("Gi", 1 << 30),
    ("GiB", 1 << 30),
    ("Ti", 1 << 40),
    ("TiB", 1 << 40),
];

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

/// Reads a number of bytes: `4GiB`, `1.5 GB`, `4096`.
pub(crate) fn bytes(value: &Value) -> Option<u64> {
    let text = value.to_string();
    let (number, unit) = split(text.trim())?;
    let (_, factor) = SIZES.iter().find(|(name, _)| *name == unit)?;
    if let Ok(whole) = number.parse::<u64>() {
        return whole.checked_mul(*factor);
    }
    // A fraction of a unit is far from the limits of a float.
    #[expect(
        clippy::cast_precision_loss,
        reason = "the factors are exact in a float"
    )]
    let amount = number.parse::<f64>().ok()? * *factor as f64;
    let is_sane = (0.0..9e18).contains(&amount);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "checked in the line above"
    )]
    is_sane.then_some(amount as u64)
}

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

/// Writes a number of bytes in the largest unit in which it is a few digits: `1.5 GiB`.
pub(crate) fn write_bytes(bytes: u64) -> String {
    let units = [
        (1_u64 << 40, "TiB"),
        (1 << 30, "GiB"),
        (1 << 20, "MiB"),
        (1 << 10, "KiB"),
    ];
    let Some((factor, unit)) = units.into_iter().find(|(factor, _)| bytes >= *factor) else {
        return format!("{bytes} B");
    };
    let (whole, tenth) = (bytes / factor, bytes % factor / (factor / 10).max(1));
    match tenth.min(9) {
        0 => format!("{whole} {unit}"),
        tenth => format!("{whole}.{tenth} {unit}"),
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
    fn sizes_have_units_of_both_kinds() {
        assert_eq!(bytes(&text("4GiB")), Some(4 << 30));
        assert_eq!(bytes(&text("1.5 GB")), Some(1_500_000_000));
        assert_eq!(bytes(&Value::Int(4096)), Some(4096));
        assert_eq!(bytes(&text("4 Gb")), None);
        assert_eq!(bytes(&text("lots")), None);
        assert_eq!(bytes(&Value::Int(-1)), None);
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
        assert_eq!(write_bytes(4 << 30), "4 GiB");
        assert_eq!(write_bytes(3 << 29), "1.5 GiB");
        assert_eq!(write_bytes(1023), "1023 B");
    }

    proptest! {
        #[test]
        fn a_written_duration_is_read_as_it_was(milliseconds in 0u64..1_000_000_000) {
            let time = Duration::from_millis(milliseconds);
            prop_assert_eq!(duration(&text(&write_duration(time))), Some(time));
        }
    }
}
