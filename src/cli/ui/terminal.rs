//! Events on a terminal: finished stages stay as short lines, running ones live below them.

use std::collections::BTreeMap;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use crate::base::human;
use crate::base::shown::Shown;
use crate::cli::ui::Explain;
use crate::cli::ui::plain::{
    WIDEST, ending, explained, line, printable, settled, tail, why, width_of,
};
use crate::cli::ui::style::{CHANGED, DIM, DONE, FAILED, paint};
use crate::engine::{Event, Outcome, Reporter};
use crate::pipeline::StageName;

/// Draws to standard error.
pub(crate) struct TerminalReporter<'a> {
    screen: MultiProgress,
    running: BTreeMap<StageName, ProgressBar>,
    width: usize,
    explain: Option<Explain<'a>>,
}

impl<'a> TerminalReporter<'a> {
    pub(crate) fn new(explain: Option<Explain<'a>>) -> Self {
        Self {
            screen: MultiProgress::new(),
            running: BTreeMap::new(),
            width: 0,
            explain,
        }
    }

    fn say(&self, text: &str) {
        let printed = self.screen.println(text.trim_end_matches('\n'));
        // A terminal that has gone away is no reason to stop training.
        drop(printed);
    }

    fn start(&mut self, stage: &StageName, reason: &str) {
        let template = "  {spinner} {prefix}  {wide_msg}  {elapsed:>5}";
        let style = ProgressStyle::with_template(template).expect("invariant: a valid template");
        let bar = self
            .screen
            .add(ProgressBar::new_spinner().with_style(style));
        // A line that is wider than the screen could not be drawn over.
        let name = Shown(stage.as_str()).cut(WIDEST);
        bar.set_prefix(format!("{:1$}", Shown(&name), self.width));
        bar.set_message(reason.to_owned());
        bar.enable_steady_tick(Duration::from_millis(100));
        self.running.insert(stage.clone(), bar);
    }

    fn finish(&mut self, stage: &StageName, outcome: &Outcome, time: Duration) {
        if let Some(bar) = self.running.remove(stage) {
            bar.finish_and_clear();
        }
        let (style, mark) = match outcome {
            Outcome::Unchanged
            | Outcome::Held { .. }
            | Outcome::Skipped { .. }
            | Outcome::Declined
            | Outcome::Left { .. }
            | Outcome::Stopped => (DIM, "✔"),
            Outcome::Failed { .. } => (FAILED, "✘"),
            _ => (DONE, "✔"),
        };
        let mark = if outcome.is_success() || matches!(outcome, Outcome::Failed { .. }) {
            mark
        } else {
            "–"
        };
        let name = format!("{stage:0$}", self.width);
        let text = match outcome {
            Outcome::Ran { reasons } => {
                format!(
                    "{}  {}",
                    paint(CHANGED, &why(reasons)),
                    human::duration(time)
                )
            }
            Outcome::Failed { .. } => "failed".to_owned(),
            other => paint(DIM, &ending(other, time)),
        };
        self.say(&format!("  {} {name}  {text}", paint(style, mark)));
    }
}

impl Reporter for TerminalReporter<'_> {
    fn report(&mut self, event: &Event) {
        match event {
            Event::Planned { stages } => {
                self.width = width_of(stages);
            }
            Event::Settled { stages } => {
                let line = |stage: &StageName| {
                    let text = paint(DIM, &ending(&Outcome::Unchanged, Duration::ZERO));
                    format!("  {} {stage:1$}  {text}\n", paint(DIM, "✔"), self.width)
                };
                self.say(&settled(stages, line));
            }
            Event::Started { stage, reasons } => {
                if let Some(text) = explained(event, self.explain.as_ref()) {
                    self.say(&text);
                }
                self.start(stage, &why(reasons));
            }
            Event::Output { stage, lines } => {
                let last = lines.iter().rfind(|line| !line.text.trim().is_empty());
                if let (Some(bar), Some(line)) = (self.running.get(stage), last) {
                    bar.set_message(printable(line.text.trim()).into_owned());
                }
            }
            Event::Finished {
                stage,
                outcome,
                time,
            } => {
                self.finish(stage, outcome, *time);
                if let Outcome::Failed { log, .. } = outcome {
                    if let Some(log) = log {
                        self.say(&tail(log));
                    }
                    if let Some(text) = line(event, self.width) {
                        self.say(&text);
                    }
                }
            }
            other => {
                if let Some(text) = line(other, self.width) {
                    self.say(&text);
                }
            }
        }
    }
}
