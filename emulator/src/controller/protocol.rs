//! What the command line and the controller say to each other, in the frames of [`goal_state::framing`].
//!
//! Both ends are the same program, so this is no contract: a controller of another build is noticed by its version.

use std::net::Ipv4Addr;
use std::path::PathBuf;

use goal_state::event::{DropEvent, Event};
use goal_state::message::Counter;
use goal_state::probe::{Answerer, Probe, ProbeResult};
use goal_state::{Generation, HostName, MacAddr, VmName};
use serde::{Deserialize, Serialize};

use crate::plan::Change;

/// Command line to controller.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub(crate) enum Request {
    /// Make this topology true. Answered by any number of [`Response::Progress`] and one [`Response::Applied`].
    Apply {
        /// Where the file is, for people to read.
        path: PathBuf,
        /// Its text.
        topology: String,
        /// The text of the file that its `serviceTags` names.
        service_tags: Option<String>,
    },
    /// How is the lab? Answered by [`Response::Status`].
    Status,
    /// How often has each rule matched? Answered by [`Response::Counters`].
    Counters,
    /// Send [`Response::Event`] for every event of every host from now on, after one [`Response::Events`].
    Events,
    /// What was dropped? Answered by [`Response::Drops`].
    Drops {
        /// [`DropPage::next`] of the page before; 0 for the first.
        after: u64,
        /// Whether to wait until there is something to tell.
        wait: bool,
    },
    /// Send a packet. Answered by [`Response::Probed`].
    Probe {
        /// Joins the answer.
        id: u64,
        /// The packet.
        probe: Probe,
        /// Who is to answer it, where an answer is wanted and nobody may be listening.
        answerer: Option<Answerer>,
    },
}

/// Controller to command line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub(crate) enum Response {
    /// An apply goes on.
    Progress {
        /// What is being done, for people to read.
        what: String,
        /// Steps done so far, of all hosts.
        done: u32,
        /// Steps in all, as far as known.
        total: u32,
    },
    /// An apply has ended.
    Applied(Applied),
    /// How the lab is.
    Status(LabStatus),
    /// How often each rule has matched.
    Counters {
        /// Sorted by NIC and counter.
        counters: Vec<Counter>,
    },
    /// Events follow.
    Events,
    /// Something happened on a host.
    Event {
        /// Where.
        host: HostName,
        /// What.
        event: Event,
    },
    /// What was dropped.
    Drops(DropPage),
    /// A probe has ended.
    Probed {
        /// Which.
        id: u64,
        /// How.
        result: ProbeResult,
    },
    /// The request could not be answered.
    Error {
        /// Why, as a sentence for a person.
        message: String,
    },
}

/// Some of the drops that the controller remembers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DropPage {
    /// In the order in which the controller heard of them.
    pub(crate) entries: Vec<DropEntry>,
    /// Ask for what comes after this.
    pub(crate) next: u64,
    /// How many entries between the page before and this one are not remembered any more.
    pub(crate) forgotten: u64,
}

/// What the controller remembers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub(crate) enum DropEntry {
    /// A packet was dropped.
    Drop {
        /// What the agent told.
        drop: DropEvent,
        /// `vnet/subnet` of the NIC, as it was then.
        subnet: Option<String>,
    },
    /// Events were lost on their way.
    Lost {
        /// How many; 0 where nobody knows.
        count: u64,
    },
}

/// What came of an apply.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Applied {
    /// The generation that is now in force.
    pub(crate) generation: Generation,
    /// How the network differs from the one before.
    pub(crate) changes: Vec<Change>,
    /// How many kernel objects were created, changed or removed.
    pub(crate) kernel_objects: u32,
    /// What could not be made true, as sentences.
    pub(crate) problems: Vec<String>,
}

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
    /// Which way its packets go.
    pub(crate) path: DataPath,
}

/// Which way the packets of a NIC go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum DataPath {
    /// Through the virtual switch in software.
    Synthetic,
}
