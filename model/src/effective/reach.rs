//! Peers of a virtual network, and the NIC addresses that it can send to.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use crate::network::{Network, NicRef, Peering, VirtualNetwork, VnetId};

/// The peering links of a virtual network that are connected, with the network on the other side.
///
/// Peering is not transitive, so these are all that there are.
/// <https://learn.microsoft.com/azure/virtual-network/virtual-network-peering-overview>
pub fn connected_peers(network: &Network, vnet: VnetId) -> impl Iterator<Item = (&Peering, &VirtualNetwork)> {
    let links = network.vnet(vnet).peerings.iter().filter(|link| link.is_connected());
    links.map(|link| (link, network.vnet(link.remote)))
}

/// Every NIC address that a NIC of `vnet` can send a packet to at layer 3, and who has it.
///
/// Its own, and those of connected peers that its link allows access to. A peer without access is left out, so that
/// neither a route of type VnetLocal nor an appliance leads there. The virtual network's own addresses go first should
/// two peers overlap.
#[must_use]
pub fn reachable_addresses(network: &Network, vnet: VnetId) -> BTreeMap<Ipv4Addr, NicRef> {
    let mut owners = BTreeMap::new();
    let peers = connected_peers(network, vnet)
        .filter(|(link, _)| link.allow_virtual_network_access)
        .map(|(link, _)| link.remote);
    for reachable in std::iter::once(vnet).chain(peers) {
        for (nic, properties) in network.nics().filter(|(_, nic)| nic.subnet.vnet == reachable) {
            for &address in &properties.addresses {
                owners.entry(address).or_insert(nic);
            }
        }
    }
    owners
}

#[cfg(test)]
mod tests {
    use crate::network::build::NetworkBuilder;

    use super::*;

    /// a - b - c, with a link from a to d that d does not answer: b is reached from both ends, c and d not from a.
    #[test]
    fn peering_is_not_transitive_and_needs_both_links() {
        let network = NetworkBuilder::new()
            .vnet("a", "10.0.0.0/16")
            .vnet("b", "10.1.0.0/16")
            .vnet("c", "10.2.0.0/16")
            .vnet("d", "10.3.0.0/16")
            .peer("a", "b")
            .peer("b", "c")
            .link("a", "d", |_| {})
            .vm("a1", "10.0.0.4")
            .vm("b1", "10.1.0.4")
            .vm("c1", "10.2.0.4")
            .vm("d1", "10.3.0.4")
            .build();
        let reach = |vnet| {
            let owners = reachable_addresses(&network, VnetId(vnet));
            owners.values().map(|nic| network.vm(nic.vm).name.to_string()).collect::<Vec<_>>()
        };
        assert_eq!(reach(0), ["a1", "b1"]);
        assert_eq!(reach(1), ["a1", "b1", "c1"]);
        assert_eq!(reach(2), ["b1", "c1"]);
        assert_eq!(reach(3), ["d1"]);
    }

    #[test]
    fn a_peer_without_access_is_not_reached() {
        let network = NetworkBuilder::new()
            .vnet("a", "10.0.0.0/16")
            .vnet("b", "10.1.0.0/16")
            .link("a", "b", |link| link.allow_virtual_network_access = false)
            .link("b", "a", |_| {})
            .vm("a1", "10.0.0.4")
            .vm("b1", "10.1.0.4")
            .build();
        assert_eq!(reachable_addresses(&network, VnetId(0)).len(), 1);
        assert_eq!(reachable_addresses(&network, VnetId(1)).len(), 2);
    }
}
