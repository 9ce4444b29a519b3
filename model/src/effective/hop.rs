//! Where an active route leads a packet, or why it drops it.

use std::net::Ipv4Addr;

use goal_state::DropReason;

use super::{EffectiveNextHop, EffectiveRoute, Policy};
use crate::network::{Network, NicRef, VnetId};

/// The meaning of a route for the packets of one NIC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hop {
    /// To whoever has the destination address, in the virtual network or a peer.
    Destination,
    /// To this NIC, which has this address.
    Appliance {
        /// The address that the route names.
        address: Ipv4Addr,
        /// Its owner.
        nic: NicRef,
    },
    /// Nowhere.
    Drop(DropReason),
}

/// What `route` does with a packet that `nic` sends.
///
/// An appliance that is not among the [`Policy::reachable`] addresses of the NIC's virtual network drops: Azure wants it in the same or a directly peered virtual network. A route that names the very NIC
/// that it steers drops, too; on Azure that packet circles until its TTL ends.
#[must_use]
pub fn hop(policy: &Policy<'_>, nic: NicRef, route: &EffectiveRoute) -> Hop {
    let network = policy.network();
    let reachable = policy.reachable(network.nic(nic).subnet.vnet);
    match &route.next_hop {
        EffectiveNextHop::VnetLocal => Hop::Destination,
        &EffectiveNextHop::VnetPeering { remote, .. } => {
            let link = network.vnet(network.nic(nic).subnet.vnet).peering_to(remote);
            if link.is_some_and(|link| link.allow_virtual_network_access) {
                Hop::Destination
            } else {
                Hop::Drop(DropReason::Peering)
            }
        }
        EffectiveNextHop::VirtualAppliance(addresses) => match reachable.get(&addresses[0]) {
            Some(&owner) if owner != nic => Hop::Appliance { address: addresses[0], nic: owner },
            _ => Hop::Drop(DropReason::NextHop),
        },
        EffectiveNextHop::VirtualNetworkGateway(_) => Hop::Drop(DropReason::Gateway),
        EffectiveNextHop::VirtualNetworkServiceEndpoint(_) => Hop::Drop(DropReason::NoDestination),
        EffectiveNextHop::InterfaceEndpoint(_) => Hop::Drop(DropReason::PrivateEndpoint),
        // A lab has no internet yet: nobody has a public address.
        EffectiveNextHop::Internet => Hop::Drop(DropReason::NoDestination),
        EffectiveNextHop::None => Hop::Drop(DropReason::Route),
    }
}

/// What to call a route: `rt-spoke/default`, `System Route`, or `spoke1/to-hub` for one of a peering link.
#[must_use]
pub fn route_name(network: &Network, vnet: VnetId, route: &EffectiveRoute) -> String {
    let user = route.user.as_ref().map(|name| format!("{}/{}", name.table, name.route));
    user.or_else(|| peering_name(network, vnet, route)).unwrap_or_else(|| "System Route".to_owned())
}

/// The link of `vnet` that a peering route follows, `spoke1/to-hub`; none for other routes.
#[must_use]
pub fn peering_name(network: &Network, vnet: VnetId, route: &EffectiveRoute) -> Option<String> {
    let EffectiveNextHop::VnetPeering { remote, .. } = route.next_hop else { return None };
    let vnet = network.vnet(vnet);
    vnet.peering_to(remote).map(|link| format!("{}/{}", vnet.name, link.name))
}
