//! Runs of mlpipe: to their end, or disturbed while a stage is at work.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::time::{Duration, Instant};

use super::world::World;

/// How a run of mlpipe went.
pub(super) struct Ran {
    pub(super) code: Option<i32>,
    pub(super) stderr: String,
    /// The stages whose commands began, in that order.
    pub(super) stages: Vec<usize>,
    /// The stage that was at work when it was disturbed, and of which nothing may be recorded.
    pub(super) cut: Option<usize>,
    /// Whether a signal or an edit came while a stage was at work.
    pub(super) is_disturbed: bool,
}

impl World {
    pub(super) fn run(&mut self, arguments: &[&str]) -> Ran {
        let before = self.journal().len();
        let output = self.project.run(arguments);
        Ran {
            code: output.code,
            stderr: output.stderr,
            stages: self.started_since(before),
            cut: None,
            is_disturbed: false,
        }
    }

    fn started_since(&self, length: usize) -> Vec<usize> {
        let journal = self.journal();
        let stages = journal[length..]
            .lines()
            .filter_map(|line| line.strip_prefix('s'));
        stages
            .map(|number| number.parse().expect("a number"))
            .collect()
    }

    /// Starts mlpipe and waits until `stage` is at work; the flag says whether it got there.
    fn run_to(&self, arguments: &[&str], stage: usize) -> Stopped {
        let block = format!(".git/ctl/block_s{stage}");
        self.project.write(&block, &self.count.to_string());
        let mut command = self.project.command(arguments);
        command.stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("mlpipe starts");
        let stderr = BufReader::new(child.stderr.take().expect("is piped"));
        let mut stopped = Stopped {
            child,
            stderr,
            text: String::new(),
        };
        stopped.read_until("│ blocked");
        // Only this run's command is to wait.
        self.project.remove(&block);
        stopped
    }

    pub(super) fn kill(&mut self, arguments: &[&str], stage: usize, is_late: bool) -> Ran {
        let before = self.journal().len();
        let mut stopped = self.run_to(arguments, stage);
        let is_there = stopped.text.contains("│ blocked");
        if is_there {
            stopped.child.kill().expect("kills");
        }
        let code = stopped.child.wait().expect("ends").code();
        if is_there && is_late {
            self.release();
            let end = format!("end {}\n", self.count);
            wait_until("the end of the command", || self.journal().contains(&end));
        }
        Ran {
            code,
            stderr: stopped.text,
            stages: self.started_since(before),
            cut: is_there.then_some(stage),
            is_disturbed: is_there,
        }
    }

    pub(super) fn interrupt(&mut self, arguments: &[&str], stage: usize, twice: bool) -> Ran {
        let before = self.journal().len();
        let mut stopped = self.run_to(arguments, stage);
        let is_there = stopped.text.contains("│ blocked");
        if is_there {
            stopped.signal();
            stopped.read_until("stopping: nothing new starts");
            if twice {
                stopped.signal();
            } else {
                self.release();
            }
        }
        stopped.read_until("nothing that is ever printed");
        let code = stopped.child.wait().expect("ends").code();
        if is_there {
            assert_eq!(code, Some(130), "{}", stopped.text);
        }
        Ran {
            code,
            stderr: stopped.text,
            stages: self.started_since(before),
            cut: (is_there && twice).then_some(stage),
            is_disturbed: is_there,
        }
    }

    pub(super) fn edit_meanwhile(
        &mut self,
        arguments: &[&str],
        stage: usize,
        edit: (usize, u8),
    ) -> Ran {
        let before = self.journal().len();
        let mut stopped = self.run_to(arguments, stage);
        let is_there = stopped.text.contains("│ blocked");
        let (input, value) = edit;
        let has_changed = self.inputs[input] != value;
        self.inputs[input] = value;
        self.write_input(input);
        self.release();
        stopped.read_until("nothing that is ever printed");
        let code = stopped.child.wait().expect("ends").code();
        let has_read = self.graph.deps(stage).contains(&format!("in{input}"));
        let is_spoilt = is_there && has_changed && has_read;
        if is_spoilt {
            assert_eq!(code, Some(3), "{}", stopped.text);
        }
        Ran {
            code,
            stderr: stopped.text,
            stages: self.started_since(before),
            cut: is_spoilt.then_some(stage),
            is_disturbed: is_there,
        }
    }

    /// Lets the command of this action go on.
    fn release(&self) {
        self.project
            .write(&format!(".git/ctl/go_{}", self.count), "");
    }
}

/// A run that is about to be stopped.
struct Stopped {
    child: Child,
    stderr: BufReader<ChildStderr>,
    text: String,
}

impl Stopped {
    /// Reads on until a line has this text, or to the end.
    fn read_until(&mut self, text: &str) {
        let mut from = self.text.len();
        while self.stderr.read_line(&mut self.text).expect("reads") > 0 {
            if self.text[from..].contains(text) {
                return;
            }
            from = self.text.len();
        }
    }

    fn signal(&self) {
        let pid = self.child.id().to_string();
        let kill = Command::new("kill").args(["-INT", &pid]).status();
        assert!(kill.expect("kill runs").success());
    }
}

fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !is_so() {
        assert!(Instant::now() < deadline, "timed out: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
