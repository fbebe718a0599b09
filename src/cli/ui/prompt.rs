//! `Prompt`: asks a person on the terminal, in a line for each question.

use std::io::{self, IsTerminal};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use crate::base::cancel::CancelToken;
use crate::cli::ui::eprint;
use crate::cli::ui::plain::why;
use crate::engine::{Answer, Question};

/// How often a wish to stop is noticed while nobody answers.
const TICK: Duration = Duration::from_millis(50);

/// Returns whether there is somebody to ask.
pub(crate) fn is_possible() -> bool {
    io::stdin().is_terminal()
}

/// Asks a question of yes or no, and takes silence for no.
pub(crate) fn confirm(question: &str) -> bool {
    eprint(question);
    let mut line = String::new();
    let read = io::stdin().read_line(&mut line);
    read.is_ok() && matches!(line.trim().to_lowercase().as_str(), "y" | "yes")
}

/// Asks whether something is to be done to stages.
pub(crate) struct Prompt<'a> {
    verb: &'static str,
    cancel: &'a CancelToken,
    /// What was typed, line by line; begins with the first question.
    lines: Option<Receiver<String>>,
}

impl<'a> Prompt<'a> {
    /// Makes the prompt for doing what `verb` says.
    pub(crate) fn new(verb: &'static str, cancel: &'a CancelToken) -> Self {
        Self {
            verb,
            cancel,
            lines: None,
        }
    }

    /// Asks until the answer makes sense. Ctrl-C, or the end of the input, means to stop.
    pub(crate) fn ask(&mut self, question: &Question) -> Answer {
        let Question { stage, reasons } = question;
        let text = format!("{} {stage}? {} [y/N/a/q] ", self.verb, why(reasons));
        loop {
            eprint(&text);
            let Some(line) = self.read_line() else {
                return Answer::Quit;
            };
            match line.trim().to_lowercase().as_str() {
                "y" | "yes" => return Answer::Yes,
                "" | "n" | "no" => return Answer::No,
                "a" | "all" => return Answer::All,
                "q" | "quit" => return Answer::Quit,
                _ => eprint("y: yes, n: no, a: yes to all from here on, q: stop here\n"),
            }
        }
    }

    fn read_line(&mut self) -> Option<String> {
        let lines = self.lines.get_or_insert_with(listen);
        loop {
            match lines.recv_timeout(TICK) {
                Ok(line) => return Some(line),
                Err(RecvTimeoutError::Timeout) if !self.cancel.is_cancelled() => {}
                Err(_) => return None,
            }
        }
    }
}

/// Reads lines on a thread of its own, for reading cannot be interrupted.
fn listen() -> Receiver<String> {
    let (sender, lines) = mpsc::channel();
    thread::spawn(move || {
        for line in io::stdin().lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    lines
}
