//! `Attempts`: how long and how often a stage's command may try. No part of what its result depends on.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::base::document::Node;
use crate::base::problem::Problem;
use crate::base::quantity;
use crate::base::value::Value;
use crate::pipeline::reader::{Reader, as_count};

/// The longest wait between two attempts, unless the first is longer.
const LONGEST_DELAY: Duration = Duration::from_hours(1);

/// How long and how often a stage's command may try.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Attempts {
    /// How long all of its scripts together may run, each time.
    pub(crate) timeout: Option<Duration>,
    /// How often it is run again after a failure.
    pub(crate) retries: u32,
    /// How long to wait before the second attempt; each further wait is twice as long.
    delay: Duration,
}

impl Attempts {
    /// Returns how long to wait after the attempt of this number has failed; the first is 1.
    pub(crate) fn delay_after(&self, attempt: u32) -> Duration {
        let factor = 2_u32.saturating_pow(attempt.saturating_sub(1));
        let most = LONGEST_DELAY.max(self.delay);
        self.delay.saturating_mul(factor).min(most)
    }
}

/// Reads `timeout` and `retry`, which is a number or `{times: 3, delay: 10s}`.
pub(super) fn read_attempts(node: &Node<'_>, reader: &Reader<'_>) -> Result<Attempts, Problem> {
    let wanted = "a duration, as in `2h` or `90s`";
    let timeout = |node: Node<'_>| {
        let lasting = |value: &Value| quantity::duration(value).filter(|time| !time.is_zero());
        reader.parsed(&node, "timeout", wanted, lasting)
    };
    let mut attempts = Attempts {
        timeout: node.get("timeout").map(timeout).transpose()?,
        ..Attempts::default()
    };
    let Some(retry) = node.get("retry") else {
        return Ok(attempts);
    };
    let (times, field) = match retry.get("times") {
        Some(times) => (times, "retry.times"),
        None => (retry.clone(), "retry"),
    };
    attempts.retries = reader.parsed(&times, field, "a whole number", as_count)?;
    if let Some(delay) = retry.get("delay") {
        attempts.delay = reader.parsed(&delay, "retry.delay", wanted, quantity::duration)?;
    }
    Ok(attempts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::sections::tests::read;

    fn attempts(text: &str) -> Attempts {
        let text = format!("stages:\n  a: {{cmd: x, {text}}}\n");
        read(&text).expect("valid").stages[0].attempts
    }

    #[test]
    fn retry_is_a_number_or_a_map() {
        assert_eq!(attempts("retry: 2").retries, 2);
        let attempts = attempts("retry: {times: 40, delay: 10s}");
        let delays = [1, 2, 3, 40].map(|attempt| attempts.delay_after(attempt).as_secs());
        assert_eq!(delays, [10, 20, 40, 3600]);
        assert_eq!(Attempts::default().delay_after(9), Duration::ZERO);
    }

    #[test]
    fn a_delay_may_be_longer_than_the_longest_one_that_grows() {
        let attempts = attempts("retry: {times: 3, delay: 2h}");
        assert_eq!(attempts.delay_after(3), Duration::from_hours(2));
    }
}
