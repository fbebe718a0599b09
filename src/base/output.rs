//! `Line`: what a script prints, line by line or as a digest.

use std::io::{self, BufRead, BufReader, Read};
use std::sync::mpsc::SyncSender;
use std::thread::{self, JoinHandle};

use crate::base::digest::{Digest, Hasher};

/// The length at which a line is cut in two, in bytes.
const LONGEST_LINE: usize = 64 * 1024;

/// A line of a script's output.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Line {
    /// The line without its end.
    pub(crate) text: String,
    /// Whether a carriage return ended it: the next line is meant to be written over it, as
    /// progress bars do.
    pub(crate) is_transient: bool,
}

/// Sends each line to whom it may concern.
pub(super) fn forward_lines(output: impl Read, sender: &SyncSender<Line>) {
    let mut reader = BufReader::new(output);
    while let Ok(Some(line)) = read_line(&mut reader) {
        if sender.send(line).is_err() {
            break;
        }
    }
}

pub(super) fn hash_all(output: Option<impl Read>) -> io::Result<Digest> {
    match output {
        Some(mut output) => Digest::of_reader(&mut output).map(|(digest, _)| digest),
        None => Ok(Hasher::default().digest()),
    }
}

pub(super) fn last_line(errors: Option<impl Read>) -> String {
    let mut last = String::new();
    let Some(errors) = errors else { return last };
    let mut reader = BufReader::new(errors);
    while let Ok(Some(line)) = read_line(&mut reader) {
        if !line.text.trim().is_empty() {
            last = line.text;
        }
    }
    last
}

pub(super) fn spawn<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> io::Result<JoinHandle<T>> {
    thread::Builder::new().name("output".to_owned()).spawn(work)
}

/// Reads up to the next `\n`, `\r\n` or `\r`; `None` at the end of the output.
fn read_line(reader: &mut impl BufRead) -> io::Result<Option<Line>> {
    let mut bytes = Vec::new();
    loop {
        let buffer = reader.fill_buf()?;
        if buffer.is_empty() {
            return Ok((!bytes.is_empty()).then(|| line(&bytes, false)));
        }
        let end = buffer.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
        bytes.extend_from_slice(&buffer[..end.unwrap_or(buffer.len())]);
        let Some(end) = end else {
            let used = buffer.len();
            reader.consume(used);
            if bytes.len() >= LONGEST_LINE {
                return Ok(Some(line(&bytes, false)));
            }
            continue;
        };
        let is_return = buffer[end] == b'\r';
        let is_pair = is_return && buffer.get(end + 1) == Some(&b'\n');
        reader.consume(end + 1 + usize::from(is_pair));
        let is_transient = is_return && !is_pair;
        // A bar begins with a carriage return, which ends nothing.
        if !(is_transient && bytes.is_empty()) {
            return Ok(Some(line(&bytes, is_transient)));
        }
    }
}

fn line(bytes: &[u8], is_transient: bool) -> Line {
    let text = String::from_utf8_lossy(bytes).into_owned();
    Line { text, is_transient }
}
