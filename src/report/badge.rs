//! `Badge`: one metric as a small sign, for a README.

use std::str::FromStr;

use serde_json::json;

use crate::base::human;
use crate::metrics::Effect;
use crate::report::badge_svg;

/// A sign with two texts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Badge {
    /// What it is of.
    pub(crate) label: String,
    /// The value; never empty.
    pub(crate) message: String,
    /// What the gates say of it.
    pub(crate) standing: Standing,
}

/// What the gates say of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// No gate is about it.
    Ungated,
    /// The worst that follows of those that are.
    Gated(Effect),
}

/// A colour, by both of its names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Colour {
    /// That of shields.io.
    pub(crate) name: &'static str,
    /// That of CSS, as shields.io draws it.
    pub(crate) css: &'static str,
}

impl Standing {
    /// Returns the colour that says so.
    pub(crate) fn colour(self) -> Colour {
        let (name, css) = match self {
            Self::Ungated => ("blue", "#007ec6"),
            Self::Gated(Effect::None) => ("brightgreen", "#4c1"),
            Self::Gated(Effect::Info) => ("yellowgreen", "#a4a61d"),
            Self::Gated(Effect::Warn) => ("yellow", "#dfb317"),
            Self::Gated(Effect::Fail) => ("red", "#e05d44"),
        };
        Colour { name, css }
    }
}

impl Badge {
    /// Writes what the endpoint of shields.io reads, schema version 1; see
    /// <https://shields.io/badges/endpoint-badge>.
    pub(crate) fn to_json(&self) -> String {
        let endpoint = json!({
            "schemaVersion": 1,
            "label": self.label,
            "message": self.message,
            "color": self.standing.colour().name,
        });
        format!("{endpoint:#}\n")
    }

    /// Draws it.
    pub(crate) fn to_svg(&self) -> String {
        badge_svg::draw(&self.label, &self.message, self.standing.colour().css)
    }
}

/// How a number is written: as Python's format specifications say, as in `.1%`, `.4f`, `,d`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Format {
    has_thousands: bool,
    digits: Option<usize>,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Percent,
    Fixed,
    Exponent,
    Whole,
}

/// A format that is none.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is no format: write it as `.1%`, `.4f`, `.2e` or `,d`")]
pub(crate) struct NoFormat(String);

impl FromStr for Format {
    type Err = NoFormat;

    fn from_str(text: &str) -> Result<Self, NoFormat> {
        let wrong = || NoFormat(text.to_owned());
        let (has_thousands, rest) = match text.strip_prefix(',') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let end = rest.char_indices().last().ok_or_else(wrong)?.0;
        let (digits, kind) = rest.split_at(end);
        let kind = match kind {
            "%" => Kind::Percent,
            "f" => Kind::Fixed,
            "e" => Kind::Exponent,
            "d" => Kind::Whole,
            _ => return Err(wrong()),
        };
        let digits = match digits.strip_prefix('.') {
            Some(digits) => Some(
                digits
                    .parse()
                    .ok()
                    .filter(|count| *count <= 12)
                    .ok_or_else(wrong)?,
            ),
            None if digits.is_empty() => None,
            None => return Err(wrong()),
        };
        let is_odd = kind == Kind::Whole && digits.is_some();
        let is_odd = is_odd || has_thousands && matches!(kind, Kind::Percent | Kind::Exponent);
        if is_odd {
            return Err(wrong());
        }
        Ok(Self {
            has_thousands,
            digits,
            kind,
        })
    }
}

impl Format {
    /// Shares as percent, with a tenth.
    pub(crate) const PERCENT: Self = Self {
        has_thousands: false,
        digits: Some(1),
        kind: Kind::Percent,
    };

    /// Writes a number; what is none is called so.
    pub(crate) fn write(self, number: f64) -> String {
        if !number.is_finite() {
            return number.to_string();
        }
        let digits = self.digits.unwrap_or(6);
        let text = match self.kind {
            Kind::Percent => format!("{:.*}%", self.digits.unwrap_or(0), number * 100.0),
            Kind::Fixed => format!("{number:.digits$}"),
            Kind::Exponent => format!("{number:.digits$e}"),
            Kind::Whole => format!("{number:.0}"),
        };
        if self.has_thousands {
            separate(&text)
        } else {
            text
        }
    }
}

/// Separates the thousands before the point.
fn separate(text: &str) -> String {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", text),
    };
    let (whole, rest) = match digits.find('.') {
        Some(point) => digits.split_at(point),
        None => (digits, ""),
    };
    match whole.parse() {
        Ok(whole) => format!("{sign}{}{rest}", human::thousands(whole)),
        Err(_) => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_python_does() {
        for (format, number, text) in [
            (".1%", 0.9846, "98.5%"),
            ("%", 0.25, "25%"),
            (".4f", 0.98, "0.9800"),
            (",d", 1_234_567.0, "1,234,567"),
            (",.1f", -1234.56, "-1,234.6"),
            ("d", 12.0, "12"),
            (".2e", 0.00123, "1.23e-3"),
            (".1%", f64::NAN, "NaN"),
        ] {
            assert_eq!(format.parse::<Format>().expect(format).write(number), text);
        }
        for format in ["", ".", "1%", ".x%", ".99f", "s", ".1d", ",%", "ä"] {
            assert!(format.parse::<Format>().is_err(), "{format}");
        }
    }

    #[test]
    fn the_endpoint_has_what_shields_io_reads() {
        let badge = Badge {
            label: "accuracy".to_owned(),
            message: "98.5%".to_owned(),
            standing: Standing::Gated(Effect::None),
        };
        let wanted = json!({"schemaVersion": 1, "label": "accuracy", "message": "98.5%", "color": "brightgreen"});
        let read: serde_json::Value = serde_json::from_str(&badge.to_json()).expect("JSON");
        assert_eq!(read, wanted);
    }
}
