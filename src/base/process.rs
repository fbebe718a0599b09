//! A shell script in a process group of its own: lines while it runs, terminated or killed on demand.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};

use crate::base::cancel::{CancelToken, Urgency};

/// How often a silent process is looked at.
const TICK: Duration = Duration::from_millis(50);

/// How long output may come from children that outlive the script itself.
const LINGER: Duration = Duration::from_millis(200);

/// A script and the surroundings it runs in.
#[derive(Debug)]
pub(crate) struct Script<'a> {
    /// What the shell is given; several lines stop at the first that fails.
    pub(crate) text: &'a str,
    /// The folder it runs in.
    pub(crate) folder: &'a Path,
    /// Variables set on top of the inherited environment.
    pub(crate) environment: &'a [(OsString, OsString)],
    /// Whether standard error is told apart.
    pub(crate) streams: Streams,
    /// An empty file to read from; its lock lives as long as any process of the script.
    pub(crate) input: Option<File>,
}

/// How a script ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// With status 0.
    Success,
    /// With another status.
    Status(i32),
    /// By a signal.
    Signal(i32),
    /// By the user's wish.
    Cancelled,
}

/// A line of a script's output.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Line {
    /// The line without its end.
    pub(crate) text: String,
    /// Whether a carriage return ended it: the next line is meant to be written over it, as
    /// progress bars do.
    pub(crate) is_transient: bool,
    /// Whether it came from standard error, where the two streams are told apart.
    pub(crate) is_error: bool,
}

/// What becomes of a script's two streams of output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Streams {
    /// They share one pipe, so that lines come in the order in which they were written.
    Merged,
    /// Lines of standard error are marked.
    Apart,
}

/// A script that was started and not yet waited for.
pub(crate) struct Running {
    child: Child,
    lines: Receiver<Line>,
}

impl Script<'_> {
    /// Starts the script in a process group of its own.
    pub(crate) fn start(self) -> io::Result<Running> {
        let (shell, options) = shell();
        let mut command = Command::new(shell);
        command
            .args(options)
            .args(self.text.contains('\n').then_some("-e"));
        command
            .arg("-c")
            .arg(self.text)
            .current_dir(self.folder)
            .process_group(0);
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.stdin(self.input.map_or_else(Stdio::null, Stdio::from));
        let (sender, lines) = mpsc::channel();
        let child = match self.streams {
            Streams::Merged => {
                let (reader, writer) = io::pipe()?;
                let child = command.stdout(writer.try_clone()?).stderr(writer).spawn()?;
                forward_lines(reader, false, sender);
                child
            }
            Streams::Apart => {
                let mut child = command
                    .stdout(Stdio::piped())
                    .stderr(Stdio::piped())
                    .spawn()?;
                if let Some(output) = child.stdout.take() {
                    forward_lines(output, false, sender.clone());
                }
                if let Some(output) = child.stderr.take() {
                    forward_lines(output, true, sender);
                }
                child
            }
        };
        // The command keeps a writing end of the pipe, which would never end while it lives.
        drop(command);
        Ok(Running { child, lines })
    }
}

impl Running {
    /// Returns the id of the process group, which is that of the shell.
    pub(crate) fn group(&self) -> u32 {
        self.child.id()
    }

    /// Hands on each line until the script ends; obeys `cancel` meanwhile.
    pub(crate) fn wait(
        mut self,
        cancel: &CancelToken,
        on_line: &mut dyn FnMut(Line),
    ) -> io::Result<Exit> {
        let mut sent = Urgency::None;
        let mut lingered = Duration::ZERO;
        loop {
            match self.lines.recv_timeout(TICK) {
                Ok(line) => on_line(line),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {
                    if self.child.try_wait()?.is_some() {
                        lingered += TICK;
                    }
                    if lingered >= LINGER {
                        break;
                    }
                }
            }
            self.obey(cancel.urgency(), &mut sent);
        }
        // A script that closed its output may still run: go on obeying until it has ended.
        let status = loop {
            match self.child.try_wait()? {
                Some(status) => break status,
                None if sent == Urgency::Kill => break self.child.wait()?,
                None => thread::sleep(Duration::from_millis(1)),
            }
            self.obey(cancel.urgency(), &mut sent);
        };
        Ok(if sent > Urgency::None {
            Exit::Cancelled
        } else {
            Exit::from(status)
        })
    }

    fn obey(&self, urgency: Urgency, sent: &mut Urgency) {
        let signal = match urgency {
            Urgency::None | Urgency::Drain => return,
            Urgency::Terminate => Signal::TERM,
            Urgency::Kill => Signal::KILL,
        };
        if urgency > *sent {
            *sent = urgency;
            signal_group(self.group(), signal);
        }
    }
}

impl From<ExitStatus> for Exit {
    fn from(status: ExitStatus) -> Self {
        match (status.code(), status.signal()) {
            (Some(0), _) => Self::Success,
            (Some(code), _) => Self::Status(code),
            (None, signal) => Self::Signal(signal.unwrap_or_default()),
        }
    }
}

/// Kills every process of a group; one that has ended already is fine.
pub(crate) fn kill_group(group: u32) {
    signal_group(group, Signal::KILL);
}

fn signal_group(group: u32, signal: Signal) {
    let pid = i32::try_from(group).ok().and_then(Pid::from_raw);
    if let Some(pid) = pid {
        // An error means that the group is gone, which is what a stop is for.
        let _gone = kill_process_group(pid, signal);
    }
}

/// The user's shell where it speaks POSIX, without start-up files; else `/bin/sh`.
fn shell() -> (PathBuf, &'static [&'static str]) {
    let wished = std::env::var_os("SHELL")
        .map(PathBuf::from)
        .unwrap_or_default();
    let options: Option<&[&str]> = match wished.file_name().and_then(|name| name.to_str()) {
        Some("bash") => Some(&["--noprofile", "--norc"]),
        Some("zsh") => Some(&["--no-rcs"]),
        Some("sh" | "dash" | "ksh") => Some(&[]),
        _ => None,
    };
    match options {
        Some(options) if wished.is_absolute() && wished.exists() => (wished, options),
        _ => (PathBuf::from("/bin/sh"), &[]),
    }
}

/// Sends each line to whom it may concern.
fn forward_lines(output: impl Read + Send + 'static, is_error: bool, sender: Sender<Line>) {
    thread::spawn(move || {
        let mut reader = BufReader::new(output);
        while let Ok(Some(line)) = read_line(&mut reader) {
            if sender.send(Line { is_error, ..line }).is_err() {
                break;
            }
        }
    });
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
    Line {
        text,
        is_transient,
        is_error: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(text: &str, cancel: &CancelToken) -> (Exit, Vec<String>) {
        let folder = std::env::temp_dir();
        let script = Script {
            text,
            folder: &folder,
            environment: &[],
            streams: Streams::Merged,
            input: None,
        };
        let mut lines = Vec::new();
        let running = script.start().expect("a shell");
        let exit = running.wait(cancel, &mut |line| {
            let is_ready = line.text == "ready";
            lines.push(if line.is_transient {
                line.text + "…"
            } else {
                line.text
            });
            if is_ready {
                cancel.escalate();
                cancel.escalate();
            }
        });
        (exit.expect("waits"), lines)
    }

    #[test]
    fn lines_and_statuses_come_back() {
        let (exit, lines) = run(
            "echo one; printf 'two\\rthree\\r\\n\\nend'; exit 3",
            &CancelToken::default(),
        );
        assert_eq!(exit, Exit::Status(3));
        assert_eq!(lines, ["one", "two…", "three", "", "end"]);
    }

    #[test]
    fn several_lines_are_one_script_that_stops_at_a_failure() {
        let script = "for x in 1 2\ndo\n  echo $x\ndone\nfalse\necho never";
        let (exit, lines) = run(script, &CancelToken::default());
        assert_eq!(exit, Exit::Status(1));
        assert_eq!(lines, ["1", "2"]);
    }

    #[test]
    fn a_cancelled_script_takes_its_children_along() {
        let (exit, _) = run(
            "(sleep 60; echo late) & echo ready; wait",
            &CancelToken::default(),
        );
        assert_eq!(exit, Exit::Cancelled);
    }

    #[test]
    fn a_child_left_behind_does_not_hold_up_the_script() {
        let (exit, lines) = run("sleep 30 & echo done", &CancelToken::default());
        assert_eq!(exit, Exit::Success);
        assert_eq!(lines, ["done"]);
    }
}
