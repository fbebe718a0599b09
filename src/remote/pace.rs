//! Times that tests make shorter, by a variable, so that none of them waits.

use std::time::Duration;

/// The variable for the first pause before something is tried again.
pub(super) const RETRY: &str = "MLPIPE_TEST_RETRY_PAUSE";

/// The variable for the turn of a sweep. Whoever makes that shorter where others push loses data.
pub(super) const TURN: &str = "MLPIPE_TEST_SWEEP_TURN";

/// Returns what a variable says, in milliseconds, else what is usual.
pub(super) fn time(variable: &str, usual: Duration) -> Duration {
    let given = std::env::var(variable).ok();
    let given = given.and_then(|text| text.parse().ok());
    given.map_or(usual, Duration::from_millis)
}

/// Returns how long it is waited before something is tried again for the first time. Each later pause
/// is twice as long.
pub(super) fn retry_pause() -> Duration {
    time(RETRY, Duration::from_millis(200))
}
