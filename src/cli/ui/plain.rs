//! Events as lines, each prefixed by its stage, for logs and pipes.

use std::borrow::Cow;
use std::path::Path;
use std::time::Duration;

use crate::base::fs;
use crate::base::human;
use crate::base::output::Lines;
use crate::base::quantity::write_duration;
use crate::base::shown::Shown;
use crate::cli::error::explain_failure;
use crate::cli::ui::status::block;
use crate::cli::ui::{Explain, diagnostics, eprint};
use crate::engine::{Event, Outcome, Reason, Reporter, Retry, Source};
use crate::pipeline::StageName;

/// The most columns that names of stages are aligned to.
pub(super) const WIDEST: usize = 40;

/// Up to how many unchanged stages are listed by name.
const FEW: usize = 12;

/// How many of the last lines of a failed stage's output are shown.
const TAIL: usize = 12;

/// Prints one line an event.
pub(crate) struct PlainReporter<'a> {
    width: usize,
    explain: Option<Explain<'a>>,
}

impl<'a> PlainReporter<'a> {
    pub(crate) fn new(explain: Option<Explain<'a>>) -> Self {
        Self { width: 0, explain }
    }
}

impl Reporter for PlainReporter<'_> {
    fn report(&mut self, event: &Event) {
        if let Event::Planned { stages } = event {
            self.width = width_of(stages);
        }
        if let Some(line) =
            explained(event, self.explain.as_ref()).or_else(|| line(event, self.width))
        {
            eprint(&line);
        }
    }
}

/// Returns the width of the column of names; a few long ones do not push all the rest aside.
pub(super) fn width_of(stages: &[StageName]) -> usize {
    let columns = stages.iter().map(|stage| Shown(stage.as_str()).columns());
    columns.max().unwrap_or(0).min(WIDEST)
}

/// Writes why a stage runs in more than a line, if that is wanted.
pub(super) fn explained(event: &Event, explain: Option<&Explain<'_>>) -> Option<String> {
    match (event, explain) {
        (Event::Started { stage, reasons }, Some(explain)) => {
            Some(block(stage, "runs:", reasons, explain))
        }
        _ => None,
    }
}

/// Writes an event as its line, if it has one.
pub(super) fn line(event: &Event, width: usize) -> Option<String> {
    Some(match event {
        Event::Planned { .. } => return None,
        Event::Settled { stages } => settled(stages, |stage| {
            finished(stage, &Outcome::Unchanged, Duration::ZERO, width)
        }),
        Event::Waiting { holder } => {
            format!("another mlpipe ({holder}) is at work here; waiting\n")
        }
        Event::Blocked { stage, holder } => {
            format!("{stage:width$}  waits for another mlpipe ({holder})\n")
        }
        Event::Recovered { stage } => {
            format!("{stage:width$}  an earlier run was killed; its outs are as before that run\n")
        }
        Event::Orphaned { stage } => {
            format!("{stage:width$}  the command of a killed run was still at work; ending it\n")
        }
        Event::Started { stage, reasons } => format!("{stage:width$}  runs: {}\n", why(reasons)),
        Event::Alone { stage, wish } => {
            format!("{stage:width$}  wants {wish}: nothing runs beside it\n")
        }
        Event::Retrying(retry) => retrying(retry, width),
        Event::Asking { stage, url, cause } => {
            format!("{stage:width$}  has run; asking again for its dep {url}: {cause}\n")
        }
        Event::Output { stage, lines } => output(stage, lines, width),
        Event::Kept { stage, path, to } => {
            format!("{stage:width$}  your {path} was in no cache; it is kept as {to}\n")
        }
        Event::Provided { path } => format!("{path:width$}  restored from the cache\n"),
        Event::Quarantined { stage, object } => {
            format!("{stage:width$}  the cache object {object} is corrupt and was set aside\n")
        }
        Event::Unsaved { error, cost } => {
            format!("warning: {error}: {}; {cost}\n", error.source)
        }
        Event::Finished {
            stage,
            outcome,
            time,
        } => finished(stage, outcome, *time, width),
    })
}

fn retrying(retry: &Retry, width: usize) -> String {
    let Retry {
        stage,
        attempt,
        of,
        cause,
        delay,
    } = retry;
    let when = if delay.is_zero() {
        String::new()
    } else {
        format!(" in {}", write_duration(*delay))
    };
    format!("{stage:width$}  failed: {cause}; attempt {attempt} of {of}{when}\n")
}

fn finished(stage: &StageName, outcome: &Outcome, time: Duration, width: usize) -> String {
    match outcome {
        Outcome::Failed { failure, log } => {
            diagnostics::render(&explain_failure(stage, failure, log.as_deref()))
        }
        outcome => format!("{stage:width$}  {}\n", ending(outcome, time)),
    }
}

/// Tells of unchanged stages one by one while people would read that.
pub(super) fn settled(stages: &[StageName], line: impl Fn(&StageName) -> String) -> String {
    if stages.len() <= FEW {
        return stages.iter().map(line).collect();
    }
    format!("{} unchanged\n", human::count(stages.len(), "stage"))
}

/// Writes what a command printed; progress bars only reach terminals.
fn output(stage: &StageName, lines: &Lines, width: usize) -> String {
    let start = format!("{stage:width$} │ ");
    let mut text = String::new();
    for line in lines.iter().filter(|line| !line.is_transient) {
        for part in [&start, &*printable(line.text), "\n"] {
            text.push_str(part);
        }
    }
    text
}

/// What a command prints must not steer the terminal.
pub(super) fn printable(text: &str) -> Cow<'_, str> {
    // Control characters and the first bytes of those beyond ASCII: most lines have none.
    let is_suspect = |byte: u8| matches!(byte, 0..=8 | 10..=31 | 0x7f | 0xc2);
    if !text.bytes().any(is_suspect) {
        return Cow::Borrowed(text);
    }
    let text = anstream::adapter::strip_str(text).to_string();
    let is_harmless = |character: &char| !character.is_control() || *character == '\t';
    Cow::Owned(text.chars().filter(is_harmless).collect())
}

/// Returns the last lines of a log.
pub(super) fn tail(log: &Path) -> String {
    let bytes = fs::read(log).ok().flatten().unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<_> = text.lines().map(printable).collect();
    lines[lines.len().saturating_sub(TAIL)..].join("\n")
}

/// Writes how a stage ended.
pub(super) fn ending(outcome: &Outcome, time: Duration) -> String {
    match outcome {
        Outcome::Unchanged => "unchanged".to_owned(),
        Outcome::Held { reasons } => format!("is frozen, and stays as it is ({})", why(reasons)),
        Outcome::Adopted => "recorded as it is".to_owned(),
        Outcome::Restored {
            source: Source::RunCache,
            ..
        } => "restored from an earlier run".to_owned(),
        Outcome::Restored {
            source: Source::Lock,
            reasons,
        } => {
            format!("restored from the cache ({})", why(reasons))
        }
        Outcome::Ran { .. } => format!("ran in {}", human::duration(time)),
        Outcome::Failed { failure, .. } => format!("failed: {failure}"),
        Outcome::Skipped { upstream } => format!("skipped: it needs {upstream}"),
        Outcome::Declined => "skipped, as you said".to_owned(),
        Outcome::Left { path } => format!("not recorded: {path} is not there"),
        Outcome::Stopped => "not started".to_owned(),
    }
}

/// Writes some reasons as one text.
pub(super) fn why(reasons: &[Reason]) -> String {
    human::first_of(&reasons.iter().map(ToString::to_string).collect::<Vec<_>>())
}
