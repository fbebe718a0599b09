//! `Machine`: what this machine has to give: cores, memory and graphics cards.

use std::num::NonZeroUsize;
use std::path::Path;
use std::{env, fs, thread};

/// What there is for commands to use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Machine {
    /// Cores that this process may use.
    pub(crate) cores: u32,
    /// Bytes of memory that this process may use, where that can be known.
    pub(crate) memory: Option<u64>,
    /// The graphics cards, as `CUDA_VISIBLE_DEVICES` names them.
    pub(crate) gpus: Vec<String>,
}

impl Machine {
    /// Looks at the machine that we are on.
    pub(crate) fn look() -> Self {
        let cores = thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let variable = |name| env::var(name).ok();
        Self {
            cores: u32::try_from(cores).unwrap_or(u32::MAX),
            memory: memory(Path::new("/")),
            gpus: gpus(
                variable("CUDA_VISIBLE_DEVICES").as_deref(),
                variable("NVIDIA_VISIBLE_DEVICES").as_deref(),
                Path::new("/dev"),
            ),
        }
    }
}

/// Returns the memory of the Linux system whose files are below `root`: that of the machine, or what
/// a control group around this process allows, as in a container.
fn memory(root: &Path) -> Option<u64> {
    let read = |path: &str| fs::read_to_string(root.join(path)).ok();
    let info = read("proc/meminfo")?;
    let total = info.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    let total = total?.trim().strip_suffix("kB")?.trim().parse::<u64>();
    let total = total.ok()?.saturating_mul(1024);
    let groups = read("proc/self/cgroup").unwrap_or_default();
    let limits = groups.lines().filter_map(|line| {
        let (controllers, group) = line.split_once(':')?.1.split_once(':')?;
        let is_memory = controllers.split(',').any(|name| name == "memory");
        let (folder, file) = match controllers {
            "" => ("sys/fs/cgroup", "memory.max"),
            _ if is_memory => ("sys/fs/cgroup/memory", "memory.limit_in_bytes"),
            _ => return None,
        };
        // A limit holds for all groups within; those of a container's outside cannot be seen.
        let around = Path::new(group.trim_start_matches('/')).ancestors();
        let limits = around.filter_map(|group| {
            let path = root.join(folder).join(group).join(file);
            fs::read_to_string(path).ok()?.trim().parse::<u64>().ok()
        });
        limits.min()
    });
    limits.chain([total]).min()
}

/// Returns the graphics cards that CUDA programs see: those that are named in the environment, by the
/// user or by a container's runtime, else those that have a device file in `devices`.
fn gpus(cuda: Option<&str>, nvidia: Option<&str>, devices: &Path) -> Vec<String> {
    if let Some(names) = cuda {
        let names = names.split(',').map(str::trim);
        // CUDA itself sees only what stands before the first name that is none.
        let known = names.take_while(|name| !matches!(*name, "" | "-1" | "NoDevFiles"));
        return known.map(str::to_owned).collect();
    }
    let count = match nvidia.map(str::trim) {
        None | Some("all") => count_device_files(devices),
        Some("" | "none" | "void") => 0,
        Some(names) => names.split(',').count(),
    };
    // Within a container they are numbered anew.
    (0..count).map(|number| number.to_string()).collect()
}

fn count_device_files(devices: &Path) -> usize {
    let entries = fs::read_dir(devices).into_iter().flatten().flatten();
    let is_card = |name: &str| {
        let number = name.strip_prefix("nvidia").unwrap_or_default();
        !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
    };
    entries
        .filter(|entry| entry.file_name().to_str().is_some_and(is_card))
        .count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::fs::write_atomic;

    fn folder_with(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for (name, text) in files {
            write_atomic(&folder.path().join(name), text.as_bytes()).expect("writes");
        }
        folder
    }

    #[test]
    fn the_tightest_limit_around_the_process_counts() {
        let info = ("proc/meminfo", "MemTotal:  16 kB\nMemFree:  1 kB\n");
        let memory_of = |files: &[(&str, &str)]| memory(folder_with(files).path());
        assert_eq!(memory_of(&[]), None);
        assert_eq!(memory_of(&[info]), Some(16 * 1024));
        let unified = [
            info,
            ("proc/self/cgroup", "0::/slice/job\n"),
            ("sys/fs/cgroup/slice/memory.max", "4096\n"),
            ("sys/fs/cgroup/slice/job/memory.max", "max\n"),
        ];
        assert_eq!(memory_of(&unified), Some(4096));
        let old = [
            info,
            ("proc/self/cgroup", "5:cpu,cpuacct:/x\n4:memory:/x\n0::/x\n"),
            ("sys/fs/cgroup/memory/x/memory.limit_in_bytes", "8192\n"),
            (
                "sys/fs/cgroup/memory/memory.limit_in_bytes",
                "9223372036854771712\n",
            ),
        ];
        assert_eq!(memory_of(&old), Some(8192));
    }

    #[test]
    fn cards_are_those_that_cuda_sees() {
        let files = [
            ("nvidia0", ""),
            ("nvidia1", ""),
            ("nvidiactl", ""),
            ("nvidia-uvm", ""),
        ];
        let folder = folder_with(&files);
        let gpus = |cuda, nvidia| gpus(cuda, nvidia, folder.path());
        assert_eq!(gpus(None, None), ["0", "1"]);
        assert_eq!(gpus(None, Some("all")), ["0", "1"]);
        assert_eq!(gpus(None, Some("5")), ["0"]);
        assert_eq!(gpus(None, Some("void")), Vec::<String>::new());
        assert_eq!(gpus(Some("3, GPU-ab"), Some("all")), ["3", "GPU-ab"]);
        assert_eq!(gpus(Some(""), None), Vec::<String>::new());
        assert_eq!(gpus(Some("1,-1,2"), None), ["1"]);
    }
}
