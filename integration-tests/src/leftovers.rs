//! What a lab had while it lived, so that one can ask afterwards whether it is gone.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::proc::{self, Process};

/// Everything of a living lab that must be gone when it is.
///
/// Whoever is in one of its namespaces while it lives, inside or outside of its tree of processes, must be gone afterwards.
/// The inodes of namespaces themselves cannot be asked for later: the kernel gives them to the next lab at once.
#[derive(Debug)]
pub struct Belongings {
    processes: BTreeSet<Process>,
    namespaces: BTreeSet<String>,
    state: PathBuf,
}

impl Belongings {
    /// What hangs on the lab's `init`, whose state is in the folder `state`.
    #[must_use]
    pub fn of(init: &Process, state: &Path) -> Self {
        let ours =
            Process::find(std::process::id().cast_signed()).map(|me| me.namespaces()).unwrap_or_default();
        let tree = init.tree();
        let named = tree.iter().flat_map(Process::named_network_namespaces);
        let held = tree.iter().flat_map(Process::namespaces).chain(named).collect::<BTreeSet<_>>();
        let namespaces: BTreeSet<String> = held.difference(&ours).cloned().collect();
        let is_inside = |process: &Process| !process.namespaces().is_disjoint(&namespaces);
        let processes = proc::all().filter(is_inside).chain(tree).collect();
        Self { processes, namespaces, state: state.to_owned() }
    }

    /// How many namespaces there were.
    #[must_use]
    pub fn namespace_count(&self) -> usize {
        self.namespaces.len()
    }

    /// How many processes there were.
    #[must_use]
    pub fn process_count(&self) -> usize {
        self.processes.len()
    }

    /// Processes and mounts that are still there, one line each.
    #[must_use]
    pub fn left_in_kernel(&self) -> Vec<String> {
        let processes = self.processes.iter().filter(|process| process.is_alive());
        let processes = processes.map(|process| format!("process {} {}", process.pid, process.command_line));
        let state = self.state.to_string_lossy();
        let mounts = proc::all_mounts().into_iter().filter(|line| line.contains(&*state));
        processes.chain(mounts.map(|line| format!("mount {line}"))).collect()
    }

    /// That, and files of the lab's state.
    #[must_use]
    pub fn left(&self) -> Vec<String> {
        let files = std::fs::read_dir(&self.state).into_iter().flatten().flatten();
        let files = files.map(|file| format!("file {}", file.path().display()));
        self.left_in_kernel().into_iter().chain(files).collect()
    }
}
