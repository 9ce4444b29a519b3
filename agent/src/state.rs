//! The files that survive the agent: the last goal state, and which namespaces it has made.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use goal_state::{HostGoalState, HostName, VmName};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// A lab's state folder, as one host's agent uses it.
#[derive(Debug, Clone)]
pub struct StateFolder {
    root: PathBuf,
    host: HostName,
}

impl StateFolder {
    /// Uses `root`, and makes the folders in it that are missing.
    ///
    /// # Errors
    /// When a folder cannot be made.
    pub fn new(root: &Path, host: &HostName) -> io::Result<Self> {
        for folder in ["agents", "vms", "log"] {
            fs::create_dir_all(root.join(folder))?;
        }
        Ok(Self { root: root.to_owned(), host: host.clone() })
    }

    /// Forgets everything about this host.
    pub fn clear(&self) {
        for suffix in ["goal.json", "namespaces.json", "vms.json"] {
            // What is not there is forgotten already.
            let _ = fs::remove_file(self.agent_file(suffix));
        }
    }

    /// The goal state that was last given; none when there is none, or none that can be read.
    #[must_use]
    pub fn load_goal(&self) -> Option<HostGoalState> {
        load(&self.agent_file("goal.json"))
    }

    /// Keeps a goal state.
    ///
    /// # Errors
    /// When the file cannot be written; the old one is there then.
    pub fn save_goal(&self, goal: &HostGoalState) -> io::Result<()> {
        save(&self.agent_file("goal.json"), goal)
    }

    /// The namespaces that this host's agents have made and not removed yet.
    #[must_use]
    pub fn load_namespaces(&self) -> BTreeSet<String> {
        load(&self.agent_file("namespaces.json")).unwrap_or_default()
    }

    /// Keeps the list of namespaces.
    ///
    /// # Errors
    /// When the file cannot be written; the old one is there then.
    pub fn save_namespaces(&self, namespaces: &BTreeSet<String>) -> io::Result<()> {
        save(&self.agent_file("namespaces.json"), namespaces)
    }

    /// The VMs that this host's agents have started and not ended yet.
    #[must_use]
    pub fn load_vms(&self) -> Vec<VmName> {
        load(&self.agent_file("vms.json")).unwrap_or_default()
    }

    /// Keeps the list of VMs; one that is lost leaves a process that nobody ends, so it is said.
    pub fn save_vms(&self, vms: &[VmName]) {
        if let Err(error) = save(&self.agent_file("vms.json"), &vms) {
            tracing::warn!(%error, "cannot keep the list of VMs");
        }
    }

    /// Holds the process id of a VM's first process, which has it locked as long as it lives.
    #[must_use]
    pub fn vm_pid(&self, vm: &VmName) -> PathBuf {
        self.root.join("vms").join(format!("{vm}.pid"))
    }

    /// What a VM's first process was started with.
    #[must_use]
    pub fn vm_config(&self, vm: &VmName) -> PathBuf {
        self.root.join("vms").join(format!("{vm}.json"))
    }

    /// What a VM's processes print.
    #[must_use]
    pub fn vm_log(&self, vm: &VmName) -> PathBuf {
        self.root.join("log").join(format!("vm-{vm}.log"))
    }

    fn agent_file(&self, suffix: &str) -> PathBuf {
        self.root.join("agents").join(format!("{}.{suffix}", self.host))
    }
}

/// Replaces the file in one step: a reader sees the old content or the new one. Not made safe against a loss of power,
/// which no lab survives.
pub(crate) fn save<T: Serialize>(path: &Path, content: &T) -> io::Result<()> {
    let new = path.with_extension("new");
    fs::write(&new, serde_json::to_vec(content)?)?;
    fs::rename(&new, path)
}

pub(crate) fn load<T: DeserializeOwned>(path: &Path) -> Option<T> {
    let bytes = fs::read(path).ok()?;
    match serde_json::from_slice(&bytes) {
        Ok(content) => Some(content),
        Err(error) => {
            tracing::warn!(path = %path.display(), %error, "cannot read a state file");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_saved_is_loaded_and_nonsense_is_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let state = StateFolder::new(folder.path(), &"host1".parse().unwrap()).unwrap();
        assert_eq!(state.load_namespaces(), BTreeSet::new());
        let names = BTreeSet::from(["vm-a".to_owned()]);
        state.save_namespaces(&names).unwrap();
        assert_eq!(state.load_namespaces(), names);
        fs::write(state.agent_file("namespaces.json"), "{").unwrap();
        assert_eq!(state.load_namespaces(), BTreeSet::new());
    }
}
