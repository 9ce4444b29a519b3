//! What a lab had while it lived, so that one can ask afterwards whether it is gone.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::proc::{Process, all_mounts, all_namespaces};

/// Everything of a living lab that must be gone when it is.
#[derive(Debug)]
pub struct Belongings {
    processes: Vec<Process>,
    namespaces: BTreeSet<String>,
    state: PathBuf,
}

impl Belongings {
    /// What hangs on the lab's `init`, whose state is in the folder `state`.
    #[must_use]
    pub fn of(init: &Process, state: &Path) -> Self {
        let ours =
            Process::find(std::process::id().cast_signed()).map(|me| me.namespaces()).unwrap_or_default();
        let processes = init.tree();
        let named = processes.iter().flat_map(Process::named_network_namespaces);
        let held = processes.iter().flat_map(Process::namespaces).chain(named).collect::<BTreeSet<_>>();
        let namespaces = held.difference(&ours).cloned().collect();
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

    /// Processes, namespaces and mounts that are still there, one line each.
    #[must_use]
    pub fn left_in_kernel(&self) -> Vec<String> {
        let processes = self.processes.iter().filter(|process| process.is_alive());
        let processes = processes.map(|process| format!("process {} {}", process.pid, process.command_line));
        let held = all_namespaces();
        let mounts = all_mounts();
        let state = self.state.to_string_lossy();
        let namespaces =
            self.namespaces.intersection(&held).map(|namespace| format!("namespace {namespace}"));
        let mounts = mounts
            .iter()
            .filter(|line| {
                line.contains(&*state) || self.namespaces.iter().any(|namespace| line.contains(namespace))
            })
            .map(|line| format!("mount {line}"));
        processes.chain(namespaces).chain(mounts).collect()
    }

    /// That, and files of the lab's state.
    #[must_use]
    pub fn left(&self) -> Vec<String> {
        let files = std::fs::read_dir(&self.state).into_iter().flatten().flatten();
        let files = files.map(|file| format!("file {}", file.path().display()));
        self.left_in_kernel().into_iter().chain(files).collect()
    }
}
