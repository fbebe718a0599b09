//! `Patience`: how long a forge is waited for, and when it is asked again.

use std::time::Duration;

use reqwest::StatusCode;
use reqwest::header::HeaderMap;

use crate::forge::error::Error;

/// How often a request is tried in all.
const TRIES: u32 = 5;

/// How long is waited for one answer, and from it for all pauses.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    /// For one answer.
    pub(crate) answer: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            answer: Duration::from_secs(30),
        }
    }
}

impl Patience {
    /// Returns how long is waited for a connection.
    pub(super) fn connect(self) -> Duration {
        self.answer / 3
    }

    /// Returns how long all pauses of a command may take together.
    pub(super) fn pauses(self) -> Duration {
        self.answer * 10
    }

    /// Returns how long to pause before the try after this one, where the forge does not say; `None`
    /// where it was the last.
    pub(super) fn pause(self, attempt: u32) -> Option<Duration> {
        (attempt < TRIES).then(|| self.answer / 30 * 2_u32.pow(attempt - 1))
    }
}

/// Tries anew what somebody else was faster with, which these statuses say, or of which it is not known
/// whether it was done: it looks first what there is.
pub(super) fn again_if_late<T>(
    late: &[u16],
    attempt: impl Fn() -> Result<T, Error>,
) -> Result<T, Error> {
    let is_late = |error: &Error| {
        let status = error.status();
        matches!(error, Error::Uncertain { .. })
            || status.is_some_and(|status| late.contains(&status))
    };
    for _ in 1..TRIES {
        match attempt() {
            Err(error) if is_late(&error) => {}
            outcome => return outcome,
        }
    }
    attempt()
}

/// Returns how long the forge wants to be left alone, by the rules of all four: `retry-after` goes
/// first; then a quota that is used up, until it is filled again; then a minute. `None` where the
/// answer is no refusal for being asked too much.
///
/// `now` is in seconds since 1970.
pub(super) fn wanted_pause(
    status: StatusCode,
    headers: &HeaderMap,
    message: &str,
    now: u64,
) -> Option<Duration> {
    let number = |name: &str| -> Option<u64> {
        let text = headers.get(name)?.to_str().ok()?;
        text.trim().parse().ok()
    };
    let is_throttle = status == StatusCode::TOO_MANY_REQUESTS;
    let left = number("x-ratelimit-remaining").or_else(|| number("ratelimit-remaining"));
    let is_used_up = left == Some(0);
    let is_secondary = message.to_lowercase().contains("rate limit");
    let is_denied = status == StatusCode::FORBIDDEN;
    if !(is_throttle || is_denied && (is_used_up || is_secondary)) {
        return None;
    }
    if let Some(seconds) = number("retry-after") {
        return Some(Duration::from_secs(seconds));
    }
    let reset = number("x-ratelimit-reset").or_else(|| number("ratelimit-reset"));
    if let (true, Some(reset)) = (is_used_up, reset) {
        return Some(Duration::from_secs(reset.saturating_sub(now) + 1));
    }
    Some(Duration::from_mins(1))
}

/// Returns whether the forge is out of order for a while, so that the same request may succeed.
pub(super) fn is_out_of_order(status: StatusCode) -> bool {
    matches!(status.as_u16(), 500 | 502 | 503 | 504)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pause(status: u16, headers: &[(&'static str, &'static str)], message: &str) -> Option<u64> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, value.parse().expect("a value"));
        }
        let status = StatusCode::from_u16(status).expect("a status");
        wanted_pause(status, &map, message, 1000).map(|time| time.as_secs())
    }

    #[test]
    fn the_forge_says_how_long() {
        assert_eq!(pause(429, &[("retry-after", "7")], ""), Some(7));
        let used_up = [
            ("x-ratelimit-remaining", "0"),
            ("x-ratelimit-reset", "1040"),
        ];
        assert_eq!(pause(403, &used_up, ""), Some(41));
        let gitlab = [("ratelimit-remaining", "0"), ("ratelimit-reset", "1010")];
        assert_eq!(pause(429, &gitlab, ""), Some(11));
        assert_eq!(pause(429, &[], "Rate limit for this resource"), Some(60));
        assert_eq!(
            pause(403, &[], "You have exceeded a secondary rate limit"),
            Some(60)
        );
    }

    #[test]
    fn a_refusal_is_no_throttle() {
        let message = "Resource not accessible by integration";
        assert_eq!(
            pause(403, &[("x-ratelimit-remaining", "900")], message),
            None
        );
        assert_eq!(pause(502, &[("retry-after", "7")], ""), None);
    }

    #[test]
    fn pauses_grow_and_end() {
        let patience = Patience::default();
        let pauses: Vec<_> = (1..=5).map(|attempt| patience.pause(attempt)).collect();
        let seconds = |seconds| Some(Duration::from_secs(seconds));
        assert_eq!(
            pauses,
            [seconds(1), seconds(2), seconds(4), seconds(8), None]
        );
    }
}
