//! Numbers in tables: enough digits to see a change, no more.

use crate::base::value::Value;

/// Digits behind the point that any number gets, and the most that one gets.
const DECIMALS: std::ops::RangeInclusive<usize> = 4..=10;

/// Two numbers of a row, written with the same digits, and their difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NumberPair {
    /// The base's number.
    pub(crate) old: String,
    /// The number compared with it.
    pub(crate) new: String,
    /// New minus old, with its sign.
    pub(crate) delta: String,
}

impl NumberPair {
    /// Writes two values, if both are numbers; whole ones to the last digit.
    pub(crate) fn of(
        old: Option<&Value>,
        new: Option<&Value>,
        precision: Option<u8>,
    ) -> Option<Self> {
        match (old?, new?) {
            (Value::Int(old), Value::Int(new)) => Some(Self::of_whole(*old, *new)),
            (old, new) => Some(Self::new(old.as_number()?, new.as_number()?, precision)),
        }
    }

    fn of_whole(old: i64, new: i64) -> Self {
        let delta = i128::from(new) - i128::from(old);
        let sign = if delta < 0 { '−' } else { '+' };
        Self {
            old: old.to_string(),
            new: new.to_string(),
            delta: format!("{sign}{}", delta.abs()),
        }
    }

    /// Writes two numbers with `precision` digits behind the point, or else so that their difference
    /// shows at least two digits.
    fn new(old: f64, new: f64, precision: Option<u8>) -> Self {
        let delta = new - old;
        let are_whole = old.fract() == 0.0 && new.fract() == 0.0;
        let decimals = match precision {
            _ if are_whole => 0,
            Some(precision) => usize::from(precision),
            None => decimals_for(old, new, delta),
        };
        if !delta.is_finite() {
            let word = if delta.is_nan() {
                "not a number"
            } else {
                "infinite"
            };
            return Self {
                old: show_number(old, precision),
                new: show_number(new, precision),
                delta: word.to_owned(),
            };
        }
        let sign = if delta < 0.0 { '−' } else { '+' };
        let [old, new] = if is_extreme(old) || is_extreme(new) {
            apart(old, new)
        } else {
            [old, new].map(|number| write(number, decimals))
        };
        Self {
            old,
            new,
            delta: format!("{sign}{}", write(delta.abs(), decimals)),
        }
    }
}

/// Returns new minus old, if both are numbers; of whole ones to the last digit.
pub(crate) fn change(old: &Value, new: &Value) -> Option<Value> {
    if let (Value::Int(old), Value::Int(new)) = (old, new)
        && let Some(change) = new.checked_sub(*old)
    {
        return Some(Value::Int(change));
    }
    Some(Value::Float(new.as_number()? - old.as_number()?))
}

/// Writes one value: a float with five significant digits at least, and five behind the point, or with
/// `precision` behind it; anything else as it is.
pub(crate) fn show_value(value: &Value, precision: Option<u8>) -> String {
    match value {
        Value::Float(number) => show_number(*number, precision),
        value => value.to_string(),
    }
}

/// Writes one number likewise.
pub(crate) fn show_number(number: f64, precision: Option<u8>) -> String {
    if let Some(precision) = precision {
        return write(number, precision.into());
    }
    if !number.is_finite() {
        return write(number, 0);
    }
    if is_extreme(number) {
        let text = format!("{number:.4e}");
        let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        return format!("{}e{exponent}", without_zeros(digits));
    }
    let decimals = behind_point(number, 5).clamp(5, *DECIMALS.end());
    let text = format!("{number:.decimals$}");
    match without_zeros(&text) {
        whole if !whole.contains('.') => format!("{whole}.0"),
        short => short.to_owned(),
    }
}

/// Writes a number of a sentence: whole ones without a point.
pub(crate) fn say_number(number: f64) -> String {
    let text = show_number(number, None);
    text.strip_suffix(".0").map(str::to_owned).unwrap_or(text)
}

/// Writes the ends of an interval with the same digits: three of its width, and four behind the point.
pub(crate) fn show_interval((low, high): (f64, f64)) -> (String, String) {
    let decimals = behind_point(high - low, 3).clamp(*DECIMALS.start(), *DECIMALS.end());
    let show = |end: f64| {
        let sign = if end < 0.0 { "−" } else { "" };
        format!("{sign}{}", write(end.abs(), decimals))
    };
    (show(low), show(high))
}

fn without_zeros(text: &str) -> &str {
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.')
    } else {
        text
    }
}

/// Returns the arrow for a change: it points where the number went; colours say what that means.
pub(crate) fn arrow(delta: f64) -> &'static str {
    if delta > 0.0 {
        "▲"
    } else if delta < 0.0 {
        "▼"
    } else if delta == 0.0 {
        "="
    } else {
        ""
    }
}

/// Writes numbers of which one has an exponent: with three digits, or so many that they differ.
fn apart(old: f64, new: f64) -> [String; 2] {
    let write = |number: f64, digits: usize| {
        if is_extreme(number) {
            format!("{number:.digits$e}")
        } else {
            say_number(number)
        }
    };
    let pair = |digits| [write(old, digits), write(new, digits)];
    let mut pairs = (2..=16).map(pair);
    let differ = pairs.find(|[one, other]| one != other);
    differ.unwrap_or_else(|| pair(2))
}

/// As many digits as the difference needs for two significant ones, and small numbers for four.
fn decimals_for(old: f64, new: f64, delta: f64) -> usize {
    let smallest = old.abs().min(new.abs());
    let for_delta = behind_point(delta, 2);
    let for_value = behind_point(smallest, 4);
    for_delta
        .max(for_value)
        .clamp(*DECIMALS.start(), *DECIMALS.end())
}

/// Returns how many digits behind the point show `significant` digits of `number`.
fn behind_point(number: f64, significant: usize) -> usize {
    if number == 0.0 || !number.is_finite() {
        return 0;
    }
    let text = format!("{number:e}");
    let exponent = text
        .rsplit_once('e')
        .and_then(|(_, exponent)| exponent.parse::<i64>().ok());
    let wanted = i64::try_from(significant).unwrap_or(1) - 1 - exponent.unwrap_or(0);
    usize::try_from(wanted).unwrap_or(0)
}

fn write(number: f64, decimals: usize) -> String {
    if number.is_nan() {
        return "NaN".to_owned();
    }
    if is_extreme(number) {
        return format!("{number:.2e}");
    }
    format!("{number:.decimals$}")
}

/// Whether a number is so small or so large that it is written with its exponent.
fn is_extreme(number: f64) -> bool {
    number != 0.0 && number.is_finite() && !(1e-6..1e15).contains(&number.abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(old: f64, new: f64) -> (String, String, String) {
        let NumberPair { old, new, delta } = NumberPair::new(old, new, None);
        (old, new, delta)
    }

    #[test]
    fn digits_show_the_change() {
        let texts =
            |old: &str, new: &str, delta: &str| (old.to_owned(), new.to_owned(), delta.to_owned());
        assert_eq!(pair(0.9823, 0.9847), texts("0.9823", "0.9847", "+0.0024"));
        assert_eq!(
            pair(0.98231, 0.98229),
            texts("0.982310", "0.982290", "−0.000020")
        );
        assert_eq!(pair(8898.0, 9000.0), texts("8898", "9000", "+102"));
        assert_eq!(pair(1e-8, 2e-8), texts("1.00e-8", "2.00e-8", "+1.00e-8"));
        assert_eq!(pair(1e300, 1e300).0, "1.00e300");
        let tiny = texts("1.0000000e-12", "1.0000001e-12", "+1.00e-19");
        assert_eq!(pair(1e-12, 1.000_000_1e-12), tiny);
        assert_eq!(pair(0.0, 1e-20), texts("0", "1.00e-20", "+1.00e-20"));
        assert_eq!(pair(0.25, 1e16), texts("0.25", "1.00e16", "+1.00e16"));
        assert_eq!(pair(f64::NAN, 0.5), texts("NaN", "0.5", "not a number"));
        assert_eq!(pair(0.5, f64::INFINITY), texts("0.5", "inf", "infinite"));
    }

    #[test]
    fn whole_numbers_keep_their_digits() {
        let whole = |old, new| {
            let (old, new) = (Value::Int(old), Value::Int(new));
            let NumberPair {
                old: one,
                new: other,
                delta,
            } = NumberPair::of(Some(&old), Some(&new), Some(2)).expect("numbers");
            (one, other, delta, change(&old, &new))
        };
        let (low, high) = (9_007_199_254_740_992, 9_007_199_254_740_993);
        let (one, other, delta, change) = whole(low, high);
        assert_eq!(
            (one.as_str(), other.as_str()),
            ("9007199254740992", "9007199254740993")
        );
        assert_eq!((delta.as_str(), change), ("+1", Some(Value::Int(1))));
        let (.., delta, change) = whole(i64::MAX, i64::MIN);
        assert_eq!(delta, "−18446744073709551615");
        assert_eq!(
            change.and_then(|change| change.as_number()),
            Some(-(2_f64.powi(64)))
        );
    }

    #[test]
    fn both_ends_of_an_interval_have_the_same_digits() {
        let shown = |low, high| {
            let (low, high) = show_interval((low, high));
            format!("{low} … {high}")
        };
        assert_eq!(shown(-0.370_594, -0.084_516_3), "−0.3706 … −0.0845");
        assert_eq!(shown(0.000_012_345, 0.000_023_456), "0.0000123 … 0.0000235");
        assert_eq!(shown(f64::NEG_INFINITY, 0.5), "−inf … 0.5000");
    }

    #[test]
    fn one_number_has_the_digits_that_matter() {
        let show = |number| show_number(number, None);
        let shown = [1e-8, 0.1 + 0.2, 123_456.789, 2.0, -0.000_123_456_789, 0.0].map(show);
        let wanted = ["1e-8", "0.3", "123456.789", "2.0", "-0.00012346", "0.0"];
        assert_eq!(shown, wanted);
        assert_eq!(show_number(0.128, Some(2)), "0.13");
        assert_eq!(
            (show(f64::NAN), show(f64::NEG_INFINITY)),
            ("NaN".to_owned(), "-inf".to_owned())
        );
        assert_eq!(
            (say_number(25_000.0), say_number(0.95)),
            ("25000".to_owned(), "0.95".to_owned())
        );
    }
}
