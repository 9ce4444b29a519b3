//! The files that survive the agent: the last goal state, which namespaces it has made, and what else must not be forgotten.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use goal_state::data_path::DeviceCounters;
use goal_state::{HostGoalState, HostName, NicId, VmName};
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
        for suffix in ["goal.json", "namespaces.json", "vms.json", "carried.json", "service.json"] {
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

    /// What the VFs had carried that this host's agents have taken away.
    #[must_use]
    pub fn load_carried(&self) -> BTreeMap<NicId, DeviceCounters> {
        let list: Vec<(NicId, DeviceCounters)> = load(&self.agent_file("carried.json")).unwrap_or_default();
        list.into_iter().collect()
    }

    /// Keeps what VFs have carried; where it is lost, counters start again from nothing.
    pub fn save_carried(&self, carried: &BTreeMap<NicId, DeviceCounters>) {
        // A NIC is no name of a field in JSON.
        if let Err(error) = save(&self.agent_file("carried.json"), &carried.iter().collect::<Vec<_>>()) {
            tracing::warn!(%error, "cannot keep what VFs have carried");
        }
    }

    /// Until when this host is being serviced, in microseconds since 1970; none when it is not.
    #[must_use]
    pub fn load_service_end(&self) -> Option<u64> {
        load(&self.agent_file("service.json"))
    }

    /// Keeps until when this host is being serviced.
    ///
    /// # Errors
    /// When the file cannot be written; the old one is there then.
    pub fn save_service_end(&self, end_us: u64) -> io::Result<()> {
        save(&self.agent_file("service.json"), &end_us)
    }

    /// The servicing is over.
    pub fn clear_service_end(&self) {
        // What is not there is cleared already.
        let _ = fs::remove_file(self.agent_file("service.json"));
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
