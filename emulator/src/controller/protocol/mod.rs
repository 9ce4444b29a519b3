//! What the command line and the controller say to each other, in the frames of [`goal_state::framing`].
//!
//! Both ends are the same program, so this is no contract: a controller of another build is noticed by its version.

mod encryption;
mod identity;
mod lab_status;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use goal_state::data_path::{DataPathEvent, FlowTable, NicCounters, UnifiedFlow};
use goal_state::event::{DropEvent, Event};
use goal_state::load_balancing::BackendStatus;
use goal_state::message::Counter;
use goal_state::probe::{Answerer, Probe, ProbeResult};
use goal_state::{Generation, HostName, NicId, VmName};
use serde::{Deserialize, Serialize};

use crate::lab::Carriage;
use crate::plan::Change;

pub(crate) use encryption::HostEncryption;
pub(crate) use identity::AgentIdentity;
pub(crate) use lab_status::{
    AgentState, AgentStatus, HostStatus, LabStatus, NicStatus, OutsideStatus, VmStatus,
};

/// Command line to controller.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub(crate) enum Request {
    /// Make this topology true. Answered by any number of [`Response::Progress`] and one [`Response::Applied`], or by
    /// [`Response::MustRestart`].
    Apply {
        /// Where the file is, for people to read.
        path: PathBuf,
        /// Its text.
        topology: String,
        /// The text of the file that its `serviceTags` names.
        service_tags: Option<String>,
        /// How packets are carried.
        carriage: Carriage,
        /// Hosts whose agents are on other machines, and where; those that the lab knows already stay.
        agents: BTreeMap<HostName, SocketAddr>,
        /// Whether VMs may be restarted. Without that nothing is applied that takes it.
        restart_vms: bool,
    },
    /// How is the lab? Answered by [`Response::Status`].
    Status,
    /// Make an identity for an agent on another machine. Answered by [`Response::AgentIdentity`].
    AgentIdentity {
        /// Whose.
        host: HostName,
    },
    /// How are the associations of NICs that encrypt? Answered by [`Response::Encryption`].
    Encryption,
    /// How are the backends of load balancers? Answered by [`Response::LoadBalancers`].
    LoadBalancers,
    /// How often has each rule matched? Answered by [`Response::Counters`].
    Counters,
    /// Send [`Response::Event`] for every event of every host from now on, after one [`Response::Events`].
    Events,
    /// What was dropped? Answered by [`Response::Drops`].
    Drops(Turn),
    /// What did guests' kernels log about their data paths? Answered by [`Response::DataPathEvents`].
    DataPathEvents(Turn),
    /// What have the NICs of a VM carried? Answered by [`Response::DeviceCounters`].
    DeviceCounters {
        /// The VM.
        vm: VmName,
    },
    /// Which unified flows does a VM have? Answered by [`Response::Flows`].
    Flows {
        /// The VM.
        vm: VmName,
    },
    /// Service a host. Answered by [`Response::Servicing`].
    Service {
        /// Which.
        host: HostName,
        /// How long, in milliseconds.
        milliseconds: u64,
    },
    /// Is the servicing of a host over? Answered by [`Response::Serviced`] when it is; at once when there is none.
    AwaitService {
        /// Which.
        host: HostName,
    },
    /// Send a packet. Answered by [`Response::Probed`].
    Probe {
        /// Joins the answer.
        id: u64,
        /// The packet.
        probe: Probe,
        /// Who is to answer it, where an answer is wanted and nobody may be listening: all who may get it.
        answerers: Vec<Answerer>,
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
    /// Nothing was applied, because these VMs had to be restarted for it.
    MustRestart {
        /// Which, by host and name.
        vms: Vec<VmName>,
    },
    /// How the lab is.
    Status(LabStatus),
    /// An identity for an agent on another machine.
    AgentIdentity(AgentIdentity),
    /// How associations are.
    Encryption {
        /// Hosts with NICs that encrypt, in the order of the file.
        hosts: Vec<HostEncryption>,
    },
    /// How backends are.
    LoadBalancers {
        /// In the order of load balancers, frontends, rules and backends.
        backends: Vec<BackendStatus>,
    },
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
    Drops(Page<Dropped>),
    /// What guests' kernels logged about their data paths.
    DataPathEvents(Page<DataPathEvent>),
    /// What the NICs of a VM have carried.
    DeviceCounters {
        /// In the order of the VM's NICs.
        counters: Vec<NicCounters>,
    },
    /// The unified flows of a VM.
    Flows(VmFlows),
    /// The VFs of a host are away.
    Servicing {
        /// The NICs that had one.
        nics: Vec<NicId>,
    },
    /// The servicing of a host is over.
    Serviced {
        /// VFs that could not be returned, as sentences.
        problems: Vec<String>,
    },
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

/// Which entries somebody asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Turn {
    /// [`Page::next`] of the page before; 0 for the first.
    pub(crate) after: u64,
    /// Whether to wait until there is something to tell.
    pub(crate) wait: bool,
}

/// Some of what the controller remembers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Page<T> {
    /// In the order in which the controller heard of them.
    pub(crate) entries: Vec<Entry<T>>,
    /// Ask for what comes after this.
    pub(crate) next: u64,
    /// How many entries between the page before and this one are not remembered any more.
    pub(crate) forgotten: u64,
}

/// What the controller remembers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub(crate) enum Entry<T> {
    /// An agent told this.
    Told(T),
    /// Some were lost on their way.
    Lost {
        /// How many; 0 where nobody knows.
        count: u64,
    },
}

/// A packet was dropped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Dropped {
    /// What the agent told.
    pub(crate) drop: DropEvent,
    /// `vnet/subnet` of the NIC, as it was then.
    pub(crate) subnet: Option<String>,
}

/// The unified flows of a VM.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct VmFlows {
    /// Sorted by NIC, direction and packet.
    pub(crate) flows: Vec<UnifiedFlow>,
    /// How full the table is; none where nothing is offloaded.
    pub(crate) table: Option<FlowTable>,
    /// Why nothing is offloaded, as a sentence; none when it is.
    pub(crate) not_offloaded: Option<String>,
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
