//! Which process it was: told apart from a later one of the same number, for those who find its traces.

use std::collections::BTreeSet;
use std::path::Path;

use rustix::process::{Signal, test_kill_process};

use crate::base::process_group::{as_pid, group_exists, signal_group};
use crate::base::process_stat::{ProcessStat, processes};

/// Describes a running process group so that it can be told from a later one of the same number.
pub(crate) fn identify(group: u32) -> String {
    let start = ProcessStat::read(group).map_or_else(String::new, |stat| stat.start);
    format!("{group} {start} {}", boot())
}

/// Returns whether the process that [`identify`] has described still runs.
pub(crate) fn is_running(identity: &str) -> bool {
    let Some(Identity { pid, start, then }) = Identity::parse(identity) else {
        return false;
    };
    let runs = match ProcessStat::read(pid) {
        Some(stat) => stat.start == start && !stat.is_defunct(),
        // Where the system does not say when processes were started, any of that number will do.
        None => !Path::new("/proc/self").exists() && exists(pid),
    };
    runs && then == boot()
}

/// Kills the group that [`identify`] has described, if it is still at work; returns whether it was.
pub(crate) fn kill_identified(identity: &str) -> bool {
    let Some(Identity { pid, start, then }) = Identity::parse(identity) else {
        return false;
    };
    // A leader that has gone leaves its number taken while its group lives.
    let is_other = ProcessStat::read(pid).is_some_and(|stat| stat.start != start);
    if then.is_empty() || then != boot() || is_other || !group_exists(pid) {
        return false;
    }
    signal_group(pid, Signal::KILL);
    true
}

/// Kills the groups of all processes that read from the file at `path`; returns whether there were
/// any. Only where the system lists what processes have open.
pub(crate) fn kill_readers(path: &Path) -> bool {
    let reads = |pid: &u32| {
        let input = std::fs::read_link(format!("/proc/{pid}/fd/0"));
        input.is_ok_and(|input| input == path)
    };
    let group = |pid| ProcessStat::read(pid).map(|stat| stat.group);
    let groups: BTreeSet<u32> = processes().filter(reads).filter_map(group).collect();
    groups
        .iter()
        .for_each(|group| signal_group(*group, Signal::KILL));
    !groups.is_empty()
}

/// What [`identify`] writes.
struct Identity<'a> {
    pid: u32,
    start: &'a str,
    /// Which run of the operating system it was in.
    then: &'a str,
}

impl<'a> Identity<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let mut words = text.split(' ');
        Some(Self {
            pid: words.next()?.parse().ok()?,
            start: words.next()?,
            then: words.next()?,
        })
    }
}

fn exists(pid: u32) -> bool {
    as_pid(pid).is_some_and(|pid| test_kill_process(pid).is_ok())
}

/// What names this run of the operating system, or nothing where that cannot be known.
fn boot() -> String {
    let text = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    text.trim().to_owned()
}
