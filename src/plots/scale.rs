//! `Scale`: where a number lies along an axis, and which numbers are written there.

/// How an axis grows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Growth {
    /// Equal distances are equal differences.
    #[default]
    Linear,
    /// Equal distances are equal factors.
    Log,
}

/// The range of an axis.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Scale {
    /// The number at its beginning.
    pub(crate) low: f64,
    /// The number at its end, always larger.
    pub(crate) high: f64,
    /// How it grows.
    pub(crate) growth: Growth,
}

/// A number that is written at an axis.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Tick {
    /// The number.
    pub(crate) value: f64,
    /// How it is written.
    pub(crate) label: String,
}

impl Scale {
    /// Spans the finite ones of `values`; a logarithmic scale those above zero, and it is linear
    /// where there are none.
    pub(crate) fn spanning(values: impl IntoIterator<Item = f64>, growth: Growth) -> Self {
        let (mut all, mut positive) = (Span::EMPTY, Span::EMPTY);
        for value in values.into_iter().filter(|value| value.is_finite()) {
            all.add(value);
            if value > 0.0 {
                positive.add(value);
            }
        }
        match growth {
            Growth::Log if positive.is_some() => {
                let Span { mut low, mut high } = positive;
                if high / low < 1.0 + 1e-9 {
                    (low, high) = (low / 2.0, high * 2.0);
                }
                Self { low, high, growth }
            }
            _ => Self::linear(all),
        }
    }

    fn linear(span: Span) -> Self {
        let (low, high) = match span {
            _ if !span.is_some() => (0.0, 1.0),
            Span { low, high } if high - low > f64::EPSILON * low.abs().max(high.abs()) * 4.0 => {
                (low, high)
            }
            // All the same: some room around, and nothing negative where nothing is.
            Span { low: 0.0, .. } => (-0.5, 0.5),
            Span { low, high } => (low - low.abs() * 0.1, high + high.abs() * 0.1),
        };
        Self {
            low,
            high,
            growth: Growth::Linear,
        }
    }

    /// Grows to the round numbers around, which suits an axis that nothing else is tied to.
    #[must_use]
    pub(crate) fn rounded(self, ticks: usize) -> Self {
        match self.growth {
            Growth::Linear => {
                let step = self.step(ticks);
                Self {
                    low: (self.low / step + 1e-9).floor() * step,
                    high: (self.high / step - 1e-9).ceil() * step,
                    growth: self.growth,
                }
            }
            Growth::Log => {
                let (low, high) = (self.low.log10(), self.high.log10());
                // Within a decade its ends would leave most of the axis empty.
                let part = if high - low > 1.0 { 1.0 } else { 0.1 };
                Self {
                    low: 10f64.powf((low / part + 1e-9).floor() * part),
                    high: 10f64.powf((high / part - 1e-9).ceil() * part),
                    growth: self.growth,
                }
            }
        }
    }

    /// Returns where `value` lies, from 0 at the beginning to 1 at the end; NaN if nowhere.
    pub(crate) fn position(&self, value: f64) -> f64 {
        match self.growth {
            Growth::Linear => (value - self.low) / (self.high - self.low),
            Growth::Log if value > 0.0 => (value / self.low).ln() / (self.high / self.low).ln(),
            Growth::Log => f64::NAN,
        }
    }

    /// Returns about as many round numbers within the range as are wanted, at least two where there
    /// is more than one number.
    pub(crate) fn ticks(&self, wanted: usize) -> Vec<Tick> {
        match self.growth {
            Growth::Linear => self.linear_ticks(wanted),
            Growth::Log => self.log_ticks(wanted),
        }
    }

    /// The distance between round numbers: 1, 2 or 5 times a power of ten, so that about `wanted`
    /// lie in the range. After P. Heckbert, Nice numbers for graph labels, Graphics Gems, 1990.
    fn step(&self, wanted: usize) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "a handful")]
        let rough = (self.high - self.low) / wanted.max(1) as f64;
        let power = 10f64.powf(rough.log10().floor());
        let step = match rough / power {
            part if part < 1.5 => power,
            part if part < 3.5 => 2.0 * power,
            part if part < 7.5 => 5.0 * power,
            _ => 10.0 * power,
        };
        // Beyond what numbers can tell apart there is nothing to step over.
        if step.is_finite() && step > 0.0 {
            step
        } else {
            f64::MAX
        }
    }

    fn linear_ticks(&self, wanted: usize) -> Vec<Tick> {
        let step = self.step(wanted);
        let first = (self.low / step - 1e-9).ceil();
        let mut ticks = Vec::new();
        for index in 0..50 {
            let value = (first + f64::from(index)) * step;
            if value > self.high + step * 1e-9 {
                break;
            }
            // −0 is no number to write.
            let value = if value.abs() < step * 1e-9 {
                0.0
            } else {
                value
            };
            // Where numbers can hardly be told apart, a step may lead nowhere.
            if ticks.last().is_none_or(|last: &Tick| last.value < value) {
                ticks.push(Tick {
                    value,
                    label: write(value, step),
                });
            }
        }
        ticks
    }

    fn log_ticks(&self, wanted: usize) -> Vec<Tick> {
        let (low, high) = (self.low.log10(), self.high.log10());
        let decades = high - low;
        #[expect(clippy::cast_precision_loss, reason = "a handful")]
        let every = (decades / wanted.max(1) as f64).ceil().max(1.0);
        let parts: &[f64] = match decades {
            few if few < 1.0 => return self.within_a_decade(wanted),
            few if few < 3.0 => &[1.0, 2.0, 5.0],
            _ => &[1.0],
        };
        let mut ticks = Vec::new();
        let mut exponent = (low / every).floor() * every;
        while exponent <= high + 1e-9 {
            for part in parts {
                let value = part * 10f64.powf(exponent);
                if value >= self.low * (1.0 - 1e-9) && value <= self.high * (1.0 + 1e-9) {
                    ticks.push(Tick {
                        value,
                        label: write(value, value),
                    });
                }
            }
            exponent += every;
        }
        ticks
    }

    fn within_a_decade(&self, wanted: usize) -> Vec<Tick> {
        let linear = Self {
            growth: Growth::Linear,
            ..*self
        };
        linear.linear_ticks(wanted)
    }
}

/// What some values lie in.
#[derive(Clone, Copy)]
struct Span {
    low: f64,
    high: f64,
}

impl Span {
    const EMPTY: Self = Self {
        low: f64::INFINITY,
        high: f64::NEG_INFINITY,
    };

    fn add(&mut self, value: f64) {
        self.low = self.low.min(value);
        self.high = self.high.max(value);
    }

    fn is_some(&self) -> bool {
        self.low <= self.high
    }
}

/// Writes a number that is a multiple of `step` with just the digits that tell it from the next.
pub(crate) fn write(value: f64, step: f64) -> String {
    let size = value.abs().max(step.abs());
    let (divisor, suffix) = match size {
        _ if value == 0.0 => return "0".to_owned(),
        size if !(1e-5..1e15).contains(&size) => return scientific(value, step),
        size if size >= 1e12 && step >= 1e9 => (1e12, "T"),
        size if size >= 1e9 && step >= 1e6 => (1e9, "G"),
        size if size >= 1e6 && step >= 1e3 => (1e6, "M"),
        size if size >= 1e4 && step >= 10.0 => (1e3, "k"),
        _ => (1.0, ""),
    };
    let digits = digits_behind(step / divisor);
    let text = format!("{:.digits$}", value / divisor);
    // Where steps are of 1 or 2, a k or M would have digits behind it that say nothing.
    let text = if suffix.is_empty() || !text.contains('.') {
        text
    } else {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    };
    format!("{text}{suffix}").replace('-', "−")
}

fn scientific(value: f64, step: f64) -> String {
    let exponent = value.abs().log10().floor();
    let digits = digits_behind(step / 10f64.powf(exponent)).min(15);
    format!("{value:.digits$e}").replace('-', "−")
}

/// How many digits behind the point a multiple of `step` needs.
fn digits_behind(step: f64) -> usize {
    let digits = (0..16).find(|digits| {
        let scaled = step * 10f64.powi(*digits);
        scaled >= 0.999 && (scaled - scaled.round()).abs() < 1e-6 * scaled.max(1.0)
    });
    digits
        .and_then(|digits| usize::try_from(digits).ok())
        .unwrap_or(15)
}

/// Writes a number of a bar with four digits at most, and none that say nothing.
pub(crate) fn write_short(value: f64) -> String {
    let exact = value.to_string();
    if exact.len() <= 6 || value == 0.0 {
        return exact.replace('-', "−");
    }
    let unit = 10f64.powf(value.abs().log10().floor() - 3.0);
    write((value / unit).round() * unit, unit)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn labels(low: f64, high: f64, growth: Growth) -> Vec<String> {
        let scale = Scale { low, high, growth };
        scale.ticks(6).into_iter().map(|tick| tick.label).collect()
    }

    #[test]
    fn ticks_are_round_and_short() {
        let linear = |low, high| labels(low, high, Growth::Linear).join(" ");
        assert_eq!(linear(0.0, 1.0), "0 0.2 0.4 0.6 0.8 1.0");
        assert_eq!(linear(0.912, 0.987), "0.92 0.93 0.94 0.95 0.96 0.97 0.98");
        assert_eq!(linear(-3.0, 3.0), "−3 −2 −1 0 1 2 3");
        assert_eq!(linear(0.0, 100_000.0), "0 20k 40k 60k 80k 100k");
        assert_eq!(linear(0.0, 3e6), "0 500k 1M 1.5M 2M 2.5M 3M");
        assert_eq!(
            linear(0.0, 3e-7),
            "0 5e−8 1.0e−7 1.5e−7 2.0e−7 2.5e−7 3.0e−7"
        );
    }

    #[test]
    fn logarithmic_ticks_are_powers_of_ten() {
        let log = |low, high| labels(low, high, Growth::Log).join(" ");
        assert_eq!(log(1e-4, 1.0), "0.0001 0.001 0.01 0.1 1");
        assert_eq!(log(1.0, 100.0), "1 2 5 10 20 50 100");
        assert_eq!(log(2.0, 8.0), "2 3 4 5 6 7 8");
    }

    #[test]
    fn a_single_value_and_none_have_a_range() {
        let scale = Scale::spanning([3.0, f64::NAN], Growth::Linear);
        assert!(scale.low < 3.0 && scale.high > 3.0);
        let none = Scale::spanning([], Growth::Log);
        assert_eq!(
            (none.low, none.high, none.growth),
            (0.0, 1.0, Growth::Linear)
        );
        let log = Scale::spanning([0.0, -1.0, 5.0], Growth::Log);
        assert!(log.low < 5.0 && log.position(0.0).is_nan());
    }

    proptest! {
        #[test]
        fn ticks_are_in_order_within_the_range_and_differ(low in -1e6..1e6f64, size in 1e-2..1e9f64, wanted in 2usize..9) {
            let scale = Scale { low, high: low + size, growth: Growth::Linear };
            let rounded = scale.rounded(wanted);
            prop_assert!(rounded.low <= scale.low + size * 1e-6 && rounded.high >= scale.high - size * 1e-6);
            let ticks = scale.ticks(wanted);
            prop_assert!(ticks.len() <= 2 * wanted + 2);
            for pair in ticks.windows(2) {
                prop_assert!(pair[0].value < pair[1].value);
            }
            for tick in &ticks {
                prop_assert!(tick.value >= low - size * 1e-6 && tick.value <= low + size * (1.0 + 1e-6));
            }
        }

        #[test]
        fn positions_grow_with_values(one in 1e-3..1e3f64, other in 1e-3..1e3f64) {
            for growth in [Growth::Linear, Growth::Log] {
                let scale = Scale { low: 1e-3, high: 1e3, growth };
                prop_assert_eq!(one < other, scale.position(one) < scale.position(other));
            }
        }
    }
}
