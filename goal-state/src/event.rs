//! What an agent tells without being asked: packets dropped, and probe packets seen on their way.

use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

use crate::data_path::DataPathEvent;
use crate::nsg::{Association, Direction};
use crate::{DropReason, NicId};

/// The addresses of a packet. Ports are 0 where the protocol has none; for ICMP echo, `source_port` is the identifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FiveTuple {
    /// IANA protocol number.
    pub protocol: u8,
    /// Source address.
    pub source: Ipv4Addr,
    /// Source port.
    pub source_port: u16,
    /// Destination address.
    pub destination: Ipv4Addr,
    /// Destination port.
    pub destination_port: u16,
}

/// The rule behind a drop.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DroppedBy {
    /// The security admin configuration, network security group, route table or peering link.
    pub resource: String,
    /// The bare rule or route name.
    pub rule: String,
    /// What the group is attached to; none where it is no group.
    pub association: Option<Association>,
}

/// A packet that a host dropped.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DropEvent {
    /// When, in microseconds since 1970 (Unix time), by the machine's clock.
    pub time_us: u64,
    /// Whose port dropped it; where a host found nobody with the destination's address, the NIC that asked for it. None
    /// when the host does not know who asked.
    pub nic: Option<NicId>,
    /// The load balancer or NAT gateway that dropped it, or `internet`, where it was no NIC's port.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    /// Seen from that NIC.
    pub direction: Direction,
    /// Why.
    pub reason: DropReason,
    /// By which rule, where there is one.
    pub by: Option<DroppedBy>,
    /// The packet, as it was there. A host without a destination knows addresses only: protocol and ports are 0.
    pub packet: FiveTuple,
}

/// A probe packet that crossed a port and was let through.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SeenEvent {
    /// The port's NIC.
    pub nic: NicId,
    /// Seen from that NIC.
    pub direction: Direction,
    /// The packet, as it was there.
    pub packet: FiveTuple,
}

/// An event of an agent.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", tag = "event")]
pub enum Event {
    /// A packet was dropped.
    Drop(DropEvent),
    /// A probe packet passed.
    Seen(SeenEvent),
    /// A NIC's data path was switched.
    DataPath(DataPathEvent),
    /// Events were lost because they came faster than they were read.
    Lost {
        /// How many; 0 where nobody knows, because nobody listened.
        count: u64,
    },
}
