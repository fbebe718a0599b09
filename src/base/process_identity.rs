//! Which process it was: told apart from a later one of the same number, for those who find its traces.

use std::collections::BTreeSet;
use std::path::Path;

use rustix::process::{Signal, test_kill_process};

use crate::base::process_group::{as_pid, group_exists, signal_group};

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
    let runs = match start_time(pid) {
        Some(now) => now == start && !is_defunct(pid),
        // Where the system does not say when processes were started, any of that number will do.
        None => !Path::new("/proc/self").exists() && exists(pid),
    };
    runs && then == boot()
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

/// Returns whether a process has ended and only waits for its parent to take note.
fn is_defunct(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = stat.rsplit_once(')').map(|(_, fields)| fields.trim_start());
    state.is_some_and(|state| state.starts_with(['Z', 'X']))
}

fn exists(pid: u32) -> bool {
    as_pid(pid).is_some_and(|pid| test_kill_process(pid).is_ok())
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
