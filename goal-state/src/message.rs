//! What controller and agent say to each other. The agent listens, the controller connects and speaks first.

use serde::{Deserialize, Serialize};

use crate::data_path::{FlowTable, NicCounters, NicDataPath, UnifiedFlow};
use crate::encryption::{EncryptionStatus, NicCertificate};
use crate::event::Event;
use crate::load_balancing::BackendStatus;
use crate::probe::{Answerer, Probe, ProbeResult};
use crate::{Generation, HostGoalState, HostName, NicId, VmName};

/// The version of this protocol. Both sides must have the same.
pub const PROTOCOL_VERSION: u32 = 3;

/// Joins an answer to its question; the controller chooses it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RequestId(pub u64);

/// Controller to agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum ToAgent {
    /// First on every connection. Answered by [`FromAgent::Hello`].
    Hello {
        /// [`PROTOCOL_VERSION`] of the controller.
        protocol_version: u32,
    },
    /// Make this true. Answered by any number of [`FromAgent::Progress`] and one [`FromAgent::Applied`].
    Apply {
        /// Joins the answers.
        id: RequestId,
        /// What to make true.
        goal: Box<HostGoalState>,
    },
    /// Send a packet from a VM of this host. Answered by [`FromAgent::Probed`].
    Probe {
        /// Joins the answer.
        id: RequestId,
        /// The packet.
        probe: Probe,
    },
    /// Answer on a port of a VM of this host. Answered by [`FromAgent::Answering`] once it does.
    Answer {
        /// Joins the answer.
        id: RequestId,
        /// Where, and how long.
        answerer: Answerer,
    },
    /// Send [`FromAgent::Event`]s from now on, and [`FromAgent::Events`] once to say that it does.
    Events {
        /// Joins the answer.
        id: RequestId,
    },
    /// How often has each rule matched? Answered by [`FromAgent::Counters`].
    Counters {
        /// Joins the answer.
        id: RequestId,
    },
    /// What have its NICs' devices carried? Answered by [`FromAgent::DeviceCounters`].
    DeviceCounters {
        /// Joins the answer.
        id: RequestId,
    },
    /// Which unified flows does a VM of this host have? Answered by [`FromAgent::Flows`].
    Flows {
        /// Joins the answer.
        id: RequestId,
        /// The VM.
        vm: VmName,
    },
    /// To which key shall certificates be made out? Answered by [`FromAgent::PublicKey`]. The private one never leaves the agent.
    PublicKey {
        /// Joins the answer.
        id: RequestId,
    },
    /// Certificates for this host's NICs, made out to its key. They replace those that it has; associations stay. Answered by
    /// [`FromAgent::Certified`].
    Certify {
        /// Joins the answer.
        id: RequestId,
        /// The certificate of the lab's authority, which has signed all others: X.509, DER (RFC 5280).
        authority: Vec<u8>,
        /// Of NICs that encrypt. None but these.
        certificates: Vec<NicCertificate>,
    },
    /// How are the associations of its NICs? Answered by [`FromAgent::Encryption`].
    Encryption {
        /// Joins the answer.
        id: RequestId,
    },
    /// How are the backends of its load balancers? Answered by [`FromAgent::LoadBalancers`].
    LoadBalancers {
        /// Joins the answer.
        id: RequestId,
    },
    /// Service this host: take the VFs of its VMs away and return them after that time, whatever becomes of controller and
    /// agent meanwhile. Answered by [`FromAgent::Servicing`] when they are away. A second call while it lasts sets a new time.
    Service {
        /// Joins the answer.
        id: RequestId,
        /// How long, in milliseconds.
        milliseconds: u64,
    },
    /// Is the servicing over? Answered by [`FromAgent::Serviced`] when it is and the VFs are back; at once when there is none.
    AwaitService {
        /// Joins the answer.
        id: RequestId,
    },
    /// How is it? Answered by [`FromAgent::Status`].
    Status {
        /// Joins the answer.
        id: RequestId,
    },
}

/// Agent to controller.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum FromAgent {
    /// Who answers.
    Hello {
        /// [`PROTOCOL_VERSION`] of the agent.
        protocol_version: u32,
        /// The host that it runs on.
        host: HostName,
        /// The goal state that it last applied; 0 for none.
        generation: Generation,
        /// Its process id, in the sandbox's numbering.
        pid: u32,
    },
    /// An apply goes on.
    Progress {
        /// Which request.
        id: RequestId,
        /// Steps done so far.
        done: u32,
        /// Steps in all.
        total: u32,
    },
    /// An apply has ended.
    Applied {
        /// Which request.
        id: RequestId,
        /// How.
        report: Report,
    },
    /// A probe has ended.
    Probed {
        /// Which request.
        id: RequestId,
        /// How.
        result: ProbeResult,
    },
    /// That port answers.
    Answering {
        /// Which request.
        id: RequestId,
    },
    /// Events follow.
    Events {
        /// Which request.
        id: RequestId,
    },
    /// Something happened.
    Event {
        /// What.
        event: Event,
    },
    /// How often each rule has matched.
    Counters {
        /// Which request.
        id: RequestId,
        /// Sorted by NIC and counter.
        counters: Vec<Counter>,
    },
    /// What NICs' devices have carried.
    DeviceCounters {
        /// Which request.
        id: RequestId,
        /// In the order of VMs and their NICs.
        counters: Vec<NicCounters>,
    },
    /// The unified flows of a VM.
    Flows {
        /// Which request.
        id: RequestId,
        /// Sorted by NIC, direction and packet. Empty where nothing is offloaded.
        flows: Vec<UnifiedFlow>,
        /// How full the table is; none where nothing is offloaded.
        table: Option<FlowTable>,
    },
    /// The agent's public key.
    PublicKey {
        /// Which request.
        id: RequestId,
        /// A SubjectPublicKeyInfo on the curve P-256, DER (RFC 5280, RFC 5480).
        public_key: Vec<u8>,
    },
    /// The certificates are in use.
    Certified {
        /// Which request.
        id: RequestId,
    },
    /// How associations are.
    Encryption {
        /// Which request.
        id: RequestId,
        /// All of this host's.
        status: EncryptionStatus,
    },
    /// How backends are.
    LoadBalancers {
        /// Which request.
        id: RequestId,
        /// In the order of frontends, rules and backends.
        backends: Vec<BackendStatus>,
    },
    /// The VFs are away.
    Servicing {
        /// Which request.
        id: RequestId,
        /// The NICs that had one.
        nics: Vec<NicId>,
    },
    /// The servicing is over.
    Serviced {
        /// Which request.
        id: RequestId,
        /// VFs that could not be returned, as sentences.
        problems: Vec<String>,
    },
    /// How the agent is.
    Status {
        /// Which request.
        id: RequestId,
        /// Its state.
        status: AgentStatus,
    },
    /// The request could not be answered.
    Error {
        /// Which request.
        id: RequestId,
        /// Why, as a sentence for a person.
        message: String,
    },
}

/// What an agent did with a goal state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// The goal state that is now in force.
    pub generation: Generation,
    /// How many kernel objects were created, changed or removed. 0 when all was as it should be.
    pub changes: u32,
    /// What could not be made true, as sentences. Empty when all is well.
    pub problems: Vec<String>,
}

/// How often a rule has matched since it was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Counter {
    /// The port's NIC.
    pub nic: NicId,
    /// The named counter in the port's ruleset.
    pub counter: String,
    /// The rule in Azure's words, `nsg-web/allow-http`.
    pub rule: String,
    /// Packets that decided by it.
    pub packets: u64,
    /// Their bytes, with IP headers.
    pub bytes: u64,
}

/// How an agent is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AgentStatus {
    /// The last goal state that it was given.
    pub wanted: Generation,
    /// The goal state that is in force.
    pub applied: Generation,
    /// What is not as it should be, as sentences.
    pub problems: Vec<String>,
    /// VMs whose processes run.
    pub running_vms: Vec<VmName>,
    /// The data path of every NIC, in the order of VMs and their NICs.
    pub data_paths: Vec<NicDataPath>,
    /// Why nothing is offloaded, as a sentence; none when it is.
    pub not_offloaded: Option<String>,
    /// Why nothing is encrypted that should be, as a sentence; none when it is, or when nothing should be.
    pub not_encrypted: Option<String>,
}
