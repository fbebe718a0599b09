//! What people and programs see: terminal, plain lines, JSON, tables, diagnostics.

pub(crate) mod artifacts;
pub(crate) mod backing;
pub(crate) mod changes;
pub(crate) mod changes_json;
pub(crate) mod checkup;
pub(crate) mod cloud;
pub(crate) mod data;
pub(crate) mod diagnostics;
pub(crate) mod fsck;
pub(crate) mod gates;
pub(crate) mod gc;
#[cfg(feature = "ml")]
mod inspection;
pub(crate) mod json;
pub(crate) mod migration;
mod plain;
pub(crate) mod progress;
pub(crate) mod prompt;
pub(crate) mod status;
pub(crate) mod style;
pub(crate) mod summary;
pub(crate) mod table;
mod terminal;
#[cfg(feature = "ml")]
pub(crate) mod training;
pub(crate) mod transfer;
pub(crate) mod watch;

use std::io::{self, IsTerminal, Write};

use crate::base::cancel::Urgency;
use crate::base::value::Value;
use crate::engine::{Event, Outcome, Reason, Reporter};

/// Prints data to standard output; colours only reach terminals.
pub(crate) fn print(text: &str) -> io::Result<()> {
    let mut out = anstream::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

/// Prints a message to standard error.
pub(crate) fn eprint(text: &str) {
    // Where standard error is closed there is nobody to tell.
    let _closed = anstream::stderr().lock().write_all(text.as_bytes());
}

/// Returns a value for JSON, which has no word for what is no number: that is text, as Python names it.
pub(crate) fn value_json(value: &Value) -> serde_json::Value {
    match value {
        Value::Float(number) if number.is_nan() => "NaN".into(),
        Value::Float(number) if *number == f64::INFINITY => "Infinity".into(),
        Value::Float(number) if *number == f64::NEG_INFINITY => "-Infinity".into(),
        value => serde_json::json!(value),
    }
}

/// Returns how many columns the terminal at standard output has, if there is one.
pub(crate) fn width_of_terminal() -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(io::stdout()).ok()?;
    (size.ws_col > 0).then_some(usize::from(size.ws_col))
}

/// Writes an event as a line, where no run is shown.
pub(crate) fn event_line(event: &Event) -> String {
    plain::line(event, 0).unwrap_or_default()
}

/// Tells what a signal has begun.
pub(crate) fn announce_stop(urgency: Urgency) {
    eprint(match urgency {
        Urgency::None => "",
        Urgency::Drain => {
            "\nstopping: nothing new starts, running stages may end; Ctrl-C again terminates them\n"
        }
        Urgency::Terminate => "\nterminating running stages; Ctrl-C again kills them\n",
        Urgency::Kill => "\nkilling running stages\n",
    });
}

/// Says of a reason what was and is.
pub(crate) type Explain<'a> = Box<dyn Fn(&Reason) -> String + 'a>;

/// How the events of a run are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    Json,
    OnlyFailures,
    Lines,
    Screen,
}

impl Manner {
    /// Chooses what suits standard error.
    pub(crate) fn of(json: bool, quiet: bool) -> Self {
        match Self::lines(json, quiet) {
            Self::Lines if io::stderr().is_terminal() => Self::Screen,
            manner => manner,
        }
    }

    /// Chooses lines, for questions stand between them.
    pub(crate) fn lines(json: bool, quiet: bool) -> Self {
        match (json, quiet) {
            (true, _) => Self::Json,
            (_, true) => Self::OnlyFailures,
            _ => Self::Lines,
        }
    }
}

/// Chooses who shows the events of a run; `explain` is for more words on why a stage runs.
pub(crate) fn repro_reporter(
    manner: Manner,
    explain: Option<Explain<'_>>,
) -> Box<dyn Reporter + '_> {
    match manner {
        Manner::Json => Box::new(json::JsonReporter),
        Manner::OnlyFailures => Box::new(Quiet(plain::PlainReporter::new(None))),
        Manner::Lines => Box::new(plain::PlainReporter::new(explain)),
        Manner::Screen => Box::new(terminal::TerminalReporter::new(explain)),
    }
}

/// Lets only failures through.
struct Quiet<'a>(plain::PlainReporter<'a>);

impl Reporter for Quiet<'_> {
    fn report(&mut self, event: &Event) {
        if let Event::Finished {
            outcome: Outcome::Failed { log, .. },
            ..
        } = event
        {
            let tail = log.as_deref().map(plain::tail).unwrap_or_default();
            if !tail.is_empty() {
                eprint(&format!("{tail}\n"));
            }
            self.0.report(event);
        }
    }
}
