//! `Clock`: says at a remote that a sweep is under way, and what time it is there. While one runs, a
//! push does not believe in what it has not seen afterwards.

use std::collections::BTreeMap;
use std::time::{Duration, Instant, SystemTime};

use crate::base::digest::Digest;
use crate::remote::backend::{Backend, Depth, Found, unique};
use crate::remote::depot::Depot;
use crate::remote::error::Error;
use crate::remote::kept_index::INDEX;
use crate::remote::pace;
use crate::remote::sweep::GONE;
use crate::store::Meter;

/// What the path of a clock begins with.
const CLOCK: &str = "gone/clock-";

/// A sweep deletes for so long, then it says again that it is there and looks who needs what. All other
/// times are by this one, so that a sweep that deletes is never taken for one that was killed: what is
/// wanted of others was looked at within two turns before, what is begun ends within two, and after four
/// without a sign of life it counts as killed.
const TURN: Duration = Duration::from_secs(15);

/// In seconds; a clock that was last wound so long before something else was written is of one too.
const FORGOTTEN: i64 = 7 * 24 * 60 * 60;

/// How often a push looks whether a sweep has ended.
const PAUSE: Duration = Duration::from_millis(250);

/// No clock is longer.
const LONGEST: u64 = 4096;

/// A sweep that is under way.
pub(super) struct Clock<'b> {
    backend: &'b Backend,
    path: String,
    wound: Option<Moment>,
}

/// A moment, by both clocks of the machine: one that slept may not have counted the time by one of them.
#[derive(Clone, Copy)]
struct Moment(Instant, SystemTime);

impl Moment {
    fn now() -> Self {
        Self(Instant::now(), SystemTime::now())
    }

    /// Returns whether it was less than so long ago.
    fn is_within(self, time: Duration) -> bool {
        let passed = self.1.elapsed();
        self.0.elapsed() < time && passed.is_ok_and(|passed| passed < time)
    }
}

/// Returns how long a turn of a sweep takes.
fn turn() -> Duration {
    pace::time(pace::TURN, TURN)
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

    /// Says that it goes on. Returns whether others know of it without a break since the last time: else
    /// what was looked at in between may be otherwise now.
    pub(super) fn wind(&mut self) -> Result<bool, Error> {
        let now = Moment::now();
        self.backend.write(&self.path, unique().into_bytes())?;
        let before = self.wound.replace(now);
        Ok(before.is_some_and(|before| before.is_within(turn() * 2)))
    }

    /// Returns whether others still know that it goes on, and will until what is begun now has ended.
    pub(super) fn is_fresh(&self) -> bool {
        self.wound.is_some_and(|wound| wound.is_within(turn()))
    }

    /// Returns how long what is begun while it is fresh may take.
    pub(super) fn limit() -> Duration {
        turn() * 2
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
            std::thread::sleep(PAUSE);
        }
    }

    /// Returns whether nobody winds a clock any more. `seen` is what was seen of the clocks before.
    fn is_stopped(&self, clock: &Found, seen: &mut Seen) -> Result<bool, Error> {
        let asked = Instant::now();
        let bytes = self.backend.read(&clock.path, LONGEST)?.unwrap_or_default();
        let state = Digest::of(&bytes);
        match seen.get(&clock.path) {
            Some((before, since)) if *before == state => {
                Ok(asked.saturating_duration_since(*since) > turn() * 4)
            }
            known => {
                let is_new = known.is_none();
                // The answer may have taken a while: only from now on nothing moves.
                seen.insert(clock.path.clone(), (state, Instant::now()));
                Ok(is_new && self.is_forgotten(clock)?)
            }
        }
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
