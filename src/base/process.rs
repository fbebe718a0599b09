//! A shell script in a process group of its own: lines while it runs, ended with all its children.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group, test_kill_process_group};

use crate::base::cancel::{CancelToken, Urgency};
use crate::base::digest::{Digest, Hasher};

/// How often a silent process is looked at.
const TICK: Duration = Duration::from_millis(50);

/// How long output may come from children that outlive the script itself.
const LINGER: Duration = Duration::from_millis(200);

/// How many lines may wait to be read; a script that prints more waits too.
const BACKLOG: usize = 1024;

/// The length at which a line is cut in two, in bytes.
const LONGEST_LINE: usize = 64 * 1024;

/// How long to wait at first for something that takes no time; each further wait is longer.
const SHORTEST_PAUSE: Duration = Duration::from_micros(20);

/// The longest of these waits.
const LONGEST_PAUSE: Duration = Duration::from_millis(1);

/// How long the children of a script that failed get to end by themselves.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long a script that ran out of time gets to save what it has, before it is killed.
const GRACE: Duration = Duration::from_secs(10);

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

/// A line of a script's output.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Line {
    /// The line without its end.
    pub(crate) text: String,
    /// Whether a carriage return ended it: the next line is meant to be written over it, as
    /// progress bars do.
    pub(crate) is_transient: bool,
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
    lines: Receiver<Line>,
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

    /// Hands on each line until the script ends; obeys `cancel` meanwhile. Unless it succeeded,
    /// nothing of it is left running afterwards.
    pub(crate) fn wait(
        mut self,
        cancel: &CancelToken,
        on_line: &mut dyn FnMut(Line),
    ) -> io::Result<Exit> {
        let mut deadline = None;
        while deadline.is_none_or(|deadline| Instant::now() < deadline) {
            match self.lines.recv_timeout(TICK) {
                Ok(line) => on_line(line),
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

/// The processes of a script, down to the children of its children.
struct Group {
    shell: Child,
    sent: Urgency,
    /// When the shell is to be ended.
    time_is_up: Option<Instant>,
    /// How long after that it is killed.
    grace: Duration,
    /// Whether it was for its time that it was told to end first.
    is_late: bool,
    /// Whether what the shell has left behind may go on, as a server that a stage starts.
    is_let_go: bool,
}

impl Group {
    fn spawn(command: &mut Command) -> io::Result<Self> {
        let shell = command.process_group(0).spawn()?;
        Ok(Self {
            shell,
            sent: Urgency::None,
            time_is_up: None,
            grace: GRACE,
            is_late: false,
            is_let_go: false,
        })
    }

    /// Waits for the shell, also one that has closed its output.
    fn finish(&mut self, cancel: &CancelToken) -> io::Result<ExitStatus> {
        // Nearly always it has closed its output by ending, which takes it no time.
        let mut pause = SHORTEST_PAUSE;
        loop {
            if let Some(status) = self.shell.try_wait()? {
                self.has_ended();
                return Ok(status);
            }
            self.obey(cancel);
            thread::sleep(pause);
            pause = LONGEST_PAUSE.min(pause * 2);
        }
    }

    /// A shell that has ended in time cannot be late any more.
    fn has_ended(&mut self) {
        if !self.is_late {
            self.time_is_up = None;
        }
    }

    fn exit(&self, status: ExitStatus) -> Exit {
        if self.is_late {
            Exit::TimedOut
        } else if self.sent > Urgency::None {
            Exit::Cancelled
        } else {
            Exit::from(status)
        }
    }

    /// Tells the group what the user wishes, or the clock, whichever is more urgent.
    fn obey(&mut self, cancel: &CancelToken) {
        let late = self.lateness();
        let urgency = cancel.urgency().max(late);
        if self.sent == Urgency::None && cancel.urgency() < late {
            self.is_late = true;
        }
        let signal = match urgency {
            Urgency::None | Urgency::Drain => return,
            Urgency::Terminate => Signal::TERM,
            Urgency::Kill => Signal::KILL,
        };
        if urgency > self.sent {
            self.sent = urgency;
            signal_group(self.shell.id(), signal);
        }
    }

    fn lateness(&self) -> Urgency {
        match self.time_is_up.map(|moment| moment.elapsed()) {
            Some(late) if late >= self.grace => Urgency::Kill,
            Some(late) if late > Duration::ZERO => Urgency::Terminate,
            _ => Urgency::None,
        }
    }

    /// Ends what the shell has left behind: a trainer may still be saving when its shell is gone.
    fn end(&mut self, cancel: &CancelToken) {
        let deadline = match self.time_is_up {
            // Until here it is given time, then `obey` kills it, which takes a moment.
            Some(moment) => moment + self.grace + PATIENCE,
            None => Instant::now() + PATIENCE,
        };
        if self.sent == Urgency::None {
            signal_group(self.shell.id(), Signal::TERM);
        }
        let group = self.shell.id();
        while group_exists(group) && !is_defunct(group) && Instant::now() < deadline {
            self.obey(cancel);
            thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if !self.is_let_go && group_exists(self.shell.id()) {
            signal_group(self.shell.id(), Signal::KILL);
        }
        // Whatever it was, it has ended by now; only its entry in the process table is wanted away.
        let _reaped = self.shell.wait();
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

/// Describes a running process group so that it can be told from a later one of the same number.
pub(crate) fn identify(group: u32) -> String {
    format!(
        "{group} {} {}",
        start_time(group).unwrap_or_default(),
        boot()
    )
}

/// Returns whether the process that [`identify`] has described still runs.
pub(crate) fn is_running(identity: &str) -> bool {
    let mut words = identity.split(' ');
    let pid = words.next().and_then(|word| word.parse::<u32>().ok());
    let (Some(pid), Some(start), Some(then)) = (pid, words.next(), words.next()) else {
        return false;
    };
    then == boot() && start_time(pid).is_some_and(|now| now == start)
}

/// Kills the group that [`identify`] has described, if it is still at work; returns whether it was.
pub(crate) fn kill_identified(identity: &str) -> bool {
    let mut words = identity.split(' ');
    let group = words.next().and_then(|word| word.parse::<u32>().ok());
    let (Some(group), Some(start), Some(then)) = (group, words.next(), words.next()) else {
        return false;
    };
    // A leader that has gone leaves its number taken while its group lives.
    let is_other = start_time(group).is_some_and(|now| now != start);
    if then.is_empty() || then != boot() || is_other || !group_exists(group) {
        return false;
    }
    signal_group(group, Signal::KILL);
    true
}

/// Kills the groups of all processes that read from the file at `path`; returns whether there were
/// any. Only where the system lists what processes have open.
pub(crate) fn kill_readers(path: &Path) -> bool {
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let reads = |pid: &u32| {
        let input = std::fs::read_link(format!("/proc/{pid}/fd/0"));
        input.is_ok_and(|input| input == path)
    };
    let groups: BTreeSet<u32> = pids.filter(reads).filter_map(group_of).collect();
    groups
        .iter()
        .for_each(|group| signal_group(*group, Signal::KILL));
    !groups.is_empty()
}

/// Returns the number of a process's group.
fn group_of(pid: u32) -> Option<u32> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(')')?
        .1
        .split_whitespace()
        .nth(2)?
        .parse()
        .ok()
}

/// When a process was started, in ticks since the system was; `None` where it has ended.
fn start_time(pid: u32) -> Option<String> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses may hold anything; the start is the 20th field behind it.
    stat.rsplit_once(')')?
        .1
        .split_whitespace()
        .nth(19)
        .map(str::to_owned)
}

/// What names this run of the operating system, or nothing where that cannot be known.
fn boot() -> String {
    let text = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    text.trim().to_owned()
}

fn signal_group(group: u32, signal: Signal) {
    if let Some(pid) = as_pid(group) {
        // An error means that the group is gone, which is what a stop is for.
        let _gone = kill_process_group(pid, signal);
    }
}

fn group_exists(group: u32) -> bool {
    as_pid(group).is_some_and(|pid| test_kill_process_group(pid).is_ok())
}

/// Returns whether all processes of a group have ended and only their entries in the process table are
/// left, for their parent to take note. Within a container that may be never.
fn is_defunct(group: u32) -> bool {
    let mut has_members = false;
    for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
        let stat = std::fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        let mut fields = stat
            .rsplit_once(')')
            .map_or("", |(_, fields)| fields)
            .split_whitespace();
        let (state, member_of) = (fields.next(), fields.nth(1));
        if member_of.and_then(|text| text.parse().ok()) == Some(group) {
            if !matches!(state, Some("Z" | "X")) {
                return false;
            }
            has_members = true;
        }
    }
    has_members
}

fn as_pid(group: u32) -> Option<Pid> {
    i32::try_from(group).ok().and_then(Pid::from_raw)
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
fn forward_lines(output: impl Read, sender: &SyncSender<Line>) {
    let mut reader = BufReader::new(output);
    while let Ok(Some(line)) = read_line(&mut reader) {
        if sender.send(line).is_err() {
            break;
        }
    }
}

fn hash_all(output: Option<impl Read>) -> io::Result<Digest> {
    match output {
        Some(mut output) => Digest::of_reader(&mut output).map(|(digest, _)| digest),
        None => Ok(Hasher::default().digest()),
    }
}

fn last_line(errors: Option<impl Read>) -> String {
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

fn spawn<T: Send + 'static>(
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
        let exit = running.wait(&CancelToken::default(), &mut |line| lines.push(line.text));
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

    #[test]
    #[cfg(target_os = "linux")]
    fn a_group_of_which_only_entries_are_left_is_not_waited_for() {
        let mut command = Command::new("sleep");
        let mut child = command.arg("1").process_group(0).spawn().expect("starts");
        assert!(!is_defunct(child.id()));
        while !is_defunct(child.id()) {
            thread::sleep(Duration::from_millis(5));
        }
        assert!(group_exists(child.id()));
        child.wait().expect("waits");
        assert!(!is_defunct(child.id()) && !group_exists(child.id()));
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
