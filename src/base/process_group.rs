//! `Group`: the processes of a script, down to the children of its children, ended together.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group, test_kill_process_group};

use crate::base::cancel::{CancelToken, Urgency};
use crate::base::process::Exit;
use crate::base::process_stat::{ProcessStat, processes};

/// How long to wait at first for something that takes no time; each further wait is longer.
pub(super) const SHORTEST_PAUSE: Duration = Duration::from_micros(20);

/// The longest of these waits.
pub(super) const LONGEST_PAUSE: Duration = Duration::from_millis(1);

/// How long the children of a script that failed get to end by themselves.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long a script that ran out of time gets to save what it has, before it is killed.
const GRACE: Duration = Duration::from_secs(10);

/// The processes of a script, down to the children of its children.
pub(super) struct Group {
    pub(super) shell: Child,
    pub(super) sent: Urgency,
    /// When the shell is to be ended.
    pub(super) time_is_up: Option<Instant>,
    /// How long after that it is killed.
    pub(super) grace: Duration,
    /// Whether it was for its time that it was told to end first.
    pub(super) is_late: bool,
    /// Whether what the shell has left behind may go on, as a server that a stage starts.
    pub(super) is_let_go: bool,
}

impl Group {
    pub(super) fn spawn(command: &mut Command) -> io::Result<Self> {
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
    pub(super) fn finish(&mut self, cancel: &CancelToken) -> io::Result<ExitStatus> {
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
    pub(super) fn has_ended(&mut self) {
        if !self.is_late {
            self.time_is_up = None;
        }
    }

    pub(super) fn exit(&self, status: ExitStatus) -> Exit {
        if self.is_late {
            Exit::TimedOut
        } else if self.sent > Urgency::None {
            Exit::Cancelled
        } else {
            Exit::from(status)
        }
    }

    /// Tells the group what the user wishes, or the clock, whichever is more urgent.
    pub(super) fn obey(&mut self, cancel: &CancelToken) {
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
    pub(super) fn end(&mut self, cancel: &CancelToken) {
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

pub(super) fn signal_group(group: u32, signal: Signal) {
    if let Some(pid) = as_pid(group) {
        // An error means that the group is gone, which is what a stop is for.
        let _gone = kill_process_group(pid, signal);
    }
}

pub(super) fn group_exists(group: u32) -> bool {
    as_pid(group).is_some_and(|pid| test_kill_process_group(pid).is_ok())
}

/// Returns whether all processes of a group have ended and only their entries in the process table are
/// left, for their parent to take note. Within a container that may be never.
fn is_defunct(group: u32) -> bool {
    let members = processes().filter_map(ProcessStat::read);
    let mut members = members.filter(|stat| stat.group == group).peekable();
    members.peek().is_some() && members.all(|stat| stat.is_defunct())
}

pub(super) fn as_pid(group: u32) -> Option<Pid> {
    i32::try_from(group).ok().and_then(Pid::from_raw)
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
