//! `ProcessStat`: what the system says of a process, where it lists processes in `/proc`.

/// The fields of `/proc/PID/stat` that anybody here asks for.
pub(super) struct ProcessStat {
    state: char,
    /// The number of its group.
    pub(super) group: u32,
    /// When it was started, in ticks since the system was.
    pub(super) start: String,
}

impl ProcessStat {
    /// Reads the stat of a process; `None` where there is none of that number.
    pub(super) fn read(pid: u32) -> Option<Self> {
        let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name in parentheses may hold anything; the start is the 20th field behind it.
        let mut fields = text.rsplit_once(')')?.1.split_whitespace();
        Some(Self {
            state: fields.next()?.chars().next()?,
            group: fields.nth(1)?.parse().ok()?,
            start: fields.nth(16)?.to_owned(),
        })
    }

    /// Returns whether it has ended and only waits for its parent to take note.
    pub(super) fn is_defunct(&self) -> bool {
        matches!(self.state, 'Z' | 'X')
    }
}

/// Lists the processes of the system.
pub(super) fn processes() -> impl Iterator<Item = u32> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_listed_and_alive() {
        let own = std::process::id();
        assert!(processes().any(|pid| pid == own));
        let stat = ProcessStat::read(own).expect("is there");
        assert!(!stat.is_defunct());
        let group = rustix::process::getpgrp().as_raw_nonzero().get();
        assert_eq!(i64::from(stat.group), i64::from(group));
        assert!(stat.start.parse::<u64>().is_ok());
    }
}
