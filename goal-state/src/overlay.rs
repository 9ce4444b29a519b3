//! Where customer addresses live: which host, which virtual network, which Ethernet address.

use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

use crate::encryption::EncryptingNic;
use crate::{MacAddr, Vni};

/// One reachable NIC address, as every host of a virtual network must know it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Mapping {
    /// The customer address (CA): what VMs send to.
    pub customer_address: Ipv4Addr,
    /// The NIC's Ethernet address.
    pub mac: MacAddr,
    /// The provider address (PA) of the host that has the NIC.
    pub provider_address: Ipv4Addr,
    /// The virtual network that the NIC is in: its own identifier, also when seen from a peer.
    pub vni: Vni,
    /// Present when the NIC encrypts: what goes between it and another such NIC, of another host, is encrypted.
    pub encryption: Option<EncryptingNic>,
}

/// A virtual network as one host sees it. Present on a host only when a NIC of that network is there.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct VirtualNetwork {
    /// Its name in the topology.
    pub name: String,
    /// Its identifier on the underlay.
    pub vni: Vni,
    /// Every NIC address that its NICs can reach at layer 3: its own and its connected peers', sorted by address.
    pub mappings: Vec<Mapping>,
}
