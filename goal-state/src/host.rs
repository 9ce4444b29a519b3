//! The goal state of one host.

use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

use crate::edge::Edge;
use crate::overlay::VirtualNetwork;
use crate::platform::Platform;
use crate::vm::VirtualMachine;
use crate::{Generation, HostName};

/// Everything that one host must make true. Complete: what is not in it must not be there.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HostGoalState {
    /// Its number.
    pub generation: Generation,
    /// The host that it is for.
    pub host: HostName,
    /// The host's provider address (PA) on the underlay device, the outer source of its VXLAN packets.
    pub provider_address: Ipv4Addr,
    /// Virtual networks with a NIC on this host, sorted by VNI.
    pub virtual_networks: Vec<VirtualNetwork>,
    /// VMs on this host, sorted by name.
    pub virtual_machines: Vec<VirtualMachine>,
    /// What this host does at the edge. Mostly nothing: one host of a lab does it, which has no virtual machines but the hosts of the internet and
    /// services, and which a lab without any of them does not have.
    #[serde(default, skip_serializing_if = "Edge::is_empty")]
    pub edge: Edge,
    /// What Azure DNS and instance metadata tell its VMs.
    #[serde(default, skip_serializing_if = "Platform::is_empty")]
    pub platform: Platform,
    /// Whether known flows of accelerated NICs are carried by BPF, where the machine lets BPF be loaded. Without it they have
    /// their VFs all the same, and every packet goes through the software layers.
    pub offload: bool,
    /// Whether encrypted packets cross the underlay one by one, as on a wire. Otherwise many of them travel as one large
    /// datagram that is cut where it arrives (UDP GSO), which is faster, and which captures and impaired links see as one.
    pub honest_packets: bool,
}
