//! One live line on long work in the cache, fed by a meter.

use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use crate::base::human;
use crate::store::{Meter, Progress};

/// Under this, silence.
const PATIENCE: Duration = Duration::from_secs(1);

/// How often the line is brought up to date.
const TICK: Duration = Duration::from_millis(100);

/// Does `work`, and meanwhile says on the terminal, if there is one, how far it is.
pub(crate) fn watched<T>(what: &str, is_hidden: bool, work: impl FnOnce(&Meter) -> T) -> T {
    let meter = Meter::default();
    if is_hidden {
        return work(&meter);
    }
    let (end, ended) = channel::<()>();
    thread::scope(|scope| {
        let meter = &meter;
        scope.spawn(move || {
            if ended.recv_timeout(PATIENCE) != Err(RecvTimeoutError::Timeout) {
                return;
            }
            let template = "  {spinner} {wide_msg}  {elapsed:>5}";
            let style =
                ProgressStyle::with_template(template).expect("invariant: a valid template");
            let bar = ProgressBar::new_spinner().with_style(style);
            let bar = bar.with_elapsed(PATIENCE);
            let begin = Instant::now();
            while ended.recv_timeout(TICK) == Err(RecvTimeoutError::Timeout) {
                bar.set_message(line(what, &meter.progress(), begin.elapsed()));
                bar.tick();
            }
            bar.finish_and_clear();
        });
        // Dropped when the work is done, or has panicked, which ends the thread.
        let _end = end;
        work(meter)
    })
}

fn line(what: &str, progress: &Progress, time: Duration) -> String {
    let Progress {
        bytes,
        all_bytes,
        is_waiting,
        ..
    } = *progress;
    if is_waiting {
        return format!("{what}  waits until another mlpipe has swept there");
    }
    if bytes == 0 || all_bytes == 0 {
        return what.to_owned();
    }
    let mut text = format!(
        "{what}  {} of {}",
        human::size(bytes),
        human::size(all_bytes)
    );
    let rest = u128::from(all_bytes.saturating_sub(bytes));
    if let Ok(rate) = u64::try_from(u128::from(bytes) * 1000 / time.as_millis().max(1)) {
        text += &format!(", {}/s", human::size(rate));
    }
    let seconds = time.as_millis() * rest / u128::from(bytes) / 1000;
    if let (1.., Ok(seconds)) = (seconds, u64::try_from(seconds)) {
        text += &format!(", {} left", human::duration(Duration::from_secs(seconds)));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_how_far_it_is_and_how_long_it_takes() {
        let progress = |bytes| Progress {
            bytes,
            all_bytes: 4 << 20,
            ..Progress::default()
        };
        let line = |bytes| line("checking", &progress(bytes), Duration::from_secs(10));
        assert_eq!(line(0), "checking");
        assert_eq!(
            line(1 << 20),
            "checking  1.0 MiB of 4.0 MiB, 102 KiB/s, 30 s left"
        );
        assert_eq!(line(4 << 20), "checking  4.0 MiB of 4.0 MiB, 410 KiB/s");
    }
}
