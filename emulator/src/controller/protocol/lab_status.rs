//! How a lab is: its hosts, agents, VMs and NICs.

use std::net::Ipv4Addr;
use std::path::PathBuf;

use goal_state::data_path::DataPath;
use goal_state::{Generation, HostName, MacAddr, VmName};
use serde::{Deserialize, Serialize};

/// How a lab is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LabStatus {
    /// Its name.
    pub(crate) name: String,
    /// Where its topology came from.
    pub(crate) topology: PathBuf,
    /// The wanted generation.
    pub(crate) generation: Generation,
    /// Emulated hosts, in the order of the file.
    pub(crate) hosts: Vec<HostStatus>,
    /// VMs, in the order of the file.
    pub(crate) virtual_machines: Vec<VmStatus>,
    /// Hosts of the internet and services, in the order of the file.
    #[serde(default)]
    pub(crate) outside: Vec<OutsideStatus>,
}

/// How a host is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct HostStatus {
    /// Its name.
    pub(crate) name: HostName,
    /// Its address on the underlay.
    pub(crate) provider_address: Ipv4Addr,
    /// Its agent.
    pub(crate) agent: AgentStatus,
    /// Why nothing is offloaded, as a sentence; none when it is, or when the agent does not say.
    pub(crate) not_offloaded: Option<String>,
    /// Why nothing is encrypted that should be, as a sentence; none when it is, when nothing should be, or when the agent does
    /// not say.
    pub(crate) not_encrypted: Option<String>,
}

/// How an agent is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AgentStatus {
    /// Whether it answers.
    pub(crate) state: AgentState,
    /// Its process id in the sandbox.
    pub(crate) pid: Option<u32>,
    /// How often it had to be started again.
    pub(crate) restarts: u32,
    /// The generation that it should have.
    pub(crate) wanted: Generation,
    /// The generation that it has.
    pub(crate) applied: Generation,
    /// What is not as it should be, as sentences.
    pub(crate) problems: Vec<String>,
}

/// Whether an agent answers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum AgentState {
    /// It is being started or connected to.
    #[default]
    Connecting,
    /// It answers.
    Connected,
}

impl AgentState {
    /// The word in tables.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Connecting => "connecting",
            Self::Connected => "connected",
        }
    }
}

/// How a VM is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct VmStatus {
    /// Its name.
    pub(crate) name: VmName,
    /// The host that it is on.
    pub(crate) host: HostName,
    /// Whether its processes run.
    pub(crate) running: bool,
    /// Its interfaces; the first is primary.
    pub(crate) network_interfaces: Vec<NicStatus>,
}

/// How a host of the internet or a service is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OutsideStatus {
    /// What people call it: `internet/client`, `sql1`.
    pub(crate) name: String,
    /// What it is called as a VM of the host at the edge.
    pub(crate) vm: VmName,
    /// The host that it is on.
    pub(crate) host: Option<HostName>,
    /// Whether its processes run.
    pub(crate) running: bool,
    /// Its public address.
    pub(crate) ip_address: Ipv4Addr,
}

/// How a NIC is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct NicStatus {
    /// `vm/nic`.
    pub(crate) id: String,
    /// `vnet/subnet`.
    pub(crate) subnet: String,
    /// Its Ethernet address.
    pub(crate) mac_address: MacAddr,
    /// Its private addresses; the first is primary.
    pub(crate) private_ip_addresses: Vec<Ipv4Addr>,
    /// Which way its packets go; none when its host's agent does not say.
    pub(crate) path: Option<DataPath>,
    /// Whether known flows are carried by BPF.
    pub(crate) offloaded: bool,
    /// Why the path failed, as a sentence; none otherwise.
    pub(crate) why: Option<String>,
}
