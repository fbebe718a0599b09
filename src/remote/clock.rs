//! `Clock`: says at a remote that a sweep is under way, and what time it is there. While one runs, a
//! push does not believe in what it has not seen afterwards.

use std::collections::BTreeMap;
use std::time::{Duration, Instant, SystemTime};

use crate::base::digest::Digest;
use crate::remote::backend::{Backend, Depth, Found, unique};
use crate::remote::depot::Depot;
use crate::remote::error::Error;
use crate::remote::kept_index::INDEX;
use crate::remote::sweep::GONE;
use crate::store::Meter;

/// What the path of a clock begins with.
const CLOCK: &str = "gone/clock-";

/// A sweep deletes for so long, then it says again that it is there and looks who needs what.
const FRESH: Duration = Duration::from_secs(15);

/// A clock that did not move for so long is of a sweep that was killed.
const STOPPED: Duration = Duration::from_mins(1);

/// In seconds; a clock that was last wound so long before something else was written is of one too.
const FORGOTTEN: i64 = 7 * 24 * 60 * 60;

/// How often a push looks whether a sweep has ended.
const TURN: Duration = Duration::from_millis(250);

/// No clock is longer.
const LONGEST: u64 = 4096;

/// A sweep that is under way.
pub(super) struct Clock<'b> {
    backend: &'b Backend,
    path: String,
    wound: Option<(Instant, SystemTime)>,
}

impl<'b> Clock<'b> {
    /// Says that a sweep begins.
    pub(super) fn start(backend: &'b Backend) -> Result<Self, Error> {
        let path = format!("{CLOCK}{}", unique());
        let mut clock = Self {
            backend,
            path,
            wound: None,
        };
        clock.wind()?;
        Ok(clock)
    }

    /// Says that it goes on. What was looked at before may be otherwise now.
    pub(super) fn wind(&mut self) -> Result<(), Error> {
        let now = (Instant::now(), SystemTime::now());
        self.backend.write(&self.path, unique().into_bytes())?;
        self.wound = Some(now);
        Ok(())
    }

    /// Returns whether others still know that it goes on. A machine that slept may not have counted
    /// the time by one of its two clocks.
    pub(super) fn is_fresh(&self) -> bool {
        self.wound.is_some_and(|(instant, time)| {
            let passed = time.elapsed();
            instant.elapsed() < FRESH && passed.is_ok_and(|passed| passed < FRESH)
        })
    }

    /// Returns what time it is there, in seconds since 1970.
    pub(super) fn time(&self) -> Result<i64, Error> {
        let missing = || self.backend.missing(&self.path);
        let found = self.backend.stat(&self.path)?.ok_or_else(missing)?;
        written(self.backend, &found)?.ok_or_else(missing)
    }

    /// Says that the sweep has ended.
    pub(super) fn stop(self) -> Result<(), Error> {
        self.backend.remove(&self.path)
    }
}

/// Returns whether a path is that of a clock.
pub(super) fn is_clock(path: &str) -> bool {
    path.starts_with(CLOCK)
}

/// Returns when a file was written, by the clock of the other side; `None` if it has gone.
pub(super) fn written(backend: &Backend, found: &Found) -> Result<Option<i64>, Error> {
    if found.modified.is_some() {
        return Ok(found.modified);
    }
    let Some(found) = backend.stat(&found.path)? else {
        return Ok(None);
    };
    found.modified.map(Some).ok_or_else(|| Error::Refused {
        message: format!("`{}` does not say when a file was written", backend.url()),
        help: "nothing was deleted; delete there by hand what you know that nobody needs"
            .to_owned(),
    })
}

impl Depot {
    /// Waits until no sweep is under way; returns whether one was. One that was killed is not waited
    /// for any longer than it takes to see that.
    pub(super) fn await_sweeps(&self, meter: &Meter) -> Result<bool, Error> {
        let outcome = self.watch_clocks(meter);
        meter.set_waiting(false);
        outcome
    }

    fn watch_clocks(&self, meter: &Meter) -> Result<bool, Error> {
        let mut seen = BTreeMap::new();
        loop {
            let found = self.backend.list(GONE, Depth::Flat)?;
            let mut clocks = found.into_iter().filter(|found| is_clock(&found.path));
            let running = clocks.try_fold(false, |is_running, clock| {
                let is_stopped = self.is_stopped(&clock, &mut seen)?;
                if is_stopped {
                    match self.backend.remove(&clock.path) {
                        // Who may not delete can push all the same.
                        Ok(()) | Err(Error::Denied { .. }) => {}
                        Err(error) => return Err(error),
                    }
                }
                Ok::<_, Error>(is_running || !is_stopped)
            })?;
            if !running {
                return Ok(!seen.is_empty());
            }
            if self.cancel().is_cancelled() {
                return Err(Error::Cancelled);
            }
            meter.set_waiting(true);
            std::thread::sleep(TURN);
        }
    }

    /// Returns whether nobody winds a clock any more. `seen` is what was seen of the clocks before.
    fn is_stopped(&self, clock: &Found, seen: &mut Seen) -> Result<bool, Error> {
        let now = Instant::now();
        let bytes = self.backend.read(&clock.path, LONGEST)?.unwrap_or_default();
        let state = Digest::of(&bytes);
        let Some((before, since)) = seen.insert(clock.path.clone(), (state, now)) else {
            return self.is_forgotten(clock);
        };
        if before != state {
            return Ok(false);
        }
        seen.insert(clock.path.clone(), (state, since));
        Ok(now.duration_since(since) > STOPPED)
    }

    /// Returns whether others have written something long after a clock was wound.
    fn is_forgotten(&self, clock: &Found) -> Result<bool, Error> {
        let found = self.backend.list(INDEX, Depth::Flat)?;
        let latest = found.iter().filter_map(|found| found.modified).max();
        let times = latest.zip(clock.modified);
        Ok(times.is_some_and(|(latest, wound)| latest - wound > FORGOTTEN))
    }
}

/// In which state each clock was when it was looked at, and since when.
type Seen = BTreeMap<String, (Digest, Instant)>;
