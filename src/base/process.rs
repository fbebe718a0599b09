//! A shell script in a process group of its own: lines while it runs, ended with all its children.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use crate::base::cancel::CancelToken;
use crate::base::digest::Digest;
use crate::base::output::{Lines, forward_lines, hash_all, last_line, spawn};
use crate::base::process_group::{Group, LONGEST_PAUSE, SHORTEST_PAUSE};

/// How often a silent process is looked at.
const TICK: Duration = Duration::from_millis(50);

/// How long output may come from children that outlive the script itself.
const LINGER: Duration = Duration::from_millis(200);

/// How many pieces of output may wait to be read; a script that prints more waits too.
const BACKLOG: usize = 4;

/// A script and the surroundings it runs in.
#[derive(Debug)]
pub(crate) struct Script<'a> {
    /// What the shell is given; several lines stop at the first that fails.
    pub(crate) text: &'a str,
    /// The folder it runs in.
    pub(crate) folder: &'a Path,
    /// Variables set on top of the inherited environment.
    pub(crate) environment: &'a [(OsString, OsString)],
    /// An empty file to read from; its lock lives as long as any process that inherits it.
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
    /// By us, since its time was up.
    TimedOut,
}

/// What a script printed that was run for its output.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Captured {
    /// How it ended.
    pub(crate) exit: Exit,
    /// The digest of the bytes of its standard output.
    pub(crate) output: Digest,
    /// The last line of its standard error.
    pub(crate) said: String,
}

impl Script<'_> {
    /// Starts the script; its two streams share one pipe, so that lines keep their order.
    pub(crate) fn start(self) -> io::Result<Running> {
        let (sender, lines) = mpsc::sync_channel(BACKLOG);
        let mut command = self.command();
        let (reader, writer) = io::pipe()?;
        let group = Group::spawn(command.stdout(writer.try_clone()?).stderr(writer))?;
        // The command keeps a writing end of the pipe, which would never end while it lives.
        drop(command);
        spawn(move || forward_lines(reader, &sender))?;
        Ok(Running { group, lines })
    }

    /// Runs the script for what it prints to standard output, down to the last byte.
    pub(crate) fn capture(self, cancel: &CancelToken) -> io::Result<Captured> {
        let mut command = self.command();
        let mut group = Group::spawn(command.stdout(Stdio::piped()).stderr(Stdio::piped()))?;
        let (output, errors) = (group.shell.stdout.take(), group.shell.stderr.take());
        let output = spawn(move || hash_all(output))?;
        let errors = spawn(move || last_line(errors))?;
        let status = group.finish(cancel)?;
        let mut pause = SHORTEST_PAUSE;
        // Both streams end when nobody is left to write to them.
        while !(output.is_finished() && errors.is_finished()) {
            group.obey(cancel);
            thread::sleep(pause);
            pause = LONGEST_PAUSE.min(pause * 2);
        }
        let broke = |_| io::Error::other("a reader of the output broke");
        let output = output.join().map_err(broke)??;
        let said = errors.join().map_err(broke)?;
        Ok(Captured {
            exit: group.exit(status),
            output,
            said,
        })
    }

    fn command(self) -> Command {
        let (shell, options) = shell();
        let mut command = Command::new(shell);
        command
            .args(options)
            .args(self.text.contains('\n').then_some("-e"));
        command.arg("-c").arg(self.text).current_dir(self.folder);
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.stdin(self.input.map_or_else(Stdio::null, Stdio::from));
        command
    }
}

/// A script that was started and not yet waited for. Dropping it kills it.
pub(crate) struct Running {
    group: Group,
    lines: Receiver<Lines>,
}

impl Running {
    /// Returns the id of the process group, which is that of the shell.
    pub(crate) fn group(&self) -> u32 {
        self.group.shell.id()
    }

    /// Ends the script when this moment comes: what is asked to terminate is killed a while later.
    pub(crate) fn end_at(mut self, moment: Option<Instant>) -> Self {
        self.group.time_is_up = moment;
        self
    }

    /// Hands on the lines until the script ends; obeys `cancel` meanwhile. Unless it succeeded,
    /// nothing of it is left running afterwards.
    pub(crate) fn wait(
        mut self,
        cancel: &CancelToken,
        on_lines: &mut dyn FnMut(Lines),
    ) -> io::Result<Exit> {
        let mut deadline = None;
        while deadline.is_none_or(|deadline| Instant::now() < deadline) {
            match self.lines.recv_timeout(TICK) {
                Ok(lines) => on_lines(lines),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {}
            }
            if deadline.is_none() && self.group.shell.try_wait()?.is_some() {
                deadline = Some(Instant::now() + LINGER);
                self.group.has_ended();
            }
            self.group.obey(cancel);
        }
        let status = self.group.finish(cancel)?;
        let exit = self.group.exit(status);
        if exit == Exit::Success {
            self.group.is_let_go = true;
        } else {
            self.group.end(cancel);
        }
        Ok(exit)
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

#[cfg(test)]
mod tests {
    use super::*;

    fn run(text: &str, cancel: &CancelToken) -> (Exit, Vec<String>) {
        let folder = std::env::temp_dir();
        let script = Script {
            text,
            folder: &folder,
            environment: &[],
            input: None,
        };
        let mut lines = Vec::new();
        let running = script.start().expect("a shell");
        let exit = running.wait(cancel, &mut |more| {
            for line in more.iter() {
                let mark = if line.is_transient { "…" } else { "" };
                lines.push(format!("{}{mark}", line.text));
                if line.text == "ready" {
                    cancel.escalate();
                    cancel.escalate();
                }
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

    #[test]
    fn a_child_that_goes_on_printing_does_not_hold_up_the_script() {
        let script = "(for i in $(seq 300); do echo tick; sleep 0.02; done) & echo done";
        let begin = Instant::now();
        assert_eq!(run(script, &CancelToken::default()).0, Exit::Success);
        assert!(
            begin.elapsed() < Duration::from_secs(4),
            "took as long as the child"
        );
    }

    #[test]
    fn a_failed_script_leaves_nothing_running() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let text = "(sleep 1; echo late > late) & exit 1";
        let script = Script {
            text,
            folder: folder.path(),
            environment: &[],
            input: None,
        };
        let exit = script
            .start()
            .expect("a shell")
            .wait(&CancelToken::default(), &mut |_| {});
        assert_eq!(exit.expect("waits"), Exit::Status(1));
        thread::sleep(Duration::from_millis(1200));
        assert!(!folder.path().join("late").exists());
    }

    fn run_for(text: &str, time: Duration) -> (Exit, Vec<String>) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let script = Script {
            text,
            folder: folder.path(),
            environment: &[],
            input: None,
        };
        let mut lines = Vec::new();
        let running = script.start().expect("a shell");
        let mut running = running.end_at(Some(Instant::now() + time));
        running.group.grace = Duration::from_secs(1);
        let exit = running.wait(&CancelToken::default(), &mut |more| {
            lines.extend(more.iter().map(|line| line.text.to_owned()));
        });
        (exit.expect("waits"), lines)
    }

    #[test]
    fn a_script_whose_time_is_up_is_ended_with_its_children() {
        let script = "trap 'echo saved; exit 0' TERM; (sleep 60) & echo $!; wait";
        let (exit, lines) = run_for(script, Duration::from_secs(1));
        assert_eq!(exit, Exit::TimedOut, "though its trap ends it well");
        assert_eq!(lines[1..], ["saved"]);
        assert!(is_gone(&lines[0]));
    }

    #[test]
    fn a_script_that_does_not_end_when_it_is_told_to_is_killed() {
        let script = "trap '' TERM; (while :; do sleep 0.1; done) & echo $!; wait";
        let (exit, lines) = run_for(script, Duration::from_secs(1));
        assert_eq!(exit, Exit::TimedOut);
        assert!(is_gone(&lines[0]));
    }

    #[test]
    fn children_of_a_script_whose_time_is_up_get_as_long_as_itself() {
        let script =
            "(trap 'sleep 0.5; touch saved; exit' TERM; while :; do sleep 0.05; done) & wait";
        let folder = tempfile::tempdir().expect("a temporary folder");
        let script = format!("cd {}; {script}", folder.path().display());
        assert_eq!(run_for(&script, Duration::from_secs(1)).0, Exit::TimedOut);
        assert!(folder.path().join("saved").exists());
    }

    fn is_gone(process: &str) -> bool {
        let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
        stat.is_empty() || stat.contains(") Z ")
    }

    #[test]
    fn what_has_ended_in_time_cannot_be_late() {
        let cancel = CancelToken::default();
        let mut group = Group::spawn(&mut Command::new("true")).expect("starts");
        while group.shell.try_wait().expect("waits").is_none() {
            thread::yield_now();
        }
        group.time_is_up = Some(Instant::now());
        let status = group.finish(&cancel).expect("waits");
        thread::sleep(Duration::from_millis(2));
        group.obey(&cancel);
        assert_eq!(group.exit(status), Exit::Success);
    }

    #[test]
    fn captured_output_is_hashed_byte_by_byte() {
        let capture = |text| {
            let folder = std::env::temp_dir();
            let script = Script {
                text,
                folder: &folder,
                environment: &[],
                input: None,
            };
            script.capture(&CancelToken::default()).expect("runs")
        };
        let captured = capture("printf 'a\\377\\r\\n'; echo why >&2; exit 4");
        assert_eq!(captured.exit, Exit::Status(4));
        assert_eq!(captured.output, Digest::of(b"a\xff\r\n"));
        assert_eq!(captured.said, "why");
    }
}
