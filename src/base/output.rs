//! `Lines`: what a script prints, some lines at a time, or as a digest.

use std::borrow::Cow;
use std::io::{self, ErrorKind, Read};
use std::mem;
use std::sync::mpsc::SyncSender;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::base::digest::{Digest, Hasher};

/// The length at which a line is cut in two, in bytes.
const LONGEST_LINE: usize = 64 * 1024;

/// How much is read at a time, in bytes: what a pipe holds.
const PIECE: usize = 64 * 1024;

/// After this many small pieces right behind each other the next one is given time to grow.
const FLOOD: usize = 32;

/// How long that is: too short for anybody to see.
const NAP: Duration = Duration::from_millis(2);

/// What ends a line.
const ENDS: [char; 2] = ['\n', '\r'];

/// Some lines of a script's output, as many as there were at once: what each of them costs on its way
/// to the log and the screen is next to nothing when there are thousands.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Lines {
    /// Each line with its end.
    text: String,
}

/// A line of a script's output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Line<'a> {
    /// The line without its end.
    pub(crate) text: &'a str,
    /// Whether a carriage return ended it: the next line is meant to be written over it, as
    /// progress bars do.
    pub(crate) is_transient: bool,
}

impl Lines {
    /// Makes lines of bytes that end with a line's end; `None` where that leaves nothing.
    fn of(bytes: &[u8]) -> Option<Self> {
        let text = String::from_utf8_lossy(bytes);
        if !text.contains('\r') {
            let text = text.into_owned();
            return Some(Self { text }).filter(|lines| !lines.text.is_empty());
        }
        let text = text.replace("\r\n", "\n");
        // A bar begins with a carriage return, which ends nothing.
        let lines = text.split_inclusive(ENDS).filter(|line| *line != "\r");
        let text: String = lines.collect();
        (!text.is_empty()).then_some(Self { text })
    }

    /// Returns each line.
    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = Line<'_>> {
        self.text.split_inclusive(ENDS).map(|line| Line {
            text: line.trim_end_matches(ENDS),
            is_transient: line.ends_with('\r'),
        })
    }

    /// Returns the text of the lines that are not written over, with their ends.
    pub(crate) fn lasting(&self) -> Cow<'_, str> {
        if !self.text.contains('\r') {
            return Cow::Borrowed(&self.text);
        }
        let lines = self.text.split_inclusive(ENDS);
        Cow::Owned(lines.filter(|line| line.ends_with('\n')).collect())
    }
}

/// Cuts output into lines.
struct LineReader<R> {
    output: R,
    buffer: Vec<u8>,
    /// What has come of a line that has not ended.
    open: Vec<u8>,
    /// Whether that was all of a line and its carriage return, which may be half of an end.
    is_returned: bool,
}

impl<R: Read> LineReader<R> {
    fn new(output: R) -> Self {
        Self {
            output,
            buffer: vec![0; PIECE],
            open: Vec::new(),
            is_returned: false,
        }
    }

    /// Waits for the next lines, and returns all that are there; `None` at the end of the output.
    fn next_lines(&mut self) -> Option<Lines> {
        loop {
            let length = match self.output.read(&mut self.buffer) {
                Ok(length) => length,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(_) => 0,
            };
            if length == 0 {
                return self.rest();
            }
            if let Some(lines) = self.cut(length) {
                return Some(lines);
            }
        }
    }

    /// Takes what has just been read, up to the end of a line.
    fn cut(&mut self, length: usize) -> Option<Lines> {
        let piece = &self.buffer[..length];
        if mem::take(&mut self.is_returned) && piece[0] != b'\n' {
            self.open.clear();
        }
        let end = piece.iter().rposition(|byte| matches!(byte, b'\n' | b'\r'));
        let (whole, rest) = piece.split_at(end.map_or(0, |end| end + 1));
        if whole.is_empty() {
            self.open.extend_from_slice(rest);
            if self.open.len() < LONGEST_LINE {
                return None;
            }
            self.open.push(b'\n');
            return Lines::of(&mem::take(&mut self.open));
        }
        self.open.extend_from_slice(whole);
        let lines = Lines::of(&self.open);
        // The other half may come with the next piece: then the line is one that stays.
        self.is_returned = rest.is_empty() && whole.ends_with(b"\r");
        if self.is_returned {
            self.open.pop();
            let start = self
                .open
                .iter()
                .rposition(|byte| matches!(byte, b'\n' | b'\r'));
            self.open.drain(..start.map_or(0, |start| start + 1));
        } else {
            self.open.clear();
            self.open.extend_from_slice(rest);
        }
        lines
    }

    /// Returns the last line, which nothing has ended.
    fn rest(&mut self) -> Option<Lines> {
        let mut open = mem::take(&mut self.open);
        if open.is_empty() || self.is_returned {
            return None;
        }
        open.push(b'\n');
        Lines::of(&open)
    }
}

/// Sends the lines to whom they may concern.
pub(super) fn forward_lines(output: impl Read, sender: &SyncSender<Lines>) {
    let mut reader = LineReader::new(output);
    let mut quick = 0;
    let mut begin = Instant::now();
    while let Some(lines) = reader.next_lines() {
        // A script that writes line by line without a pause would wake everybody for each.
        let is_quick = lines.text.len() < PIECE / 4 && begin.elapsed() < NAP;
        quick = if is_quick { quick + 1 } else { 0 };
        if sender.send(lines).is_err() {
            break;
        }
        if quick > FLOOD {
            thread::sleep(NAP);
        }
        begin = Instant::now();
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
    let mut reader = LineReader::new(errors);
    while let Some(lines) = reader.next_lines() {
        let said = lines.iter().rfind(|line| !line.text.trim().is_empty());
        if let Some(line) = said {
            line.text.clone_into(&mut last);
        }
    }
    last
}

pub(super) fn spawn<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> io::Result<JoinHandle<T>> {
    thread::Builder::new().name("output".to_owned()).spawn(work)
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use proptest::prelude::*;

    use super::*;

    /// Output that comes piece by piece.
    struct Pieces(VecDeque<Vec<u8>>);

    impl Read for Pieces {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let piece = self.0.pop_front().unwrap_or_default();
            buffer[..piece.len()].copy_from_slice(&piece);
            Ok(piece.len())
        }
    }

    /// Returns the text of all lines that stay.
    fn lasting(pieces: &[&[u8]]) -> String {
        let pieces = pieces.iter().filter(|piece| !piece.is_empty());
        let mut reader = LineReader::new(Pieces(pieces.map(|piece| piece.to_vec()).collect()));
        std::iter::from_fn(|| reader.next_lines())
            .map(|lines| lines.lasting().into_owned())
            .collect()
    }

    #[test]
    fn bars_are_told_from_lines() {
        let lines = Lines::of(b"\r10 %\r\r20 %\r\ndone\n\n").expect("has lines");
        let texts: Vec<_> = lines
            .iter()
            .map(|line| (line.text, line.is_transient))
            .collect();
        let expected = [
            ("10 %", true),
            ("20 %", false),
            ("done", false),
            ("", false),
        ];
        assert_eq!(texts, expected);
        assert_eq!(lines.lasting(), "20 %\ndone\n\n");
    }

    #[test]
    fn a_line_without_end_is_cut() {
        let long = vec![b'x'; PIECE];
        let cut = lasting(&[&long, &long, b"end"]);
        let lengths: Vec<usize> = cut.lines().map(str::len).collect();
        assert_eq!(lengths, [PIECE, PIECE, 3]);
    }

    proptest! {
        #[test]
        fn lines_that_stay_are_the_same_however_they_come(
            text in "([a\u{e9}]|\r|\n|\r\n){0,24}",
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
        ) {
            let bytes = text.as_bytes();
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            let pieces: Vec<&[u8]> = cuts.windows(2).map(|cut| &bytes[cut[0]..cut[1]]).collect();
            prop_assert_eq!(lasting(&pieces), lasting(&[bytes]));
        }
    }
}
