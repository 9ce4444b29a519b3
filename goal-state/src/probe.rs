//! A single packet sent to prove a verdict.

use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

use crate::VmName;
use crate::nsg::Protocol;
use crate::vm::Transport;

/// The DSCP value that marks probe packets, so that the ports they cross can say so.
pub const PROBE_DSCP: u8 = 63;

/// Send one packet from a VM and wait for what comes back.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Probe {
    /// The VM that sends.
    pub vm: VmName,
    /// The address that it sends from: its own, else the guest refuses.
    pub source: Ipv4Addr,
    /// Where to.
    pub destination: Ipv4Addr,
    /// Tcp, Udp or Icmp.
    pub protocol: Protocol,
    /// Destination port; 0 for Icmp.
    pub port: u16,
    /// Source port, or the identifier for Icmp. Chosen by the asker so that events can be told apart; 0 lets the guest choose.
    pub source_port: u16,
    /// How long to wait for an answer, in milliseconds.
    pub timeout_ms: u32,
    /// 0 for a probe: one packet, marked. Otherwise how many packets to send one after the other without the mark, each when the
    /// one before was answered or waited for: of a flow that a probe has asked about, so that the ports know it if they are
    /// ever to know it. Their result is [`ProbeOutcome::Followed`].
    #[serde(default)]
    pub follow_up: u32,
}

/// Answer datagrams, or take connections, that come to a port of a VM, for a while.
///
/// Where nobody listens, a guest refuses: a datagram by an ICMP error, which is another protocol's packet and meets other
/// rules on its way back than the reply that a question is about; a connection by a reset, at which the first port on the
/// way back forgets the flow, so that a port which sees it again on its way out of an appliance takes it for a new one.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Answerer {
    /// The VM that answers.
    pub vm: VmName,
    /// Its address that is asked: a socket of every address would answer from that of its route, so from another NIC's.
    pub address: Ipv4Addr,
    /// Tcp or Udp.
    pub transport: Transport,
    /// The port. A program of the VM that listens there keeps it.
    pub port: u16,
    /// How long, in milliseconds.
    pub for_ms: u32,
}

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", tag = "outcome", deny_unknown_fields)]
pub enum ProbeOutcome {
    /// The destination answered: a connection, an echo reply, a datagram.
    Answered,
    /// The destination is there and nobody listens: a TCP reset or an ICMP port unreachable.
    Refused,
    /// Nothing, within the time.
    Silent,
    /// An ICMP error from a router or the guest's own refusal to send.
    Unreachable {
        /// The guest's error text.
        error: String,
    },
    /// Packets were sent as [`Probe::follow_up`] says.
    Followed {
        /// How many of them were answered by the destination, not refused.
        answered: u32,
    },
    /// The probe could not be sent at all: no such VM, no such address.
    Failed {
        /// What went wrong.
        error: String,
    },
}

/// A probe's result.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ProbeResult {
    /// The source port that was used.
    pub source_port: u16,
    /// What came back.
    pub outcome: ProbeOutcome,
}
