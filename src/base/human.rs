//! Durations and counts as people read them.

use std::time::Duration;

use crate::base::shown::Shown;

/// Writes a count with its noun: `1 image`, `2,000 images`.
pub(crate) fn count(number: usize, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", thousands(number))
}

/// Writes a number with its thousands separated: `1,234,567`.
pub(crate) fn thousands(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Writes a size in bytes: `12 B`, `1.2 KiB`, `345 MiB`.
pub(crate) fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    // In tenths of the unit, rounded.
    let mut tenths = u128::from(bytes) * 10;
    let mut unit = UNITS[0];
    for name in UNITS {
        unit = name;
        tenths = (tenths + 512) / 1024;
        if tenths < 10 * 1000 {
            break;
        }
    }
    if tenths < 100 {
        format!("{}.{} {unit}", tenths / 10, tenths % 10)
    } else {
        format!("{} {unit}", (tenths + 5) / 10)
    }
}

/// Joins the first few of some texts and says how many more there are.
pub(crate) fn first_of(texts: &[String]) -> String {
    const SHOWN: usize = 3;
    let first = texts.iter().take(SHOWN);
    let first: Vec<String> = first.map(|text| Shown(text).to_string()).collect();
    let mut text = first.join(", ");
    if texts.len() > SHOWN {
        text += &format!(" and {} more", thousands(texts.len() - SHOWN));
    }
    text
}

/// Writes a duration: `12 ms`, `4.2 s`, `41 s`, `3 min 12 s`, `2 h 5 min`.
pub(crate) fn duration(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0 => format!("{} ms", time.as_millis()),
        1..10 => format!("{:.1} s", time.as_secs_f64()),
        10..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_separated() {
        assert_eq!(thousands(0), "0");
        assert_eq!(thousands(999), "999");
        assert_eq!(thousands(1_234_567), "1,234,567");
        assert_eq!(count(1, "image"), "1 image");
        assert_eq!(count(2000, "image"), "2,000 images");
    }

    #[test]
    fn sizes_use_the_unit_that_fits() {
        assert_eq!(size(0), "0 B");
        assert_eq!(size(1023), "1023 B");
        assert_eq!(size(1024), "1.0 KiB");
        assert_eq!(size(1_300_000), "1.2 MiB");
        assert_eq!(size(4 << 30), "4.0 GiB");
        assert_eq!(size(345 << 20), "345 MiB");
    }

    #[test]
    fn durations_use_the_unit_that_fits() {
        assert_eq!(duration(Duration::from_millis(12)), "12 ms");
        assert_eq!(duration(Duration::from_millis(4210)), "4.2 s");
        assert_eq!(duration(Duration::from_secs(192)), "3 min 12 s");
    }
}
