//! `Spinner`: one live line for work on data that takes longer than a second.

use std::sync::mpsc::{Sender, channel};
use std::thread;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::base::human;

/// Under this, silence.
const PATIENCE: Duration = Duration::from_secs(1);

/// Drawn to standard error, if that is a terminal, until it is dropped.
pub(crate) struct Spinner {
    bar: ProgressBar,
    what: &'static str,
    total: usize,
    done: usize,
    files: u64,
    bytes: u64,
    /// Dropped at the end, which wakes whoever waits to show the line.
    _end: Sender<()>,
}

impl Spinner {
    /// Prepares a line on what is done to `total` paths.
    pub(crate) fn new(what: &'static str, total: usize, is_hidden: bool) -> Self {
        let template = "  {spinner} {wide_msg}  {elapsed:>5}";
        let style = ProgressStyle::with_template(template).expect("invariant: a valid template");
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
        bar.set_style(style);
        let (end, ended) = channel::<()>();
        if !is_hidden {
            let bar = bar.clone();
            thread::spawn(move || {
                let is_over = ended.recv_timeout(PATIENCE);
                if is_over == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
                    bar.set_draw_target(ProgressDrawTarget::stderr());
                    bar.enable_steady_tick(Duration::from_millis(100));
                }
            });
        }
        Self {
            bar,
            what,
            total,
            done: 0,
            files: 0,
            bytes: 0,
            _end: end,
        }
    }

    /// Names the path that is worked on now.
    pub(crate) fn begin(&mut self, path: &str) {
        let Self {
            what,
            total,
            done,
            files,
            bytes,
            ..
        } = self;
        let mut text = format!("{what} {path}");
        if *total > 1 {
            text += &format!(" ({} of {total})", *done + 1);
        }
        if *files > 0 {
            let count = usize::try_from(*files).unwrap_or(usize::MAX);
            text += &format!(
                ", {} and {} done",
                human::count(count, "file"),
                human::size(*bytes)
            );
        }
        self.bar.set_message(text);
    }

    /// Counts a path that is done.
    pub(crate) fn end(&mut self, files: u64, bytes: u64) {
        self.done += 1;
        self.files += files;
        self.bytes += bytes;
    }
}

impl Drop for Spinner {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
