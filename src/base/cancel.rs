//! `CancelToken`: how urgently the user wants everything to stop.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

/// How soon a pause notices a stop.
const TICK: Duration = Duration::from_millis(20);

/// How urgent a stop is; each signal raises it by one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Urgency {
    /// Nobody asked for a stop.
    None,
    /// Start nothing new; let what runs come to its end.
    Drain,
    /// Ask what runs to terminate.
    Terminate,
    /// Kill what runs.
    Kill,
}

/// Shared by everything that can be stopped; cheap to clone and to ask.
#[derive(Clone, Default)]
pub(crate) struct CancelToken(Arc<AtomicU8>);

impl CancelToken {
    /// Returns how urgent the stop is.
    pub(crate) fn urgency(&self) -> Urgency {
        match self.0.load(Ordering::Relaxed) {
            0 => Urgency::None,
            1 => Urgency::Drain,
            2 => Urgency::Terminate,
            _ => Urgency::Kill,
        }
    }

    /// Returns whether anyone asked for a stop.
    pub(crate) fn is_cancelled(&self) -> bool {
        self.urgency() > Urgency::None
    }

    /// Waits for so long, or until anyone asks for a stop; returns whether nobody did.
    pub(crate) fn pause(&self, time: Duration) -> bool {
        let begin = Instant::now();
        while !self.is_cancelled() {
            let rest = time.saturating_sub(begin.elapsed());
            if rest.is_zero() {
                return true;
            }
            thread::sleep(rest.min(TICK));
        }
        false
    }

    /// Makes the stop one degree more urgent; returns the new urgency.
    pub(crate) fn escalate(&self) -> Urgency {
        let raise = |level: u8| Some(level.saturating_add(1).min(3));
        let _before = self
            .0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, raise);
        self.urgency()
    }

    /// Escalates at every Ctrl-C; SIGTERM and a lost terminal go to `Terminate`
    /// at once. `notify` hears of each.
    pub(crate) fn listen(&self, notify: impl Fn(Urgency) + Send + 'static) -> io::Result<()> {
        let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP])?;
        let token = self.clone();
        thread::Builder::new()
            .name("signals".to_owned())
            .spawn(move || {
                for signal in &mut signals {
                    if signal != SIGINT && token.urgency() == Urgency::None {
                        token.escalate();
                    }
                    notify(token.escalate());
                }
            })?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stop_ends_a_pause() {
        let token = CancelToken::default();
        assert!(token.pause(Duration::from_millis(1)));
        token.escalate();
        assert!(!token.pause(Duration::from_hours(1)));
    }

    #[test]
    fn each_signal_is_more_urgent_until_kill() {
        let token = CancelToken::default();
        assert!(!token.is_cancelled());
        let steps: Vec<Urgency> = (0..4).map(|_| token.escalate()).collect();
        assert_eq!(
            steps,
            [
                Urgency::Drain,
                Urgency::Terminate,
                Urgency::Kill,
                Urgency::Kill
            ]
        );
    }
}
