//! `Tracer`: runs mlpipe under ptrace, so that it dies or fails at one of the calls by which its
//! own threads, and not the commands that they start, change the disk.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::process::{Command, Stdio};

use nix::errno::Errno;
use nix::sys::ptrace::{self, Event, Options};
use nix::sys::signal::{self, Signal};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

use crate::support::Project;

/// Which calls are meant, by their names.
pub(crate) type Names = &'static [&'static str];

/// Those that change what is on the disk.
pub(crate) const CHANGES: Names = &["write", "rename", "unlink", "rmdir", "create", "truncate"];

/// Those that need room on the disk.
pub(crate) const GROWTH: Names = &["write", "mkdir", "create", "rename"];

/// Those that may fail on a bad disk.
pub(crate) const ALL: Names = &[
    "write", "rename", "unlink", "rmdir", "mkdir", "create", "truncate", "chmod", "sync",
];

/// What is done to mlpipe.
#[derive(Clone, Copy)]
pub(crate) enum Fault {
    /// Nothing.
    None,
    /// It is killed instead of doing this one of its calls, counted from 1.
    Kill(usize),
    /// These of its calls, counted from 1, do nothing and fail so.
    Fail(usize, usize, Errno),
}

/// How a traced run went.
pub(crate) struct Traced {
    /// The calls of interest, in their order.
    pub(crate) calls: Vec<&'static str>,
    /// `None` if it was killed.
    pub(crate) code: Option<i32>,
    pub(crate) stderr: String,
}

/// The state of one traced run.
struct Tracer {
    leader: Pid,
    names: Names,
    fault: Fault,
    calls: Vec<&'static str>,
    /// Counting begins when the shell has become mlpipe.
    has_begun: bool,
    failing: HashMap<Pid, Errno>,
    inside: HashSet<Pid>,
}

/// Runs mlpipe to its end, or to the fault that is the end of it.
pub(crate) fn run_traced(
    project: &Project,
    arguments: &[&str],
    names: Names,
    fault: Fault,
) -> Traced {
    let path = project.path(".git/stderr");
    let mlpipe = project.command(arguments);
    // Stops itself, so that nothing is missed before it is traced.
    let mut command = Command::new("/bin/sh");
    command
        .args(["-c", "kill -STOP $$; exec \"$0\" \"$@\""])
        .arg(mlpipe.get_program())
        .args(mlpipe.get_args())
        .current_dir(project.root())
        .env_clear()
        .envs(
            mlpipe
                .get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        )
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(File::create(&path).expect("creates"));
    #[expect(clippy::zombie_processes, reason = "whoever traces it waits for it")]
    let child = command.spawn().expect("the shell starts");
    let leader = Pid::from_raw(i32::try_from(child.id()).expect("a small number"));
    let mut tracer = Tracer {
        leader,
        names,
        fault,
        calls: Vec::new(),
        has_begun: false,
        failing: HashMap::new(),
        inside: HashSet::new(),
    };
    let code = tracer.follow();
    Traced {
        calls: tracer.calls,
        code,
        stderr: std::fs::read_to_string(&path).expect("reads"),
    }
}

impl Tracer {
    /// Follows all threads to the end; returns the exit code.
    fn follow(&mut self) -> Option<i32> {
        waitpid(self.leader, Some(WaitPidFlag::WUNTRACED)).expect("stops");
        let options = Options::PTRACE_O_TRACECLONE
            | Options::PTRACE_O_TRACEEXEC
            | Options::PTRACE_O_TRACESYSGOOD
            | Options::PTRACE_O_EXITKILL;
        ptrace::seize(self.leader, options).expect("traces");
        signal::kill(self.leader, Signal::SIGCONT).expect("goes on");
        // Only the children of this thread: other tests wait for theirs.
        let flags = WaitPidFlag::__WALL | WaitPidFlag::__WNOTHREAD;
        loop {
            match waitpid(None, Some(flags)).expect("there is one") {
                WaitStatus::Exited(pid, code) if pid == self.leader => return Some(code),
                WaitStatus::Signaled(pid, ..) if pid == self.leader => return None,
                WaitStatus::PtraceSyscall(pid) => {
                    self.stop_at_call(pid);
                    resume(pid, None);
                }
                WaitStatus::PtraceEvent(pid, _, event) => {
                    self.has_begun |= event == Event::PTRACE_EVENT_EXEC as i32;
                    resume(pid, None);
                }
                WaitStatus::Stopped(pid, signal) => resume(pid, Some(signal)),
                _ => {}
            }
        }
    }

    fn stop_at_call(&mut self, pid: Pid) {
        let Ok(mut registers) = ptrace::getregs(pid) else {
            return;
        };
        if !self.inside.insert(pid) {
            self.inside.remove(&pid);
            if let Some(error) = self.failing.remove(&pid) {
                registers.rax = i64::from(-(error as i32)).cast_unsigned();
                ptrace::setregs(pid, registers).expect("fails the call");
            }
            return;
        }
        let call = name_of(&registers).filter(|name| self.names.contains(name));
        let (Some(call), true) = (call, self.has_begun) else {
            return;
        };
        self.calls.push(call);
        let number = self.calls.len();
        match self.fault {
            Fault::Kill(at) if at == number => {
                signal::kill(self.leader, Signal::SIGKILL).expect("kills");
            }
            Fault::Fail(first, last, error) if (first..=last).contains(&number) => {
                registers.orig_rax = u64::MAX;
                ptrace::setregs(pid, registers).expect("skips the call");
                self.failing.insert(pid, error);
            }
            _ => {}
        }
    }
}

/// A thread that has just been killed cannot be resumed, which is fine.
fn resume(pid: Pid, signal: Option<Signal>) {
    let _gone = ptrace::syscall(pid, signal);
}

/// Where the arguments of calls are is of the one architecture that these tests run on.
fn name_of(registers: &libc::user_regs_struct) -> Option<&'static str> {
    use nix::libc;
    let creates = |flags: u64| flags & u64::from(libc::O_CREAT.cast_unsigned()) != 0;
    Some(match i64::try_from(registers.orig_rax).ok()? {
        libc::SYS_write | libc::SYS_pwrite64 if registers.rdi > 2 => "write",
        libc::SYS_rename | libc::SYS_renameat | libc::SYS_renameat2 => "rename",
        libc::SYS_unlinkat if registers.rdx != 0 => "rmdir",
        libc::SYS_unlink | libc::SYS_unlinkat => "unlink",
        libc::SYS_rmdir => "rmdir",
        libc::SYS_mkdir | libc::SYS_mkdirat => "mkdir",
        libc::SYS_open if creates(registers.rsi) => "create",
        libc::SYS_openat if creates(registers.rdx) => "create",
        libc::SYS_ftruncate => "truncate",
        libc::SYS_fchmod | libc::SYS_fchmodat | libc::SYS_chmod => "chmod",
        libc::SYS_fsync | libc::SYS_fdatasync => "sync",
        libc::SYS_syncfs => "syncfs",
        libc::SYS_flock => "lock",
        _ => return None,
    })
}
