//! Which way a NIC's packets go, what that costs and carries: its data path, its counters, its unified flows.
//!
//! An accelerated NIC has two ways to the virtual switch, as in Azure: the synthetic device (`eth0`) and the VF, which
//! applications never see. <https://learn.microsoft.com/azure/virtual-network/accelerated-networking-how-it-works>

use serde::{Deserialize, Serialize};

use crate::event::FiveTuple;
use crate::nsg::Direction;
use crate::{MacAddr, NicId};

/// The state of a NIC's data path.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum DataPath {
    /// There is no VF: everything goes through the virtual switch in software.
    #[default]
    Synthetic,
    /// The VF is in the VM; packets still go the synthetic way.
    VfOffered,
    /// Packets go by the VF.
    Vf,
    /// Packets go the synthetic way again; the VF is about to be taken away.
    Revoking,
    /// The VF was lost, or could not be brought up; packets go the synthetic way.
    Failed,
}

impl DataPath {
    /// The word in tables and JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Synthetic => "synthetic",
            Self::VfOffered => "vfOffered",
            Self::Vf => "vf",
            Self::Revoking => "revoking",
            Self::Failed => "failed",
        }
    }
}

/// How a NIC's data path is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NicDataPath {
    /// The NIC.
    pub nic: NicId,
    /// Its state.
    pub path: DataPath,
    /// Whether known flows are carried by BPF while the path is the VF.
    pub offloaded: bool,
    /// Why it failed, as a sentence; none otherwise.
    pub why: Option<String>,
}

/// A line of the guest's kernel log about its data path, in the words of Linux's hv_netvsc driver.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DataPathEvent {
    /// When, in microseconds since 1970 (Unix time), by the machine's clock.
    pub time_us: u64,
    /// The NIC.
    pub nic: NicId,
    /// The state from here on.
    pub path: DataPath,
    /// The line: `eth0: Data path switched to VF: enP1s1np0`.
    pub line: String,
}

/// The counters of one network device, as the kernel keeps them for `ip -s link`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeviceCounters {
    /// Packets received.
    pub rx_packets: u64,
    /// Bytes received, with Ethernet headers.
    pub rx_bytes: u64,
    /// Received packets that were dropped.
    pub rx_dropped: u64,
    /// Packets sent. A packet that is to be cut into segments counts as one.
    pub tx_packets: u64,
    /// Bytes sent, with Ethernet headers.
    pub tx_bytes: u64,
    /// Packets that could not be sent.
    pub tx_dropped: u64,
}

/// The counters of a NIC's two ways.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NicCounters {
    /// The NIC.
    pub nic: NicId,
    /// The synthetic device in the guest: `eth0`.
    pub device: String,
    /// What it carried itself.
    pub synthetic: DeviceCounters,
    /// The VF's device in the guest, `enP1s1np0`; none for a NIC without accelerated networking. It is named also while it is away.
    pub vf_device: Option<String>,
    /// What the VF carried, also before it was last taken away and returned.
    pub vf: DeviceCounters,
}

/// A unified flow: packets with these addresses in this direction skip the software layers of the port.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UnifiedFlow {
    /// The port's NIC.
    pub nic: NicId,
    /// Seen from that NIC.
    pub direction: Direction,
    /// Its packets. For ICMP echo, `source_port` is the identifier.
    pub packet: FiveTuple,
    /// To whom packets are sent: the next hop's Ethernet address, or the guest's.
    pub next_hop: MacAddr,
    /// Packets that took it. A packet that is to be cut into segments counts as one.
    pub packets: u64,
    /// Their bytes, with Ethernet headers.
    pub bytes: u64,
    /// Microseconds since it was learnt.
    pub age_us: u64,
    /// Microseconds since a packet last took it.
    pub idle_us: u64,
    /// The generation of the port's policy by which it was learnt.
    pub generation: u32,
    /// Whether that policy is still in force. A flow of an earlier one is learnt anew by its next packet.
    pub current: bool,
}

/// How full a host's flow table is. A full table costs speed and nothing else: the flow that was used least lately makes room.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FlowTable {
    /// Flows that fit. It is shared by all hosts of the machine.
    pub capacity: u64,
    /// Flows learnt since the lab came up.
    pub learnt: u64,
    /// Packets that were not learnt because the table had no room at that moment.
    pub refused: u64,
}
