//! `Moment`: the time of day, for logs only: nothing that a pipeline records has one.

use std::time::{Duration, SystemTime};

/// A time since 1970 in UTC.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment(Duration);

impl Moment {
    /// Returns the time now.
    pub(super) fn now() -> Self {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        Self(since.unwrap_or_default())
    }

    /// Returns the seconds since 1970.
    pub(super) fn seconds(self) -> f64 {
        self.0.as_secs_f64()
    }

    /// Returns the milliseconds since 1970.
    pub(super) fn milliseconds(self) -> u64 {
        u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX)
    }

    /// Returns the whole seconds since 1970.
    pub(super) fn whole_seconds(self) -> u64 {
        self.0.as_secs()
    }

    /// Writes the time so that names sort by it, as in `2026-11-21T20-30-12`.
    pub(super) fn file_name(self) -> String {
        let seconds = self.0.as_secs();
        let (year, month, day) = date(seconds / 86_400);
        let second = seconds % 86_400;
        let (hours, minutes, seconds) = (second / 3600, second / 60 % 60, second % 60);
        format!("{year}-{month:02}-{day:02}T{hours:02}-{minutes:02}-{seconds:02}")
    }
}

/// Returns the date of a day counted from 1970 (Hinnant's `civil_from_days`).
fn date(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (era * 400 + year + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        let name = |seconds| Moment(Duration::from_secs(seconds)).file_name();
        assert_eq!(name(0), "1970-01-01T00-00-00");
        assert_eq!(name(951_782_400), "2000-02-29T00-00-00");
        assert_eq!(name(1_795_293_012), "2026-11-21T20-30-12");
    }
}
