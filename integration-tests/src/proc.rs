//! Processes and the namespaces that they hold, from /proc.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// Processor time of this process so far, all threads together, in user and kernel mode: to a hundredth of a second.
///
/// # Panics
/// When /proc is not mounted.
#[must_use]
pub fn cpu_time() -> std::time::Duration {
    ticks(11..=12)
}

/// The same of the processes that this one has started and waited for.
///
/// # Panics
/// When /proc is not mounted.
#[must_use]
pub fn children_cpu_time() -> std::time::Duration {
    ticks(13..=14)
}

fn ticks(fields: std::ops::RangeInclusive<usize>) -> std::time::Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    // Behind the name in parentheses, which may hold anything, come the third field and so on.
    let all: Vec<_> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks: u64 = all[fields].iter().map(|ticks| ticks.parse::<u64>().unwrap()).sum();
    std::time::Duration::from_millis(ticks * 10)
}

/// How long these processes have been on a processor so far, all their threads together: to a nanosecond.
#[must_use]
pub fn time_on_processor(pids: &[i32]) -> std::time::Duration {
    let threads = pids.iter().flat_map(|pid| fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten());
    // The first number of a thread's schedstat. One that has just ended has none.
    let of_thread = |thread: fs::DirEntry| {
        let times = fs::read_to_string(thread.path().join("schedstat")).ok()?;
        Some(std::time::Duration::from_nanos(times.split_whitespace().next()?.parse().ok()?))
    };
    threads.flatten().filter_map(of_thread).sum()
}

/// How many KiB of memory a process has for itself, without what is mapped from files. None when it is gone.
#[must_use]
pub fn own_memory(pid: i32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// A process. Its start time tells it from a later one with the same number.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Process {
    /// Its number in this test's pid namespace.
    pub pid: i32,
    /// In clock ticks since boot.
    pub start_time: u64,
    /// Its command line, arguments joined by spaces.
    pub command_line: String,
}

impl Process {
    /// The process with this number; none when there is none, or only a zombie.
    #[must_use]
    pub fn find(pid: i32) -> Option<Self> {
        let stat = Stat::read(pid)?;
        let command_line = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
        let command_line = String::from_utf8_lossy(&command_line).replace('\0', " ").trim_end().to_owned();
        (stat.state != "Z").then_some(Self { pid, start_time: stat.start_time, command_line })
    }

    /// Whether it still runs.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        Self::find(self.pid).is_some_and(|now| now.start_time == self.start_time)
    }

    /// It and everything below it.
    #[must_use]
    pub fn tree(&self) -> Vec<Self> {
        let mut children = BTreeMap::<i32, Vec<i32>>::new();
        for pid in pids() {
            if let Some(stat) = Stat::read(pid) {
                children.entry(stat.parent).or_default().push(pid);
            }
        }
        let (mut found, mut next) = (Vec::new(), vec![self.pid]);
        while let Some(pid) = next.pop() {
            found.extend(Self::find(pid));
            next.extend(children.get(&pid).into_iter().flatten());
        }
        found
    }

    /// Ends it at once: SIGKILL.
    ///
    /// # Panics
    /// When the kernel refuses.
    pub fn kill(&self) {
        let pid = nix::unistd::Pid::from_raw(self.pid);
        nix::sys::signal::kill(pid, nix::sys::signal::SIGKILL).unwrap();
    }

    /// The namespaces that it is in, such as `net:[4026531840]`.
    #[must_use]
    pub fn namespaces(&self) -> BTreeSet<String> {
        namespaces_in(Path::new(&format!("/proc/{}/ns", self.pid)))
    }

    /// The network namespaces that are mounted in its /run/netns, such as `net:[4026531840]`.
    #[must_use]
    pub fn named_network_namespaces(&self) -> BTreeSet<String> {
        use std::os::unix::fs::MetadataExt;
        let folder = format!("/proc/{}/root/run/netns", self.pid);
        let files = fs::read_dir(folder).into_iter().flatten().flatten();
        files.filter_map(|file| Some(format!("net:[{}]", file.metadata().ok()?.ino()))).collect()
    }
}

/// Every process that has `text` in its environment, as everything that a test starts has the test's folder.
#[must_use]
pub fn with_environment(text: &str) -> Vec<Process> {
    let has_text = |pid: &i32| {
        let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        String::from_utf8_lossy(&environment).contains(text)
    };
    pids().filter(has_text).filter_map(Process::find).collect()
}

/// Every process that runs.
pub fn all() -> impl Iterator<Item = Process> {
    pids().filter_map(Process::find)
}

/// Every mount that some process sees, one line each.
#[must_use]
pub fn all_mounts() -> BTreeSet<String> {
    pids()
        .filter_map(|pid| fs::read_to_string(format!("/proc/{pid}/mountinfo")).ok())
        .flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>())
        .collect()
}

fn pids() -> impl Iterator<Item = i32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

fn namespaces_in(folder: &Path) -> BTreeSet<String> {
    let links = fs::read_dir(folder).into_iter().flatten().flatten();
    links.filter_map(|link| Some(fs::read_link(link.path()).ok()?.to_str()?.to_owned())).collect()
}

/// What this test needs of /proc/PID/stat (proc_pid_stat(5)).
struct Stat {
    state: String,
    parent: i32,
    start_time: u64,
}

impl Stat {
    fn read(pid: i32) -> Option<Self> {
        let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The second field is the name in parentheses, and may have any character.
        let fields: Vec<&str> = text[text.rfind(')')? + 1..].split_whitespace().collect();
        Some(Self {
            state: (*fields.first()?).to_owned(),
            parent: fields.get(1)?.parse().ok()?,
            start_time: fields.get(19)?.parse().ok()?,
        })
    }
}
