//! Peering links: their state, and whether each side knows the other's present address space.
//!
//! <https://learn.microsoft.com/azure/virtual-network/virtual-network-manage-peering>,
//! <https://learn.microsoft.com/azure/virtual-network/update-virtual-network-peering-address-space>

use std::collections::BTreeSet;

use serde::Serialize;

use crate::network::{Network, Peering, VnetId};

/// Azure's list of a virtual network's peerings, for one virtual network or all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PeeringList {
    /// In the order of the file.
    pub value: Vec<ListedPeering>,
}

/// One link, with the fields of Azure's `VirtualNetworkPeering` that are not configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ListedPeering {
    /// The link's name.
    pub name: String,
    /// The virtual network that has it.
    pub virtual_network: String,
    /// The other one.
    pub remote_virtual_network: String,
    /// Initiated, Connected or Disconnected.
    pub peering_state: &'static str,
    /// Whether a sync is needed, and where.
    pub peering_sync_level: PeeringSyncLevel,
}

/// Which side of a peering routes by an address space that the other has no more. A sync has to be run on the local side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
pub enum PeeringSyncLevel {
    /// Neither.
    FullyInSync,
    /// The other side does not know this one's present space, or has no link.
    RemoteNotInSync,
    /// This side does not know the other's present space.
    LocalNotInSync,
    /// Both.
    LocalAndRemoteNotInSync,
}

/// The links of one virtual network, or of all.
#[must_use]
pub fn list_peerings(network: &Network, of: Option<VnetId>) -> PeeringList {
    let vnets = (0..network.virtual_networks.len()).map(VnetId);
    let meant = vnets.filter(|&vnet| of.is_none_or(|of| of == vnet));
    let links = meant.flat_map(|vnet| network.vnet(vnet).peerings.iter().map(move |link| (vnet, link)));
    let value = links.map(|(vnet, link)| ListedPeering {
        name: link.name.clone(),
        virtual_network: network.vnet(vnet).name.clone(),
        remote_virtual_network: network.vnet(link.remote).name.clone(),
        peering_state: link.state.as_str(),
        peering_sync_level: sync_level(network, vnet, link),
    });
    PeeringList { value: value.collect() }
}

fn sync_level(network: &Network, vnet: VnetId, link: &Peering) -> PeeringSyncLevel {
    let knows = |link: &Peering| {
        let present: BTreeSet<_> = network.vnet(link.remote).address_space.iter().collect();
        link.remote_address_space.iter().collect::<BTreeSet<_>>() == present
    };
    match (knows(link), network.vnet(link.remote).peering_to(vnet).is_some_and(knows)) {
        (true, true) => PeeringSyncLevel::FullyInSync,
        (true, false) => PeeringSyncLevel::RemoteNotInSync,
        (false, true) => PeeringSyncLevel::LocalNotInSync,
        (false, false) => PeeringSyncLevel::LocalAndRemoteNotInSync,
    }
}
