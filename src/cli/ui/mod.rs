//! What people and programs see: terminal, plain lines, JSON, tables, diagnostics.

pub(crate) mod diagnostics;
pub(crate) mod json;
mod plain;
pub(crate) mod status;
pub(crate) mod style;
pub(crate) mod summary;
pub(crate) mod table;
mod terminal;
#[cfg(feature = "ml")]
pub(crate) mod training;

use std::io::{self, IsTerminal, Write};

use crate::base::cancel::Urgency;
use crate::engine::{Event, Outcome, Reporter};

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

/// Chooses who shows the events of a run.
pub(crate) fn repro_reporter(json: bool, quiet: bool) -> Box<dyn Reporter> {
    if json {
        Box::new(json::JsonReporter)
    } else if quiet {
        Box::new(Quiet(plain::PlainReporter::default()))
    } else if io::stderr().is_terminal() {
        Box::new(terminal::TerminalReporter::new())
    } else {
        Box::new(plain::PlainReporter::default())
    }
}

/// Lets only failures through.
struct Quiet(plain::PlainReporter);

impl Reporter for Quiet {
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
