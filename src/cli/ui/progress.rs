//! `Spinner`: one live line for work on data that takes longer than a second.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::base::human;
use crate::store::{Meter, Progress};

/// Under this, silence.
const PATIENCE: Duration = Duration::from_secs(1);

/// How often the line is brought up to date.
const PAUSE: Duration = Duration::from_millis(100);

/// Drawn to standard error, if that is a terminal, until it is dropped.
pub(crate) struct Spinner {
    meter: Arc<Meter>,
    /// Dropped at the end, which is how the thread hears of it.
    end: Option<Sender<()>>,
    drawing: Option<JoinHandle<()>>,
}

impl Spinner {
    /// Prepares a line that begins with `what` is being done.
    pub(crate) fn new(what: &'static str, is_hidden: bool) -> Self {
        let meter = Arc::new(Meter::default());
        if is_hidden {
            let (end, drawing) = (None, None);
            return Self {
                meter,
                end,
                drawing,
            };
        }
        let (end, ended) = channel();
        let watched = Arc::clone(&meter);
        Self {
            meter,
            end: Some(end),
            drawing: Some(thread::spawn(move || draw(what, &watched, &ended))),
        }
    }

    /// Returns what counts the work.
    pub(crate) fn meter(&self) -> &Meter {
        &self.meter
    }
}

impl Drop for Spinner {
    fn drop(&mut self) {
        drop(self.end.take());
        if let Some(drawing) = self.drawing.take() {
            // A line that could not be drawn is no loss.
            let _panicked = drawing.join();
        }
    }
}

/// Draws until the other end is closed.
fn draw(what: &str, meter: &Meter, ended: &Receiver<()>) {
    if ended.recv_timeout(PATIENCE) != Err(RecvTimeoutError::Timeout) {
        return;
    }
    let template = "  {spinner} {wide_msg}  {elapsed:>5}";
    let style = ProgressStyle::with_template(template).expect("invariant: a valid template");
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr()).with_style(style);
    let bar = bar.with_elapsed(PATIENCE);
    loop {
        bar.set_message(format!("{what} {}", amount(meter.progress())));
        bar.tick();
        if ended.recv_timeout(PAUSE) != Err(RecvTimeoutError::Timeout) {
            bar.finish_and_clear();
            return;
        }
    }
}

/// Writes how far it is.
fn amount(progress: Progress) -> String {
    let Progress {
        files,
        bytes,
        all_files,
        all_bytes,
        ..
    } = progress;
    let number = |count: u64| human::thousands(usize::try_from(count).unwrap_or(usize::MAX));
    let (files, all_files) = (number(files), number(all_files));
    let (bytes, all_bytes) = (human::size(bytes), human::size(all_bytes));
    format!("{files} of {all_files} files, {bytes} of {all_bytes}")
}
